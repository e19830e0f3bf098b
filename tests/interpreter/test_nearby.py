"""What is near to some objects tells of them what the whole heap tells."""

from __future__ import annotations

import gc
import weakref

import pytest

from stackscope.interpreter import back_to_roots
from stackscope.interpreter.nearby import Nearby
from stackscope.interpreter.reachable import Reachable, counts_references
from tests.interpreter.test_back_to_roots import Heap, Passive, Plain, opened_by_told, told

pytestmark = pytest.mark.skipif(not counts_references(), reason="references aren't counted")

HEAPS = 12
"""How many heaps are tried; many more by hand: `differences(range(10000))`."""


def looked_around(keeper, silent, progress=None):
    """What is near to what is closed; the keeper is part of the search."""
    closed = set(map(id, keeper.other))
    near = Nearby(set(map(id, keeper.one)), closed, silent, (Passive,), {}, progress)
    near.look_around(
        [one for one in keeper.other if type(one) is not Passive],
        lambda keys: (one for one in keeper.one if id(one) in keys),
        [keeper],
    )
    return near


def surely_lost(keeper, silent, opened=()):
    """The ids of what can't be reached even if all is alive that may be, and what is opened."""
    near = looked_around(keeper, silent)
    lost = set(map(id, keeper.one)) - set(near.follow())
    if_alive = near.copy_if_all_is_alive(set(map(id, keeper.other)))
    try:
        if_alive.open(opened)
        return lost - set(if_alive.follow())
    finally:
        if_alive.close()
        near.close()


def all_tell(seed):
    """What is near tells of a heap, what is lost by that, and what the whole heap tells."""
    gc.collect()
    gc.disable()  # or the garbage of one way were gone for the other
    try:
        keeper = Passive()
        heap = Heap(seed)
        heap.only_in(keeper)
        lost = surely_lost(keeper, heap.silent, opened_by_told(keeper))
        near = looked_around(keeper, heap.silent)
        near.go_back(set(map(id, keeper.one)), ())
        first = told(near, keeper)
        wanted, closed = set(map(id, keeper.one)), set(map(id, keeper.other))
        return first, lost, told(Reachable(wanted, closed, heap.silent, (Passive,), {}), keeper)
    finally:
        gc.enable()


def differences(seeds):
    """The seeds of the heaps of which something else is told, or something reached called lost."""
    return [
        seed
        for seed in seeds
        for near, lost, whole in [all_tell(seed)]
        if near != whole or lost & set().union(*whole)
    ]


def test_what_is_near_tells_the_same(monkeypatch):
    monkeypatch.setattr(back_to_roots, "MOST_CALLS", 1000)
    assert differences(range(HEAPS)) == []


@pytest.mark.parametrize("is_kept", [False, True])
def test_what_nobody_else_has_is_lost(is_kept):
    """A task is a list here, and waits for what is in a dictionary that it has."""
    keeper = Passive()
    keeper.one = [[]]
    keeper.other = [[{"future": keeper.one[0]}]]
    kept = keeper.other[0][0] if is_kept else None
    lost = surely_lost(keeper, set())
    assert lost == (set() if is_kept else set(map(id, keeper.one)))
    del kept


def test_what_the_search_has_in_containers_of_its_own_is_lost():
    keeper, inside = Passive(), Passive()
    keeper.one, keeper.other = [[]], []
    inside.one = keeper.one[0]
    keeper.more = {"inside": [inside]}
    del inside
    assert surely_lost(keeper, set()) == set(map(id, keeper.one))


@pytest.mark.parametrize("is_closed", [False, True])
def test_what_somebody_may_ask_a_weak_reference_for_is_not_lost(is_closed):
    """But a task, which is closed, is: there is a weak set of all of them."""
    keeper = Passive()
    keeper.one, keeper.other = [[]], [Plain()]
    keeper.other[0].one = keeper.one[0]
    kept = weakref.ref(keeper.other[0])
    if not is_closed:
        keeper.other = [[keeper.other[0]]]
    assert surely_lost(keeper, set()) == (set(map(id, keeper.one)) if is_closed else set())
    del kept


@pytest.mark.parametrize(("refer", "is_lost"), [(weakref.ref, True), (weakref.proxy, False)])
def test_what_is_closed_itself_is_not_lost_if_there_is_a_proxy(refer, is_lost):
    keeper = Passive()
    keeper.one = [Plain()]
    keeper.other = keeper.one[:]
    kept = refer(keeper.one[0])
    assert surely_lost(keeper, set()) == (set(map(id, keeper.one)) if is_lost else set())
    del kept


def fail(_):
    raise ValueError


def test_tracebacks_are_followed_last():
    """This one is found on the way back."""
    keeper = Passive()
    keeper.one, keeper.other = [[]], []
    try:
        fail(keeper.one[0])
    except ValueError as error:
        kept = error
    wanted = list(map(id, keeper.one))
    near = looked_around(keeper, set())
    try:
        near.go_back(set(wanted), ())
        assert near.follow() == []
        assert near.follow_what_may_come_back() == []
        assert near.follow_tracebacks() == wanted
        assert near.follow_tracebacks() == []
    finally:
        near.close()
    del kept


def test_it_gives_up_if_not_only_the_collector_tells_of_references():
    """As of those of a thread's frames: only the way through the whole heap knows them."""
    keeper = Passive()
    keeper.one = [[]]
    wanted = set(map(id, keeper.one))
    near = Nearby(set(wanted), set(), set(), (Passive,), {id(keeper): list(wanted)})
    try:
        near.look_around([], lambda keys: iter(keeper.one), [keeper])
        near.go_back(wanted, ())
        assert near.has_given_up
        assert near.follow() == []
        assert near.follow_what_may_come_back() == []
        assert near.follow_tracebacks() == []
    finally:
        near.close()


def test_progress_never_goes_back(monkeypatch):
    monkeypatch.setattr(back_to_roots, "MOST_CALLS", 1)
    keeper = Passive()
    keeper.one, keeper.other = [[]], []
    kept = [keeper.one[0]]
    shares = []
    near = looked_around(keeper, set(), shares.append)
    try:
        near.go_back(set(map(id, keeper.one)), ())
        assert near.follow() == []
        assert near.has_given_up
    finally:
        near.close()
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] == 1
    del kept
