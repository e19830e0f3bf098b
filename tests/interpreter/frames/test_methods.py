"""Which manager an exit callable belongs to."""

from __future__ import annotations

import functools
import io
import sys
import threading

import pytest

from stackscope.interpreter.frames.methods import (
    is_exit_of,
    manager_in_exit,
    manager_of,
)
from stackscope.safe.objects import MISSING, class_attribute


class Plain:
    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return sys._getframe()

    async def __aexit__(self, *exc):
        pass


class Derived(Plain):
    pass


class Static(Plain):
    @staticmethod
    def __exit__(*exc):
        return sys._getframe()


class OfClass(Plain):
    @classmethod
    def __exit__(cls, *exc):
        return sys._getframe()


class Borrowed(Plain):
    """Its exit method is bound to something else."""

    __exit__ = Plain().__exit__


class Partial(Plain):
    __exit__ = functools.partial(Plain.__exit__, Plain())


class Callable(Plain):
    class Exit:
        def __call__(self, *exc):
            return sys._getframe()

    __exit__ = Exit()


class SlotWrapper(Plain):
    """`object.__init__` takes any arguments if `__new__` is not the object's."""

    def __new__(cls):
        return object.__new__(cls)

    __exit__ = object.__init__


class Property(Plain):
    @property
    def __exit__(self):  # noqa: PLE0302
        return Plain().__exit__


def _bound(manager, name="__exit__"):
    """As the interpreter looks it up."""
    attribute = class_attribute(type(manager), name)
    get = getattr(type(attribute), "__get__", None)
    return attribute if get is None else get(attribute, manager, type(manager))


@pytest.mark.parametrize("kind", [Plain, Derived, SlotWrapper, threading.Lock, threading.RLock])
def test_bound_methods(kind):
    manager = kind()
    assert manager_of(_bound(manager), "__exit__") == (True, manager)


def test_bound_methods_in_c():
    for manager in (io.BytesIO(), io.StringIO(), memoryview(b"")):
        found, other = manager_of(_bound(manager), "__exit__")
        assert found
        assert other is manager


@pytest.mark.parametrize("kind", [Static, OfClass, Callable])
def test_no_bound_methods(kind):
    """What the manager is can't be told for sure: better nothing than something wrong."""
    assert manager_of(_bound(kind()), "__exit__") == (False, None)


@pytest.mark.filterwarnings("ignore:functools.partial:FutureWarning")
def test_partials():
    """From 3.14 on they bind like functions."""
    manager = Partial()
    found, other = manager_of(_bound(manager), "__exit__")
    assert found is (sys.version_info >= (3, 14))
    assert other is (manager if found else None)


@pytest.mark.parametrize("kind", [Borrowed, Property])
def test_a_method_bound_to_another_manager(kind):
    """Looks as if that one were the manager. (From 3.14 on the interpreter's stack shows more.)"""
    found, other = manager_of(_bound(kind()), "__exit__")
    assert found
    assert type(other) is Plain


@pytest.mark.parametrize("thing", [None, 1, print, len, Plain, Plain(), "x".join, object()])
def test_other_things(thing):
    assert manager_of(thing, "__exit__") == (False, None)


def test_the_name_matters():
    manager = Plain()
    assert manager_of(manager.__aexit__, "__exit__") == (False, None)
    assert manager_of(manager.__aexit__, "__aexit__") == (True, manager)
    assert manager_of(manager.__enter__, "__exit__") == (False, None)


def test_an_instance_attribute_is_no_exit_method():
    manager = Plain()
    manager.__exit__ = Plain().__exit__
    assert manager_of(manager.__exit__, "__exit__")[1] is not manager


def test_a_class_as_a_manager():
    class Meta(type):
        def __enter__(cls):
            return cls

        def __exit__(cls, *exc):
            return sys._getframe()

    class Manager(metaclass=Meta):
        pass

    assert manager_of(_bound(Manager), "__exit__") == (True, Manager)
    assert manager_in_exit(_bound(Manager)(), "__exit__") == (True, Manager)


def test_is_exit_of():
    manager, other = Plain(), Static()
    assert is_exit_of(Plain.__exit__, manager, "__exit__")
    assert is_exit_of(Plain.__exit__, Derived(), "__exit__")
    assert not is_exit_of(Plain.__exit__, other, "__exit__")
    assert not is_exit_of(manager.__exit__, manager, "__exit__")
    assert not is_exit_of(None, None, "__exit__")
    assert is_exit_of(io.BytesIO.__exit__, io.BytesIO(), "__exit__")


def test_manager_in_exit():
    for kind in (Plain, Derived):
        manager = kind()
        assert manager_in_exit(manager.__exit__(None, None, None), "__exit__") == (True, manager)


@pytest.mark.filterwarnings("ignore:functools.partial:FutureWarning")
@pytest.mark.parametrize("kind", [Static, OfClass, Borrowed, Partial, Callable])
def test_manager_in_another_exit(kind):
    frame = kind().__exit__(None, None, None)
    found, manager = manager_in_exit(frame, "__exit__")
    # Plain's own method may run, for a Plain.
    assert not found or type(manager) is Plain


def test_manager_in_other_frames():
    assert manager_in_exit(sys._getframe(), "__exit__") == (False, None)


def test_manager_in_a_decorated_exit():
    def decorated(function):
        @functools.wraps(function)
        def wrapper(self, *exc):
            return sys._getframe(), function(self, *exc)

        return wrapper

    class Decorated(Plain):
        @decorated
        @decorated
        def __exit__(self, *exc):
            return sys._getframe(), None

    manager = Decorated()
    frames = []
    inner = manager.__exit__(None, None, None)
    while inner is not None:
        frame, inner = inner
        frames.append(frame)
    assert len(frames) == 3
    for frame in frames:
        assert manager_in_exit(frame, "__exit__") == (True, manager)


def test_wrappers_in_a_circle():
    def exit_method(self, *exc):
        return sys._getframe()

    class Circular(Plain):
        @functools.wraps(exit_method)
        def __exit__(self, *exc):
            return other(self)

    def other(self):
        return sys._getframe()

    Circular.__exit__.__wrapped__ = Circular.__exit__
    assert manager_in_exit(Circular().__exit__(), "__exit__") == (False, None)


def test_class_attribute():
    assert class_attribute(Derived, "__exit__") is Plain.__dict__["__exit__"]
    assert class_attribute(Derived, "nothing", MISSING) is MISSING
    assert class_attribute(Static, "__exit__") is Static.__dict__["__exit__"]


def test_class_attribute_runs_no_code():
    class Meta(type):
        def refuse(cls, *args):
            raise AssertionError("was touched")

        __getattribute__ = __eq__ = __hash__ = __instancecheck__ = refuse
        __dict__ = __mro__ = property(refuse)

    class Hostile(metaclass=Meta):
        def __enter__(self):
            return self

        def __exit__(self, *exc):
            pass

        def __getattribute__(self, name):
            raise AssertionError("was touched")

    hostile = Hostile()
    assert type(class_attribute(Hostile, "__exit__")).__name__ == "function"
    found, manager = manager_of(_bound(hostile), "__exit__")
    assert found
    assert manager is hostile


def test_a_method_from_elsewhere():
    """A bound method of another class's function, kept in a class."""

    class Other:
        def leave(self, *exc):
            return sys._getframe()

    class Manager(Plain):
        __exit__ = Other().leave

    manager = Manager()
    assert manager_of(_bound(manager), "__exit__") == (False, None)
    assert manager_in_exit(_bound(manager)(), "__exit__") == (False, None)
