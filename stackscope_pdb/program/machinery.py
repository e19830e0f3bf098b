"""Which of the frames that run are a debugger's own.

The library has a list of what it folds (`stackscope.glue.stdlib.machinery`): more than these, for
that need not belong to a debugger. It isn't imported here: this is asked while the program runs.
"""

from __future__ import annotations

import bdb

from stackscope_pdb.standard import pdb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Iterator, Optional

DEBUGGERS = ("bdb", "cmd", "codeop", "pdb", "stackscope_pdb")
"""The modules and packages that a debugger consists of."""

RUNNERS = (bdb.Bdb.run.__code__, bdb.Bdb.runeval.__code__, bdb.Bdb.runcall.__code__)
"""What runs the program's code for a debugger: outside it there may be another one's prompt."""

IPYTHON = ("IPython", "ipykernel", "traitlets")
"""The packages that run cells, and what they print."""

_PROMPT = pdb.Pdb._cmdloop.__code__  # type: ignore[attr-defined]

_NEVER_PROGRAM = frozenset(
    {
        "IPython.core.debugger",
        "IPython.terminal.debugger",
        "_pytest.debugging",
        "bdb",
        "pdb",
    }
)
"""Modules whose code serves debuggers only. `cmd` and `codeop` may belong to the program."""

_get = dict.get

_OUR_PACKAGES = ("stackscope_pdb", "stackscope_ipython")


def module_name(frame: FrameType) -> str:
    """The name of the module that a frame's globals belong to; empty if it has none.

    The library has `module_of`, but importing that takes long for what is called while tracing.
    """
    name: object = dict.get(frame.f_globals, "__name__")
    return name if type(name) is str else ""


def outward(frame: Optional[FrameType]) -> Iterator[FrameType]:
    """A frame and its callers."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def is_at_prompt(frame: Optional[FrameType]) -> bool:
    """Whether a frame runs while a debugger, of whatever class, waits for a line in this thread."""
    while frame is not None and frame.f_code not in RUNNERS:
        if frame.f_code is _PROMPT:
            return True
        frame = frame.f_back
    return False


def is_of_cell(frame: FrameType) -> bool:
    """Whether a frame runs for a cell of the user's; true, too, where there is no IPython."""
    inner: Optional[FrameType] = None
    asked: Optional[FrameType] = frame
    while asked is not None:
        if module_name(asked).partition(".")[0] in IPYTHON:
            run_by_it = module_name(inner).partition(".")[0] if inner is not None else ""
            return run_by_it in ("__main__", "asyncio")
        inner, asked = asked, asked.f_back
    return True


def serves_debugger(frame: FrameType) -> bool:
    """Whether a frame belongs to a debugger, or was called by one for its own purposes.

    What a debugger runs for the user (`RUNNERS`) is the program's.
    """
    asked: Optional[FrameType] = frame
    names: Any = None
    while asked is not None:
        if asked.f_globals is not names:  # most callers are in the same module
            names = asked.f_globals
            name: Any = _get(names, "__name__")
            if type(name) is not str:
                pass
            elif name in _NEVER_PROGRAM or (
                name.startswith(_OUR_PACKAGES) and name.partition(".")[0] in _OUR_PACKAGES
            ):
                return asked is frame or asked.f_code not in RUNNERS
        asked = asked.f_back
    return False
