"""trio: what wakes a task, and which tasks have a deadline."""

from __future__ import annotations

import math
from typing import Any

import trio

from stackscope.glue.trio.runners import runner_of_task
from stackscope.safe.objects import instance_attributes, is_instance
from stackscope.snapshot.waking import register_limits, silent_about, token_of, waker_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Sequence

__all__ = ["install"]


def the_task(task: Any) -> object:
    """Whoever calls ``reschedule(task)`` has the task."""
    return task


def abort_function(task: Any) -> object:
    """What ``wait_task_rescheduled()`` was given, a function made for each wait."""
    return getattr(task, "_abort_func", None)


def structure_around(task: Any) -> List[object]:
    """What has a task as one of its run, of a nursery or of a cancel scope."""
    found: List[object] = []
    runner = runner_of_task(task)
    if runner is not None:
        found += (runner, runner.tasks)
    for nursery in [*task.child_nurseries, task.parent_nursery]:
        if nursery is not None:
            found += (nursery, getattr(nursery, "_children", None), instance_attributes(nursery))
    for status in _statuses(task):
        found += (status, getattr(status, "_tasks", None), getattr(status, "_scope", None))
    return found


def _statuses(task: Any) -> Iterator[Any]:
    """The cancel statuses that apply to a task, from the innermost one on."""
    status = getattr(task, "_cancel_status", None)
    while status is not None:
        yield status
        status = getattr(status, "_parent", None)


def tasks_with_deadlines(tasks: Sequence[Any]) -> List[object]:
    """The tasks that a cancel scope around them cancels some day."""
    known = {}
    found: List[object] = []
    for task in tasks:
        if not is_instance(task, (trio.lowlevel.Task,)):
            continue
        passed = []
        is_limited = False
        for status in _statuses(task):
            if id(status) in known:
                is_limited = known[id(status)]
                break
            passed.append(status)
            scope = getattr(status, "_scope", None)
            if getattr(scope, "_deadline", math.inf) != math.inf:
                is_limited = True
                break
        known.update((id(status), is_limited) for status in passed)
        if is_limited:
            found.append(task)
    return found


def install() -> None:
    """Register what concerns the end of waits."""
    waker_of.register(trio.lowlevel.Task, the_task)
    token_of.register(trio.lowlevel.Task, abort_function)
    silent_about.register(trio.lowlevel.Task, structure_around)
    register_limits(tasks_with_deadlines)
