"""Snapshots of threads and greenlets, and while tasks of other threads start and end."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading

import pytest

from stackscope.api import extract_all
from tests.helpers.rows import share
from tests.snapshot.programs import nodes_by_name, start, waiting


def test_loop_of_another_thread_and_one_that_stands_still():
    ready = threading.Event()
    stop = []

    async def main():
        stop.append((asyncio.get_running_loop(), asyncio.Event()))
        ready.set()
        await stop[0][1].wait()

    idle = asyncio.new_event_loop()
    task = idle.create_task(asyncio.sleep(100), name="parked")
    thread = threading.Thread(target=lambda: asyncio.run(main()), name="elsewhere")
    thread.start()
    assert ready.wait(10)
    try:
        snapshot = extract_all()
        places = {loop.thread: loop for loop in snapshot.loops}
        assert (places["elsewhere"].is_running, places["elsewhere"].is_here) == (True, False)
        assert [node.name for node in places[None].walk()] == ["parked"]
        assert not places[None].is_running
        (node,) = [node for node in snapshot.threads if node.name == "elsewhere"]
        assert node.thread is node.stack.root is thread
        assert snapshot.threads[0].is_here
    finally:
        loop, event = stop[0]
        loop.call_soon_threadsafe(event.set)
        thread.join()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            idle.run_until_complete(task)
        idle.close()


AT_ONCE = int(os.environ.get("STACKSCOPE_TASKS_AT_ONCE", "20"))
"""How many tasks start and end at the same time.

With more than that in the environment, there are 200 snapshots instead of 30: a test of minutes.
"""


KEPT = 10


PAUSE = 0.005
"""Seconds in which the thread that looks has the interpreter for itself, or the test would take
long. Every second time a short task pauses, so that two snapshots find different numbers."""


class Churn:
    """A loop in another thread, in which tasks start and end all the time, while some last."""

    def __init__(self, library):
        self.ready, self.stop = threading.Event(), threading.Event()
        self.started = self.ended = 0
        run = self.run_trio if library == "trio" else self.run_asyncio
        self.thread = threading.Thread(target=run, args=(library,))

    def __enter__(self):
        self.thread.start()
        assert self.ready.wait(10)
        return self

    def __exit__(self, *exc):
        self.stop.set()
        self.thread.join(60)

    async def short(self, sleep, steps):
        self.started += 1
        for _ in range(steps % 4):
            await sleep()
        self.ended += 1

    async def in_asyncio(self):
        async def sleep():
            await asyncio.sleep(0)

        gate = asyncio.Event()
        kept = [await start(waiting(gate), f"kept-{n}") for n in range(KEPT)]
        self.ready.set()
        while not self.stop.is_set():
            await asyncio.gather(*[self.short(sleep, n) for n in range(AT_ONCE)])
            await asyncio.sleep(PAUSE)
            await asyncio.gather(asyncio.sleep(PAUSE))
        gate.set()
        await asyncio.gather(*kept)

    def run_asyncio(self, library):
        loop = sys.modules[library].new_event_loop()
        try:
            loop.run_until_complete(self.in_asyncio())
        finally:
            loop.close()

    def run_trio(self, library):
        import trio.testing

        async def main():
            gate = trio.Event()
            async with trio.open_nursery() as outer:
                for number in range(KEPT):
                    outer.start_soon(waiting, gate, name=f"kept-{number}")
                await trio.testing.wait_all_tasks_blocked()
                self.ready.set()
                while not self.stop.is_set():
                    async with trio.open_nursery() as inner:
                        for number in range(AT_ONCE):
                            inner.start_soon(self.short, trio.lowlevel.checkpoint, number)
                    await trio.sleep(PAUSE)
                    async with trio.open_nursery() as inner:
                        inner.start_soon(trio.sleep, PAUSE)
                gate.set()

        trio.run(main)


@pytest.fixture
def own_heap():
    """What other tests have left on the heap, which is searched for loops and runs, is left out."""
    if hasattr(gc, "freeze"):  # PyPy has none
        gc.collect()
        gc.freeze()


@pytest.mark.parametrize("library", share(["asyncio", "uvloop", "trio"], 3))
def test_while_tasks_start_and_end(library, own_heap):
    """No error, and whoever lives all the time is found, where he is, in each snapshot."""
    pytest.importorskip(library)
    sizes = set()
    snapshots, tasks = (200, 2000) if AT_ONCE > 20 else (30, 300)
    if not hasattr(gc, "freeze"):  # each snapshot searches what all tests have left
        snapshots, tasks = snapshots // 3, tasks // 3
    with Churn(library) as churn:
        count = 0
        # Until it has seen some come and go, or nothing would have been shown.
        while count < snapshots or churn.ended < tasks or len(sizes) < 2:
            count += 1
            snapshot = extract_all(with_contexts=count % 2 == 0, threads=count % 20 == 0)
            found = nodes_by_name(snapshot)
            for number in range(KEPT):
                node = found[f"kept-{number}"]
                assert node.stack.error is None
                assert node.waits_for == "Event.wait()"
                shown = [frame.funcname for frame in node.stack.frames if not frame.hide]
                assert shown == ["waiting", "wait"]
            sizes.add(len(list(snapshot.tasks())))
    assert churn.started == churn.ended >= tasks


def test_from_several_threads_at_once(own_heap):
    counts, errors = [], []

    def look():
        try:
            for _ in range(5):
                found = nodes_by_name(extract_all())
                counts.append(sum(name.startswith("kept-") for name in found))
        except BaseException as exc:
            errors.append(exc)

    with Churn("asyncio"):
        lookers = [threading.Thread(target=look) for _ in range(3)]
        for looker in lookers:
            looker.start()
        for looker in lookers:
            looker.join(60)
    assert errors == []
    assert counts == [KEPT] * 15


def test_threads():
    leave = threading.Event()
    thread = threading.Thread(target=leave.wait, args=(10,), name="a daemon", daemon=True)
    thread.start()
    try:
        snapshot = extract_all()
        again = extract_all()
        node = next(node for node in snapshot.threads if node.thread is thread)
        assert (node.name, node.is_daemon, node.is_here) == ("a daemon", True, False)
        assert node.ident == thread.ident
        assert [f.funcname for f in node.stack.frames if not f.hide][0] == "wait"
        assert node.number in [n.number for n in again.threads if n.thread is thread]
        assert snapshot.threads[0].stack.frames[-1].funcname == "test_threads"
        text = str(snapshot)
        words = "(daemon): waiting for Event.wait(): 1 waiter"
        assert f"thread {node.number} a daemon {words}, at " in text
        assert "(takes this snapshot), at " in text
    finally:
        leave.set()
        thread.join(10)


def test_greenlets():
    greenlet = pytest.importorskip("greenlet")

    def inner():
        greenlet.getcurrent().parent.switch()

    class Special(greenlet.greenlet):
        pass

    def outer():
        child = Special(inner)
        child.switch()
        greenlet.getcurrent().parent.switch(child)

    parent = greenlet.greenlet(outer)
    child = parent.switch()
    dead = greenlet.greenlet(lambda: None)
    dead.switch()
    unstarted = greenlet.greenlet(inner)

    def look():
        return extract_all()

    current = greenlet.greenlet(look)
    snapshot = current.switch()
    nodes = {id(node.item): node for top in snapshot.items for node in top.walk()}
    assert id(dead) not in nodes
    assert id(unstarted) not in nodes
    assert nodes[id(current)].state == "running here"
    assert nodes[id(parent)].state == "suspended"
    assert [node.item for node in nodes[id(parent)].children] == [child]
    assert nodes[id(child)].name == "Special"
    assert nodes[id(parent)].kind == "greenlet"
    assert "greenlets:\n" in str(snapshot)
    numbers = [node.number for node in nodes.values()]
    assert len(set(numbers)) == len(numbers)
    child.switch()
    parent.switch()
