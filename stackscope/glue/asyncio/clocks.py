"""asyncio: how far away moments are, by the clocks of event loops.

Time stands still with a loop: while one of its tasks blocks it, or a debugger holds it, no timer
fires, and so none is late. A loop notes the time when it begins to call what is due.
"""

from __future__ import annotations

import asyncio.base_events

from stackscope.extraction.extraction import looked_up_once, threads_with_frames
from stackscope.glue.asyncio.futures import time_until
from stackscope.glue.asyncio.loops import current_task
from stackscope.glue.describing import Deadline, code_of
from stackscope.interpreter.frames import local_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Tuple

__all__ = ["seconds_at_work", "time_left_until"]

SHORT = 0.05
"""Up to so many seconds nothing is said to be overdue that a loop is just about to call."""

_RUN_ONCE = code_of(asyncio.base_events, "BaseEventLoop._run_once")


def time_left_until(moment: float, loop: Any) -> Deadline:
    """How far away a moment by the clock of a loop was when the loop last looked."""
    deadline = time_until(moment, loop)
    began = _began_work(loop)
    if deadline.seconds_left is None:
        return deadline
    if began is None:
        # Other loops, such as uvloop's, don't tell when they have last looked.
        is_at_work = deadline.seconds_left < 0 and current_task(loop) is not None
        return Deadline(0.0, moment, "loop") if is_at_work else deadline
    left = moment - began
    # What has just become due will be called as soon as the loop goes on.
    return Deadline(0.0 if -SHORT < left < 0 else left, moment, "loop")


def seconds_at_work(loop: Any) -> Optional[float]:
    """For how long a loop has been calling what was due, without looking for anything new.

    Gives:
        The seconds; ``None`` if the loop rests, or if nothing tells: uvloop has no frames.
    """
    began = _began_work(loop)
    left = None if began is None else time_until(began, loop).seconds_left
    return None if left is None else max(-left, 0.0)


def _began_work(loop: Any) -> Optional[float]:
    """When a loop has begun to call what it calls now, by its own clock."""
    known = looked_up_once(_find_beginnings).get(id(loop))
    return None if known is None else known[1]


def _find_beginnings() -> Dict[int, Tuple[object, float]]:
    """When each loop began, by its id."""
    found: Dict[int, Tuple[object, float]] = {}
    for _, frames in threads_with_frames():
        for frame in frames:
            if frame.f_code is _RUN_ONCE:
                # Without a value as long as it waits for events (base_events.py, 3.8 to 3.15).
                is_set, began = local_value(frame, "end_time")
                _, loop = local_value(frame, "self")
                if is_set and type(began) is float:
                    found[id(loop)] = (loop, began)
    return found
