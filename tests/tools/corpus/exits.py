"""Finds the calls of exit methods by a plain scan of the instructions, without any flow."""

from __future__ import annotations

import dis
import sys
import types
from typing import Iterator, List, NamedTuple, Optional


class ExitCall(NamedTuple):
    """An instruction that calls an exit method."""

    offset: int
    #: Its line; None if unknown.
    line: Optional[int]
    on_exception: bool


_IGNORED = {"EXTENDED_ARG", "NOP", "CACHE", "NOT_TAKEN"}
_EXCEPTIONAL = {"WITH_CLEANUP_START", "WITH_EXCEPT_START"}
_NONE_LOADS = {"LOAD_CONST", "LOAD_COMMON_CONSTANT"}


def exit_calls(code: types.CodeType) -> Iterator[ExitCall]:
    """All calls of exit methods in a code object.

    The patterns, from `Python/compile.c` and `codegen.c`, function `compiler_call_exit_with_nones`:
    three times None, by loads or by DUP_TOP (3.9, 3.10), and a call of 3 arguments, of which
    3.11–3.13 count the first as `self`. 3.8 has one instruction for both ways out.
    """
    window: List[dis.Instruction] = []
    line: Optional[int] = None
    for instruction in dis.get_instructions(code):
        line = _line(instruction, line)
        if instruction.opname in _IGNORED:
            continue
        if instruction.opname in _EXCEPTIONAL:
            yield ExitCall(instruction.offset, line, True)
        elif instruction.opname in ("CALL", "CALL_FUNCTION") and _calls_exit(window, instruction):
            yield ExitCall(instruction.offset, line, False)
        window = [*window[-3:], instruction]


def _line(instruction: dis.Instruction, before: Optional[int]) -> Optional[int]:
    if sys.version_info >= (3, 11):
        return instruction.positions.lineno if instruction.positions else None
    return before if instruction.starts_line is None else instruction.starts_line


def _calls_exit(window: List[dis.Instruction], call: dis.Instruction) -> bool:
    if window and window[-1].opname == "PRECALL":  # 3.11
        window = window[:-1]
    loads = window[-3:]
    if sys.version_info < (3, 11):
        names = [load.opname for load in loads]
        return call.arg == 3 and names == ["LOAD_CONST", "DUP_TOP", "DUP_TOP"]
    if len(loads) < 3 or not all(_loads_none(load) for load in loads):
        return False
    if sys.version_info < (3, 14):
        return call.arg == 2
    # `f(None, None, None)` looks alike, but its three arguments have places of their own.
    return call.arg == 3 and len({load.positions for load in loads}) == 1


def _loads_none(instruction: dis.Instruction) -> bool:
    if instruction.opname not in _NONE_LOADS:
        return False
    return instruction.argval is None or instruction.argrepr == "None"


#: Before 3.10 an exit call has the line of what ran before it.
EXITS_HAVE_LINES = sys.version_info >= (3, 10)
