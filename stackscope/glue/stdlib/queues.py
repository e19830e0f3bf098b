"""queue: what a thread waits for in ``get()``, ``put()`` and ``join()``."""

from __future__ import annotations

import queue
from collections import deque

from stackscope.glue.describing import register_call, variable
from stackscope.glue.stdlib.threading import note_timeout, note_waiters
from stackscope.model.waiting import Amount
from stackscope.safe.objects import instance_attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from stackscope.model.stacks import Frame
    from stackscope.model.waiting import Waiting

__all__ = ["install"]


def describe_get(frame: Frame, waiting: Waiting) -> None:
    """``Queue.get()``: how full it is, and how many wait for an item."""
    _describe_queue(frame, waiting, "not_empty")


def describe_put(frame: Frame, waiting: Waiting) -> None:
    """``Queue.put()``: how full it is, and how many wait for room."""
    _describe_queue(frame, waiting, "not_full")


def _describe_queue(frame: Frame, waiting: Waiting, condition: str) -> None:
    """What a thread that waits for a condition of a queue waits for.

    One that waits for the lock of the queue, because others use it just now, or is notified and
    has to get it back, waits for that as well.
    """
    obj = variable(frame, "self")
    known = instance_attributes(obj)
    waiting.clear()
    waiting.obj = obj
    items: Any = known.get("queue")
    size = len(items) if _is_plain(items) else None
    most = known.get("maxsize")
    if size is not None:
        limit = most if type(most) is int and most > 0 else None
        waiting.amounts = [Amount(size, "item", limit)]
    note_waiters(waiting, known.get(condition))
    note_timeout(waiting, frame)


def _is_plain(items: object) -> bool:
    return any(type(items) is cls for cls in (deque, list))


def describe_join(frame: Frame, waiting: Waiting) -> None:
    """``Queue.join()``: the items that nobody has called ``task_done()`` for."""
    waiting.clear()
    waiting.obj = variable(frame, "self")
    left = instance_attributes(waiting.obj)["unfinished_tasks"]
    waiting.amounts = [Amount(left, "unfinished", plural="unfinished")]


def install() -> None:
    """Register what is known about queues."""
    register_call(queue, "Queue.get", describe_get)
    register_call(queue, "Queue.put", describe_put)
    register_call(queue, "Queue.join", describe_join)
