"""trio: tasks and nurseries.

A task is its coroutine. What trio does to put a task to sleep is hidden and pruned. The nursery of
``async with trio.open_nursery()`` takes the place of its manager, and its child tasks are the context's
`children`.
"""

from __future__ import annotations

import trio

from stackscope.glue.reading import instance_attributes
from stackscope.hooks import customize, elaborate_context, unwrap_context, unwrap_stackitem
from stackscope.walk import child_stack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Tuple

    from stackscope.model import Context

PLUMBING = (
    "wait_task_rescheduled",
    "cancel_shielded_checkpoint",
    "temporarily_detach_coroutine_object",
    "permanently_detach_coroutine_object",
)
"""Functions of `trio.lowlevel` that do nothing but yield to trio's scheduler."""


def unwrap_task(task: trio.lowlevel.Task) -> object:
    """A task: its coroutine."""
    return task.coro


def unwrap_nursery_manager(manager: object, context: Context) -> object:
    """What ``trio.open_nursery()`` gives: the nursery, once it is entered."""
    return instance_attributes(manager).get("_nursery")


def elaborate_nursery(nursery: trio.Nursery, context: Context) -> None:
    """A nursery: the stacks of its child tasks, in the order in which they were started."""
    tasks = sorted(nursery.child_tasks, key=_age)
    context.children = [child_stack(task, for_task=True) for task in tasks]


def _age(task: trio.lowlevel.Task) -> Tuple[int, str]:
    # The counter is private. Without it, the order should at least not change from one time to the next.
    return getattr(task, "_counter", 0), task.name


def install() -> None:
    unwrap_stackitem.register(trio.lowlevel.Task, unwrap_task)
    elaborate_context.register(trio.Nursery, elaborate_nursery)
    unwrap_context.register(_type_of_nursery_manager(), unwrap_nursery_manager)
    for name in PLUMBING:
        customize(getattr(trio.lowlevel, name), hide=True, prune=True)


def _type_of_nursery_manager() -> type:
    # The argument keeps open_nursery() from asking the run that is going on, for there may be none.
    manager: Any = trio.open_nursery(strict_exception_groups=True)
    return type(manager)
