"""How far away moments are by the clock of an event loop or a run that is at work.

Time stands still with a loop: while one of its tasks blocks it, or a debugger holds it, no timer
fires, and so none is late. A loop notes the time when it begins to call what is due, in a variable
of the function that does so.
"""

from __future__ import annotations

from stackscope.extraction.extraction import looked_up_once, threads_with_frames
from stackscope.glue.describing import Deadline
from stackscope.interpreter.frames import local_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Dict, List, Optional, Tuple

__all__ = ["began_work", "deadline_since", "register_worker"]

SHORT = 0.05
"""The seconds for which nothing counts as overdue that a loop is just about to call."""

_workers: List[Tuple[CodeType, str, str]] = []
"""Code that calls what is due, and its variables with the loop and with when it began."""


def register_worker(code: Optional[CodeType], loop: str, began: str) -> None:
    """Make the code known that calls what is due in loops of a kind.

    It is on the stack of a thread, with a value of ``began``, only while it does so.

    Args:
        code: The code; ``None`` if this version of the library has none such.
        loop: The name of its variable with the loop.
        began: The name of its variable with the moment when it began.
    """
    if code is not None:
        _workers.append((code, loop, began))


def began_work(loop: Any) -> Optional[float]:
    """When a loop has begun to call what it calls now, by its own clock; ``None`` if it rests."""
    known = looked_up_once(_find_beginnings).get(id(loop))
    return None if known is None else known[1]


def deadline_since(began: float, moment: float, clock: str) -> Deadline:
    """How far away a moment was when a loop began its work.

    Args:
        began: When that was.
        moment: The moment, by the same clock.
        clock: Whose clock it is, as `Deadline.clock` has it.
    """
    left = moment - began
    # What has just become due will be called as soon as the loop goes on.
    return Deadline(0.0 if -SHORT < left < 0 else left, moment, clock)


def _find_beginnings() -> Dict[int, Tuple[object, float]]:
    """When each loop began, by its id."""
    found: Dict[int, Tuple[object, float]] = {}
    for _, frames in threads_with_frames():
        for frame in frames:
            for code, loop_name, began_name in _workers:
                if frame.f_code is code:
                    is_set, began = local_value(frame, began_name)
                    _, loop = local_value(frame, loop_name)
                    if is_set and type(began) is float:
                        found[id(loop)] = (loop, began)
    return found
