"""What tasks and queues are called that hold others.

asyncio's own ``repr`` of a task has that of the task in it that it awaits, which has another one in
it, and so on: of a thousand tasks that await each other, each would be a thousand in one. That of a
queue has all that is in it. Here asyncio's functions write the same, but ask for no more of what is
inside than there is room for.
"""

from __future__ import annotations

import asyncio
import asyncio.base_tasks

from stackscope.glue.asyncio.futures import TASKS, PyTask, internal
from stackscope.safe.objects import class_attribute
from stackscope.safe.text import class_name, register_repr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

__all__ = ["install"]

_task_info: Any = getattr(asyncio.base_tasks, "_task_repr_info", None)

_queue_info: Any = getattr(asyncio.Queue, "_format", None)

_INFO_OF_TASKS = [class_attribute(cls, "_repr_info") for cls in TASKS]
"""What a task of asyncio's own classes is described by up to 3.11."""


class _Text:
    """Has a text in place of its ``repr``."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


class _StandIn:
    """As an object is, but for one attribute."""

    def __init__(self, obj: object, name: str, value: object) -> None:
        self._stands_for = obj
        setattr(self, name, value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stands_for, name)


def _task(task: Any, inner: Callable[[object, int], str], room: int) -> str:
    waiter = internal(task, "_fut_waiter")
    info: object = class_attribute(type(task), "_repr_info")
    if waiter is None or not any(info is one for one in _INFO_OF_TASKS):
        return repr(task)
    # Its own words come before those about what it waits for.
    text = inner(waiter, room - len(" pending name= coro= wait_for="))
    words = _task_info(_StandIn(task, "_fut_waiter", _Text(text)))
    return f"<{class_name(task)} {' '.join(words)}>"


def _queue(queue: Any, inner: Callable[[object, int], str], room: int) -> str:
    items = list(queue._queue)
    text = inner(items, room)
    if not items or class_attribute(type(queue), "_format") is not _queue_info:
        return repr(queue)
    stand_in = _StandIn(queue, "_queue", [_Text(text[1:-1])])
    return f"<{class_name(queue)} at {id(queue):#x} {_queue_info(stand_in)}>"


def install() -> None:
    """Register what describes tasks and queues."""
    if _task_info is not None:
        for cls in {asyncio.Task, PyTask}:
            register_repr(class_attribute(cls, "__repr__"), _task)
    if _queue_info is not None:
        register_repr(asyncio.Queue.__dict__["__repr__"], _queue)
