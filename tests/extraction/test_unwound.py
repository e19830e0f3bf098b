"""Managers of blocks that an exception has left: those made by a call, and kept by its target."""

from __future__ import annotations

import types

import pytest

import stackscope
from tests.helpers.managers import Manager


class Called(type):
    """The metaclass of a class that gives something else when it is called."""

    def __call__(cls):
        return super().__call__()


class ByMetaclass(Manager, metaclass=Called):
    pass


class MadeByNew(Manager):
    def __new__(cls):
        return super().__new__(cls)


class EntersAsAnother(Manager):
    def __enter__(self):
        return Manager()


class Namespace:
    Manager = Manager


def by_class():
    with Manager() as entered:
        raise Failed(entered)


def by_class_in_a_module():
    with module.Manager() as entered:
        raise Failed(entered)


def by_class_in_a_variable():
    cls = Manager
    with cls() as entered:
        raise Failed(entered)


def by_class_in_an_object():
    with namespace.Manager() as entered:
        raise Failed(entered)


def by_function():
    with make() as entered:
        raise Failed(entered)


def by_metaclass():
    with ByMetaclass() as entered:
        raise Failed(entered)


def by_new():
    with MadeByNew() as entered:
        raise Failed(entered)


def that_enters_another():
    with EntersAsAnother() as entered:
        raise Failed(entered)


def by_missing_name():
    global vanishing
    vanishing = Manager
    with vanishing() as entered:
        del vanishing
        raise Failed(entered)


class Failed(Exception):
    pass


def make():
    return Manager()


module = types.ModuleType("module")
module.Manager = Manager
namespace = Namespace()


def manager_told(function):
    """The manager that is told of the function's block, and the object that was entered."""
    with pytest.raises(Failed) as info:
        function()
    [frame] = [one for one in stackscope.extract(info.value) if one.funcname == function.__name__]
    [context] = frame.contexts
    assert context.is_past
    assert context.varname == "entered"
    return context.obj, info.value.args[0]


@pytest.mark.parametrize("function", [by_class, by_class_in_a_module, by_class_in_a_variable])
def test_an_enter_method_that_gives_the_manager_itself(function):
    told, entered = manager_told(function)
    assert told is entered


@pytest.mark.parametrize(
    "function",
    [
        by_class_in_an_object,
        by_function,
        by_metaclass,
        by_new,
        that_enters_another,
        by_missing_name,
    ],
)
def test_what_is_not_surely_the_manager_is_not_told(function):
    assert manager_told(function)[0] is None
