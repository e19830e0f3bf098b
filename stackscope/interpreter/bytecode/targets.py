"""Assignment targets, written back from the instructions that assign.

The compiler emits, for a target, the expressions inside it and then a store. A small stack machine
rebuilds their text in one normal form: names, attributes, subscripts, positional calls, constants
by repr, lists written as tuples. What it doesn't know makes the whole target `None`: no text is
better than a wrong one.
"""

from __future__ import annotations

from types import BuiltinFunctionType, CodeType
from typing import Iterable, List, NamedTuple, Optional, Sequence

from stackscope.interpreter.bytecode.instructions import Instruction

_NULL = "\0null"


class NotWritable(Exception):
    """The target can't be written back faithfully."""


class Target(NamedTuple):
    """An assignment target.

    Attributes:
        text: its normal form, or `None` if it can't be written back.
        exists: `False` if the value is thrown away, i.e. there is no target.
    """

    text: Optional[str]
    exists: bool


class _Index(str):
    """Text that may stand between square brackets only: a slice, or a tuple with one in it."""

    __slots__ = ()


def describe(instructions: Iterable[Instruction]) -> Target:
    """The target that the first of ``instructions`` assign to. No more of them are taken."""
    reader = _Reader(instructions)
    first = reader.read()
    if first is None or first.op == "POP_TOP":
        return Target(None, False)
    reader.queued.append(first)
    try:
        return Target(reader.target(), True)
    except NotWritable:
        return Target(None, True)


_NOTHING = {"NOP", "CACHE", "EXTENDED_ARG", "PRECALL", "NOT_TAKEN", "RESUME", "END_SEND"}
_LOAD_NAME = {
    "LOAD_GLOBAL",
    "LOAD_FAST",
    "LOAD_FAST_CHECK",
    "LOAD_FAST_BORROW",
    "LOAD_NAME",
    "LOAD_DEREF",
    "LOAD_CLASSDEREF",
}
_LOAD_FROM_LOCALS = {"LOAD_FROM_DICT_OR_DEREF", "LOAD_FROM_DICT_OR_GLOBALS"}
_LOAD_TWO = {"LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW"}
_LOAD_CONSTANT = {"LOAD_CONST", "LOAD_SMALL_INT", "LOAD_COMMON_CONSTANT"}
_STORE_NAME = {"STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF"}


def _as_tuple(items: List[str]) -> str:
    inside = f"{items[0]}," if len(items) == 1 else ", ".join(items)
    if any(isinstance(item, _Index) for item in items):
        return _Index(inside)
    return f"({inside})"


class _Reader:
    """Reads one target from a run of instructions."""

    def __init__(self, instructions: Iterable[Instruction]) -> None:
        self.instructions = iter(instructions)
        self.stack: List[str] = []
        # To be read before the next instruction; the last one first.
        self.queued: List[Instruction] = []

    def next(self) -> Instruction:
        ins = self.read()
        if ins is None:
            raise NotWritable
        return ins

    def read(self) -> Optional[Instruction]:
        """The next instruction that does anything; `None` at the end of the code."""
        if self.queued:
            return self.queued.pop()
        ins = next((ins for ins in self.instructions if ins.op not in _NOTHING), None)
        halves = None if ins is None else self.halves(ins)
        if halves is None:
            return ins
        first, second = halves
        self.queued.append(second)
        return first

    @staticmethod
    def halves(ins: Instruction) -> Optional[List[Instruction]]:
        """The two instructions that a superinstruction stands for."""
        if ins.op == "STORE_FAST_STORE_FAST":
            ops = ("STORE_FAST", "STORE_FAST")
        elif ins.op == "STORE_FAST_LOAD_FAST":
            ops = ("STORE_FAST", "LOAD_FAST")
        elif ins.op in _LOAD_TWO:
            ops = ("LOAD_FAST", "LOAD_FAST")
        else:
            return None
        names: Sequence[object] = ins.value  # type: ignore[assignment]
        return [ins._replace(op=op, value=name) for op, name in zip(ops, names)]

    def target(self) -> str:
        """One target: expressions, then a store."""
        base = len(self.stack)
        while True:
            ins = self.next()
            if ins.op in _STORE_NAME:
                text = _name(ins)
            elif ins.op == "STORE_ATTR":
                text = f"{_operand(self.pop())}.{_name(ins)}"
            elif ins.op == "STORE_SUBSCR":
                index = self.pop_index()
                text = f"{_operand(self.pop())}[{index}]"
            elif ins.op == "STORE_SLICE":
                index = self.pop_slice(2)
                text = f"{_operand(self.pop())}[{index}]"
            elif ins.op == "UNPACK_SEQUENCE":
                text = _as_tuple([self.target() for _ in range(ins.arg or 0)]) if ins.arg else "()"
            elif ins.op == "UNPACK_EX":
                text = self.unpack_ex(ins.arg or 0)
            elif ins.op == "POP_TOP":
                text = self.next_stored()
            else:
                self.load(ins)
                continue
            if len(self.stack) != base:
                raise NotWritable
            return text

    def next_stored(self) -> str:
        """The local variable that is stored to next.

        From 3.13 on the compiler throws a value away instead of storing it, if the same variable is
        stored to right after that (STORE_FAST in ``optimize_basic_block``, Python/flowgraph.c).
        """
        ahead = [self.next()]
        while ahead[-1].op == "POP_TOP":
            ahead.append(self.next())
        self.queued += reversed(ahead)
        if ahead[-1].op == "STORE_FAST":
            return _name(ahead[-1])
        raise NotWritable

    def unpack_ex(self, arg: int) -> str:
        before, after = arg & 0xFF, arg >> 8
        items = [self.target() for _ in range(before)]
        items.append("*" + self.target())
        items += [self.target() for _ in range(after)]
        return _as_tuple(items)

    def pop_index(self) -> str:
        if not self.stack or self.stack[-1] is _NULL:
            raise NotWritable
        return self.stack.pop()

    def pop(self) -> str:
        text = self.pop_index()
        if isinstance(text, _Index):
            raise NotWritable
        return text

    def pop_slice(self, parts: int) -> _Index:
        return _slice([self.pop() for _ in range(parts)][::-1])

    def load(self, ins: Instruction) -> None:
        """An instruction inside an expression."""
        op, stack, arg = ins.op, self.stack, ins.arg or 0
        if op in _LOAD_NAME:
            stack.append(_name(ins))
        elif op in _LOAD_CONSTANT:
            stack.append(_constant(ins.value))
        elif op in ("LOAD_ATTR", "LOAD_METHOD"):
            stack.append(f"{_operand(self.pop())}.{_name(ins)}")
        elif op in ("PUSH_NULL", "LOAD_LOCALS"):
            stack.append(_NULL)
        elif op in _LOAD_FROM_LOCALS and stack and stack.pop() is _NULL:
            stack.append(_name(ins))
        elif op == "BINARY_SUBSCR" or (op == "BINARY_OP" and ins.value == "[]"):
            index = self.pop_index()
            stack.append(f"{_operand(self.pop())}[{index}]")
        elif op == "BINARY_SLICE":
            index = self.pop_slice(2)
            stack.append(f"{_operand(self.pop())}[{index}]")
        elif op == "BUILD_SLICE":
            stack.append(self.pop_slice(arg))
        elif op == "BUILD_TUPLE":
            stack.append(_as_tuple([self.pop_index() for _ in range(arg)][::-1]))
        elif op in ("CALL", "CALL_FUNCTION", "CALL_METHOD"):
            self.call(arg)
        else:
            raise NotWritable

    def call(self, count: int) -> None:
        arguments = [self.pop() for _ in range(count)][::-1]
        self.drop_nulls()
        callee = self.pop()
        self.drop_nulls()
        self.stack.append(f"{_operand(callee)}({', '.join(arguments)})")

    def drop_nulls(self) -> None:
        # From 3.11 on a NULL stands beside a callee that is no method: before it, or from 3.13 on
        # behind it.
        while self.stack and self.stack[-1] is _NULL:
            self.stack.pop()


def _operand(text: str) -> str:
    """A primary that may stand before ``.``, ``[`` or ``(``."""
    if text[:1].isdigit() or text[:1] == "-":
        return f"({text})"
    return text


def _name(ins: Instruction) -> str:
    assert type(ins.value) is str
    return ins.value


def _constant(value: object) -> str:
    """A constant as source. Constants are of builtin types, so their repr is the interpreter's."""
    if isinstance(value, CodeType):
        raise NotWritable
    if isinstance(value, (type, BuiltinFunctionType)):  # common ones, such as AssertionError
        return value.__name__
    if isinstance(value, slice):
        parts = [value.start, value.stop] + ([] if value.step is None else [value.step])
        return _slice([_constant(part) for part in parts])
    if isinstance(value, tuple):
        return _as_tuple([_constant(item) for item in value]) if value else "()"
    return "..." if value is Ellipsis else repr(value)


def _slice(parts: List[str]) -> _Index:
    return _Index(":".join("" if part == "None" else part for part in parts))
