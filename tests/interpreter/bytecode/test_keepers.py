"""Which variables keep a manager, and which enter methods return what they are called on."""

from __future__ import annotations

import pytest

import stackscope
from stackscope.interpreter.bytecode.keepers import returns_its_argument
from tests.helpers.managers import Manager


def itself(self):
    return self


async def itself_later(self):
    return self


def on_both_ways(self, flag):
    if flag:
        return self
    self.flag = flag
    return self


def no_argument():
    return None


def generates(self):
    yield self
    return self


def another(self, other):
    return other


def assigned(self, other):
    self = other
    return self


def deleted(self):
    other = self
    del self
    return other


def nothing(self):
    self.entered = True


def sometimes(self, flag):
    if flag:
        return self


def one_of_them(self, other):
    return self or other


@pytest.mark.parametrize("function", [itself, itself_later, on_both_ways])
def test_what_returns_its_argument(function):
    assert returns_its_argument(function.__code__)


@pytest.mark.parametrize(
    "function",
    [
        no_argument,
        generates,
        another,
        assigned,
        deleted,
        nothing,
        sometimes,
        one_of_them,
    ],
)
def test_what_may_return_something_else(function):
    assert not returns_its_argument(function.__code__)


def past_of(function, *args):
    """The managers of the blocks that an exception has left in a function."""
    try:
        function(*args)
    except ZeroDivisionError as error:
        [frame] = [
            frame for frame in stackscope.extract(error) if frame.funcname == function.__name__
        ]
        return [context.obj for context in frame.contexts]
    raise AssertionError


def plain(one, other, flag):
    with one:
        1 / 0


def either(one, other, flag):
    with one if flag else other:
        1 / 0


def replaced(one, other, flag):
    with one:
        one = other
        1 / 0


def replaced_before(one, other, flag):
    one = other
    with one:
        1 / 0


@pytest.mark.parametrize(
    ("function", "is_known"), [(plain, True), (either, False), (replaced, False)]
)
@pytest.mark.parametrize("flag", [False, True])
def test_only_a_variable_that_surely_has_it_tells_the_manager(function, is_known, flag):
    one, other = Manager(), Manager()
    assert past_of(function, one, other, flag) == ([one] if is_known else [None])


def test_a_variable_may_be_assigned_to_before():
    one, other = Manager(), Manager()
    assert past_of(replaced_before, one, other, False) == [other]
