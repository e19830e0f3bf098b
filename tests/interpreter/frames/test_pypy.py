"""PyPy: what its collector tells of frames, and where that could mislead."""

from __future__ import annotations

import sys

import pytest

from stackscope.interpreter.frames import choosing
from stackscope.interpreter.frames.base import FrameMoved
from stackscope.lowlevel import contexts_active_in_frame
from tests.helpers.managers import Manager

if sys.implementation.name != "pypy":
    pytest.skip("CPython's frames are read otherwise", allow_module_level=True)

# Loops are compiled after 1039 rounds, functions after 1619 calls.
HOT = 2000


class Looking(Manager):
    """Its exit method looks at the frame that leaves the block."""

    def __init__(self, found):
        self.found = found

    def __exit__(self, *exc):
        self.found[:] = contexts_active_in_frame(sys._getframe(1), None, sys._getframe())
        return True


def shown(frame, inner=None):
    return [(c.obj, c.varname, c.is_exiting) for c in contexts_active_in_frame(frame, None, inner)]


def test_compiled_loops():
    """Frames that compiled code runs have their contents in registers."""
    for count in range(HOT):
        one, two = Manager(), Manager()
        with one as named, two:
            assert shown(sys._getframe()) == [(one, "named", False), (two, "two", False)]
        assert shown(sys._getframe()) == []
        with two:  # and seldom, so that the compiled code has no look in it
            if count % 97 == 0:
                assert shown(sys._getframe()) == [(two, "two", False)]


def test_compiled_calls():
    """Functions that are compiled as a part of their caller's loop."""

    def inner(outer):
        manager = Manager()
        with manager:
            here = sys._getframe()
            assert shown(here) == [(manager, "manager", False)]
            assert shown(here.f_back, here) == [(outer, "outer", False)]

    for _ in range(HOT):
        outer = Manager()
        with outer:
            inner(outer)


def test_compiled_generators():
    def program(managers):
        for _ in range(HOT):
            managers[:] = Manager(), Manager()
            one, two = managers
            with one as named, two:
                yield

    managers = []
    generator = program(managers)
    for _ in generator:
        one, two = managers
        found = shown(generator.gi_frame)
        assert [(item[0], item[2]) for item in found] == [(one, False), (two, False)]
        del found


def test_compiled_exits():
    found = []
    for count in range(HOT):
        outer, looking = Manager(), Looking(found)
        with outer, looking:
            if count % 3 == 0:
                raise KeyError
        assert [(c.obj, c.is_exiting) for c in found] == [(outer, False), (looking, True)]


def test_nulls():
    """Variables without a value, and calls of what is no method, leave NULLs."""

    class Namespace:
        pass

    def program(shadowed, unbound=None):
        del unbound
        with manager:
            with Manager() as other:
                yield other, namespace.function(1, 1, (yield other)), lambda: shadowed
        late = other
        yield late

    namespace, manager = Namespace(), Manager()
    namespace.function = lambda *args: args
    generator = program("shadowed")
    other = next(generator)
    assert shown(generator.gi_frame) == [(manager, "manager", False), (other, "other", False)]
    generator.send(None)
    assert shown(generator.gi_frame) == [(manager, "manager", False), (other, "other", False)]


def test_an_argument_that_lives_on_in_a_cell():
    """The slot of the argument keeps what was passed."""

    def program(passed):
        with passed:
            here = sys._getframe()
            found.append(shown(here))
            passed = None
            found.append(shown(here))
            return lambda: passed

    found = []
    manager = Manager()
    program(manager)
    assert found == [[(manager, "passed", False)], [(manager, None, False)]]


class Failing(Manager):
    def __exit__(self, *exc):
        raise KeyError


def in_the_body():
    with Manager():
        frames.append(sys._getframe())
        with Manager():
            [1, 2, 3, 1 / 0]


def in_one_block(cls):
    frames.append(sys._getframe())
    for _ in "x":
        with cls():
            str(1, 2, 1 / 0)


def in_an_exit():
    with Failing():
        frames.append(sys._getframe())


def in_a_handler():
    in_one_block(Failing)


def in_a_generator():
    def program():
        frames.append(sys._getframe())
        with Manager():
            print(1, 2, (yield))

    generator = program()
    next(generator)
    generator.throw(KeyError)


frames = []


@pytest.mark.parametrize(
    "program",
    [in_the_body, lambda: in_one_block(Manager), in_an_exit, in_a_handler, in_a_generator],
    ids=["body", "one block", "exit", "handler", "generator"],
)
def test_a_frame_that_an_exception_has_left(program):
    """Its stack is still there, and it has no mark on it."""
    with pytest.raises((KeyError, ZeroDivisionError)):
        program()
    frame = frames.pop()
    assert frame.f_lasti > 0
    assert shown(frame) == []


@pytest.mark.parametrize("program", [in_the_body, in_an_exit, in_a_handler])
def test_traced(program):
    """The events of an exception come before the stack is taken down, and after that."""
    seen = set()

    def trace(frame, event, arg):
        if frame.f_code.co_filename == __file__:
            seen.add(event)
            contexts_active_in_frame(frame, None, sys._getframe())
        if event == "return" and arg is None and frame.f_code is program.__code__:
            assert shown(frame, sys._getframe()) == []
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with pytest.raises((KeyError, ZeroDivisionError)):
            program()
    finally:
        sys.settrace(before)
    frames.clear()
    assert {"exception", "return"} <= seen


def test_a_frame_that_compiled_code_runs_is_not_read_as_it_is(monkeypatch):
    """What the collector says is only believed where nothing of the JIT's hangs on the frame."""
    reader = choosing.reader()
    assert reader.moment(sys._getframe(), sys._getframe().f_code) is not None
    monkeypatch.setattr(reader, "known", frozenset())
    with pytest.raises(FrameMoved):
        reader.moment(sys._getframe(), sys._getframe().f_code)


def test_an_interpreter_nobody_has_seen(monkeypatch):
    from stackscope.interpreter.frames import pypyframe

    monkeypatch.setattr(pypyframe, "_ARRAY", b"GcArray of something else")
    with pytest.warns(Warning, match="context managers are not shown"):
        choosing.set_trickery_enabled(None)
    with Manager():
        assert shown(sys._getframe()) == []
