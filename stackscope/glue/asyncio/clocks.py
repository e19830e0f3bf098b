"""asyncio: how far away moments are, by the clocks of event loops."""

from __future__ import annotations

import asyncio.base_events

from stackscope.glue.asyncio.futures import time_until
from stackscope.glue.asyncio.loops import current_task
from stackscope.glue.clocks import began_work, deadline_since, register_worker
from stackscope.glue.describing import Deadline, code_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

__all__ = ["seconds_at_work", "time_left_until"]

# Without a value of `end_time` as long as it waits for events (base_events.py, 3.8 to 3.15).
register_worker(code_of(asyncio.base_events, "BaseEventLoop._run_once"), "self", "end_time")


def time_left_until(moment: float, loop: Any) -> Deadline:
    """How far away a moment by the clock of a loop was when the loop last looked."""
    deadline = time_until(moment, loop)
    began = began_work(loop)
    if deadline.seconds_left is None:
        return deadline
    if began is None:
        # Other loops, such as uvloop's, don't tell when they have last looked.
        is_at_work = deadline.seconds_left < 0 and current_task(loop) is not None
        return Deadline(0.0, moment, "loop") if is_at_work else deadline
    return deadline_since(began, moment, "loop")


def seconds_at_work(loop: Any) -> Optional[float]:
    """For how long a loop has been calling what was due, without looking for anything new.

    Gives:
        The seconds; ``None`` if the loop rests, or if nothing tells: uvloop has no frames.
    """
    began = began_work(loop)
    left = None if began is None else time_until(began, loop).seconds_left
    return None if left is None else max(-left, 0.0)
