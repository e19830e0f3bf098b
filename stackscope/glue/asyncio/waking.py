"""asyncio: what wakes a task, and which tasks a timer wakes or cancels."""

from __future__ import annotations

import asyncio
import asyncio.base_events
import gc
from collections import deque
from types import BuiltinMethodType, FunctionType, MethodType

from stackscope.glue.asyncio.futures import TASKS, PyTask, free_variables, internal
from stackscope.glue.asyncio.loops import (
    get_loop,
    known_loops,
    loops_without_frames,
    timers_of,
)
from stackscope.glue.clocks import began_work
from stackscope.glue.describing import code_of
from stackscope.interpreter.facts import IS_CPYTHON
from stackscope.safe.interruptions import attempt
from stackscope.safe.objects import instance_attributes, is_instance, values_in_slots
from stackscope.snapshot.survey import unique
from stackscope.snapshot.waking import (
    Limit,
    belongings_of,
    register_endless,
    register_limits,
    token_of,
    turn_of,
    wakers_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator, List, Sequence

__all__ = ["install", "register_scope"]

DEEPEST = 6
"""How many objects there may be between a timer and the task that it cancels."""

MOST_LOOKED_AT = 200
"""How many objects are looked at for each timer."""

CONTAINERS = (deque, dict, frozenset, list, set, tuple)


def future_awaited(task: Any) -> object:
    """What a task awaits: whoever gives that its result wakes the task."""
    return internal(task, "_fut_waiter")


def futures_awaited(task: Any) -> List[object]:
    """The same as a list."""
    future = future_awaited(task)
    return [] if future is None else [future]


def attributes_of_task(task: object) -> List[object]:
    """What somebody has stored in a task. One written in C has nothing else there."""
    return list(instance_attributes(task).values())


_exact: List[type] = []
"""What `register_scope` was told."""


def register_scope(cls: type) -> None:
    """Say of cancel scopes that `register_limits` finds the tasks that their timers cancel.

    Args:
        cls: The type of the scopes.
    """
    _exact.append(cls)


def tasks_with_timers(tasks: Sequence[object]) -> List[Limit]:
    """The tasks that a timer cancels, as those of ``timeout()`` do."""
    loops = [*known_loops(), *loops_without_frames()]
    loops += [get_loop(task) for task in tasks if is_instance(task, TASKS)]
    found: List[Limit] = []
    for loop in unique(loops):
        for timer in timers_of(loop):
            found += attempt([], _tasks_of_timer, timer)
    return found


def _tasks_of_timer(timer: object) -> List[Limit]:
    """The tasks that are near to what a timer calls, and what leads there."""
    found: List[object] = []
    todo = list(_inside(timer))
    seen = {id(timer): timer}
    for _ in range(DEEPEST):
        deeper: List[object] = []
        for obj in todo[:MOST_LOOKED_AT]:
            if id(obj) in seen:
                continue
            seen[id(obj)] = obj
            if is_instance(obj, TASKS):
                found.append(obj)
            else:
                deeper += _inside(obj)
        todo = deeper
    return [Limit(task, list(seen.values())) for task in found]


def _inside(obj: Any) -> Iterator[object]:
    """What an object that a timer has refers to, as far as it may lead to a task."""
    cls = type(obj)
    if is_instance(obj, (asyncio.AbstractEventLoop, *_exact)) or cls.__name__ in PASSED:
        return
    if cls is MethodType or is_instance(obj, (BuiltinMethodType,)):
        yield obj.__self__
    elif cls is FunctionType:
        yield from _used_to_cancel(obj)
    elif any(cls is one for one in CONTAINERS):
        yield from list(obj.values() if cls is dict else obj)[:MOST_LOOKED_AT]
    elif IS_CPYTHON:
        yield from gc.get_referents(obj)
    else:
        yield from instance_attributes(obj).values()
        yield from values_in_slots(obj)


PASSED = frozenset(
    ("Context", "Future", "Loop", "code", "coroutine", "frame", "generator", "module", "type")
)
"""The names of types of what leads everywhere, or has no task of its own."""


def _used_to_cancel(function: Any) -> List[object]:
    """What a function that cancels something may cancel: its free variables, defaults, globals."""
    code = function.__code__
    if not any("cancel" in name for name in code.co_names):
        return []
    found = [*free_variables(function).values(), *(function.__defaults__ or ())]
    found += (function.__kwdefaults__ or {}).values()
    found += [dict.get(function.__globals__, name) for name in code.co_names]
    return [one for one in found if one is not None]


def install() -> None:
    """Register what concerns the end of waits."""
    for task_type in set(TASKS):
        wakers_of.register(task_type, futures_awaited)
        token_of.register(task_type, future_awaited)
        if task_type is not PyTask:
            belongings_of.register(task_type, attributes_of_task)
    code = code_of(asyncio.base_events, "Server.serve_forever")
    if code is not None:
        register_endless(code)
    register_limits(tasks_with_timers)
    turn_of.register(asyncio.BaseEventLoop, began_work)
