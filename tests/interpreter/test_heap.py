"""Objects of given types or addresses are found, and nothing else is touched on the way."""

from __future__ import annotations

import gc
import sys
import threading
from types import ModuleType, SimpleNamespace

import pytest

import stackscope
from stackscope.interpreter import heap
from stackscope.interpreter.facts import INSTANCES_REFER_TO_TYPE, has_gil
from tests.conftest import unfreeze


class Metaclass(type):
    def __eq__(cls, other):
        raise AssertionError

    def __hash__(cls):
        raise AssertionError


class Plain:
    def method(self):
        pass


class Derived(Plain):
    def method(self):
        pass


class Slots:
    __slots__ = ("a",)

    def method(self):
        pass


class Strange(metaclass=Metaclass):
    def method(self):
        pass


class WithoutMethods:
    pass


class OfC(Exception):
    def method(self):
        pass


@pytest.mark.parametrize("by_referrers", [True, False])
@pytest.mark.parametrize(
    "cls", [Plain, Derived, Slots, Strange, WithoutMethods, OfC, SimpleNamespace]
)
def test_instances(cls, by_referrers, monkeypatch):
    if not by_referrers:
        monkeypatch.setattr(heap, "INSTANCES_REFER_TO_TYPE", False)
    made = [cls() for _ in range(3)]
    for index, thing in enumerate(made):
        thing.a = [index]  # the collector need not know what refers to nothing
    found = heap.instances([cls])
    assert all(type(thing) is cls for thing in found)
    assert {id(thing) for thing in made} <= {id(thing) for thing in found}


@pytest.mark.parametrize(
    ("cls", "refer"), [(Plain, True), (Derived, True), (OfC, True), (WithoutMethods, False)]
)
def test_whose_instances_are_sure_to_refer_to_it(cls, refer):
    """These are found in a tenth of the time."""
    assert heap._is_referred_to(cls) == (refer and INSTANCES_REFER_TO_TYPE)


class Module(ModuleType):
    __slots__ = ("more",)


def test_a_module_is_never_asked_what_it_refers_to():
    module, other = Module("module"), [[]]
    module.more = []
    known = heap.module_types()
    for found, expected in [
        (heap.referents([module], known), [vars(module)]),
        (heap.referents([module, other], known), [other[0], vars(module)]),
        (heap.referents([other], known), other),
    ]:
        assert list(map(id, found)) == list(map(id, expected))


def test_no_types():
    assert heap.instances([]) == []


def test_subclasses():
    assert heap.subclasses(Plain) == [Plain, Derived]


def test_object_at():
    thing = Plain()
    thing.itself = thing
    assert heap.object_at(id(thing)) is thing
    assert heap.object_at(2) is None


def hold_what_threads_make():
    """What must not be done."""
    import gc

    objects = gc.get_objects()
    return sum(type(thing) is Plain for thing in objects)


ENOUGH = 100
"""How many tuples another thread makes, at least, while objects are looked for."""


def tuples_that_fail(look):
    """How many tuples can't be made by another thread while this one looks; and how many could."""
    over = []
    made, failed = [0], [0]

    def work():
        while not over:
            try:
                tuple(number for number in range(12))
                made[0] += 1
            except SystemError:
                failed[0] += 1

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread = threading.Thread(target=work)
    thread.start()
    try:
        looks = 0
        while looks < 2 or made[0] + failed[0] <= ENOUGH:  # which a slow machine makes late
            look()
            looks += 1
    finally:
        over.append(True)
        thread.join()
        sys.setswitchinterval(interval)
    return failed[0], made[0]


def test_what_other_threads_make_is_left_alone(unfrozen):
    """CPython up to 3.13 can't end a tuple that something refers to while it is filled."""
    pytest.importorskip("trio")  # whose runs nothing but the collector knows
    from trio._core._run import Runner

    looks = [stackscope.extract_all, lambda: heap.instances([Runner])]
    # Without the GIL another thread may run at any moment: looking for classes made in C is unsure.
    if has_gil():
        pytest.importorskip("greenlet")  # as with greenlets, whose class is made in C
        looks += [lambda: heap.instances([SimpleNamespace]), lambda: heap.object_at(id(heap))]
    for look in looks:
        failed, made = tuples_that_fail(look)
        assert failed == 0
        assert made > ENOUGH


@pytest.mark.skipif(
    sys.version_info >= (3, 14) or sys.implementation.name != "cpython",
    reason="tuples are made otherwise",
)
def test_the_test_above_can_fail(unfrozen):
    assert any(tuples_that_fail(hold_what_threads_make)[0] for _ in range(25))


@pytest.mark.skipif(not hasattr(gc, "freeze"), reason="has no gc.freeze()")
def test_frozen_objects(unfrozen):
    assert heap.frozen_objects() == 0
    gc.freeze()
    assert heap.frozen_objects() == gc.get_freeze_count() > 0
    unfreeze()
    assert heap.frozen_objects() == 0


@pytest.mark.skipif(not hasattr(gc, "freeze"), reason="has no gc.freeze()")
@pytest.mark.parametrize(("seconds", "counts"), [(0.05, 1), (0.0, 3)])
def test_frozen_objects_are_seldom_counted_where_that_takes_long(
    seconds, counts, unfrozen, monkeypatch
):
    def count():
        calls.append(now[0])
        now[0] += seconds
        return 1_000_000

    calls, now = [], [1000.0]
    monkeypatch.setattr(heap, "monotonic", lambda: now[0])
    monkeypatch.setattr(gc, "get_freeze_count", count)
    assert [heap.frozen_objects() for _ in range(3)] == [1_000_000] * 3
    assert len(calls) == counts
    now[0] += seconds * heap.REST_AFTER_COUNT + 0.001
    monkeypatch.setattr(gc, "get_freeze_count", lambda: 0)
    assert heap.frozen_objects() == 0  # it is counted again


@pytest.mark.skipif(not hasattr(gc, "freeze"), reason="has no gc.freeze()")
def test_that_nothing_is_frozen_is_counted_each_time(unfrozen, monkeypatch):
    """Else what the program freezes next would be passed over in silence."""
    times = iter(range(100))
    monkeypatch.setattr(heap, "monotonic", lambda: next(times))  # as slow as can be
    assert heap.frozen_objects() == 0
    gc.freeze()
    assert heap.frozen_objects() > 0
