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


def kept_by_nobody(number=1, make=Plain):
    """Something that only has what doesn't count, and the ids of that."""
    keeper = Passive()
    keeper.one = [make() for _ in range(number)]
    return keeper, list(map(id, keeper.one))


def made(keeper, closed=(), silent=(), progress=None):
    return BackToRoots(keeper.one, (), set(closed), set(silent), (Passive,), progress)


@pytest.mark.parametrize("is_kept", [False, True])
def test_a_proxy_counts_if_something_alive_has_it(is_kept):
    keeper, wanted = kept_by_nobody()
    box = [weakref.proxy(keeper.one[0])]
    search = made(keeper, () if is_kept else [id(box)])
    try:
        assert search.follow() == []
        assert search.follow_what_may_come_back() == (wanted if is_kept else [])
    finally:
        search.close()


def test_a_chain_of_proxies():
    """Each object has a proxy of the next one; only the last one is asked about."""
    keeper, _ = kept_by_nobody(4)
    for number in range(3):
        keeper.one[number].following = weakref.proxy(keeper.one[number + 1])
    keeper.other, keeper.one = keeper.one[:-1], keeper.one[-1:]
    kept = weakref.proxy(keeper.other[0])
    wanted = list(map(id, keeper.one))
    search = made(keeper)
    try:
        assert search.follow() == []
        assert search.follow_what_may_come_back() == wanted
    finally:
        search.close()
    del kept


def test_roots_are_reached_though_only_what_is_closed_has_them():
    keeper, wanted = kept_by_nobody()
    keeper.other = [keeper.one[0]]
    search = made(keeper, [id(keeper.other)])
    try:
        assert search.follow() == []
        search.add_roots([keeper.one[0]])
        assert search.reached() == wanted
        assert search.reached() == []
    finally:
        search.close()


@pytest.mark.parametrize("is_silent", [False, True])
def test_what_is_silent_does_not_lead_to_what_is_wanted_and_closed(is_silent):
    keeper, wanted = kept_by_nobody()
    holder = [keeper.one[0]]
    search = made(keeper, wanted, [id(holder)] if is_silent else [])
    try:
        assert search.follow() == ([] if is_silent else wanted)
    finally:
        search.close()


def test_what_is_silent_leads_to_what_is_not_closed():
    keeper, wanted = kept_by_nobody()
    holder = [keeper.one[0]]
    search = made(keeper, (), [id(holder)])
    try:
        assert search.follow() == wanted
    finally:
        search.close()


def test_it_gives_up_if_it_has_asked_too_often(monkeypatch):
    """It tells nothing then, not even of what has a finalizer: not all is known that has that."""
    keeper, wanted = kept_by_nobody(make=Finalized)
    search = made(keeper)
    assert search.follow() == []
    assert not search.has_given_up
    assert search.follow_what_may_come_back() == wanted
    search.close()
    monkeypatch.setattr(back_to_roots, "MOST_CALLS", 1)
    shares = []
    search = made(keeper, progress=shares.append)
    assert search.follow() == []
    assert search.has_given_up
    assert not search.go_on()
    assert shares == [1.0]
    assert search.follow_what_may_come_back() == []
    search.close()


def test_it_gives_up_if_what_refers_to_something_has_too_much(monkeypatch):
    keeper, _ = kept_by_nobody()
    keeper.other = [*keeper.one, *[None] * 1000]
    search = made(keeper)
    search.follow()
    assert not search.has_given_up
    search.close()
    monkeypatch.setattr(back_to_roots, "MOST_REFERENCES", 1000)
    search = made(keeper)
    assert search.follow() == []
    assert search.has_given_up
    search.close()


@pytest.mark.parametrize("to_try", [1, 5])
def test_it_gives_up_early_if_the_rest_is_out_of_reach(to_try, monkeypatch):
    """Here nothing makes others live, and each is asked about by itself."""
    monkeypatch.setattr(back_to_roots, "AT_ONCE", 1)
    monkeypatch.setattr(back_to_roots, "MOST_CALLS", 10)
    monkeypatch.setattr(back_to_roots, "CALLS_TO_TRY", to_try)
    keeper, _ = kept_by_nobody(20)
    shares = []
    search = made(keeper, progress=shares.append)
    assert search.follow() == []
    assert search.has_given_up
    assert shares == [number / 10 for number in range(1, to_try + 1)]
    search.close()


def test_what_has_turned_out_alive_is_not_asked_about(monkeypatch):
    """What leads to all of them is found by the first one, and lives."""
    monkeypatch.setattr(back_to_roots, "AT_ONCE", 1)
    keeper, wanted = kept_by_nobody(10)
    hub = [*keeper.one[1:]]
    shares = []
    search = made(keeper, progress=shares.append)
    assert sorted(search.follow()) == sorted(wanted[1:])
    assert len(shares) <= 5  # for one of these, what has them all, and the one that nothing has
    search.close()
    del hub


def test_nothing_is_asked_about_twice(monkeypatch):
    """Each is led to by the one before, which is to be asked about anyway."""
    monkeypatch.setattr(back_to_roots, "AT_ONCE", 1)
    monkeypatch.setattr(back_to_roots, "MOST_CALLS", 1000)
    keeper, _ = kept_by_nobody(10, Slotted)
    for number in range(9):
        keeper.one[number].one = [keeper.one[number + 1]]
    shares = []
    search = made(keeper, progress=shares.append)
    assert search.follow() == []
    # Themselves, the lists between them, and what keeps these and is told by the collector.
    assert 20 <= len(shares) <= 22
    search.close()


@pytest.mark.parametrize("what", ["nothing", "the holder", "what is wanted"])
def test_what_is_held_nearby_is_left_to_who_asks(what):
    keeper, wanted = kept_by_nobody(2)
    holder = [keeper.one[0]]
    keeper.near = {id(holder): holder, **dict(zip(wanted, keeper.one))}
    held = {"nothing": (), "the holder": [id(holder)], "what is wanted": wanted}[what]
    search = BackToRoots(
        keeper.one, (), set(), set(), (Passive,), near=keeper.near, held=frozenset(held)
    )
    try:
        assert search.follow() == ([] if what == "the holder" else wanted[:1])
    finally:
        search.close()


@pytest.mark.parametrize("is_closed", [False, True])
def test_what_something_closed_leads_to_by_and_by_does_not_come_back(is_closed):
    """Else its finalizer would, and what that has."""
    keeper, wanted = kept_by_nobody()
    keeper.other = [[[Finalized()]]]
    keeper.other[0][0][0].one = keeper.one[0]
    search = made(keeper, [id(keeper.other)] if is_closed else [])
    try:
        assert search.follow() == []
        assert search.follow_what_may_come_back() == ([] if is_closed else wanted)
    finally:
        search.close()
