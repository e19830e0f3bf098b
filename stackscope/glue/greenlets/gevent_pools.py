"""gevent: what those wait for that wait for a pool or a group of greenlets."""

from __future__ import annotations

import sys

from stackscope.glue.describing import register_call, variable
from stackscope.model.waiting import Amount
from stackscope.safe.objects import stored_attribute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List

    from stackscope.model.stacks import Frame
    from stackscope.model.waiting import Waiting

__all__ = ["install"]


def greenlets_in(group: Any) -> List[object]:
    """The greenlets of a group that haven't ended."""
    found = stored_attribute(group, "greenlets")
    return list(found) if type(found) is set else []


def describe_join(frame: Frame, waiting: Waiting) -> None:
    """``Group.join()``: all of its greenlets have to end."""
    group = variable(frame, "self")
    seconds_left = waiting.seconds_left
    waiting.clear()
    waiting.obj, waiting.seconds_left = group, seconds_left
    waiting.tasks = greenlets_in(group)
    waiting.amounts = [Amount(len(waiting.tasks), "greenlet")]


def describe_add(frame: Frame, waiting: Waiting) -> None:
    """``Pool.add()``: one of its greenlets has to end, for there is room for no other."""
    pool = variable(frame, "self")
    place, count, seconds_left = waiting.place, waiting.count, waiting.seconds_left
    waiting.clear()
    waiting.obj, waiting.lock = pool, None
    waiting.place, waiting.count, waiting.seconds_left = place, count, seconds_left
    waiting.workers = greenlets_in(pool)
    waiting.ahead = Amount(len(waiting.workers), "greenlet")


CALLS = (
    ("Group.join", describe_join),
    ("Pool.add", describe_add),
    ("Pool.wait_available", describe_add),
)


def install() -> None:
    """Register what is known about pools of greenlets."""
    for path, describer in CALLS:
        register_call(sys.modules.get("gevent.pool"), path, describer)
