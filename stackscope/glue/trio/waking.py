"""trio: what wakes a task, and which tasks have a deadline."""

from __future__ import annotations

import math
from typing import Any

import trio
import trio._core._run

from stackscope.glue.clocks import began_work
from stackscope.glue.describing import code_of
from stackscope.glue.trio.runners import runner_of_task
from stackscope.safe.objects import instance_attributes, is_instance
from stackscope.snapshot.waking import (
    register_endless,
    register_limits,
    silent_about,
    token_of,
    turn_of,
    wakers_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Sequence, Set

__all__ = ["install"]


def task_and_scopes(task: Any) -> List[object]:
    """Whoever calls ``reschedule(task)`` has the task; who cancels it has a cancel scope.

    That of a nursery doesn't count: all who have started something in it have that.
    """
    of_nurseries: Set[int] = set()
    inner = task
    while inner is not None:
        of_nurseries.update(id(nursery.cancel_scope) for nursery in inner.child_nurseries)
        nursery = inner.parent_nursery
        inner = None if nursery is None else nursery.parent_task
    scopes = [getattr(status, "_scope", None) for status in _statuses(task)]
    return [task, *[one for one in scopes if one is not None and id(one) not in of_nurseries]]


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
    known: Dict[int, bool] = {}
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
    wakers_of.register(trio.lowlevel.Task, task_and_scopes)
    code = code_of(trio, "sleep_forever")
    if code is not None:
        register_endless(code)
    token_of.register(trio.lowlevel.Task, abort_function)
    silent_about.register(trio.lowlevel.Task, structure_around)
    register_limits(tasks_with_deadlines)
    turn_of.register(trio._core._run.Runner, began_work)
