"""What is remembered of the hooks that describe waits."""

from __future__ import annotations

import gc
import weakref

import pytest

from stackscope.snapshot.waits import describe_leaf, describe_object


def register(cls, words):
    def describe(leaf, waiting):
        waiting.call = words

    describe_leaf.register(cls, describe)


def test_a_hook_takes_the_place_of_another_one():
    leaf = type("Leaf", (), {})()
    assert describe_object(leaf).call == ""
    register(type(leaf), "first")
    assert describe_object(leaf).call == "first"
    register(type(leaf), "second")
    assert describe_object(leaf).call == "second"


def test_no_class_is_kept_alive():
    leaf = type("Leaf", (), {})()
    describe_object(leaf)
    cls = weakref.ref(type(leaf))
    del leaf
    for _ in range(3):
        gc.collect()
    assert cls() is None


@pytest.mark.parametrize("error", [ValueError, type("Odd", (BaseException,), {})])
def test_what_a_hook_raises_costs_what_it_would_have_told(error):
    leaf = type("Leaf", (), {})()

    def fail(leaf, waiting):
        waiting.place = 3
        raise error

    describe_leaf.register(type(leaf), fail)
    waiting = describe_object(leaf)
    assert (waiting.call, waiting.place) == ("", 3)


def test_an_interruption_goes_through_a_hook():
    leaf = type("Leaf", (), {})()

    def interrupt(leaf, waiting):
        raise KeyboardInterrupt

    describe_leaf.register(type(leaf), interrupt)
    with pytest.raises(KeyboardInterrupt):
        describe_object(leaf)


def test_only_so_many_classes_are_remembered(monkeypatch):
    """There may be some that are made all the time."""
    known = {}
    monkeypatch.setattr("stackscope.snapshot.waits._hooks", known)
    kept = [type("Leaf", (), {})() for _ in range(1200)]
    for leaf in kept:
        describe_object(leaf)
    assert 0 < len(known) <= 502
