"""What threads wait for, and who has it."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sys
import threading
import time

import pytest

from stackscope.api import extract_all

pytestmark = pytest.mark.skipif(
    sys.implementation.name == "pypy" or not getattr(sys, "_is_gil_enabled", lambda: True)(),
    reason="there is no telling what a thread waits for",
)


class Locks:
    """What threads are made to wait for, and what lets them go."""

    def __init__(self):
        self.go_on = threading.Event()
        self.held = {
            "Lock": threading.Lock(),
            "RLock": threading.RLock(),
            "Semaphore": threading.Semaphore(),
            "Condition": threading.Condition(),
            "of a task": threading.Lock(),
        }
        self.bare = threading.Lock()
        self.queue = queue.Queue()
        self.threads = {}

    def hold(self):
        with contextlib.ExitStack() as stack:
            for name in ("RLock", "Semaphore"):
                stack.enter_context(self.held[name])
            with self.held["Lock"], self.held["Condition"]:
                self.go_on.wait()

    def hold_in_a_task(self):
        async def main():
            with self.held["of a task"]:
                while not self.go_on.is_set():
                    await asyncio.sleep(0.01)

        asyncio.run(main())

    def hold_barely(self):
        self.bare.acquire()
        self.go_on.wait()
        self.bare.release()

    def enter(self, name):
        with self.held[name]:
            pass

    def acquire(self, **kwargs):
        self.held["Lock"].acquire(**kwargs)
        self.held["Lock"].release()

    def acquire_positional(self):
        acquire = self.held["Lock"].acquire
        acquire(True, 60)
        self.held["Lock"].release()

    def enter_bare(self):
        with self.bare:
            pass

    def go_on_by_sleeping(self):
        while not self.go_on.is_set():
            time.sleep(0.05)

    def start(self, name, function, *args, **kwargs):
        thread = threading.Thread(target=function, name=name, args=args, kwargs=kwargs)
        self.threads[name] = thread
        thread.start()


@pytest.fixture(scope="module")
def found():
    """The nodes of the threads, by name."""
    locks = Locks()
    locks.start("holder", locks.hold)
    locks.start("loop", locks.hold_in_a_task)
    locks.start("bare", locks.hold_barely)
    time.sleep(0.05)
    for name in locks.held:
        locks.start(f"enters {name}", locks.enter, name)
    locks.start("acquires", locks.acquire)
    locks.start("acquires for a time", locks.acquire, timeout=60)
    locks.start("acquires by a method", locks.acquire_positional)
    locks.start("enters bare", locks.enter_bare)
    locks.start("gets", locks.queue.get)
    locks.start("joins", locks.threads["holder"].join)
    locks.start("sleeps", locks.go_on_by_sleeping)
    time.sleep(0.1)
    snapshot = extract_all()
    text = str(snapshot)
    locks.go_on.set()
    locks.queue.put(None)
    for thread in locks.threads.values():
        thread.join()
    nodes = {node.name: node for node in snapshot.threads}
    nodes["text"], nodes["task"] = text, next(snapshot.tasks())
    return nodes


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("enters Lock", "Lock.acquire()"),
        ("enters RLock", "RLock.acquire()"),
        ("enters Semaphore", "Semaphore.acquire()"),
        ("enters Condition", "Condition.acquire()"),
        ("acquires", "Lock.acquire()"),
        ("acquires for a time", "Lock.acquire()"),
        ("acquires by a method", "Lock.acquire()"),
    ],
)
def test_a_lock_that_a_thread_has(found, name, call):
    waiting = found[name].waiting
    assert waiting.text == call
    assert waiting.holders == [found["holder"].thread]
    holder = found["holder"]
    assert str(waiting) == f"{call}: held by thread {holder.number} (holder)"
    assert f"thread {found[name].number} {name}: waiting for {waiting}, at " in found["text"]


def test_a_lock_that_a_task_has(found):
    waiting = found["enters of a task"].waiting
    assert waiting.holders == [found["task"].task]
    assert waiting.detail == f"held by task {found['task'].number} ({found['task'].name})"


def test_others(found):
    if sys.version_info >= (3, 10):  # before, the collector doesn't know that lock
        assert str(found["enters bare"].waiting) == "Lock.acquire()"
    for name in ("gets", "joins", "holder", "sleeps", "loop", "MainThread"):
        assert found[name].waiting is None
