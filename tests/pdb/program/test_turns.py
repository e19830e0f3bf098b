"""Threads take turns at the prompt."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import pytest

from stackscope_pdb.program import process, turns

LONG = 30
IS_UNIX = hasattr(os, "fork")


class Stopped(threading.Thread):
    """A thread that has its turn until it is told to go on."""

    def __init__(self, log, name):
        super().__init__(name=name)
        self.log = log
        self.goes_on = threading.Event()
        self.has_turn = threading.Event()

    def run(self):
        with turns.turn():
            self.log.append(self.name)
            self.has_turn.set()
            assert self.goes_on.wait(LONG)

    def stop(self):
        """Start, and wait until it has stopped."""
        self.start()
        while self.ident not in (turns.holder(), *turns.waiting()):
            time.sleep(0.001)
        return self

    def end(self):
        self.goes_on.set()
        self.join(LONG)
        assert not self.is_alive()


def test_in_order_of_arrival():
    log = []
    threads = [Stopped(log, name).stop() for name in "abc"]
    assert turns.holder() == threads[0].ident
    assert turns.waiting() == [thread.ident for thread in threads[1:]]
    for count, thread in enumerate(threads, 1):
        assert thread.has_turn.wait(LONG)
        assert len(log) == count
        thread.end()
    assert log == list("abc")
    assert turns.holder() is None


def test_a_stop_inside_of_a_stop_does_not_wait():
    with turns.turn():
        other = Stopped([], "other").stop()
        with turns.turn():
            assert turns.waiting() == [other.ident]
        assert turns.holder() == threading.get_ident()
    other.end()


def test_others_have_their_turns_while_this_thread_runs_code():
    with turns.turn():
        other = Stopped([], "other").stop()
        with turns.released():
            assert other.has_turn.wait(LONG)
            other.end()
        assert turns.holder() == threading.get_ident()


@pytest.mark.skipif(not IS_UNIX, reason="signals")
def test_who_gives_up_waiting_leaves_the_line():
    class Enough(Exception):
        pass

    def give_up(_number, _frame):
        raise Enough

    other = Stopped([], "other").stop()
    before = signal.signal(signal.SIGINT, give_up)
    timer = threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    try:
        with pytest.raises(Enough), turns.turn():
            pass
    finally:
        signal.signal(signal.SIGINT, before)
    assert turns.waiting() == []
    other.end()


@pytest.mark.skipif(not IS_UNIX, reason="signals")
def test_a_signal_handler_that_stops_while_its_thread_waits():
    log = []

    def handler(_number, _frame):
        with turns.turn():
            log.append("handler")

    other = Stopped(log, "other").stop()
    before = signal.signal(signal.SIGUSR1, handler)
    threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGUSR1]).start()
    threading.Timer(0.1, other.goes_on.set).start()
    began = time.monotonic()
    try:
        with turns.turn():
            log.append("main")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert log == ["other", "handler", "main"]
    assert time.monotonic() - began < turns.SECONDS_BETWEEN_LOOKS
    other.end()


def test_a_thread_that_vanished_has_no_turn(monkeypatch):
    monkeypatch.setattr(turns, "SECONDS_BETWEEN_LOOKS", 0.01)
    dead = turns.turn()
    dead.__enter__()
    dead.ident = 1  # as good as dead
    with turns.turn():
        assert turns.holder() == threading.get_ident()
    assert turns.holder() is None


def test_another_thread_is_noticed_even_if_it_has_the_same_identifier():
    found = []

    def prompt():
        found.append((turns.is_as_before(), turns.has_moved(), turns.is_as_before()))

    turns.has_moved()
    for _ in range(3):
        thread = threading.Thread(target=prompt)
        thread.start()
        thread.join(LONG)
    assert found == [(False, True, True)] * 3


def test_what_another_process_may_have_changed_is_looked_at():
    turns.has_moved()
    assert turns.is_as_before()
    turns.look_again()
    assert not turns.is_as_before()
    assert not turns.has_moved()
    assert turns.is_as_before()
    with turns.turn():
        other = Stopped([], "other").stop()
        assert not turns.is_as_before()
    other.end()


@pytest.mark.skipif(not IS_UNIX, reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork")
def test_after_a_fork():
    turns.has_moved()
    with turns.turn():
        other = Stopped([], "other").stop()
        child = os.fork()
        if not child:
            status = 1
            try:
                is_alone = not turns.waiting() and turns.holder() == threading.get_ident()
                is_new = not turns.is_as_before() and process.number == os.getpid()
                status = 0 if is_alone and is_new else 2
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
    other.end()


def test_nobody_gets_the_prompt_of_a_program_that_ends(monkeypatch):
    monkeypatch.setattr(turns, "_has_ended", False)
    got = []

    def wait():
        with turns.turn() as has_prompt:
            got.append(has_prompt)

    with turns.turn() as has_prompt:
        assert has_prompt
        thread = threading.Thread(target=wait)
        thread.start()
        while not turns.waiting():
            time.sleep(0.001)
        turns.end()
        thread.join(LONG)
    assert got == [False]


@pytest.mark.skipif(not IS_UNIX, reason="fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("is_inside", [False, True])
def test_a_forked_process_has_turns_of_its_own(is_inside):
    def child():
        with turns.turn():
            return turns.holder() == threading.get_ident() and not turns.waiting()

    if is_inside:
        with turns.turn():
            other = Stopped([], "other").stop()
            pid = os.fork()
            if not pid:
                os._exit(0 if child() else 1)
    else:
        other = Stopped([], "other").stop()
        pid = os.fork()
        if not pid:
            os._exit(0 if child() else 1)
    other.end()
    assert os.waitpid(pid, 0)[1] == 0


def test_many_threads_at_once():
    inside, most = [], []

    def work():
        for _ in range(50):
            with turns.turn():
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG)
    finally:
        sys.setswitchinterval(before)
    assert len(most) == 400
    assert set(most) == {1}
    assert turns.holder() is None


def test_breakpoints_are_those_of_the_process(fresh_settings):
    from stackscope_pdb import Pdb

    one, other = Pdb(readrc=False), Pdb(readrc=False)
    assert one.set_break(__file__, 20) is None
    assert other.get_break(one.canonic(__file__), 20)
    assert Pdb(readrc=False).breaks == {one.canonic(__file__): [20]}
    assert other.clear_break(__file__, 20) is None
    assert not one.get_break(one.canonic(__file__), 20)
    assert not one.breaks
    one.set_break(__file__, 20)
    other.clear_all_breaks()
    assert not one.breaks
