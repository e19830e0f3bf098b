"""What holds others is described as its own ``repr`` does it, and no further than is shown."""

from __future__ import annotations

import asyncio
import functools
import time
from collections import OrderedDict, defaultdict, deque

import pytest

import stackscope
from stackscope.safe.text import safe_repr, set_reprs_enabled


def function(*args, **kwargs):
    pass


class Held:
    looked_at = 0

    def __init__(self, text="held"):
        self.text = text

    def __repr__(self):
        Held.looked_at += 1
        return f"<{self.text}>"

    def __hash__(self):
        raise RuntimeError("nobody may ask for it")

    def method(self):
        pass


def some_holders():
    held = Held()
    return {
        "frozenset": frozenset({1}),
        "empty frozenset": frozenset(),
        "deque": deque([1, held, "a"]),
        "bounded deque": deque([1, 2], maxlen=3),
        "empty deque": deque(),
        "defaultdict": defaultdict(int, {1: held}),
        "defaultdict without factory": defaultdict(None, {1: 2, 3: 4}),
        "ordered": OrderedDict([("a", held), ("b", 1)]),
        "empty ordered": OrderedDict(),
        "partial": functools.partial(function, 1, held, key=held),
        "method": held.method,
        "method of a class": Held.method.__get__([held]),
        "nested": deque([frozenset({(1, 2)}), defaultdict(list, {1: [held]})]),
    }


@pytest.mark.parametrize("name", some_holders())
def test_it_is_as_its_own(name):
    holder = some_holders()[name]
    assert safe_repr(holder) == repr(holder)


@pytest.mark.parametrize("make", [frozenset, deque, OrderedDict.fromkeys])
def test_only_what_is_shown_is_looked_at(make):
    holder = make(range(200_000))
    start = time.thread_time()
    for _ in range(10):
        text = safe_repr(holder)
    assert time.thread_time() - start < 0.1
    assert text == repr(holder)[:400] + "..."


def test_elements_are_looked_at_as_long_as_there_is_room():
    Held.looked_at = 0
    safe_repr(deque([Held() for _ in range(10_000)]))
    safe_repr(functools.partial(function, *[Held() for _ in range(10_000)]))
    safe_repr(defaultdict(int, enumerate([Held() for _ in range(10_000)])))
    assert Held.looked_at < 1000


def test_what_holds_itself():
    loop = deque([1])
    loop.append(loop)
    assert safe_repr(loop) == "deque([1, <deque ...>])"


def test_what_is_built_in_is_described_without_code_of_the_program():
    set_reprs_enabled(False)
    try:
        text = safe_repr(deque([1, Held()]))
    finally:
        set_reprs_enabled(True)
    assert text.startswith("deque([1, <Held object at 0x")


class OwnRepr(asyncio.Task):
    def __repr__(self):
        return "<mine>"


class OwnWords(asyncio.Task):
    def _repr_info(self):  # asked up to 3.11
        return ["my words"]

    def get_name(self):
        return "odd"


async def awaits(awaitable):
    await awaitable


def in_asyncio(look):
    async def main():
        return await look()

    return asyncio.run(main())


def test_tasks_that_await_each_other_are_as_their_own():
    async def look():
        stackscope.extract(asyncio.current_task())
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(asyncio.Event().wait())]
        for make in (asyncio.Task, OwnWords, OwnRepr, asyncio.Task, asyncio.Task, asyncio.Task):
            tasks.append(make(awaits(tasks[-1]), loop=loop))
        for _ in range(3):
            await asyncio.sleep(0)
        for task in tasks:
            text = repr(task)
            assert safe_repr(task) == (text if len(text) <= 400 else text[:400] + "...")
        tasks[0].cancel()
        assert safe_repr(tasks[0]) == repr(tasks[0])
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            assert safe_repr(task) == repr(task)

    in_asyncio(look)


def test_queues_are_as_their_own():
    class Mine(asyncio.Queue):
        def _format(self):
            return "mine"

    async def look():
        stackscope.extract(asyncio.current_task())
        for make in (asyncio.Queue, asyncio.PriorityQueue, asyncio.LifoQueue, Mine):
            queue = make()
            assert safe_repr(queue) == repr(queue)
            for item in ("a", "b"):
                queue.put_nowait(item)
            assert safe_repr(queue) == repr(queue)
        queue = asyncio.Queue()
        for _ in range(10_000):
            queue.put_nowait(Held())
        Held.looked_at = 0
        assert safe_repr(queue).startswith(f"<Queue at {id(queue):#x} maxsize=0 _queue=[<held>, ")
        assert Held.looked_at < 1000

    in_asyncio(look)
