"""What is kept of hooks from one extraction to the next."""

from __future__ import annotations

import abc
import gc
import sys
import weakref

import pytest

from stackscope import customize, elaborate_context, extract, unwrap_context, unwrap_stackitem
from stackscope.extraction import extraction
from stackscope.extraction.extraction import Extraction
from tests.helpers.managers import Manager, pause

KEEPS = sys.implementation.name == "cpython"


def coroutine_in(manager):
    """A coroutine that is suspended in a ``with`` block."""

    async def hold():
        with manager:
            await pause()

    coroutine = hold()
    coroutine.send(None)
    return coroutine


def new_class(base=object):
    return type("Item", (base,), {})


def leaf_of(item):
    return extract(item).leaf


@pytest.mark.skipif(not KEEPS, reason="ids may be used again too early")
def test_they_are_kept():
    assert Extraction(True, False, None).lookups is Extraction(True, False, None).lookups


def test_a_hook_for_a_class_that_is_known():
    item = new_class()()
    assert leaf_of(item) is item
    unwrap_stackitem.register(type(item), lambda item: ["first"])
    assert leaf_of(item) == "first"
    unwrap_stackitem.register(type(item), lambda item: ["second"])  # in its place
    assert leaf_of(item) == "second"


def test_registered_by_decorators():
    item = new_class()()
    assert leaf_of(item) is item

    @unwrap_stackitem.register(type(item))
    def by_class(item):
        return ["first"]

    assert leaf_of(item) == "first"

    space: dict = {"Item": type(item)}
    exec("def by_annotation(item: Item): return ['second']", space)  # noqa: S102
    by_annotation = space["by_annotation"]
    assert unwrap_stackitem.register(by_annotation) is by_annotation
    assert leaf_of(item) == "second"
    assert by_class(item) == ["first"]


def test_a_hook_for_a_base_of_a_class_that_is_known():
    base = new_class()
    item = new_class(base)()
    assert leaf_of(item) is item
    unwrap_stackitem.register(base, lambda item: ["first"])
    assert leaf_of(item) == "first"


def test_an_abstract_base_class_is_told_of_another_class():
    class Base(abc.ABC):  # noqa: B024
        pass

    unwrap_stackitem.register(Base, lambda item: ["first"])
    item = new_class()()
    assert leaf_of(item) is item
    Base.register(type(item))
    assert leaf_of(item) == "first"


def test_a_class_becomes_that_of_iterators(monkeypatch):
    monkeypatch.setattr(extraction, "_iterator_unwrapper", lambda items: ["an iterator"])
    items = new_class()()
    assert leaf_of(items) is items
    type(items).__next__ = lambda self: None
    assert leaf_of(items) == "an iterator"
    del type(items).__next__
    assert leaf_of(items) is items


@pytest.mark.parametrize("hook", [elaborate_context, unwrap_context])
def test_a_hook_for_managers_that_are_known(hook):
    manager = new_class(Manager)()
    coroutine = coroutine_in(manager)
    seen = []
    extract(coroutine)
    hook.register(type(manager), lambda manager, context: seen.append(manager))
    extract(coroutine)
    coroutine.close()
    assert seen == [manager]


def test_a_hook_for_a_function_that_is_known():
    coroutine = coroutine_in(Manager())
    assert not extract(coroutine).frames[0].hide
    customize(coroutine.cr_code, hide=True)
    assert extract(coroutine).frames[0].hide
    coroutine.close()


def test_a_hook_registers_another_one():
    first, item = new_class()(), new_class()()

    def unwrap_first(_):
        unwrap_stackitem.register(type(item), lambda item: ["registered meanwhile"])
        return [item, item]

    unwrap_stackitem.register(type(first), unwrap_first)
    assert leaf_of(first) == ["registered meanwhile"] * 2
    assert leaf_of(item) == "registered meanwhile"


def test_no_class_and_no_code_is_kept_alive():
    manager = new_class(Manager)()
    item = new_class()()
    unwrap_stackitem.register(new_class(), lambda item: None)
    space: dict = {"pause": pause}
    exec("async def hold(manager):\n with manager: await pause()", space)  # noqa: S102
    coroutine = space["hold"](manager)
    coroutine.send(None)
    extract(coroutine)
    extract(item)
    things = [weakref.ref(type(manager)), weakref.ref(type(item)), weakref.ref(coroutine.cr_code)]
    coroutine.close()
    space.clear()
    del manager, item, coroutine
    for _ in range(3):
        gc.collect()
    assert [thing() for thing in things] == [None] * 3


@pytest.mark.skipif(not KEEPS, reason="nothing is kept")
def test_what_was_found_goes_with_its_class():
    sizes = []
    for _ in range(40):
        coroutine = coroutine_in(new_class(Manager)())
        extract(coroutine)
        coroutine.close()
        del coroutine
        gc.collect()
        sizes.append(len(Extraction(True, False, None).lookups.managers))
    assert max(sizes[20:]) <= max(sizes[:20]) + 1


@pytest.mark.skipif(not KEEPS, reason="nothing is kept")
def test_what_is_kept_is_bounded(monkeypatch):
    from stackscope.extraction import lookups

    monkeypatch.setattr(lookups, "MOST", 20)
    classes = [new_class(Manager) for _ in range(60)]
    for cls in classes:
        coroutine = coroutine_in(cls())
        extract(coroutine)
        coroutine.close()
        assert len(Extraction(True, False, None).lookups.managers) <= 20
