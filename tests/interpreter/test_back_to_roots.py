"""What is alive is told alike from both ends: from what is wanted, and from all roots."""

from __future__ import annotations

import asyncio
import functools
import gc
import random
import weakref

import pytest

from stackscope.interpreter import back_to_roots
from stackscope.interpreter.back_to_roots import BackToRoots
from stackscope.interpreter.reachable import Reachable, counts_references

pytestmark = pytest.mark.skipif(not counts_references(), reason="references aren't counted")

HEAPS = 12
"""How many heaps are tried; many more by hand: `differences(range(10000))`."""


class Plain:
    """Something with attributes."""


class Slotted:
    """Something without a dictionary."""

    __slots__ = ("__weakref__", "one", "other")


class Passive:
    """What stands for objects of the search itself."""


class Finalized:
    """Something that runs code when it is dropped."""

    def __del__(self):
        pass


class Heap:
    """Objects of all sorts that refer to each other at random, some of them to be told of.

    Args:
        seed: Makes the same heap each time, but for the order of sets.
    """

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.objects = []
        makers = [getattr(self, name) for name in dir(self) if name.startswith("make_")]
        for _ in range(self.random.randrange(4, 40)):
            self.objects.append(self.random.choice(makers)())
        self.connect()
        self.wanted = self.some(self.random.randrange(1, 6))
        self.closed = self.some(self.random.randrange(8))
        self.silent = {id(one) for one in self.some(self.random.randrange(4))}
        self.kept = self.some(self.random.randrange(3))  # alive, as this is
        if self.random.random() < 0.3:
            self.closed += self.wanted[:1]

    def some(self, count):
        those = [one for one in self.objects if type(one) is not Passive]
        return self.random.sample(those, min(count, len(those)))

    def any(self):
        return self.random.choice(self.objects) if self.objects else None

    def any_but_tuples(self):
        one = self.any()
        return [one] if type(one) is tuple else one

    def make_list(self):
        return [self.any() for _ in range(self.random.randrange(4))]

    def make_tuple(self):
        return (self.any_but_tuples(), self.any_but_tuples(), [])

    def make_tuple_of_tuples(self):
        return ((self.any_but_tuples(), []), ((self.any_but_tuples(), []), []))

    def make_dictionary(self):
        return {"one": self.any(), "other": [self.any()]}

    def make_plain(self):
        return Plain()

    def make_slotted(self):
        return Slotted()

    def make_finalized(self):
        return Finalized()

    def make_passive(self):
        return Passive()

    def make_function(self):
        def inner():
            return one

        one = self.any()
        return inner

    def make_generator(self):
        def inner(one):
            yield [one]

        made = inner(self.any())
        if self.random.random() < 0.7:
            next(made)
        return made

    def make_method(self):
        some = Plain()
        some.one = self.any()
        return some.__init__

    def make_weak(self):
        target = self.any()
        try:
            return [weakref.ref(target)]
        except TypeError:
            return [target]

    def make_proxy(self):
        target = self.any()
        if self.random.random() < 0.3 and type(target) in (Plain, Slotted):
            return [weakref.proxy(target)]
        return []

    def make_failed(self):
        def fail(one):
            raise ValueError

        try:
            fail(self.any())
        except ValueError as error:
            return [error]

    def connect(self):
        """More references, so that there are circles."""
        for one in self.objects:
            if type(one) is list and self.random.random() < 0.7:
                one.append(self.any())
            elif type(one) is dict:
                one["more"] = self.any()
            elif type(one) in (Plain, Slotted, Finalized, Passive):
                one.one = self.any()
                one.other = self.any()

    def only_in(self, keeper):
        """Have what is wanted or closed kept by something that doesn't count, the rest by chance.

        Some of it is garbage then, which the collector hasn't found.
        """
        keeper.one, keeper.other = self.wanted, self.closed
        del self.wanted, self.closed
        self.objects.clear()


def opened_by_told(keeper):
    """Some of what is closed, of what isn't wanted."""
    return [one for one in keeper.other[::2] if not any(one is each for each in keeper.one)]


def told(search, keeper):
    """The ids of the wanted objects that are reached, and of those reached once some are opened."""
    try:
        stages = [search.follow()]
        search.open(opened_by_told(keeper))
        stages.append(search.follow())
        stages.append(search.follow_what_may_come_back())
        stages.append(search.follow_tracebacks())
    finally:
        search.close()
    return [set(stage) for stage in stages]


def both_tell(seed):
    """What either way tells of a heap."""
    gc.collect()
    gc.disable()  # or the garbage of one way were gone for the other
    try:
        keeper = Passive()
        heap = Heap(seed)
        heap.only_in(keeper)
        closed = set(map(id, keeper.other))
        wanted = set(map(id, keeper.one))
        first = told(BackToRoots(keeper.one, (), set(closed), heap.silent, (Passive,)), keeper)
        return first, told(Reachable(wanted, closed, heap.silent, (Passive,), {}), keeper)
    finally:
        gc.enable()


def differences(seeds):
    """The seeds of the heaps of which the two ways tell different things."""
    return [seed for seed in seeds for near, whole in [both_tell(seed)] if near != whole]


def test_both_ways_tell_the_same(monkeypatch):
    monkeypatch.setattr(back_to_roots, "MOST_CALLS", 1000)
    assert differences(range(HEAPS)) == []


async def forever():
    await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("is_opened_first", [False, True])
def test_what_a_task_calls_in_the_end_is_as_alive_as_the_task(is_opened_first):
    """Up to 3.11 the collector doesn't tell that the task refers to its callbacks."""
    loop = asyncio.new_event_loop()
    keeper = Passive()
    try:
        task = loop.create_task(forever())
        keeper.one = [[]]
        task.add_done_callback(functools.partial(print, keeper.one[0]))
        wanted = list(map(id, keeper.one))
        search = BackToRoots(keeper.one, [task], {id(task)}, set(), (Passive,))
        if is_opened_first:
            search.open([task])
        else:
            assert search.follow() == []
            search.open([task])
        assert search.follow() == wanted
        search.close()
        task.cancel()
        loop.run_until_complete(asyncio.wait([task]))
    finally:
        loop.close()
