"""Code objects as plain instruction records, the same shape on every version.

The only module that asks `dis` what the parts of an instruction mean; the passes above it see
`Instruction` tuples and names of operations, or the bare `Units`.
"""

from __future__ import annotations

import dis
import functools
import opcode
import sys
from types import CodeType
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from stackscope.interpreter.facts import (
    CELLS_SHARE_SLOTS,
    JUMPS_COUNT_UNITS,
    JUMPS_START_BEHIND,
    slot_names,
)


class Instruction(NamedTuple):
    """One bytecode instruction.

    Attributes:
        offset: byte offset in ``co_code``.
        op: the operation's name.
        arg: its argument, or `None` if it takes none.
        target: byte offset that it may jump to, or `None`.
        opcode: the operation's number, for `dis.stack_effect`.
        value: what the argument stands for: a name, a tuple of two, a constant, the sign of an
            operator; `None` if it stands for something else. `Units` don't know it, apart from the
            names of special methods.
    """

    offset: int
    op: str
    arg: Optional[int]
    target: Optional[int]
    opcode: int
    value: object


# Faster than by keywords, or by position.
_instruction = functools.partial(tuple.__new__, Instruction)

# From 3.14 on the argument of END_ASYNC_FOR tells where its loop began; it never jumps there.
_RELATIVE = frozenset(dis.hasjrel) - {dis.opmap.get("END_ASYNC_FOR")}
_ABSOLUTE = frozenset(dis.hasjabs)
JUMPS = _RELATIVE | _ABSOLUTE
"""The operations that may jump, by their numbers."""

_BACKWARD = frozenset(number for number in JUMPS if "BACKWARD" in dis.opname[number])
_WITH_ARGUMENT = frozenset(getattr(dis, "hasarg", range(dis.HAVE_ARGUMENT, 256)))
_PREFIX = dis.EXTENDED_ARG
_CACHE = dis.opmap.get("CACHE", -1)

_SCALE = 2 if JUMPS_COUNT_UNITS else 1


class Units:
    """The bare bytecode of a code object: units of two bytes, an operation and an argument.

    A unit is an instruction, a prefix of one (EXTENDED_ARG), which counts as an instruction, too,
    or a cache behind one (3.11+; all of them are zero in ``co_code``, ``deopt_code`` in
    Objects/codeobject.c). It has no reference to the code object, nor to names and constants.

    Attributes:
        code: ``co_code``.
        size: how many bytes that are.
        opcodes: the operations.
        has_prefixes: whether there is any.
    """

    __slots__ = ("code", "size", "opcodes", "has_prefixes")

    def __init__(self, code: CodeType) -> None:
        self.code: bytes = code.co_code
        self.size: int = len(self.code)
        self.opcodes: bytes = self.code[::2]
        self.has_prefixes: bool = _PREFIX in self.opcodes

    def op(self, offset: int) -> str:
        """The name of the operation; empty behind the end."""
        return dis.opname[self.code[offset]] if offset < self.size else ""

    def start(self, offset: int) -> int:
        """The offset of the instruction that a unit belongs to."""
        while offset > 0 and self.code[offset] == _CACHE:
            offset -= 2
        return offset

    def following(self, offset: int) -> int:
        """The offset of the next instruction."""
        offset += 2
        if _CACHE < 0:
            return offset
        while offset < self.size and self.code[offset] == _CACHE:
            offset += 2
        return offset

    def argument(self, offset: int) -> int:
        """The argument of an instruction, with those of its prefixes."""
        argument = self.code[offset + 1]
        if not self.has_prefixes:
            return argument
        shift = 8
        while offset >= 2 and self.code[offset - 2] == _PREFIX:
            offset -= 2
            argument |= self.code[offset + 1] << shift
            shift += 8
        return argument

    def target(self, offset: int) -> int:
        """Where a jump may lead."""
        number = self.code[offset]
        distance = self.argument(offset) * _SCALE
        if number in _ABSOLUTE:
            return distance
        behind = self.following(offset) if JUMPS_START_BEHIND else offset + 2
        return behind + (-distance if number in _BACKWARD else distance)

    def instruction(self, offset: int) -> Instruction:
        """An instruction, as far as it can be told without names and constants."""
        number = self.code[offset]
        argument = self.argument(offset) if number in _WITH_ARGUMENT else None
        value = _special_method(argument) if number == _LOAD_SPECIAL else None
        target = self.target(offset) if number in JUMPS else None
        return _instruction((offset, dis.opname[number], argument, target, number, value))


# ------------------------------------------------------------ what arguments stand for


class _Operands:
    """What the arguments of instructions stand for in one code object."""

    __slots__ = ("names", "constants", "variables", "cells")

    def __init__(self, code: CodeType) -> None:
        self.names: Tuple[str, ...] = code.co_names
        self.constants: Tuple[Any, ...] = code.co_consts
        self.variables: Tuple[str, ...]
        self.cells: Tuple[str, ...]
        if CELLS_SHARE_SLOTS:
            self.variables = self.cells = slot_names(code)
        else:
            self.variables = code.co_varnames
            self.cells = code.co_cellvars + code.co_freevars


Reading = Callable[[_Operands, int], object]

_LOAD_SPECIAL = dis.opmap.get("LOAD_SPECIAL", -1)
# As in `dis`, whose own tables these are, too.
_SPECIAL_METHODS = getattr(opcode, "_special_method_names", ())
_COMMON_CONSTANTS = getattr(opcode, "_common_constants", ())
_OPERATORS = getattr(opcode, "_nb_ops", ())
_IMPORT_FLAGS = 2 if sys.version_info >= (3, 15) else 0
_FLAG_BITS = {
    # The lowest bits of these are flags, since 3.11, 3.12, 3.12 and 3.15.
    "LOAD_GLOBAL": 1 if CELLS_SHARE_SLOTS else 0,
    "LOAD_ATTR": 1 if CELLS_SHARE_SLOTS and sys.version_info >= (3, 12) else 0,
    "LOAD_SUPER_ATTR": 2,
    "IMPORT_NAME": _IMPORT_FLAGS,
}
_PAIRS = {
    "LOAD_FAST_LOAD_FAST",
    "LOAD_FAST_BORROW_LOAD_FAST_BORROW",
    "STORE_FAST_LOAD_FAST",
    "STORE_FAST_STORE_FAST",
}
"""Superinstructions of 3.13 and later, with two variables in four bits each."""


def _special_method(argument: Optional[int]) -> object:
    return _SPECIAL_METHODS[argument] if argument is not None else None


def _name_reading(bits: int) -> Reading:
    return lambda operands, argument: operands.names[argument >> bits]


def _readings() -> Dict[int, Reading]:
    """How the arguments of the operations are to be read, by their numbers."""
    found: Dict[int, Reading] = {}
    for number in dis.hasname:
        found[number] = _name_reading(_FLAG_BITS.get(dis.opname[number], 0))
    for number in dis.haslocal:
        found[number] = lambda operands, argument: operands.variables[argument]
    for number in dis.hasfree:
        found[number] = lambda operands, argument: operands.cells[argument]
    for number in dis.hasconst:
        found[number] = lambda operands, argument: operands.constants[argument]
    others: Dict[str, Reading] = {
        "LOAD_SMALL_INT": lambda _, argument: argument,
        "LOAD_COMMON_CONSTANT": lambda _, argument: _COMMON_CONSTANTS[argument],
        "LOAD_SPECIAL": lambda _, argument: _SPECIAL_METHODS[argument],
        "BINARY_OP": lambda _, argument: _OPERATORS[argument][1],
        **{
            op: lambda operands, argument: (
                operands.variables[argument >> 4],
                operands.variables[argument & 15],
            )
            for op in _PAIRS
        },
    }
    found.update({dis.opmap[op]: others[op] for op in others if op in dis.opmap})
    return found


_READINGS = _readings()


class Decoder:
    """Reads the instructions of a code object, with all that is known of them.

    Attributes:
        units: the bytecode.
    """

    __slots__ = ("units", "_operands")

    def __init__(self, code: CodeType) -> None:
        self.units: Units = Units(code)
        self._operands = _Operands(code)

    def instructions(self, offset: int = 0) -> Iterator[Instruction]:
        """The instructions from ``offset`` on, caches left out."""
        units = self.units
        while offset < units.size:
            ins = units.instruction(offset)
            reading = _READINGS.get(ins.opcode)
            if reading is not None:
                assert ins.arg is not None
                ins = ins._replace(value=reading(self._operands, ins.arg))
            yield ins
            offset = units.following(offset)


def decode(code: CodeType) -> List[Instruction]:
    """All instructions of ``code``, caches left out, in order of offset."""
    return list(Decoder(code).instructions())


def from_dis(instructions: Iterable[dis.Instruction]) -> Iterator[Instruction]:
    """`dis` instructions as ours."""
    for ins in instructions:
        value: Any = ins.argval
        if ins.opname in ("LOAD_COMMON_CONSTANT", "LOAD_SPECIAL", "BINARY_OP"):
            value = _READINGS[ins.opcode](None, ins.arg)  # type: ignore[arg-type]
        elif ins.opcode not in _READINGS:
            value = None
        target = ins.argval if ins.opcode in JUMPS else None
        yield Instruction(ins.offset, ins.opname, ins.arg, target, ins.opcode, value)


def names_in(instruction: Instruction) -> List[str]:
    """The names that an instruction loads or stores, in this order."""
    value = instruction.value
    names: Sequence[object] = value if type(value) is tuple else (value,)
    return [name for name in names if type(name) is str]


_effects: Dict[Tuple[int, int, bool], int] = {}


def stack_effect(instruction: Instruction, jump: bool) -> int:
    """By how much the instruction changes the depth of the value stack.

    Args:
        instruction: the instruction.
        jump: whether its jump is taken.
    """
    return effect_of(instruction.opcode, instruction.arg or 0, jump)


def effect_of(number: int, argument: int, jump: bool) -> int:
    """The same, by the number of the operation.

    Raises:
        ValueError: there is no such operation.
    """
    if number in JUMPS:
        argument = 0  # how far it jumps makes no difference
    key = (number, argument, jump)
    known = _effects.get(key)
    if known is None:
        passed = argument if number >= dis.HAVE_ARGUMENT else None
        known = _effects[key] = dis.stack_effect(number, passed, jump=jump)
    return known


class HandlerEntry(NamedTuple):
    """A line of the exception table.

    Offsets ``start`` to ``end`` (exclusive) are handled at ``target``, with the value stack cut to
    ``depth`` and, if ``lasti``, the offset pushed.
    """

    start: int
    end: int
    target: int
    depth: int
    lasti: bool


def exception_table(code: CodeType) -> List[HandlerEntry]:
    """The exception table of ``code`` (3.11+), empty on older versions.

    The format is described in CPython's InternalDocs/exception_handling.md: four varints of
    six bits each an entry, big-endian, bit 6 says that more follow; lengths in code units.
    """
    fields = []
    value = 0
    for byte in getattr(code, "co_exceptiontable", b""):
        value = value << 6 | byte & 63
        if not byte & 64:
            fields.append(value)
            value = 0
    return [
        HandlerEntry(2 * start, 2 * (start + length), 2 * target, depth >> 1, bool(depth & 1))
        for start, length, target, depth in zip(*[iter(fields)] * 4)
    ]
