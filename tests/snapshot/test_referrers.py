"""What refers to an object, told by where it stands there."""

from __future__ import annotations

import sys
import types

import pytest

from stackscope.interpreter.facts import IS_PYPY
from stackscope.snapshot.referrers import referrers

pytestmark = pytest.mark.skipif(IS_PYPY, reason="its collector tells otherwise")


class Thing:
    """What is referred to, and what refers by an attribute."""


class Slotted:
    __slots__ = ("thing",)


def is_of_library(frame):
    return frame.f_globals["__name__"] == referrers.__module__


def told_of(make):
    """The kinds and keys of what refers to a thing, and the owners, but for this function."""
    thing = Thing()
    kept = make(thing)
    here = sys._getframe()
    found = referrers(thing, lambda frame: frame is here or is_of_library(frame))
    return kept, [one for one in found if one.owner is not here]


def only(make):
    kept, found = told_of(make)
    [one] = found
    return kept, one


def with_attribute(thing):
    holder = Thing()
    holder.thing = thing
    return holder


def with_slot(thing):
    holder = Slotted()
    holder.thing = thing
    return holder


def module(thing):
    made = types.ModuleType("made")
    made.thing = thing
    return made


@pytest.mark.parametrize(
    ("make", "kind", "key"),
    [
        (lambda thing: [1, thing], "item", 1),
        (lambda thing: ([], thing), "item", 1),
        (lambda thing: {"one": 1, "two": thing}, "value", "two"),
        (with_attribute, "attribute", "thing"),
        (with_slot, "object", None),
        (module, "module", "thing"),
        (lambda thing: {thing}, "object", None),
    ],
)
def test_what_refers_to_it(make, kind, key):
    kept, one = only(make)
    assert one.owner is kept
    assert (one.kind, one.key) == (kind, key)


def test_each_place_in_a_list():
    _, found = told_of(lambda thing: [thing, 1, thing])
    assert sorted(one.key for one in found) == [0, 2]


def test_a_closure():
    def make(thing):
        return lambda: thing

    kept, one = only(make)
    assert one.owner is kept
    assert (one.kind, one.key) == ("closure", "thing")


def suspended(thing):
    yield 1


async def awaiting(thing):
    await pause()


@types.coroutine
def pause():
    yield


async def asynchronous(thing):
    yield 1


@pytest.mark.parametrize("function", [suspended, awaiting, asynchronous])
def test_a_variable_of_something_that_waits(function):
    def make(thing):
        made = function(thing)
        step = made.asend(None) if function is asynchronous else made
        try:
            step.send(None)
        except StopIteration:
            pass
        return made

    kept, one = only(make)
    assert (one.kind, one.key) == ("variable", "thing")
    assert one.owner.f_code.co_name == function.__name__
    if function is not asynchronous:
        kept.close()


def test_variables_of_frames_that_run():
    thing = Thing()

    def inner(given):
        return referrers(thing, is_of_library)

    found = [one for one in inner(thing) if one.kind == "variable"]
    assert {(one.owner.f_code.co_name, one.key) for one in found} == {
        ("inner", "given"),
        ("inner", "thing"),
        ("test_variables_of_frames_that_run", "thing"),
    }


def test_what_is_left_out():
    mine = []

    def make(thing):
        mine.append(thing)
        return [thing]

    thing = Thing()
    kept = make(thing)
    found = referrers(thing, lambda frame: True, [mine])
    assert [one.owner for one in found if one.kind == "item"] == [kept]
