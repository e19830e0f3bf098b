"""Running a program of the table in what it is made for, and looking at it.

A program that gets stuck is looked at from different places: in asyncio, trio and anyio on trio by
a task of the loop itself; in uvloop and anyio on asyncio by another thread, while the loop idles.
A healthy one calls ``look`` itself, at the moments that matter.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import threading
import time

from tests.diagnosis.looking import Look
from tests.diagnosis.starting import KEPT
from tests.helpers.rows import ALL_ROWS

ENOUGH = float(os.environ.get("STACKSCOPE_LOOKS", 8 if ALL_ROWS else 1))
"""For how many seconds a healthy program is looked at; after that it goes on without that."""

PAUSE = 0.05
"""Seconds between two looks."""


def run(case, runtime, tell):
    """Run a program and tell what was found.

    Args:
        case: The program.
        runtime: What to run it in.
        tell: Takes the result, and ends the process.
    """
    RUNNERS[runtime](case, tell)


class Looks:
    """What a healthy program gets as ``look``: all looks together must find nothing."""

    def __init__(self, case, tell):
        self.case = case
        self.tell = tell
        self.last = Look(case)
        self.problems = []
        self.count = 0
        self.until = time.monotonic() + ENOUGH

    def __call__(self):
        """Look once; from any thread."""
        if self.count and time.monotonic() > self.until:
            return
        look = Look(self.case)
        look.again()
        self.count += 1
        if look.problems:
            self.problems += [*look.problems, look.text]
        self.last = look

    async def beside(self):
        """Look once from another thread, while the loop goes on (asyncio only)."""
        await in_new_thread(self)

    def and_end(self):
        """Look once, tell what was found by all looks, and end the process."""
        self()
        self.tell(self.result())

    def expect(self, what, is_so):
        """Note that the program itself doesn't do what it should."""
        if not is_so:
            self.problems.append(f"not so: {what}")

    def result(self):
        if not self.count:
            self.problems.append("it was never looked at")
        for task in KEPT:
            if task.done() and not task.cancelled() and task.exception() is not None:
                self.problems.append(f"{task} has failed")
        return {**self.last.result(), "problems": self.problems, "count": self.count}


async def in_asyncio(case, tell, from_thread):
    asyncio.current_task().set_name("main")
    if not case.findings:
        looks = Looks(case, tell)
        await case.function(looks)
        tell(looks.result())
    await case.function()
    for _ in range(10):
        await asyncio.sleep(0)
    look = Look(case)
    again = look.again
    if from_thread:
        again = functools.partial(in_new_thread, look.again)
    while await again() if from_thread else again():
        await asyncio.sleep(PAUSE)
    tell(look.result())


async def in_new_thread(function):
    """What a function returns in a thread of its own; the loop sleeps meanwhile."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()), name="looks")
    thread.start()
    while thread.is_alive():
        await asyncio.sleep(0.01)
    return results.pop()


def run_asyncio(case, tell, *, from_thread=False):
    asyncio.run(in_asyncio(case, tell, from_thread))


def run_uvloop(case, tell):
    import uvloop

    loop = uvloop.new_event_loop()
    loop.run_until_complete(in_asyncio(case, tell, from_thread=True))


async def in_trio(case, tell):
    import trio
    import trio.testing

    trio.lowlevel.current_task().name = "main"
    async with trio.open_nursery() as nursery:
        if not case.findings:
            looks = Looks(case, tell)
            await case.function(nursery, looks)
            tell(looks.result())
        await case.function(nursery)
        await trio.testing.wait_all_tasks_blocked(0.001)
        look = Look(case)
        while look.again():
            await trio.sleep(PAUSE)
        tell(look.result())


def run_trio(case, tell):
    import trio

    trio.run(in_trio, case, tell)


async def in_anyio(case, tell, *, from_thread):
    import anyio

    async with anyio.create_task_group() as group:
        if not case.findings:
            looks = Looks(case, tell)
            await case.function(group, looks)
            tell(looks.result())
        await case.function(group)
        look = Look(case)
        await anyio.wait_all_tasks_blocked()
        while await in_new_thread(look.again) if from_thread else look.again():
            await anyio.sleep(PAUSE)
        tell(look.result())


def run_anyio(case, tell, *, backend):
    import anyio

    from_thread = backend == "asyncio"
    anyio.run(functools.partial(in_anyio, case, tell, from_thread=from_thread), backend=backend)


def run_threads(case, tell):
    """Threads are looked at by the main thread."""
    if not case.findings:
        looks = Looks(case, tell)
        case.function(looks)
        tell(looks.result())
    case.function()
    look_until_all_is_there(case, tell)


def look_until_all_is_there(case, tell):
    look = Look(case)
    time.sleep(PAUSE)  # its threads are about to get stuck: one look may see half of that
    while look.again():
        time.sleep(PAUSE)
    tell(look.result())


def run_beside(case, tell):
    """What blocks the main thread is looked at by another one; a healthy program has its own."""
    if not case.findings:
        case.function(Looks(case, tell))
    look_at_it = functools.partial(look_until_all_is_there, case, tell)
    threading.Thread(target=look_at_it, name="looks", daemon=True).start()
    case.function()
    time.sleep(1000)


def run_gevent(case, tell):
    # zope.interface crashes if the collector comes while its module in C is made: up to 3.8 that
    # has no state then (``_zic_state_traverse``).
    gc.disable()
    import gevent

    gc.enable()
    if not case.findings:
        looks = Looks(case, tell)
        case.function(looks)
        tell(looks.result())
    case.function()
    for _ in range(10):
        gevent.sleep(0)
    look = Look(case)
    while look.again():
        gevent.sleep(PAUSE)
    tell(look.result())


RUNNERS = {
    "asyncio": run_asyncio,
    "uvloop": run_uvloop,
    "trio": run_trio,
    "anyio-asyncio": functools.partial(run_anyio, backend="asyncio"),
    "anyio-trio": functools.partial(run_anyio, backend="trio"),
    "threads": run_threads,
    "beside": run_beside,
    "gevent": run_gevent,
}
"""What runs a program, by the name of its runtime. ``beside``: see `run_beside`."""
