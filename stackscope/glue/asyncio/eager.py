"""asyncio: tasks that run inside of others.

A task that is started eagerly (3.12+) runs at once, inside of the task that starts it. So does the
current task of a loop that was started inside of a task of another loop. Both coroutines are
running then, in the same thread, and the frames of the inner one follow those of the outer one.
"""

from __future__ import annotations

import sys
from operator import attrgetter
from types import CoroutineType

from stackscope.extraction.extraction import current_extraction
from stackscope.extraction.walk import Leaf
from stackscope.glue.asyncio.futures import coroutine_of
from stackscope.glue.asyncio.loops import all_tasks_of, get_loop, loop_run_by
from stackscope.interpreter.facts import CO_ANY_GENERATOR, FREE_THREADED
from stackscope.interpreter.resumable import frame_of
from stackscope.interpreter.running import find_running, uncollected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Iterator, List, Optional

__all__ = ["unwrap_running_task"]


def unwrap_running_task(task: object, coroutine: Any) -> object:
    """A task that is running: its coroutine, but without the frames of a task inside of it.

    Args:
        task: The task.
        coroutine: Its coroutine.

    Returns:
        The coroutine; if another task runs inside of it, its own frames and the other task, as the
        leaf.
    """
    frames = _frames_from(coroutine)
    if not any(map(_may_be_of_task, frames[1:])):
        return coroutine
    inside = {
        id(_frame_of(coroutine_of(other))): other
        for loop in _loops_of(task, frames)
        for other in all_tasks_of(loop)
        if other is not task and is_running(coroutine_of(other))
    }
    for index, frame in enumerate(frames):
        if id(frame) in inside:
            return [*frames[:index], Leaf(inside[id(frame)])]
    return coroutine


def is_running(coroutine: object) -> bool:
    """Whether something is a coroutine that is running. Of those in C or by Cython nobody knows."""
    return type(coroutine) is CoroutineType and coroutine.cr_running


def _frame_of(coroutine: Any) -> Optional[FrameType]:
    if FREE_THREADED:
        return frame_of(coroutine)
    frame: Optional[FrameType] = uncollected(attrgetter("cr_frame"), coroutine)
    return frame


def _frames_from(coroutine: Any) -> List[FrameType]:
    """The frames from that of a running coroutine on; none if it has just ended."""
    outer = _frame_of(coroutine)
    if outer is None:
        return []
    extraction = current_extraction()
    return find_running(outer, sys._getframe() if extraction is None else extraction.caller)


def _may_be_of_task(frame: FrameType) -> bool:
    return bool(frame.f_code.co_flags & CO_ANY_GENERATOR)


def _loops_of(task: object, frames: List[FrameType]) -> Iterator[Any]:
    """The loop of a task, and those that are run inside of it."""
    yield get_loop(task)
    for frame in frames:
        yield from loop_run_by(frame)
