"""Assignment targets, written back from the instructions that assign.

The compiler emits, for a target, the expressions inside it and then a store. A small stack machine
rebuilds their text in one normal form: names, attributes, subscripts, positional calls, constants
by repr, lists written as tuples. What it doesn't know makes the whole target `None`: no text is
better than a wrong one.
"""

from __future__ import annotations

from types import CodeType
from typing import List, NamedTuple, Optional, Sequence, Tuple

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


def describe(instructions: Sequence[Instruction], start: int) -> Target:
    """The target that is assigned from ``instructions[start]`` on."""
    skipped = start
    while skipped < len(instructions) and instructions[skipped].op in _NOTHING:
        skipped += 1
    if skipped >= len(instructions):
        return Target(None, False)
    if instructions[skipped].op == "POP_TOP":
        return Target(None, False)
    try:
        return Target(_Reader(instructions, skipped).target(), True)
    except NotWritable:
        return Target(None, True)


_NOTHING = {"NOP", "CACHE", "EXTENDED_ARG", "PRECALL", "NOT_TAKEN", "RESUME", "END_SEND"}
_LOAD_NAME = {
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


def _bare_name(text: str) -> str:
    """`dis`'s name of a global or attribute without its note of a NULL or self beside it."""
    for note in ("NULL|self + ", "NULL + ", " + NULL|self", " + NULL"):
        text = text.replace(note, "")
    return text


def _two_names(text: str) -> Tuple[str, str]:
    first, _, second = text.partition(", ")
    return first, second


def _as_tuple(items: List[str]) -> str:
    inside = f"{items[0]}," if len(items) == 1 else ", ".join(items)
    if any(isinstance(item, _Index) for item in items):
        return _Index(inside)
    return f"({inside})"


class _Reader:
    """Reads one target from a list of instructions."""

    def __init__(self, instructions: Sequence[Instruction], start: int) -> None:
        self.instructions = instructions
        self.position = start
        self.stack: List[str] = []
        # Second halves of superinstructions, to be read before the next instruction.
        self.queued: List[Instruction] = []

    def next(self) -> Instruction:
        while True:
            if self.queued:
                return self.queued.pop(0)
            if self.position >= len(self.instructions):
                raise NotWritable
            ins = self.instructions[self.position]
            self.position += 1
            if ins.op in _NOTHING:
                continue
            halves = self.halves(ins)
            if halves is None:
                return ins
            self.queued = halves

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
        names = _two_names(ins.text)
        return [ins._replace(op=op, text=name) for op, name in zip(ops, names)]

    def target(self) -> str:
        """One target: expressions, then a store."""
        base = len(self.stack)
        while True:
            ins = self.next()
            if ins.op in _STORE_NAME:
                text = ins.text
            elif ins.op == "STORE_ATTR":
                text = f"{_operand(self.pop())}.{ins.text}"
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
        for ins in self.instructions[self.position :]:
            if ins.op in _NOTHING or ins.op == "POP_TOP":
                continue
            first = (self.halves(ins) or [ins])[0]
            if first.op == "STORE_FAST":
                return first.text
            break
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
            stack.append(ins.text)
        elif op in _LOAD_CONSTANT:
            stack.append(_constant(ins))
        elif op == "LOAD_GLOBAL":
            stack.append(_bare_name(ins.text))
        elif op in ("LOAD_ATTR", "LOAD_METHOD"):
            stack.append(f"{_operand(self.pop())}.{_bare_name(ins.text)}")
        elif op in ("PUSH_NULL", "LOAD_LOCALS"):
            stack.append(_NULL)
        elif op in _LOAD_FROM_LOCALS and stack and stack.pop() is _NULL:
            stack.append(ins.text)
        elif op == "BINARY_SUBSCR" or (op == "BINARY_OP" and ins.text == "[]"):
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


def _constant(ins: Instruction) -> str:
    if ins.op == "LOAD_SMALL_INT":
        return repr(ins.arg)
    if ins.op == "LOAD_COMMON_CONSTANT":
        return ins.text
    return _constant_text(ins.value)


def _constant_text(value: object) -> str:
    """A constant as source. Constants are of builtin types, so their repr is the interpreter's."""
    if isinstance(value, CodeType):
        raise NotWritable
    if isinstance(value, slice):
        parts = [value.start, value.stop] + ([] if value.step is None else [value.step])
        return _slice([_constant_text(part) for part in parts])
    if isinstance(value, tuple):
        return _as_tuple([_constant_text(item) for item in value]) if value else "()"
    return "..." if value is Ellipsis else repr(value)


def _slice(parts: List[str]) -> _Index:
    return _Index(":".join("" if part == "None" else part for part in parts))
