"""The frames of running stacks: this thread's, and those of other threads.

A running stack is known by its innermost frame; the others follow from ``f_back``. Where to look for a
frame that is running somewhere is decided in `_running_stacks` alone.
"""

from __future__ import annotations

import sys
from _thread import get_ident
from itertools import accumulate, chain, islice, repeat, takewhile
from operator import methodcaller, truth
from types import FrameType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Optional

    from stackscope.model import StackSlice

__all__ = ["callers", "slice_frames", "thread_frames"]

SEARCHES = 3
"""How many times a running frame is looked for: a thread may return from it and enter it meanwhile."""


def slice_frames(piece: StackSlice, caller: Optional[FrameType]) -> Iterator[FrameType]:
    """The frames that a slice names, outermost first.

    Args:
        piece: The slice.
        caller: The frame where the stack of this thread ends.

    Raises:
        RuntimeError: ``piece.outer`` doesn't run. It has been given nevertheless.
    """
    outer, inner, limit = piece.outer, piece.inner, piece.limit
    if limit is not None:
        limit = max(limit, 0)
    if outer is None:
        yield from _last(callers(caller if inner is None else inner), limit)
        return
    if inner is None:
        frames = _find_running(outer, caller)
        if frames:
            yield from frames if limit is None else frames[:limit]
            return
    else:
        frames = callers(inner, outer)
        if frames:
            yield from _last(frames, limit)
            return
    if limit != 0:
        yield outer
    raise RuntimeError(
        "Couldn't find where the above frame is running, so can't continue traceback"
    )


def callers(inner: Optional[FrameType], outer: Optional[FrameType] = None) -> List[FrameType]:
    """``inner`` and its callers, outermost first, as far as ``outer``; nothing if that isn't a caller."""
    frames = []
    frame = inner
    while frame is not None:
        frames.append(frame)
        if frame is outer:
            break
        frame = frame.f_back
    else:
        if outer is not None:
            return []
    frames.reverse()
    return frames


def thread_frames(ident: int) -> List[FrameType]:
    """The frames of another thread, outermost first; none if it runs no Python code.

    The thread may run on between any two of our instructions, and ``f_back`` of a generator's frame that
    is left is ``None``: following it in a loop sometimes ends halfway. So all of it is done by a single
    call of `list`, which doesn't come back to the interpreter's loop, where threads take turns.
    """
    innermost = map(methodcaller("get", ident), islice(iter(sys._current_frames, None), 1))
    steps = accumulate(chain(innermost, repeat("f_back")), getattr)
    frames: List[FrameType] = list(takewhile(truth, steps))
    frames.reverse()
    return frames


def _last(frames: List[FrameType], limit: Optional[int]) -> List[FrameType]:
    return frames if limit is None else frames[max(len(frames) - limit, 0) :]


def _find_running(outer: FrameType, caller: Optional[FrameType]) -> List[FrameType]:
    """``outer`` and what it is calling, on whichever stack it runs."""
    for _ in range(SEARCHES):
        for frames in _running_stacks(caller):
            for index, frame in enumerate(frames):
                if frame is outer:
                    return frames[index:]
    return []


def _running_stacks(caller: Optional[FrameType]) -> Iterator[List[FrameType]]:
    """Each stack that runs in this process, this thread's first."""
    yield callers(caller)
    here = get_ident()
    for ident in list(sys._current_frames()):
        if ident != here:
            yield thread_frames(ident)
