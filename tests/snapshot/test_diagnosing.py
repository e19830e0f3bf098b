"""What can never go on by itself: found, told apart from what can, and drawn in all forms."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import signal
import socket
import sys
import threading
import time
import weakref

import pytest

import stackscope
from stackscope.interpreter.frames.blocking import tells_locks
from stackscope.interpreter.reachable import counts_references
from stackscope.snapshot import taking

searches = pytest.mark.skipif(not counts_references(), reason="references aren't counted")


async def enters(first, second):
    async with first:
        await asyncio.sleep(0)
        async with second:
            pass


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


def diagnosed(start, **options):
    """The diagnosis of a program that ``start`` has begun; its tasks are cancelled then."""

    async def main():
        tasks = start()
        await settled()
        diagnosis = stackscope.diagnose(**options)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return diagnosis

    return asyncio.run(main())


def crossed():
    a, b = asyncio.Lock(), asyncio.Lock()
    return [asyncio.ensure_future(enters(a, b)), asyncio.ensure_future(enters(b, a))]


def lost():
    return [asyncio.ensure_future(asyncio.Event().wait())]


GLOBAL = []


def reachable():
    GLOBAL[:] = [asyncio.Event()]
    return [asyncio.ensure_future(GLOBAL[0].wait())]


def sleeping():
    return [asyncio.ensure_future(asyncio.sleep(1000))]


def limited():
    a, b = asyncio.Lock(), asyncio.Lock()
    return [
        asyncio.ensure_future(asyncio.wait_for(enters(a, b), 1000)),
        asyncio.ensure_future(asyncio.wait_for(enters(b, a), 1000)),
    ]


def test_two_locks_in_opposite_order():
    diagnosis = diagnosed(crossed, deep=False)
    (finding,) = diagnosis.findings
    assert (finding.kind, finding.certain, len(finding.nodes)) == ("deadlock", True, 2)
    assert "same order" in finding.advice
    assert "test_diagnosing.py:" in finding.advice
    assert str(diagnosis).startswith("Deadlock: task ")


@searches
def test_what_nobody_has():
    diagnosis = diagnosed(lost)
    (finding,) = diagnosis.findings
    assert (finding.kind, finding.certain, finding.missing) == ("abandoned", True, "set()")
    assert diagnosis.is_deep
    assert diagnosed(lost, deep=False).findings == []


@pytest.mark.parametrize("start", [reachable, sleeping, limited])
def test_what_somebody_ends(start):
    diagnosis = diagnosed(start)
    assert diagnosis.findings == []
    assert str(diagnosis).startswith("Nothing is stuck: ")


@pytest.mark.skipif(not tells_locks(), reason="there is no telling what a thread calls")
def test_calls_that_wait_for_the_world():
    def receives():
        here.recv(1)

    here, there = socket.socketpair()
    thread = threading.Thread(target=receives)
    thread.start()
    told = ""
    until = time.monotonic() + 20
    while "1 thread is in socket.recv()" not in told and time.monotonic() < until:
        told = str(stackscope.diagnose(deep=False))
    there.send(b"x")
    thread.join()
    here.close()
    there.close()
    assert "1 thread is in socket.recv()" in told


class Looked(Exception):
    """What was to be seen has been looked at."""


def raise_looked(*_args):
    raise Looked


@pytest.mark.skipif(sys.platform == "win32", reason="nothing ends time.sleep() there")
def test_a_loop_that_stands():
    inside = threading.Event()
    found = []

    async def blocks():
        inside.set()
        time.sleep(60)

    def look():
        inside.wait()
        time.sleep(0.3)
        try:
            found.append(stackscope.diagnose(deep=False))
        finally:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)

    previous = signal.signal(signal.SIGUSR1, raise_looked)
    thread = threading.Thread(target=look)
    thread.start()
    try:
        with pytest.raises(Looked):
            asyncio.run(blocks())
    finally:
        thread.join()
        signal.signal(signal.SIGUSR1, previous)
    (finding,) = found[0].findings
    assert (finding.kind, finding.call) == ("blocked loop", "time.sleep()")
    assert [type(node) for node in finding.nodes] == [stackscope.TaskNode]
    assert [node.thread for node in finding.threads] == [threading.main_thread()]
    assert finding.seconds >= 0.25
    assert "stands in time.sleep()" in finding.text


def test_a_loop_that_ends_before_its_thread_is_looked_at_is_not_blocked(monkeypatch):
    """The thread that is seen waits for something else then."""
    over = threading.Event()
    parts = {}

    async def main():
        parts["loop"], parts["stop"] = asyncio.get_running_loop(), asyncio.Event()
        begun.set()
        await parts["stop"].wait()

    def work():
        asyncio.run(main())
        ended.set()
        over.wait()

    def thread_nodes(extraction):
        parts["loop"].call_soon_threadsafe(parts["stop"].set)
        ended.wait()
        time.sleep(0.1)  # until it waits
        return nodes(extraction)

    begun, ended = threading.Event(), threading.Event()
    nodes = taking.thread_nodes
    monkeypatch.setattr(taking, "thread_nodes", thread_nodes)
    thread = threading.Thread(target=work)
    thread.start()
    begun.wait()
    try:
        assert stackscope.diagnose(deep=False).findings == []
    finally:
        over.set()
        thread.join()


def test_threads_with_locks():
    a, b = threading.Lock(), threading.Lock()
    met = threading.Barrier(2)

    def takes(first, second):
        with contextlib.suppress(RuntimeError), first:  # the test lets go of it, in the end
            met.wait()
            second.acquire()
            second.release()

    threads = [threading.Thread(target=takes, args=pair, daemon=True) for pair in ((a, b), (b, a))]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    diagnosis = stackscope.diagnose(deep=False)
    kinds = [(one.kind, len(one.nodes)) for one in diagnosis.findings]
    a.release()  # nobody but a test would
    for thread in threads:
        thread.join(0.3)
    if sys.implementation.name == "cpython" and counts_references():
        assert kinds == [("deadlock", 2)]


@searches
def test_who_has_a_thread_that_is_stuck_has_what_is_stored_in_it():
    worker = threading.Thread(target=threading.Event().wait, daemon=True)
    worker.event = threading.Event()
    waits = threading.Thread(target=worker.event.wait, daemon=True)
    for thread in (worker, waits):
        thread.start()
    time.sleep(0.05)
    diagnosis = stackscope.diagnose()
    stuck = [node.thread for one in diagnosis.findings for node in one.nodes]
    worker._target.__self__.set()
    worker.event.set()
    for thread in (worker, waits):
        thread.join()
    assert worker in stuck
    assert waits not in stuck


@searches
def test_progress_can_end_the_search():
    class Enough(Exception):
        pass

    def enough(share):
        shares.append(share)
        raise Enough

    shares = []
    with pytest.raises(Enough):
        diagnosed(lost, progress=enough)
    assert 0 <= shares[0] <= 1


@searches
def test_progress_grows():
    shares = []
    diagnosed(lost, progress=shares.append)
    assert shares[-1] > shares[0]
    assert all(0 <= share <= 1 for share in shares)


@searches
def test_nothing_is_kept():
    class Mine:
        pass

    mine = Mine()

    async def waits(mine):
        await asyncio.Event().wait()

    gone = weakref.ref(mine)

    async def main(mine):
        task = asyncio.ensure_future(waits(mine))
        await settled()
        gc.collect()
        gc.disable()
        try:
            assert len(stackscope.diagnose().findings) == 1
            task.cancel()
            await asyncio.wait([task])
            del task
        finally:
            gc.enable()

    asyncio.run(main(mine))
    del mine
    assert gone() is None


def test_json_and_back():
    diagnosis = diagnosed(crossed)
    text = diagnosis.to_json()
    loaded = stackscope.Diagnosis.from_json(text)
    assert str(loaded) == str(diagnosis)
    assert loaded.to_dot() == diagnosis.to_dot()
    assert loaded.to_mermaid() == diagnosis.to_mermaid()
    assert str(stackscope.Snapshot.from_json(text)) == str(diagnosis.snapshot)
    assert json.loads(text)["diagnosis"]["findings"][0]["kind"] == "deadlock"
    again = stackscope.diagnose(loaded.snapshot)
    assert [one.kind for one in again.findings] == ["deadlock"]


def test_what_was_read_back_is_diagnosed_though_its_objects_are_gone():
    """With what waits for events, which others may have, as well as with locks."""
    diagnosis = diagnosed(lambda: [*crossed(), *lost()], deep=False)
    loaded = stackscope.Snapshot.from_json(diagnosis.snapshot.to_json())
    assert [one.kind for one in stackscope.diagnose(loaded).findings] == ["deadlock"]


def test_html():
    page = diagnosed(crossed).to_html(full=True)
    assert page.startswith("<!DOCTYPE html>")
    assert "Deadlock: " in page
    assert "1 finding" in page
    assert page.count('class="ss-alert">! </span>') == 4  # two in the index, two in the tree


def test_dot_and_mermaid():
    diagnosis = diagnosed(crossed)
    dot, mermaid = diagnosis.to_dot(), diagnosis.to_mermaid()
    assert dot.startswith("digraph waits {")
    assert dot.count(" -> ") == 2
    assert mermaid.count('-->|"Lock"|') == 2
    assert mermaid.rstrip().endswith(" stuck")


def test_edges_of_the_graph():
    diagnosis = diagnosed(crossed)
    edges = [edge for edge in diagnosis.graph.edges if edge.obj is not None]
    assert len(edges) == 2
    assert all(edge.certain and type(edge.obj) is asyncio.Lock for edge in edges)
