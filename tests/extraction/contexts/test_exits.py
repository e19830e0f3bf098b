"""Exit methods: of all kinds, in C, and while they run."""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import socket
import sqlite3
import sys
import tempfile
import threading

import pytest

from stackscope.lowlevel import contexts_active_in_frame
from stackscope.model.stacks import Context
from tests.extraction.contexts.programs import (
    CPYTHON,
    Manager,
    Noting,
    Static,
    _here,
    _objects,
    _of_caller,
)

# Since then the callable and the manager have a slot each.
SLOT_OF_ITS_OWN = CPYTHON and sys.version_info >= (3, 14)


# Where the operands of a normal exit call have moved away while it runs.
MOVES_OPERANDS = SLOT_OF_ITS_OWN or sys.version_info < (3, 9) or not CPYTHON


class OfClass(Manager):
    @classmethod
    def __exit__(cls, *exc):
        return None


class Partial(Manager):
    __exit__ = staticmethod(functools.partial(lambda *args: None, 1))


class Callable(Manager):
    class Exit:
        def __call__(self, *exc):
            return None

    __exit__ = Exit()


class Descriptor(Manager):
    class Exit:
        def __get__(self, instance, owner):
            return lambda *exc: None

    __exit__ = Exit()


class Property(Manager):
    @property
    def __exit__(self):  # noqa: PLE0302
        return lambda *exc: None


class Borrowed(Manager):
    """Its exit method is one bound to another manager."""

    __exit__ = Manager("another").__exit__


class Lambda(Manager):
    __exit__ = lambda self, *exc: None  # noqa: E731


class Slots:
    __slots__ = ()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None


class SlotWrapper(Slots):
    """`object.__init__` takes any arguments if `__new__` is not the object's."""

    def __new__(cls, *args):
        return object.__new__(cls)

    __exit__ = object.__init__


class AType(Manager):
    __exit__ = slice


class Metaclass(type):
    def __enter__(cls):
        return cls

    def __exit__(cls, *exc):
        return None


class AClass(metaclass=Metaclass):
    pass


class Getattr(Slots):
    def __getattribute__(self, name):
        raise AttributeError(name)


KNOWN = [Manager, Slots, Getattr, SlotWrapper, Lambda, lambda: AClass]


UNKNOWN = [Static, OfClass, Partial, Callable, Descriptor, Property, AType]


def _around(make):
    """A manager of some kind amid two ordinary ones."""
    before, odd, after = Manager("before"), make(), Manager("after")
    with before as a, odd as b, after as c:
        return (before, odd, after), _here()


@pytest.mark.parametrize("make", KNOWN)
def test_ordinary_exit_methods(make):
    managers, found = _around(make)
    assert all(context.obj is manager for context, manager in zip(found, managers))
    assert [context.varname for context in found] == ["a", "b", "c"]


@pytest.mark.parametrize("make", UNKNOWN)
def test_odd_exit_methods(make):
    """The manager may be unknown, never wrong, and all the rest is exact."""
    managers, found = _around(make)
    assert len(found) == 3
    assert found[0].obj is managers[0]
    assert found[1].obj is None or found[1].obj is managers[1]
    assert found[2].obj is managers[2]
    assert [context.varname for context in found] == ["a", "b", "c"]
    assert not any(context.is_exiting for context in found)


def test_a_method_bound_to_another():
    """Where only the bound method is on the stack, its own manager is what can be told."""
    (before, odd, after), found = _around(Borrowed)
    assert _objects(found)[::2] == [before, after]
    if SLOT_OF_ITS_OWN:
        assert found[1].obj is None
    else:
        assert found[1].obj is odd or found[1].obj.name == "another"


@pytest.mark.parametrize("make", KNOWN + UNKNOWN + [Borrowed])
def test_kinds_in_a_generator(make):
    def program():
        with before, odd as named, after:
            yield

    before, odd, after = Manager(), make(), Manager()
    generator = program()
    next(generator)
    found = contexts_active_in_frame(generator.gi_frame, generator)
    assert len(found) == 3
    assert found[0].obj is before
    assert found[2].obj is after
    assert found[1].varname == "named"


def _file():
    return tempfile.TemporaryFile()  # noqa: SIM115


def _connection():
    return sqlite3.connect(":memory:")


IN_C = {
    "Lock": threading.Lock,
    "RLock": threading.RLock,
    "bytes": io.BytesIO,
    "text": io.StringIO,
    "file": _file,
    "connection": _connection,
    "memoryview": lambda: memoryview(b"x"),
    "socket": lambda: socket.socket(socket.AF_INET),
}


@pytest.mark.parametrize("name", IN_C)
def test_managers_in_c(name):
    odd = None
    try:
        before, odd, after = Manager(), IN_C[name](), Manager()
        with before, odd, after:
            found = _here()
        assert all(c.obj is m for c, m in zip(found, (before, odd, after)))
        assert [context.varname for context in found] == ["before", "odd", "after"]
    finally:
        getattr(odd, "close", lambda: None)()


@pytest.mark.parametrize("name", IN_C)
def test_managers_in_c_suspended(name):
    def program():
        with odd, after:
            yield

    odd, after = IN_C[name](), Manager()
    try:
        generator = program()
        next(generator)
        found = contexts_active_in_frame(generator.gi_frame, generator)
        assert found[0].obj is odd
        assert found[1].obj is after
        generator.close()
    finally:
        getattr(odd, "close", lambda: None)()


def test_closing_a_file_that_calls_back():
    """An exit method in C that calls Python code: the manager is exiting."""
    found = []

    class Raw(io.RawIOBase):
        def close(self):
            if not self.closed:
                frame = sys._getframe()
                found.extend(contexts_active_in_frame(frame.f_back, None, frame))
            super().close()

    raw = Raw()
    with Manager() as outer, raw as named:
        pass
    assert len(found) == 2
    assert found[0].obj is outer
    assert found[1].is_exiting
    assert found[1].varname == "named"
    assert found[1].obj is raw or (found[1].obj is None and MOVES_OPERANDS)


@pytest.mark.parametrize("how", ["normally", "return", "continue", "break", "exception"])
def test_exiting(how):
    def program():
        for _ in "x":
            with outer as a, noting as b:
                if how == "return":
                    return
                if how == "continue":
                    continue
                if how == "break":
                    break
                if how == "exception":
                    raise ValueError

    found = []
    outer, noting = Manager(), Noting(found, swallow=True)
    line = program.__code__.co_firstlineno + 2
    program()
    [contexts] = found
    assert contexts == [
        Context(outer, False, False, "a", line),
        Context(noting, False, True, "b", line),
    ]


def test_exiting_the_outer_of_two():
    found = []
    outer, inner = Noting(found), Manager()
    with outer, inner:
        pass
    [[context]] = found
    assert context.obj is outer
    assert context.is_exiting


def test_both_exiting_one_after_the_other():
    found = []
    with Noting(found) as a, Noting(found) as b:
        pass
    assert [[(c.varname, c.is_exiting) for c in contexts] for contexts in found] == [
        [("a", False), ("b", True)],
        [("a", True)],
    ]


def test_an_exit_that_raises():
    """The frame goes on in the handlers of the outer block."""

    class Raising(Manager):
        def __exit__(self, *exc):
            raise KeyError

    found = []
    with contextlib.suppress(KeyError):
        with Noting(found) as outer, Raising():
            pass
    [[_, context]] = [found[0] if len(found[0]) == 2 else [None, *found[0]]]
    assert context.obj is outer
    assert context.is_exiting


@pytest.mark.skipif(not CPYTHON, reason="PyPy finalizes what is dropped later on")
def test_an_exit_that_has_raised_leaves_the_address_of_its_coroutine():
    """What an unwinding frame drops makes a coroutine, of another exit, at the same address."""
    found = []

    class Failing:
        async def __aenter__(self):
            return self

        async def __aexit__(self, *exc):
            raise KeyError

    class Looking:
        async def __aenter__(self):
            return self

        async def __aexit__(self, *exc):
            inner, frame = None, sys._getframe()
            while frame.f_code.co_name != "program":
                inner, frame = frame, frame.f_back
            found.append(contexts_active_in_frame(frame, None, inner))

    async def numbers():
        async with Looking():
            yield 1

    async def program():
        async for _ in numbers():
            async with Failing():
                pass

    def close(generator):
        with contextlib.suppress(StopIteration):
            generator.aclose().send(None)

    before = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(finalizer=close)
    try:
        for _ in range(3):
            with pytest.raises(KeyError):
                program().send(None)
    finally:
        sys.set_asyncgen_hooks(*before)
    assert found == [[], [], []]


def test_deeper_in_an_exit_method():
    """`next_inner` is the exit method's frame, whatever it is calling."""
    found = []

    class Deep(Manager):
        def __exit__(self, *exc):
            frame = sys._getframe()

            def inner():
                found.extend(contexts_active_in_frame(frame.f_back, None, frame))

            inner()

    deep = Deep()
    with deep:
        pass
    [context] = found
    assert (context.obj, context.is_exiting) == (deep, True)


def test_a_decorated_exit_method():
    found = []

    def decorated(function):
        @functools.wraps(function)
        def wrapper(*args):
            found.extend(_of_caller())
            return function(*args)

        return wrapper

    class Decorated(Manager):
        @decorated
        def __exit__(self, *exc):
            return None

    manager = Decorated()
    with manager:
        pass
    [context] = found
    assert context.is_exiting
    assert context.obj is manager


@pytest.mark.parametrize("kind", [Static, OfClass, Callable], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("exception", [False, True])
def test_odd_exits_that_run(kind, exception):
    """The block is there; its manager may be unknown, never wrong."""
    found = []

    class Static(Manager):
        @staticmethod
        def __exit__(*exc):
            found.append(_of_caller())
            return True

    class OfClass(Manager):
        @classmethod
        def __exit__(cls, *exc):
            found.append(_of_caller())
            return True

    class Callable(Manager):
        class Exit:
            def __call__(self, *exc):
                found.append(_of_caller())
                return True

        __exit__ = Exit()

    odd = locals()[kind.__name__]()
    outer = Manager()
    with outer as a, odd as b:
        if exception:
            raise ValueError
    [contexts] = found
    assert [(c.varname, c.is_exiting) for c in contexts] == [("a", False), ("b", True)]
    assert contexts[0].obj is outer
    assert contexts[1].obj is None or contexts[1].obj is odd


def test_the_exit_of_a_generator_based_manager():
    found = []

    @contextlib.contextmanager
    def manager():
        yield
        frame = sys._getframe()
        inner = frame
        while frame.f_code is not program.__code__:
            inner, frame = frame, frame.f_back
        found.extend(contexts_active_in_frame(frame, None, inner))

    def program():
        with manager() as named:
            pass

    program()
    [context] = found
    assert context.is_exiting
    assert type(context.obj) is contextlib._GeneratorContextManager


FAR_JUMP = """
def program(first, second, leave):
    for _ in range(2):
        with first, second:
            if leave is None:
                continue
            if leave:
                break
            print(end="")
    else:
        {filler}
    return leave
"""


@pytest.mark.parametrize("leave", [True, False])
def test_a_jump_that_leads_far_out_of_a_block(leave):
    """Such a jump takes two instructions, and the first one can't raise anything either.

    (Of the second way out of a block, PyPy's exception table says that it is inside the block to
    its end.)
    """

    class Looking(Manager):
        def __exit__(self, *exc):
            found = contexts_active_in_frame(sys._getframe(1), None, sys._getframe())
            seen.append([(context.obj, context.is_exiting) for context in found])

    namespace = {}
    filler = "\n        ".join(["leave = (leave, leave)"] * 200)
    exec(FAR_JUMP.format(filler=filler), namespace)
    first, second, seen = Looking(), Looking(), []
    namespace["program"](first, second, leave)
    once = [[(first, False), (second, True)], [(first, True)]]
    assert seen == (once if leave else once * 2)


DROPPED = {
    "itself": lambda generator: generator,
    "what maps it": lambda generator: map(abs, generator),
    "what counts it": enumerate,
    "what chains it": itertools.chain,
    "what zips what maps it": lambda generator: zip(map(abs, generator)),
}
"""What a loop goes over, and drops together with the generator."""


@pytest.mark.skipif(not CPYTHON, reason="PyPy finalizes what is dropped later on")
@pytest.mark.parametrize("dropped", DROPPED)
def test_what_a_dropped_generator_closes_first_makes_exits_at_old_addresses(dropped):
    """It closes what it goes on with; the frame that drops it calls that, and none between them."""
    found = []

    def look(levels):
        if levels:
            with Manager():
                return look(levels - 1)
        inner, frame = None, sys._getframe()
        while frame.f_code is not program.__code__:
            inner, frame = frame, frame.f_back
        found.append(contexts_active_in_frame(frame, None, inner))

    class Looking(Manager):
        def __exit__(self, *exc):
            look(levels)

    def numbers():
        with Looking():
            yield 1

    def delegate():
        yield from numbers()

    def program():
        with contextlib.suppress(KeyError):
            for _ in DROPPED[dropped](delegate()):
                with Manager():
                    yield from [1]

    for levels in [*range(40)] * 5:
        generator = program()
        next(generator)
        with contextlib.suppress(StopIteration):
            generator.throw(KeyError)
    # From 3.11 to 3.13 a method that is no exit may have come to the old address.
    known = [[one.obj for one in contexts if one.obj is not None] for contexts in found]
    assert [list(map(type, managers)) for managers in known] == [[contextlib.suppress]] * 200
