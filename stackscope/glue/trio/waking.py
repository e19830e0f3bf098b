"""trio: what wakes a task, and which tasks have a deadline."""

from __future__ import annotations

import math
from typing import Any

import trio
import trio._core._parking_lot
import trio._core._run

from stackscope.glue.clocks import began_work
from stackscope.glue.describing import code_of
from stackscope.glue.trio.runners import runner_of_task
from stackscope.safe.interruptions import attempt
from stackscope.safe.objects import instance_attributes, is_instance
from stackscope.snapshot.waking import (
    Limit,
    cancellers_of,
    register_endless,
    register_limits,
    silent_about,
    token_of,
    turn_of,
    wakers_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, Iterator, List, Sequence, Set

__all__ = ["install", "register_own_scope"]


_own_scopes: List[Callable[[Any], object]] = []
"""What `register_own_scope` was told."""


def register_own_scope(find: Callable[[Any], object]) -> None:
    """Have a library tell the cancel scope that it puts around each of its tasks.

    Args:
        find: Gets a task, and gives its scope; ``None`` if it has none.
    """
    if find not in _own_scopes:
        _own_scopes.append(find)


def task_itself(task: Any) -> List[object]:
    """Whoever calls ``reschedule(task)`` has the task."""
    return [task]


def scopes_around(task: Any) -> List[object]:
    """Who cancels a task has a cancel scope that it is in, or that is around its nursery.

    Those of nurseries don't count: all who have started something in one have that. Nor those that
    a library puts around each task, nor what is outside a shielded one.
    """
    excluded: Set[int] = set()
    inner = task
    while inner is not None:
        excluded.update(id(nursery.cancel_scope) for nursery in inner.child_nurseries)
        excluded.update(id(attempt(None, find, inner)) for find in _own_scopes)
        nursery = inner.parent_nursery
        inner = None if nursery is None else nursery.parent_task
    found: List[object] = []
    for status in _statuses(task):
        scope = getattr(status, "_scope", None)
        if scope is not None and id(scope) not in excluded:
            found.append(scope)
        if getattr(scope, "_shield", False):
            break
    return found


def abort_function(task: Any) -> object:
    """What ``wait_task_rescheduled()`` was given, a function made for each wait."""
    return getattr(task, "_abort_func", None)


# Which lots to break when a task ends: one with a lock is a key there (0.29+). It wakes nobody.
BREAKERS = getattr(trio._core._parking_lot, "GLOBAL_PARKING_LOT_BREAKER", None)


def structure_around(task: Any) -> List[object]:
    """What has a task as one of its run, of a nursery or a cancel scope, or as one with locks."""
    found: List[object] = [BREAKERS]
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


def tasks_with_deadlines(tasks: Sequence[Any]) -> List[Limit]:
    """The tasks that a cancel scope around them cancels some day.

    Each has the scopes of its own among these, and those around the nursery that it is in. What is
    around a shielded scope doesn't concern it.
    """
    known: Dict[int, bool] = {}
    found: List[Limit] = []
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
            is_limited = getattr(scope, "_deadline", math.inf) != math.inf
            if is_limited or getattr(scope, "_shield", False):
                break
        known.update((id(status), is_limited) for status in passed)
        if is_limited:
            found.append(Limit(task, spreads=False))
    return found


def install() -> None:
    """Register what concerns the end of waits."""
    wakers_of.register(trio.lowlevel.Task, task_itself)
    cancellers_of.register(trio.lowlevel.Task, scopes_around)
    code = code_of(trio, "sleep_forever")
    if code is not None:
        register_endless(code)
    token_of.register(trio.lowlevel.Task, abort_function)
    silent_about.register(trio.lowlevel.Task, structure_around)
    register_limits(tasks_with_deadlines)
    turn_of.register(trio._core._run.Runner, began_work)
