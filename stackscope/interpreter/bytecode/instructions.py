"""Code objects as plain instruction records, the same shape on every version.

The only module that asks :mod:`dis` for instructions; the passes above it see
`Instruction` tuples and names of operations, never numbers.
"""

from __future__ import annotations

import dis
from types import CodeType, FunctionType
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from stackscope.interpreter.facts import DIS_MISNAMES_CELLS, HAS_POSITIONS

# From 3.14 on the argument of END_ASYNC_FOR tells where its loop began; it never jumps there.
_JUMPS = (frozenset(dis.hasjrel) | frozenset(dis.hasjabs)) - {dis.opmap.get("END_ASYNC_FOR")}


class Instruction(NamedTuple):
    """One bytecode instruction.

    Attributes:
        offset: byte offset in ``co_code``.
        op: the operation's name.
        arg: its argument, or `None` if it takes none.
        text: `dis`'s reading of the argument (a name, a constant's repr, …); empty for jumps.
        target: byte offset that it may jump to, or `None`.
        line: source line, or `None`.
        column: offset in the source line in UTF-8 bytes, or `None`.
        opcode: the operation's number, for `dis.stack_effect`.
        value: `dis`'s idea of what the argument stands for, e.g. a constant.
    """

    offset: int
    op: str
    arg: Optional[int]
    text: str
    target: Optional[int]
    line: Optional[int]
    column: Optional[int]
    opcode: int
    value: object


def _get_instructions() -> Any:
    """`dis.get_instructions`, with a label everywhere.

    It looks for them in time that is quadratic in the number of jumps, and nobody here asks.
    """
    namespace = {**vars(dis), "findlabels": lambda code: range(0, len(code) + 2, 2)}
    for name in ("get_instructions", "_get_instructions_bytes", "_make_labels_map"):
        function = vars(dis).get(name)
        if type(function) is FunctionType:
            copy = FunctionType(
                function.__code__, namespace, name, function.__defaults__, function.__closure__
            )
            copy.__kwdefaults__ = function.__kwdefaults__
            namespace[name] = copy
    return namespace["get_instructions"]


_instructions_in = _get_instructions()


def decode(code: CodeType) -> List[Instruction]:
    """All instructions of ``code``, caches left out, in order of offset."""
    instructions = list(from_dis(_instructions_in(code)))
    return _with_names_of_cells(code, instructions) if DIS_MISNAMES_CELLS else instructions


def _with_names_of_cells(code: CodeType, instructions: List[Instruction]) -> List[Instruction]:
    names = code.co_cellvars + code.co_freevars
    return [
        ins._replace(text=names[ins.arg], value=names[ins.arg])
        if ins.opcode in dis.hasfree and ins.arg is not None
        else ins
        for ins in instructions
    ]


def from_dis(instructions: Iterable[dis.Instruction]) -> Iterator[Instruction]:
    """`dis` instructions as ours."""
    line: Optional[int] = None
    column: Optional[int] = None
    for ins in instructions:
        if HAS_POSITIONS:
            positions: Any = getattr(ins, "positions", None)
            line, column = (
                (positions.lineno, positions.col_offset) if positions is not None else (None, None)
            )
        elif ins.starts_line is not None:
            line = ins.starts_line
        target = ins.argval if ins.opcode in _JUMPS else None
        yield Instruction(
            ins.offset,
            ins.opname,
            ins.arg,
            ins.argrepr if target is None else "",
            target,
            line,
            column,
            ins.opcode,
            ins.argval,
        )


_effects: Dict[Tuple[int, Optional[int], bool], int] = {}


def stack_effect(instruction: Instruction, jump: bool) -> int:
    """By how much the instruction changes the depth of the value stack.

    Args:
        instruction: the instruction.
        jump: whether its jump is taken.
    """
    arg = instruction.arg if instruction.opcode >= dis.HAVE_ARGUMENT else None
    key = (instruction.opcode, arg, jump)
    try:
        return _effects[key]
    except KeyError:
        effect = _effects[key] = dis.stack_effect(instruction.opcode, arg, jump=jump)
        return effect


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
    data = iter(getattr(code, "co_exceptiontable", b""))

    def varint(first: int) -> int:
        value = first & 63
        while first & 64:
            first = next(data)
            value = value << 6 | first & 63
        return value

    entries = []
    for first in data:
        start = varint(first) * 2
        length = varint(next(data)) * 2
        target = varint(next(data)) * 2
        depth_lasti = varint(next(data))
        entries.append(
            HandlerEntry(start, start + length, target, depth_lasti >> 1, bool(depth_lasti & 1))
        )
    return entries
