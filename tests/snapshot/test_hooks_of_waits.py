"""What is remembered of the hooks that describe waits."""

from __future__ import annotations

import gc
import weakref

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
