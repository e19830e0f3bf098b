"""anyio on trio: its objects show what the trio objects inside them say."""

from __future__ import annotations

from types import FunctionType

import anyio._backends._trio

from stackscope.glue import trio as trio_glue
from stackscope.glue.anyio import (
    describe_end_of_group,
    describe_method,
    elaborate_cancel_scope,
    register_call,
    scope_describers,
    task_finders,
)
from stackscope.glue.reading import class_attribute, instance_attributes
from stackscope.hooks import customize, elaborate_context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List

    from stackscope.model import Context

backend: Any = anyio._backends._trio


def original_scope(scope: object) -> Any:
    """The trio cancel scope inside one of anyio's."""
    slot = class_attribute(type(scope), "_CancelScope__original")
    if slot is not None:
        return slot.__get__(scope)
    return instance_attributes(scope).get("_CancelScope__original")


def describe_scope(scope: object) -> str:
    """The state of a cancel scope in words."""
    return trio_glue.describe_scope(original_scope(scope))


def elaborate_task_group(group: object, context: Context) -> None:
    """A task group: the stacks of its tasks, in the order in which they were started."""
    nursery = instance_attributes(group).get("_nursery")
    if nursery is not None:
        trio_glue.elaborate_nursery(nursery, context)


def tasks_of(group: object) -> List[Any]:
    """The tasks of a task group."""
    nursery = instance_attributes(group).get("_nursery")
    return [] if nursery is None else list(nursery.child_tasks)


PLUMBING = ("run_sync_in_worker_thread", "run_async_from_thread")


def install() -> None:
    scope_describers[backend.CancelScope] = describe_scope
    task_finders[backend.TaskGroup] = tasks_of
    elaborate_context.register(backend.CancelScope, elaborate_cancel_scope)
    elaborate_context.register(backend.TaskGroup, elaborate_task_group)
    owner = getattr(backend, "TrioBackend", backend)  # 4.0+
    for name in PLUMBING:
        function = getattr(owner, name, None)
        function = getattr(function, "__func__", function)
        if type(function) is FunctionType:
            customize(function, hide=True)
            for inner in ("wrapper",):
                try:
                    customize(function, inner, hide=True)
                except ValueError:  # it has none of that name
                    pass
    for path in (
        "Event.wait",
        "Lock.acquire",
        "Semaphore.acquire",
        "CapacityLimiter.acquire",
        "CapacityLimiter.acquire_on_behalf_of",
    ):
        register_call(backend, path, describe_method)
    register_call(backend, "TaskGroup.__aexit__", describe_end_of_group)
    register_call(owner, "sleep", describe_method)
