"""Whether what was seen at two moments has stood still in between."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

import stackscope
from stackscope.extraction.extraction import Extraction
from stackscope.interpreter.frames.blocking import tells_locks
from stackscope.interpreter.thread_clock import is_exact
from stackscope.snapshot import stillness
from stackscope.snapshot.stillness import Stillness, clocks_of_others, is_alive


def holds(seen, node):
    extraction = Extraction(True, False, None)
    return extraction.complete(seen.holds, node, extraction)


def node_of(task):
    [node] = [node for node in stackscope.extract_all().tasks() if node.task is task]
    return node


def test_a_task_that_waits_for_the_same_again_has_moved():
    async def waits(event):
        while True:
            await event.wait()

    async def main():
        event = asyncio.Event()
        task = asyncio.ensure_future(waits(event))
        await asyncio.sleep(0)
        node = node_of(task)
        seen = Stillness([node])
        found = [holds(seen, node), seen.is_proved(node)]
        event.set()
        event.clear()
        for _ in range(3):
            await asyncio.sleep(0)
        new = node_of(task)
        found += [holds(seen, node), holds(Stillness([new]), new), holds(Stillness([]), new)]
        task.cancel()
        return found

    assert asyncio.run(main()) == [True, True, False, True, False]


class Thread:
    """A thread that waits for a lock, and then for another one."""

    def __init__(self):
        self.locks = [threading.Lock(), threading.Lock()]
        self.thread = threading.Thread(target=self.run, name="waits")

    def run(self):
        for lock in self.locks:
            with lock:
                pass

    def __enter__(self):
        for lock in self.locks:
            lock.acquire()
        self.thread.start()
        time.sleep(0.1)
        return self

    def node(self):
        [node] = [one for one in stackscope.extract_all().threads if one.thread is self.thread]
        return node

    def __exit__(self, *exc):
        for lock in self.locks:
            if lock.locked():
                lock.release()
        self.thread.join()


@pytest.mark.skipif(not tells_locks(), reason="there is no telling what a thread waits for")
@pytest.mark.parametrize("has_clocks", [True, False])
def test_a_thread_stands_still_until_it_moves(has_clocks, monkeypatch):
    """Without clocks that is only likely, for it may be back where it was."""
    if has_clocks and not is_exact():
        pytest.skip("threads have no clocks")
    monkeypatch.setattr(stillness, "is_exact", lambda: has_clocks)
    with Thread() as thread:
        node = thread.node()
        seen = Stillness([node])
        is_known = node.waiting is not None and bool(node.waiting.holders)
        assert seen.is_proved(node) is has_clocks
        if is_known or node.waiting is None or node.waiting.lock is None:
            assert holds(seen, node)
        thread.locks[0].release()
        time.sleep(0.1)
        assert not holds(seen, node)
    # It has ended.
    assert not holds(seen, node)


def test_the_own_thread_stands_still():
    [node] = [node for node in stackscope.extract_all().threads if node.is_here]
    seen = Stillness([node])
    assert holds(seen, node)
    assert seen.is_proved(node)


def test_clocks_of_other_threads():
    """They go on only while one runs."""
    leave = threading.Event()

    def work():
        while not leave.is_set():
            pass

    busy, idle = threading.Thread(target=work), threading.Thread(target=leave.wait)
    for thread in (busy, idle):
        thread.start()
    time.sleep(0.05)
    before = clocks_of_others()
    time.sleep(0.2)
    after = clocks_of_others()
    leave.set()
    for thread in (busy, idle):
        thread.join()
    assert threading.get_ident() not in before
    assert {busy.ident, idle.ident} <= set(before)
    if is_exact():
        assert before[busy.ident] < after[busy.ident]
        assert before[idle.ident] == after[idle.ident]
    else:
        assert set(before.values()) == {None}


def test_what_is_read_from_a_file_is_not_alive():
    snapshot = stackscope.extract_all()
    read = stackscope.Snapshot.from_json(snapshot.to_json())
    assert all(map(is_alive, snapshot.threads))
    assert not any(map(is_alive, read.threads))
