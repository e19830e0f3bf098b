"""anyio on trio: its objects show what the trio objects inside them say."""

from __future__ import annotations

import anyio._backends._trio

from stackscope.extraction.hooks import elaborate_context
from stackscope.glue.anyio.common import (
    describe_end_of_group,
    describe_method,
    own_scope_of,
    register_backend,
)
from stackscope.glue.describing import code_of, hide_functions, register_call
from stackscope.glue.trio import scopes
from stackscope.glue.trio.waking import register_own_scope
from stackscope.safe.objects import class_attribute, instance_attributes
from stackscope.snapshot.user_code import register_machinery
from stackscope.snapshot.waking import register_wrapped_scope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List

    from stackscope.glue.describing import ScopeState
    from stackscope.model.stacks import Context

backend: Any = anyio._backends._trio


def original_scope(scope: object) -> Any:
    """The trio cancel scope inside one of anyio's."""
    slot = class_attribute(type(scope), "_CancelScope__original")
    if slot is not None:
        return slot.__get__(scope)
    return instance_attributes(scope).get("_CancelScope__original")


def state_of_scope(scope: object) -> ScopeState:
    """The state of a cancel scope."""
    return scopes.state_of_scope(original_scope(scope))


def elaborate_task_group(group: object, context: Context) -> None:
    """A task group: the stacks of its tasks, in the order in which they were started."""
    nursery = instance_attributes(group).get("_nursery")
    if nursery is not None:
        scopes.elaborate_nursery(nursery, context)


def tasks_of(group: object) -> List[Any]:
    """The tasks of a task group."""
    nursery = instance_attributes(group).get("_nursery")
    return [] if nursery is None else list(nursery.child_tasks)


def own_scope(task: Any) -> object:
    """The cancel scope that anyio has put around a task."""
    scope = own_scope_of(getattr(task, "coro", None))
    return None if scope is None else original_scope(scope)


def install() -> None:
    """Register what is known about anyio on trio."""
    owner = getattr(backend, "TrioBackend", backend)  # 4.0+
    caller = code_of(owner, "run_sync_in_worker_thread.wrapper")
    register_backend(backend.CancelScope, state_of_scope, backend.TaskGroup, tasks_of, caller)
    register_wrapped_scope(backend.CancelScope)
    register_own_scope(own_scope)
    elaborate_context.register(backend.TaskGroup, elaborate_task_group)
    for name in ("run_sync_in_worker_thread", "run_async_from_thread"):
        hide_functions(owner, [name, f"{name}.wrapper"])
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
    register_machinery("anyio._backends._trio", ["run"])
