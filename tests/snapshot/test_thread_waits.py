"""What threads wait for, and who has it."""

from __future__ import annotations

import asyncio
import concurrent.futures
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
        self.owned = threading.RLock()
        self.queue = queue.Queue()
        self.threads = {}

    def hold(self):
        with contextlib.ExitStack() as stack:
            for name in ("RLock", "Semaphore"):
                stack.enter_context(self.held[name])
            with self.held["Lock"], self.held["Condition"]:
                self.owned.acquire()
                self.go_on.wait()
                self.owned.release()

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

    def acquire_by_type(self):
        lock = self.held["Lock"]
        acquire = type(lock).acquire
        acquire(lock)
        lock.release()

    def acquire_variable(self):
        lock = self.owned
        lock.acquire()
        lock.release()

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
    locks.start("acquires by its type", locks.acquire_by_type)
    locks.start("acquires in a variable", locks.acquire_variable)
    locks.start("enters bare", locks.enter_bare)
    locks.start("gets", locks.queue.get)
    locks.start("joins", locks.threads["holder"].join)
    locks.start("sleeps", locks.go_on_by_sleeping)
    time.sleep(0.1)
    snapshot = extract_all()
    text = "".join(snapshot.format(whole=True))  # other tests may have left many threads
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
        ("acquires by its type", "Lock.acquire()"),
        ("acquires in a variable", "RLock.acquire()"),
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
        holder = f"thread {found['bare'].number} (bare)"
        assert str(found["enters bare"].waiting) == f"Lock.acquire(): probably held by {holder}"
    assert str(found["gets"].waiting) == "Queue.get(): 0 items, 1 waiter"
    assert found["joins"].waiting.tasks == [found["holder"].thread]
    assert str(found["joins"].waiting) == f"Thread.join(): thread {found['holder'].number} (holder)"
    assert str(found["holder"].waiting) == "Event.wait(): 2 waiters"
    for name in ("sleeps", "loop", "MainThread"):
        assert found[name].waiting is None


@pytest.fixture(scope="module")
def others():
    """The nodes of threads that wait for no lock, by name; and what else was waited for."""
    leave, condition, notified = threading.Event(), threading.Condition(), threading.Condition()
    full, empty, simple = queue.Queue(1), queue.Queue(), queue.SimpleQueue()
    full.put(None)
    barrier = threading.Barrier(3)
    pool = concurrent.futures.ThreadPoolExecutor(2, "pool")
    future = pool.submit(leave.wait)
    pool.submit(int).result()
    futures = {future, concurrent.futures.Future()}

    def wait_for_it(what):
        with what:
            what.wait()

    def enter_and_stay(what):
        with what:
            leave.wait()

    def enter(what):
        with what:
            pass

    def close_pool():
        with concurrent.futures.ThreadPoolExecutor(1, "closed") as closed:
            closed.submit(leave.wait)

    def begin(name, function, *args, **kwargs):
        def call():
            with contextlib.suppress(threading.BrokenBarrierError):
                function(*args, **kwargs)

        threading.Thread(target=call, name=name, daemon=True).start()

    begin("condition", wait_for_it, condition)
    begin("notified", wait_for_it, notified)
    time.sleep(0.05)
    begin("has the condition", enter_and_stay, condition)
    time.sleep(0.05)
    begin("wants the condition", enter, condition)
    begin("barrier", barrier.wait, 5)
    begin("put", full.put, None)
    begin("get in time", empty.get, timeout=60)
    begin("queue join", full.join)
    begin("simple", simple.get)
    begin("result", future.result)
    begin("wait", concurrent.futures.wait, list(futures))
    begin("first", concurrent.futures.wait, futures, return_when="FIRST_COMPLETED")
    begin("close pool", close_pool)
    time.sleep(0.2)
    with notified:
        notified.notify()
        time.sleep(0.1)
        snapshot = extract_all()
    leave.set()
    barrier.abort()
    empty.put(None)
    simple.put(None)
    pool.shutdown()
    nodes = {node.name: node for node in snapshot.threads}
    nodes["future"] = future
    return nodes


def test_what_threads_wait_for(others):
    words = {name: str(node.waiting) for name, node in others.items() if name != "future"}
    main = f"thread {others['MainThread'].number} (MainThread)"
    holder = f"thread {others['has the condition'].number} (has the condition)"
    assert words["condition"] == "Condition.wait(): 1 waiter"
    assert words["notified"] == f"Condition.wait(): notified, held by {main}"
    assert words["wants the condition"] == f"Condition.acquire(): held by {holder}"
    assert words["barrier"] == "Barrier.wait(): 1 of 3 parties"
    assert words["put"] == "Queue.put(): 1 of 1 items, 1 waiter"
    assert words["get in time"].startswith("Queue.get(): 0 items, 1 waiter, 5")
    assert words["get in time"].endswith(" s left")
    assert words["queue join"] == "Queue.join(): 1 unfinished"
    assert words["simple"] == "SimpleQueue.get()"
    assert words["wait"].startswith("concurrent.futures.wait(): 0 of 2 done")
    first = "concurrent.futures.wait(): 0 of 2 done, until the first completed"
    assert words["first"].startswith(first)
    closed = f"thread {others['closed_0'].number} (closed_0)"
    assert words["close pool"] == f"end of ThreadPoolExecutor: Thread.join(): {closed}"


def test_who_wants_the_result_of_a_call(others):
    waiting = others["result"].waiting
    assert waiting.text == "Future.result()"
    assert waiting.obj is others["future"]
    assert "pool_0" in waiting.detail


def test_idle_workers_of_a_pool(others):
    assert str(others["pool_1"].waiting) == "work"


def test_the_end_of_a_thread_that_ends_the_process():
    import subprocess

    program = """
import threading, time, os, sys
import stackscope

def look():
    time.sleep(0.3)
    for node in stackscope.extract_all().threads:
        if node.thread is threading.main_thread():
            print(node.waiting)
    sys.stdout.flush()
    os._exit(0)

threading.Thread(target=look, name="looks").start()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60
    )
    found = done.stdout
    assert found.startswith("threading._shutdown(): thread "), done.stderr
    assert found.endswith(" (looks)\n")
