"""Where an exception would miss an exit: of a ``with`` block, or of a ``finally``.

An exception that a debugger raises may come where the program's own code raises none:

- on the way out of a ``with`` block, which is left, and whose exit isn't called yet. From 3.10 on
  the ``with`` line is visited once more there, and nothing catches what is raised at it (the
  exception tables, before 3.11 the blocks, of Python/compile.c);
- in the middle of an exit, whose rest would not run;
- where a generator or coroutine is resumed or suspended: up to 3.11 it would end at once, without
  its ``finally`` blocks (Python/ceval.c, ``exit_eval_frame``).
"""

from __future__ import annotations

import ast
import dis
import inspect
from functools import lru_cache

from stackscope_pdb.program.machinery import module_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Dict, FrozenSet, Iterator, List, Optional, Tuple

    Region = Tuple[int, int, int]
    """The first offset, the first one after it, and the handler of what is raised there."""

EXITS = frozenset({"__aexit__", "__del__", "__exit__"})
"""The functions that have to run to their end, once they have begun."""

ENTRANCES = frozenset({"__aenter__", "__enter__"})

CALLS_EXIT = frozenset({"WITH_CLEANUP_START", "WITH_EXCEPT_START"})
"""Calls an exit for an exception, whose place no other one can take before."""

AWAITS = frozenset(
    {"CLEANUP_THROW", "END_SEND", "JUMP_BACKWARD_NO_INTERRUPT", "SEND", "YIELD_FROM", "YIELD_VALUE"}
)
"""What an exception would pass by on its way, instead of going through what is awaited."""

NONES = frozenset({"DUP_TOP", "LOAD_COMMON_CONSTANT", "LOAD_CONST"})
"""Puts a ``None`` on the stack, of which an exit gets three."""

LEADS_TO_CALL = NONES | {"NOP", "PRECALL", "ROT_TWO", "SWAP"}
"""What stands between the end of a ``with`` block and the call of its exit."""

MAY_SUSPEND = inspect.CO_COROUTINE | inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


def is_between(frame: FrameType) -> bool:
    """Whether an exception at the present instruction of ``frame`` would miss something."""
    code, offset = frame.f_code, frame.f_lasti
    if offset < 0:
        return False
    names = _names(code)
    name = names.get(offset, "")
    if name == "RESUME":
        return code.co_code[offset + 1] & 3 > 1
    if name == "PUSH_EXC_INFO":
        name = names.get(offset + 2, "")
    return name in AWAITS or name in CALLS_EXIT or block_left(frame) is not None


def is_in_flight(frame: FrameType) -> bool:
    """Whether an exception has just come to a handler, which doesn't have it yet."""
    return _names(frame.f_code).get(frame.f_lasti) == "PUSH_EXC_INFO"


def block_left(frame: FrameType) -> Optional[int]:
    """The handler of the ``with`` block that is left, if its exit is what is called next.

    Up to 3.10, 0 stands for it.
    """
    names, offset = _names(frame.f_code), frame.f_lasti
    for end, handler in _ends_of_blocks(frame.f_code):
        if end <= offset and _calls_exit(names, end, offset):
            return handler
    return None


def _calls_exit(names: Dict[int, str], end: int, offset: int) -> bool:
    """Whether the instructions from ``end`` on call an exit, and ``offset`` is one of them."""
    constants = 0
    for at in sorted(at for at in names if at >= end):
        name = names[at]
        constants += name in NONES
        if name in ("CALL", "CALL_FUNCTION"):
            return constants == 3 and offset <= at
        if name not in LEADS_TO_CALL:
            return False
    return False


def lines_inside(code: CodeType, handler: int) -> List[int]:
    """The lines of a ``with`` block that one can go back to, to raise an exception there."""
    regions = [range(start, end) for start, end, target in _with_regions(code) if target == handler]
    names = _names(code)
    offsets = sorted(names)
    inside = {offset for offset in offsets if any(offset in region for region in regions)}
    inside -= {offset for offset in offsets if names[offset] in AWAITS}
    # One more instruction may run before the exception comes.
    safe = {one for one, following in zip(offsets, offsets[1:]) if {one, following} <= inside}
    return [line for offset, line in dis.findlinestarts(code) if offset in safe and line]


@lru_cache(maxsize=None)
def _names(code: CodeType) -> Dict[int, str]:
    """The instructions by their offsets."""
    return {one.offset: one.opname for one in dis.get_instructions(code)}


@lru_cache(maxsize=None)
def _ends_of_blocks(code: CodeType) -> List[Tuple[int, int]]:
    """The offsets behind ``with`` blocks and maybe others, and the handlers of these blocks."""
    popped = [offset for offset, name in _names(code).items() if name == "POP_BLOCK"]
    ends = [(offset + 2, 0) for offset in popped]
    return ends or [(end, handler) for _, end, handler in _with_regions(code)]


@lru_cache(maxsize=None)
def _with_regions(code: CodeType) -> List[Region]:
    """The bodies of the ``with`` blocks, from 3.11 on."""
    parse = getattr(dis, "_parse_exception_table", None)
    if parse is None:
        return []
    names = _names(code)
    return [
        (entry.start, entry.end, entry.target)
        for entry in parse(code)
        if names.get(entry.target + 2) == "WITH_EXCEPT_START"
    ]


def exit_in_progress(frame: Optional[FrameType]) -> Optional[FrameType]:
    """The outermost of the frames that run an exit, if there is one."""
    found = inner = None
    while frame is not None:
        if is_exit(frame):
            found = frame
        elif inner is not None and _is_calling_exit(frame):
            found = inner
        inner, frame = frame, frame.f_back
    return found


def _is_calling_exit(frame: FrameType) -> bool:
    """Whether a frame waits for the function that is the exit of its ``with`` block."""
    name = _names(frame.f_code).get(frame.f_lasti, "")
    return name in CALLS_EXIT or (name.startswith("CALL") and block_left(frame) is not None)


def is_exit(frame: FrameType) -> bool:
    """Whether a frame runs an exit."""
    return frame.f_code.co_name in EXITS or frame.f_lineno in _finally_lines(frame.f_code)


def entrance_in_progress(frame: Optional[FrameType]) -> Optional[FrameType]:
    """The frame that enters a ``with`` block, if the innermost frame of the user's is part of that.

    It is the function that does it, or the generator that a library's function runs.
    """
    has_passed = False
    while frame is not None and not (has_passed and is_users(frame)):
        if frame.f_code.co_name in ENTRANCES:
            return frame
        has_passed = has_passed or is_users(frame)
        frame = frame.f_back
    return None


def is_users(frame: FrameType) -> bool:
    """Whether a frame's code isn't the standard library's, and none that was installed or made."""
    filename = frame.f_code.co_filename
    if filename.startswith("<"):
        return module_name(frame) == "__main__"
    return not filename.startswith(_library_folders())


@lru_cache(maxsize=None)
def _library_folders() -> Tuple[str, ...]:
    import sysconfig

    paths = sysconfig.get_paths()
    return tuple({paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")})


@lru_cache(maxsize=None)
def _finally_lines(code: CodeType) -> FrozenSet[int]:
    """The lines of ``finally`` blocks in a function; none if its source can't be had."""
    import linecache
    import textwrap

    lines = linecache.getlines(code.co_filename)
    first = code.co_firstlineno
    if not _has_handlers(code) or not any("finally" in line for line in lines):
        return frozenset()
    if code.co_name != "<module>":
        lines = inspect.getblock(lines[first - 1 :])
    else:
        first = 1
    try:
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    own = {line for _, line in dis.findlinestarts(code) if line}
    return frozenset(line + first - 1 for node in ast.walk(tree) for line in _final(node)) & own


def _has_handlers(code: CodeType) -> bool:
    """Whether there is any handler of exceptions in ``code``."""
    table: Optional[bytes] = getattr(code, "co_exceptiontable", None)  # 3.11+
    if table is None:
        return any(name == "SETUP_FINALLY" for name in _names(code).values())
    return bool(table)


def _final(node: ast.AST) -> Iterator[int]:
    """The lines of the ``finally`` block of a statement."""
    body: List[ast.stmt] = getattr(node, "finalbody", [])
    if body:
        yield from range(body[0].lineno, (body[-1].end_lineno or body[-1].lineno) + 1)


def is_suspended(frame: FrameType) -> bool:
    """Whether a ``return`` event is no end of the frame, but that of a ``yield`` or ``await``."""
    if not frame.f_code.co_flags & MAY_SUSPEND:
        return False
    names, offset = _names(frame.f_code), frame.f_lasti
    # Up to 3.10, an `await` is begun anew when it goes on.
    return names.get(offset) in AWAITS or names.get(offset + 2) == "YIELD_FROM"


def is_awaiting(frame: FrameType) -> bool:
    """Whether a coroutine, or a generator that is one, is suspended by an event loop."""
    flags = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | inspect.CO_ITERABLE_COROUTINE
    return bool(frame.f_code.co_flags & flags) and is_suspended(frame)
