"""Which tasks a timer of asyncio ends: those that are near to what it calls, and may cancel."""

from __future__ import annotations

import asyncio
import functools
from collections import deque

import pytest

from stackscope.glue.asyncio.waking import DEEPEST, MOST_LOOKED_AT, tasks_with_timers

TASK = []


class Scope:
    """What has a task in an attribute, and a method for a timer to call."""

    def __init__(self, task):
        self.task = task

    def stop(self):
        self.task.cancel()


class Slotted:
    __slots__ = ("task",)

    def __init__(self, task):
        self.task = task

    def stop(self):
        self.task.cancel()


def stop(*args):
    """What does nothing with its arguments, as far as its code shows."""


def by_closure(task):
    return (lambda: task.cancel(),)


def by_default(task):
    def cancel(one=task):
        one.cancel()

    return (cancel,)


def by_keyword(task):
    def cancel(*, one=task):
        one.cancel()

    return (cancel,)


def by_variable_of_the_module(task):
    TASK[:] = [task]

    def cancel():
        TASK[0].cancel()

    return (cancel,)


def by_function_that_does_not_cancel(task):
    return (lambda: print(task),)


def by_name_that_is_no_variable(task):
    """An attribute is called so, and nothing has that name."""
    TASK[:] = [task]

    def cancel():
        print.cancel_all()

    return (cancel,)


def nested(task, depth):
    for _ in range(depth):
        task = [task]
    return task


def limited(make):
    """Whether a task is told to end by a timer, and what leads to it."""

    async def main():
        task = asyncio.ensure_future(asyncio.sleep(1000))
        await asyncio.sleep(0)
        timer = asyncio.get_running_loop().call_later(2000, *make(task))
        found = [limit for limit in tasks_with_timers([]) if limit.task is task]
        timer.cancel()
        task.cancel()
        TASK.clear()
        assert len(found) <= 1
        return found[0] if found else None

    return asyncio.run(main())


CANCELLED = {
    "its method": lambda task: (task.cancel,),
    "partial": lambda task: (functools.partial(task.cancel),),
    "closure": by_closure,
    "default": by_default,
    "keyword": by_keyword,
    "variable of the module": by_variable_of_the_module,
    "method": lambda task: (Scope(task).stop,),
    "method with slots": lambda task: (Slotted(task).stop,),
    "argument": lambda task: (stop, task),
    "value": lambda task: (stop, {"one": task}),
    "set": lambda task: (stop, {task}),
    "frozen set": lambda task: (stop, frozenset([task])),
    "deque": lambda task: (stop, deque([task])),
    "one of many": lambda task: (stop, [*range(MOST_LOOKED_AT - 1), task]),
    "after itself": lambda task: (stop, [stop, stop, [stop]], task),
    "deep": lambda task: (stop, nested(task, DEEPEST - 2)),
}

NOT_CANCELLED = {
    "does not cancel": by_function_that_does_not_cancel,
    "no variable": by_name_that_is_no_variable,
    "key": lambda task: (stop, {task: 1}),
    "too many": lambda task: (stop, [*range(MOST_LOOKED_AT), task]),
    "too deep": lambda task: (stop, nested(task, DEEPEST - 1)),
    "behind the loop": lambda task: (stop, asyncio.get_running_loop()),
    "nothing": lambda task: (stop,),
}


@pytest.mark.parametrize("how", CANCELLED)
def test_what_a_timer_ends(how):
    assert limited(CANCELLED[how]) is not None


@pytest.mark.parametrize("how", NOT_CANCELLED)
def test_what_a_timer_does_not_end(how):
    assert limited(NOT_CANCELLED[how]) is None


def test_what_leads_to_the_task_is_told():
    """By that it is known which tasks inside a context manager are ended with it."""
    scopes = []

    def make(task):
        scopes.append(Scope(task))
        return (scopes[0].stop,)

    found = limited(make)
    assert any(one is scopes[0] for one in found.by)
    assert any(one is found.task for one in found.by)


def test_timers_of_a_loop_that_does_not_run():
    """It is known by its tasks."""
    loop = asyncio.new_event_loop()
    try:
        task = loop.create_task(asyncio.sleep(0))
        loop.call_later(2000, task.cancel)
        assert [limit.task for limit in tasks_with_timers([task])] == [task]
        loop.run_until_complete(task)
    finally:
        loop.close()


def test_each_loop_is_looked_at_once():
    async def main():
        task = asyncio.ensure_future(asyncio.sleep(1000))
        timer = asyncio.get_running_loop().call_later(2000, task.cancel)
        found = [limit for limit in tasks_with_timers([task]) if limit.task is task]
        timer.cancel()
        task.cancel()
        return found

    assert len(asyncio.run(main())) == 1
