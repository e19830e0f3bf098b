"""The stack of this thread, which is read at once, looks as it does frame by frame."""

from __future__ import annotations

import sys
import threading

import pytest

import stackscope
from stackscope.extraction import extraction, own
from stackscope.extraction.lookups import Lookups
from stackscope.interpreter.facts import FREE_THREADED, IS_CPYTHON
from tests.extraction.test_chains import Manager, WithOddExit, WithStaticExit, contents

pytestmark = pytest.mark.skipif(
    not IS_CPYTHON or FREE_THREADED, reason="frames are read one by one there"
)


def several(inner):
    named = Manager()
    with Manager(), Manager() as known, named:
        for _ in [1]:
            with WithStaticExit(), WithOddExit(), threading.Lock():
                inner()
        del known


def in_a_cell(inner):
    manager = Manager()

    def function():
        inner()
        return manager

    with manager, Manager():
        function()


def generator(inner):
    with Manager() as one:
        inner()
        yield one


def in_a_generator(inner):
    with Manager():
        list(generator(inner))


class Calling:
    def __init__(self, inner):
        self.inner = inner

    def __enter__(self):
        self.inner()

    def __exit__(self, *exc):
        self.inner()

    def __del__(self):
        self.inner()


def in_enter_and_exit(inner):
    with Manager(), Calling(inner), Manager():
        pass


def in_a_finalizer(inner):
    with Manager():
        Calling(inner)


def while_unwinding(inner):
    def fails(dropped):
        with Manager(), Manager():
            print(1, [dropped, 1 / 0])

    with Manager():
        try:
            fails(Calling(inner))
        except ZeroDivisionError:
            pass


def called_in_c(inner):
    with Manager():
        sorted([1, 2], key=lambda number: inner() or number)


def in_except(inner):
    try:
        raise KeyError
    except KeyError:
        with Manager():
            inner()


CASES = [
    several,
    in_a_cell,
    in_a_generator,
    in_enter_and_exit,
    in_a_finalizer,
    while_unwinding,
    called_in_c,
    in_except,
]


@pytest.mark.parametrize("inner", CASES, ids=lambda case: case.__name__)
@pytest.mark.parametrize("outer", CASES, ids=lambda case: case.__name__)
def test_it_looks_as_frame_by_frame(monkeypatch, outer, inner):
    looks = []

    def look():
        frame = sys._getframe()
        for with_contexts in (True, False):
            found = contents(
                stackscope.extract(stackscope.StackSlice(), with_contexts=with_contexts)
            )
            with monkeypatch.context() as patch:
                patch.setattr(extraction, "_usual_unwrappers", {})
                patch.setattr(extraction, "current_lookups", Lookups)
                wanted = contents(
                    stackscope.extract(stackscope.StackSlice(), with_contexts=with_contexts)
                )
            looks.append((as_seen_from(frame, found), as_seen_from(frame, wanted)))

    outer(lambda: inner(look))
    assert len(looks) > 1
    for found, wanted in looks:
        assert found == wanted


def as_seen_from(frame, seen):
    """Without the frame that looks, which goes on between two looks."""
    leaf, frames = seen
    assert frames[-1][0] is frame
    return leaf, frames[:-1]


def test_the_usual_is_read_at_once():
    """Else the comparison would compare nothing."""

    def look():
        frames = own.read_own(sys._getframe(1), True)
        return [frame.contexts for frame in frames if frame.funcname == "with_two"]

    def with_two():
        with Manager(), Manager() as known:
            found = look()
            return found, known

    # It calls one written in Python.
    [contexts], known = with_two()
    assert [type(context.obj) for context in contexts] == [Manager, Manager]
    assert contexts[1].obj is known


def test_a_frame_of_another_thread_is_not_taken_for_one_of_this():
    begun, end = threading.Event(), threading.Event()
    found = []

    def other():
        with Manager():
            found.append(sys._getframe())
            begun.set()
            end.wait(60)

    thread = threading.Thread(target=other)
    thread.start()
    try:
        assert begun.wait(60)
        frames = own.read_own(found.pop(), True)
        assert [type(frame.contexts) for frame in frames] == [tuple] * len(frames)
        assert any(frame.funcname == "other" for frame in frames)
    finally:
        end.set()
        thread.join(60)
