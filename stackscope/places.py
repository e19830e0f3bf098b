"""Whose code a frame executes: the user's, an installed library's, or a runtime's."""

from __future__ import annotations

import functools
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import List, Optional, Tuple

    from stackscope.model import Frame, Stack

__all__ = [
    "calls_below_user",
    "innermost_user_frame",
    "is_runtime_frame",
    "is_user_frame",
    "name_of_call",
]

USER, INSTALLED, RUNTIME = 0, 1, 2

RUNTIMES = ("anyio", "outcome", "trio", "uvloop")
"""Installed packages that tell no more about a task than the standard library does."""

ENTRANCES = ("__aenter__", "__aiter__", "__anext__", "__await__")
"""Methods that only lead to the call that is worth naming."""


@functools.lru_cache(maxsize=None)
def _library_folders() -> Tuple[str, ...]:
    here = os.path.dirname(os.path.abspath(__file__))
    ours = [here, here + "_pdb", here + "_ipython"]
    return tuple([folder + os.sep for folder in [os.path.dirname(os.__file__), *ours]])


@functools.lru_cache(maxsize=4096)
def _rank_of_file(name: str) -> int:
    if name.startswith("<frozen "):
        return RUNTIME
    for folder in ("site-packages", "dist-packages"):
        _, found, path = name.partition(f"{os.sep}{folder}{os.sep}")
        if found:
            is_runtime = path.startswith(tuple([package + os.sep for package in RUNTIMES]))
            return RUNTIME if is_runtime else INSTALLED
    return RUNTIME if name.startswith(_library_folders()) else USER


def _rank(frame: FrameType) -> int:
    """`USER`, `INSTALLED`, or `RUNTIME` for asyncio and its like and for this package."""
    return _rank_of_file(frame.f_code.co_filename)


def is_user_frame(frame: FrameType) -> bool:
    """Whether a frame's code belongs to neither the standard library nor an installed one."""
    return _rank(frame) == USER


def is_runtime_frame(frame: FrameType) -> bool:
    """Whether a frame's code belongs to asyncio or its like, or to the standard library."""
    return _rank(frame) == RUNTIME


def innermost_user_frame(stack: Stack) -> Optional[Frame]:
    """The frame to look at first: the innermost one that is shown and whose code is the user's.

    If there is none, the innermost one of an installed library; if all is asyncio's, or trio's, the
    outermost one, which says what was asked of it.
    """
    shown = [frame for frame in stack.frames if not frame.hide]
    index = _index_of_user_frame(shown)
    return shown[max(index, 0)] if shown else None


def _index_of_user_frame(shown: List[Frame]) -> int:
    """The index of the innermost frame that isn't a runtime's; -1 if all are."""
    installed = -1
    for index in range(len(shown) - 1, -1, -1):
        rank = _rank_of_file(shown[index].pyframe.f_code.co_filename)
        if rank == USER:
            return index
        if rank == INSTALLED and installed < 0:
            installed = index
    return installed


def calls_below_user(stack: Stack) -> List[Frame]:
    """The frames below the innermost one of the user's: what it is calling.

    The first one is the call that is worth naming.
    """
    shown = [frame for frame in stack.frames if not frame.hide]
    below = shown[_index_of_user_frame(shown) + 1 :]
    while len(below) > 1 and below[0].pyframe.f_code.co_name in ENTRANCES:
        del below[0]
    return below


def name_of_call(frame: Frame) -> str:
    """The call that ``frame`` executes, such as ``Lock.acquire()`` or ``trio.sleep()``."""
    owner = frame.clsname or (frame.modname or "").partition(".")[0]
    return f"{owner}.{frame.funcname}()" if owner else f"{frame.funcname}()"
