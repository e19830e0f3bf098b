"""Which tasks a timer of asyncio ends: those that are near to what it calls, and may cancel."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections import deque

import pytest

from stackscope.extraction.extraction import Extraction
from stackscope.glue import make_ready
from stackscope.glue.asyncio.waking import DEEPEST, MOST_LOOKED_AT, tasks_with_timers
from stackscope.snapshot.waits import ask_about
from stackscope.snapshot.waking import turn_of

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


@pytest.mark.parametrize("is_registered", [True, False])
def test_timers_of_a_loop_that_does_not_run(is_registered):
    """It is known by its tasks, and these by asyncio, or by who asks."""
    loop = asyncio.new_event_loop()
    try:
        task = loop.create_task(asyncio.sleep(0))
        if not is_registered:
            asyncio.tasks._unregister_task(task)
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


def turn(loop):
    """What another thread is told, while this one waits for it."""
    found = []

    def look():
        found.append(Extraction(False, False, None).complete(ask_about, turn_of, loop))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return found[0]


def test_each_turn_of_a_loop_has_begun_at_another_moment():
    """By that a loop that is blocked is told from one that is back where it was."""

    make_ready()

    async def main():
        loop = asyncio.get_running_loop()
        first = turn(loop), turn(loop)
        await asyncio.sleep(0.05)
        return loop, first, turn(loop)

    loop, first, second = asyncio.run(main())
    assert first[0] == first[1] < second
    assert turn(loop) is None
