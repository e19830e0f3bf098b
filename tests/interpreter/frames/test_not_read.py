"""What is told of frames that can't be read, or only slowly, as on systems of 32 bits."""

from __future__ import annotations

import sys
import threading
import time

import pytest

import stackscope
from stackscope.interpreter.facts import has_gil
from stackscope.interpreter.frames import choosing
from stackscope.interpreter.frames.blocking import (
    lock_awaited_in,
    object_entered_in,
    tells_locks,
)
from stackscope.interpreter.frames.calling import called_in_c
from stackscope.interpreter.frames.iterating import generators_in
from stackscope.interpreter.frames.operands import operand_of_call
from stackscope.interpreter.frames.references import references_of
from stackscope.interpreter.frames.variables import local_value, local_values
from stackscope.lowlevel import contexts_active_in_frame, set_trickery_enabled
from tests.helpers.managers import Manager

pytestmark = pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="only CPython's frames are read from memory"
)


class Waiting:
    """A thread that waits for a lock in a call that has it as its object, and a list."""

    def __init__(self):
        self.lock = threading.RLock()
        self.items = [1]
        self.is_there = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(self.lock,))

    def run(self, lock):
        self.is_there.set()
        lock.acquire()
        lock.release()

    def __enter__(self):
        self.lock.acquire()
        self.thread.start()
        self.is_there.wait(10)
        time.sleep(0.05)
        return sys._current_frames()[self.thread.ident]

    def __exit__(self, *args):
        self.lock.release()
        self.thread.join()


def counts():
    for number in iter(int, 1):
        yield number


def told_of(frame, lock):
    return (
        lock_awaited_in(frame, {id(lock): lock}),
        object_entered_in(frame, {id(lock): lock}),
        called_in_c(frame),
        operand_of_call(frame, [type(lock)]),
        references_of(frame, None),
    )


NOTHING = (None, None, "", None, [])


@pytest.mark.skipif(not has_gil(), reason="nothing is told of other threads then")
def test_nothing_is_told_of_calls_without_a_reader():
    waiting = Waiting()
    with waiting as frame:
        assert tells_locks()
        assert lock_awaited_in(frame, {id(waiting.lock): waiting.lock}) is waiting.lock
        assert id(waiting.lock) in references_of(frame, None)
        set_trickery_enabled(False)
        assert not tells_locks()
        assert told_of(frame, waiting.lock) == NOTHING


def test_nothing_is_told_of_calls_of_a_frame_that_has_ended():
    generator = counts()
    next(generator)
    frame = generator.gi_frame
    generator.close()
    assert told_of(frame, threading.RLock()) == NOTHING
    assert generators_in(frame) == []


def outer(kept):
    mine = counts()
    next(mine)
    for number in kept:
        yield mine, number


def test_generators_that_a_frame_has():
    kept = counts()
    iterating = outer(kept)
    mine, _ = next(iterating)
    del kept
    told = generators_in(iterating.gi_frame)
    assert [one.gi_code.co_name for one in told] == ["counts", "counts"]
    assert any(one is mine for one in told)
    set_trickery_enabled(False)
    # From 3.13 on variables can be read otherwise.
    told = generators_in(iterating.gi_frame)
    assert any(one is mine for one in told) == (sys.version_info >= (3, 13))


def with_two(first, second, number):
    with first as named, second:
        yield [number for _ in [lambda: number]]


def told_of_contexts(frame):
    return [(one.obj, one.varname, one.is_exiting) for one in contexts_active_in_frame(frame)]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="earlier frames hold their variables")
def test_the_same_is_told_where_memory_is_not_read_at_once(monkeypatch):
    """As on systems of 32 bits."""
    from stackscope.interpreter.frames import interpreterframe

    first, second = Manager(), Manager()
    generator = with_two(first, second, 5)
    next(generator)
    never = None

    def looked_at():
        with first:
            here = stackscope.extract(sys._getframe()).frames[0]
        return (
            told_of_contexts(generator.gi_frame),
            local_values(generator.gi_frame),
            local_value(generator.gi_frame, "number"),
            local_value(generator.gi_frame, "missing"),
            [(one.obj, one.varname) for one in here.contexts],
            local_value(sys._getframe(), "first"),
            local_value(sys._getframe(), "never"),
        )

    at_once = looked_at()
    assert at_once[0] == [(first, "named", False), (second, "second", False)]
    assert at_once[1]["number"] == 5
    assert at_once[2:4] == ((True, 5), (False, None))
    assert [obj for obj, _ in at_once[4]] == [first]
    assert choosing.reader() is not None
    monkeypatch.setattr(interpreterframe, "HAS_MEMORY", False)
    assert looked_at() == at_once
    del never
    assert local_value(sys._getframe(), "never") == (False, None)
