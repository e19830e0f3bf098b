"""asyncio: tasks, futures, task groups and timeouts.

A task is its coroutine. What it awaits in the end is the stack's leaf: a future, or another task,
whose own stack isn't part of this one; a call in a thread pool is continued by the frames of its
thread. A ``TaskGroup`` has its tasks as `children`, and ``asyncio.timeout()`` says in its
description how much time is left.
"""

from __future__ import annotations

import asyncio
import asyncio.base_events
import asyncio.events
import asyncio.futures
import asyncio.tasks
import gc
from types import FunctionType, GeneratorType

from stackscope.extraction.extraction import child_stack
from stackscope.extraction.hooks import customize, elaborate_context, unwrap_stackitem
from stackscope.extraction.walk import Leaf
from stackscope.glue.asyncio.clocks import time_left_until
from stackscope.glue.asyncio.eager import is_running, unwrap_running_task
from stackscope.glue.asyncio.futures import (
    FUTURES,
    TASKS,
    PyFuture,
    coroutine_of,
    frames_behind,
    internal,
    is_done,
    name_in_order,
    shielded,
)
from stackscope.glue.describing import Deadline, code_of
from stackscope.interpreter.frames import local_value
from stackscope.render.words import deadline_text, joined
from stackscope.safe.objects import instance_attributes, is_instance
from stackscope.safe.text import exception_in_brief

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional

    from stackscope.model.stacks import Context, Frame


# ------------------------------------------------------- tasks and futures


def unwrap_task(task: object) -> object:
    """A task: its coroutine. Nothing if it is finished.

    A task that runs inside it, such as one that it starts eagerly, is its leaf.
    """
    # get_coro() of an eager task that finished at once crashes some releases of CPython 3.12.
    if is_done(task):
        return []
    coroutine = coroutine_of(task)
    return unwrap_running_task(task, coroutine) if is_running(coroutine) else coroutine


def unwrap_future_iterator(iterator: object) -> object:
    """What ``await future`` waits for: the future, as the leaf, even if it is a task.

    If the future stands for a call in a thread pool: the frames of that call.
    """
    for referent in gc.get_referents(iterator):
        cls = type(referent)
        if cls is asyncio.Task:
            return Leaf(referent)
        if cls is asyncio.Future or (cls is not type and is_instance(referent, FUTURES)):
            return frames_behind(referent) or Leaf(referent)
    return None


def unwrap_future(future: object) -> object:
    """A future: the frames of the call in a thread pool that it stands for, or the leaf."""
    inner = shielded(future)
    return frames_behind(future) or Leaf(future) if inner is None else inner


def elaborate_await(frame: Frame, next_inner: object) -> object:
    """``Future.__await__`` where it is written in Python: the future, as the leaf."""
    found, future = local_value(frame.pyframe, "self")
    if next_inner is not None or not found:
        return None
    frame.hide = True
    return frames_behind(future) or Leaf(future)


def elaborate_wait(frame: Frame, next_inner: object) -> object:
    """``wait()`` for one future that is left: the call in a thread pool that it stands for."""
    futures: Any = local_value(frame.pyframe, "fs")[1]
    if not any(type(futures) is cls for cls in (list, set, tuple)):
        return None
    return _instead_of_waiter(next_inner, [one for one in list(futures) if not is_done(one)])


def elaborate_wait_for(frame: Frame, next_inner: object) -> object:
    """``wait_for()`` up to 3.11: the call in a thread pool that it waits for."""
    found, future = local_value(frame.pyframe, "fut")
    return _instead_of_waiter(next_inner, [future] if found else [])


def elaborate_as_completed(frame: Frame, next_inner: object) -> object:
    """``as_completed()`` from 3.13 on: the same as for ``wait()``."""
    _, iterator = local_value(frame.pyframe, "self")
    todo = instance_attributes(iterator).get("_todo")
    return _instead_of_waiter(next_inner, list(todo) if type(todo) is set else [])


def _instead_of_waiter(next_inner: object, futures: List[Any]) -> object:
    """What a frame waits for in truth, if it awaits a future of its own for that."""
    if len(futures) != 1 or next_inner is futures[0] or not is_instance(futures[0], FUTURES):
        return None
    return frames_behind(futures[0]) or None


# ------------------------------------------------------------- task groups


def elaborate_task_group(group: object, context: Context) -> None:
    """A task group: the stacks of its tasks, ordered by name, and whether it is cancelled."""
    tasks = instance_attributes(group).get("_tasks")
    if type(tasks) is set:
        context.children = [
            child_stack(task, for_task=True) for task in sorted(tasks, key=name_in_order)
        ]
    words = joined(*state_of_group(group))
    if words:
        context.description = f"TaskGroup: {words}"


def state_of_group(group: object) -> List[str]:
    """Words for a task group that cancels its tasks, with how many failed; else empty."""
    attributes = instance_attributes(group)
    if attributes.get("_aborting") is not True:
        return []
    errors = attributes.get("_errors")
    if type(errors) is not list or not errors:
        return ["cancelled"]
    texts = [exception_in_brief(error, 200) for error in errors[:MOST_ERRORS]]
    more = [f"{len(errors) - MOST_ERRORS} more"] if len(errors) > MOST_ERRORS else []
    return ["cancelled", f"{len(errors)} failed: {'; '.join([*texts, *more])}"]


MOST_ERRORS = 3
"""How many of the exceptions in a task group are named."""


# ---------------------------------------------------------------- timeouts


def elaborate_timeout(timeout: object, context: Context) -> None:
    """``asyncio.timeout()``: how much time is left."""
    context.description = f"asyncio.timeout(): {_state_of_timeout(timeout)}"


def _state_of_timeout(timeout: object) -> str:
    attributes = instance_attributes(timeout)
    if attributes.get("_task") is None:
        return "not entered"
    if getattr(attributes.get("_state"), "_value_", None) in ("expiring", "expired"):
        return "expired"
    return deadline_text(deadline_of_timeout(timeout))


def deadline_of_timeout(timeout: object) -> Optional[Deadline]:
    """When an ``asyncio.timeout()`` that has been entered ends; ``None`` if it doesn't."""
    attributes = instance_attributes(timeout)
    task, moment = attributes.get("_task"), attributes.get("_when")
    if task is None or moment is None:
        return None
    return time_left_until(moment, internal(task, "_loop"))


# ------------------------------------------------------------ installation


ELABORATED = (
    ("_wait", elaborate_wait),
    ("wait_for", elaborate_wait_for),
    ("_AsCompletedIterator._wait_for_one", elaborate_as_completed),
)
"""The functions of asyncio.tasks that await a future of their own in the place of others."""


def install() -> None:
    """Register what concerns stacks and contexts."""
    for task_type in set(TASKS):
        unwrap_stackitem.register(task_type, unwrap_task)
    for future_type in set(FUTURES):
        unwrap_stackitem.register(future_type, unwrap_future)
    iterator_type = _type_of_future_iterator()
    if iterator_type is not None:
        unwrap_stackitem.register(iterator_type, unwrap_future_iterator)
    if type(PyFuture.__await__) is FunctionType:
        customize(PyFuture.__await__, elaborate=elaborate_await)
    for path, elaborate in ELABORATED:
        code = code_of(asyncio.tasks, path)
        if code is not None:
            customize(code, elaborate=elaborate)
    if hasattr(asyncio, "TaskGroup"):  # 3.11+
        elaborate_context.register(asyncio.TaskGroup, elaborate_task_group)
    if hasattr(asyncio, "Timeout"):  # 3.11+
        elaborate_context.register(asyncio.Timeout, elaborate_timeout)


def _type_of_future_iterator() -> Optional[type]:
    """The type of what ``future.__await__()`` gives; ``None`` where that is a generator."""

    class NoLoop:
        """What a future asks its event loop when it is made."""

        def get_debug(self) -> bool:
            return False

    future: asyncio.Future[Any] = asyncio.Future(loop=NoLoop())  # type: ignore[arg-type]
    iterator = future.__await__()
    return None if type(iterator) is GeneratorType else type(iterator)
