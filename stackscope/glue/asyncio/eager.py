"""asyncio: tasks that run inside others.

A task that is started eagerly (3.12+) runs at once, inside the task that starts it. So does the
current task of a loop that was started inside a task of another loop. Both coroutines are
running then, in the same thread, and the frames of the inner one follow those of the outer one.
"""

from __future__ import annotations

import sys
from operator import attrgetter
from types import CoroutineType

from stackscope.extraction.extraction import (
    current_extraction,
    looked_up_once,
    threads_with_frames,
)
from stackscope.extraction.walk import Leaf
from stackscope.glue.asyncio.futures import coroutine_of
from stackscope.glue.asyncio.loops import known_tasks
from stackscope.interpreter.facts import CO_ANY_GENERATOR, FREE_THREADED
from stackscope.interpreter.resumable import frame_of
from stackscope.interpreter.running import find_running, uncollected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Dict, List, Optional, Tuple

__all__ = ["unwrap_running_task"]


def unwrap_running_task(task: object, coroutine: Any) -> object:
    """A task that is running: its coroutine, but without the frames of a task inside it.

    Args:
        task: The task.
        coroutine: Its coroutine.

    Returns:
        The coroutine; if another task runs inside it, its own frames and the other task, as the
        leaf.
    """
    frames, first = _place_of(coroutine)
    for index in range(first + 1, len(frames)):
        if _may_be_of_task(frames[index]):
            frame, inner = looked_up_once(_running_tasks).get(id(frames[index]), (None, None))
            if frame is frames[index] and inner is not task:
                return [*frames[first:index], Leaf(inner)]
    return coroutine


def is_running(coroutine: object) -> bool:
    """Whether something is a coroutine that is running. Of those in C or by Cython nobody knows."""
    return type(coroutine) is CoroutineType and coroutine.cr_running


def _frame_of(coroutine: Any) -> Optional[FrameType]:
    if FREE_THREADED:
        return frame_of(coroutine)
    frame: Optional[FrameType] = uncollected(attrgetter("cr_frame"), coroutine)
    return frame


def _place_of(coroutine: Any) -> Tuple[List[FrameType], int]:
    """The stack that a running coroutine is on, and where; an empty one if it has just ended."""
    outer = _frame_of(coroutine)
    if outer is None:
        return [], 0
    known = looked_up_once(_running_frames).get(id(outer))
    if known is not None and known[0][known[1]] is outer:
        return known
    extraction = current_extraction()
    return find_running(outer, sys._getframe() if extraction is None else extraction.caller), 0


def _running_frames() -> Dict[int, Tuple[List[FrameType], int]]:
    """The frames of coroutines that run: the stack that each is on, and where, by its id."""
    return {
        id(frame): (frames, index)
        for _, frames in threads_with_frames()
        for index, frame in enumerate(frames)
        if _may_be_of_task(frame)
    }


def _running_tasks() -> Dict[int, Tuple[Optional[FrameType], object]]:
    """The tasks that run with their outermost frames, by the ids of these."""
    found: Dict[int, Tuple[Optional[FrameType], object]] = {}
    for task in known_tasks():
        coroutine = coroutine_of(task)
        if is_running(coroutine):
            frame = _frame_of(coroutine)
            found[id(frame)] = (frame, task)
    return found


def _may_be_of_task(frame: FrameType) -> bool:
    return bool(frame.f_code.co_flags & CO_ANY_GENERATOR)
