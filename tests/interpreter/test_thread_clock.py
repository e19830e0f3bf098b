"""The CPU clock of a thread tells whether it has run."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from stackscope.interpreter.thread_clock import is_exact, thread_nanoseconds

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such clocks")


def start_waiting(events):
    """A thread that waits for each of some events; and until it does so for the first one."""

    def waits():
        for event in events:
            event.wait()

    thread = threading.Thread(target=waits, daemon=True)
    thread.start()
    return thread


def settled(thread):
    """The time of a thread once it has stopped to grow."""
    before = None
    while True:
        now = thread_nanoseconds(thread.native_id)
        if now == before:
            return now
        before = now
        time.sleep(0.1)


def test_a_clock_of_nanoseconds_is_exact():
    assert is_exact()


def test_it_stands_while_a_thread_waits_and_not_when_it_has_run():
    events = [threading.Event(), threading.Event()]
    thread = start_waiting(events)
    first = settled(thread)
    events[0].set()
    deadline = time.monotonic() + 20
    while thread_nanoseconds(thread.native_id) == first and time.monotonic() < deadline:
        time.sleep(0.01)
    second = settled(thread)
    assert second > first
    events[1].set()
    thread.join()


def test_of_a_thread_that_is_gone_nothing_is_known():
    thread = start_waiting([])
    thread.join()
    deadline = time.monotonic() + 20  # the system's own thread may end a moment later
    while thread_nanoseconds(thread.native_id) is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert thread_nanoseconds(thread.native_id) is None


@pytest.mark.parametrize("number", [0, -5, 2**70, -(2**70)])
def test_of_no_number_of_a_thread_nothing_is_known(number):
    assert thread_nanoseconds(number) is None
