"""What is behind a wait is said in the overview; of many alike, only what is true of all."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import threading
import time

import pytest

from stackscope.api import extract_all
from tests.snapshot.programs import awaits, forever, look_at, nodes_by_name, start

tells_locks = pytest.mark.skipif(
    sys.implementation.name == "pypy" or not getattr(sys, "_is_gil_enabled", lambda: True)(),
    reason="there is no telling what a thread waits for",
)


def row_of(name, text):
    """The row of a task or thread in the overview."""
    return next(line for line in text.splitlines() if re.match(rf" +[\d-]+ .*{name} ", line))


async def gathers(task):
    await asyncio.gather(task, return_exceptions=True)


def test_tasks_that_gather_different_ones_are_not_alike():
    async def main():
        awaited = [await start(forever(), name) for name in ("first", "second")]
        others = [await start(gathers(awaited[n % 2]), f"waits-{n}") for n in range(14)]
        return [*awaited, *others]

    snapshot, text = look_at(main)
    nodes = nodes_by_name(snapshot)
    for name in ("first", "second"):
        title = f"task {nodes[name].number} ({name})"
        assert text.count(f"for {title}, drawn elsewhere") == 1
    # The first that waits for each has it below itself.
    assert text.count("and 5 more at the same lines") == 2


def test_the_task_behind_a_call_is_in_the_overview():
    async def main():
        task = await start(forever(), "awaited")
        return [task, await start(awaits(asyncio.wait_for(asyncio.shield(task), 90)), "waits")]

    snapshot, text = look_at(main)
    number = nodes_by_name(snapshot)["awaited"].number
    assert f"waiting: asyncio.wait_for(): task {number}, " in row_of("waits", text)


def test_the_call_inside_of_wait_for_is_in_the_overview():
    async def main():
        queue = asyncio.Queue()
        return [await start(awaits(asyncio.wait_for(queue.get(), 90)), "waits")]

    snapshot, text = look_at(main)
    if sys.version_info >= (3, 12):  # else it is a task, which has a row of its own
        assert "waiting: asyncio.wait_for(): Queue.get(), " in row_of("waits", text)
    else:
        assert re.search(r"waiting: asyncio.wait_for\(\): task \d+, ", row_of("waits", text))


class Threads:
    """Threads that end when this is left."""

    def __init__(self):
        self.event = threading.Event()
        self.threads = []

    def start(self, name, function, *args):
        thread = threading.Thread(target=function, args=args, name=name, daemon=True)
        thread.start()
        self.threads.append(thread)
        return thread

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.event.set()
        for thread in self.threads:
            thread.join()


@tells_locks
def test_the_thread_that_is_joined_is_in_the_overview():
    with Threads() as threads:
        joined = threads.start("joined", threads.event.wait)
        threads.start("joins", joined.join)
        time.sleep(0.1)
        snapshot = extract_all()
        number = next(node.number for node in snapshot.threads if node.name == "joined")
        text = "".join(snapshot.format(width=200))  # a narrow table leaves words out
        assert f"waiting: Thread.join(): thread {number}, daemon" in row_of("joins", text)


@tells_locks
def test_the_call_in_c_that_a_thread_is_in():
    import socket

    def spins():
        while not threads.event.is_set():
            pass

    first, second = socket.socketpair()
    with first, second, Threads() as threads:
        threads.start("receives", lambda: first.recv(1))
        threads.start("spins", spins)
        time.sleep(0.1)
        snapshot = extract_all()
        second.send(b"x")
        threads.event.set()
    calls = {node.name: node.calls for node in snapshot.threads}
    assert calls["receives"] == "socket.recv()"
    assert calls["spins"] in ("", "Event.is_set()")
    assert "in socket.recv(), daemon" in row_of("receives", str(snapshot))


@tells_locks
def test_it_is_named_as_programs_import_it():
    """``os.read`` is from another module, whose name depends on the system."""
    reader, writer = os.pipe()
    with Threads() as threads:
        threads.start("reads", lambda: os.read(reader, 1))
        time.sleep(0.1)
        snapshot = extract_all()
        os.write(writer, b"x")
    os.close(reader)
    os.close(writer)
    assert {node.name: node.calls for node in snapshot.threads}["reads"] == "os.read()"


@tells_locks
def test_the_threads_that_the_process_waits_for_at_its_end():
    import subprocess

    program = """
import os, stackscope, sys, threading, time

def look():
    time.sleep(0.5)
    print("".join(stackscope.extract_all().format(width=200)))
    sys.stdout.flush()
    os._exit(0)

threading.Thread(target=look, name="looks").start()
threading.Thread(target=time.sleep, args=(50,), name="stays").start()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60
    )
    title = next(line for line in done.stdout.splitlines() if "waiting for threading" in line)
    assert re.search(r": 2 threads, thread \d+ \(looks\), thread \d+ \(stays\)", title)


@tells_locks
def test_threads_that_are_alike_but_join_different_ones():
    with Threads() as threads:
        joined = [threads.start(f"joined-{n}", threads.event.wait) for n in range(2)]
        for n in range(14):
            threads.start(f"joins-{n}", joined[n // 8].join)
        time.sleep(0.1)
        snapshot = extract_all()
        first, second = (
            next(node.number for node in snapshot.threads if node.name == thread.name)
            for thread in joined
        )
        text = "".join(snapshot.format(width=200))
        assert (
            f"waiting for Thread.join(): thread {first} (joined-0) (8×), "
            f"thread {second} (joined-1) (6×)"
        ) in text
        assert re.search(r"14 × joins-0 .* waiting: Thread.join\(\), daemon", text)
