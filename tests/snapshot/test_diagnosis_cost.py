"""What a diagnosis costs: it grows with the program, and no faster, and lets others run."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import pytest

import stackscope
from stackscope.interpreter import back_to_roots
from stackscope.interpreter.reachable import counts_references
from tests.growth import worlds
from tests.helpers.rows import IN_TURN, share

pytestmark = pytest.mark.skipif(not counts_references(), reason="the heap isn't searched")

MOST_GROWTH = 6.0
"""How much longer it may take for four times as much: what isn't linear takes 16 times as long."""

KNOWN = []


def alike(count):
    return [asyncio.ensure_future(KNOWN[0].wait()) for _ in range(count)]


def gathered(count):
    async def gathers():
        await asyncio.gather(*alike(count))

    return [asyncio.ensure_future(gathers())]


def chained(count):
    async def awaits(task):
        await task

    tasks = alike(1)
    for _ in range(count):
        tasks.append(asyncio.ensure_future(awaits(tasks[-1])))
    return tasks


def lost(count):
    """All of them are one finding."""
    return [asyncio.ensure_future(asyncio.Event().wait()) for _ in range(count)]


def locked(count):
    """Pairs that are stuck: as many findings."""

    async def enters(first, second):
        async with first:
            await asyncio.sleep(0)
            async with second:
                pass

    tasks = []
    for _ in range(count // 2):
        a, b = asyncio.Lock(), asyncio.Lock()
        tasks += [asyncio.ensure_future(enters(a, b)), asyncio.ensure_future(enters(b, a))]
    return tasks


def of(make):
    """The tasks of a world whose tasks wait for each other alone."""

    def start(count):
        return make(count, KNOWN[0].wait)

    return pytest.param(start, id=make.__name__)


def in_asyncio(start, count, look):
    """What ``look()`` gives while the tasks of ``start(count)`` wait."""

    async def main():
        KNOWN[:] = [asyncio.Event()]
        tasks = start(count)
        for _ in range(4):
            await asyncio.sleep(0)
        result = look()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return result

    return asyncio.run(main())


def in_threads(count, look):
    """The same while threads wait for a lock that another one has."""
    found = []
    worlds.threads(count, lambda: found.append(look()))
    return found[0]


def seconds():
    """The seconds of the processor that a diagnosis takes."""
    snapshot = stackscope.extract_all()
    start = time.thread_time()
    stackscope.diagnose(snapshot)
    return time.thread_time() - start


def grows_too_fast(seconds_of, count):
    """Whether it takes too long for four times as many, also when it is measured once more."""
    few, many = [], []
    for _ in range(4):
        few.append(seconds_of(count))
        many.append(seconds_of(4 * count))
        if min(many) < MOST_GROWTH * min(few):
            return False
    return True


@pytest.mark.parametrize("start", share([alike, gathered, chained, lost, locked], 5))
def test_it_grows_with_the_tasks_and_no_faster(start):
    in_asyncio(start, 10, seconds)  # what is only made once
    assert not grows_too_fast(lambda count: in_asyncio(start, count, seconds), 40)


MUTUAL = [
    of(worlds.between_events),
    of(worlds.between_queues),
    of(worlds.supervised),
    of(worlds.supervised_together),
    of(worlds.in_each_others_turn),
    of(worlds.each_at_its_own_line),
]
"""Those where as many may end a wait as wait."""


@IN_TURN
@pytest.mark.parametrize("start", share(MUTUAL, 3))
def test_it_grows_no_faster_where_as_many_may_end_a_wait_as_wait(start):
    in_asyncio(start, 10, seconds)  # what is only made once
    assert not grows_too_fast(lambda count: in_asyncio(start, count, seconds), 150)


def test_it_grows_with_the_threads_and_no_faster():
    in_threads(2, seconds)
    assert not grows_too_fast(lambda count: in_threads(count, seconds), 8)


@pytest.fixture
def many_objects():
    """Enough of them to see how long each step takes."""
    return [[number] for number in range(40_000)]


@pytest.mark.parametrize(
    ("start", "calls"),
    [
        pytest.param(lost, back_to_roots.MOST_CALLS, id="what is near decides it"),
        pytest.param(alike, back_to_roots.MOST_CALLS, id="back from what is near"),
        pytest.param(alike, 1, id="the whole heap"),
    ],
)
def test_progress_is_told_at_short_intervals(start, calls, monkeypatch, many_objects):
    """By the processor's time of this thread: a busy machine only adds to others."""
    monkeypatch.setattr(back_to_roots, "MOST_CALLS", calls)
    moments = []

    def look():
        moments.append(time.thread_time())
        diagnosis = stackscope.diagnose(progress=told.append)
        moments.append(time.thread_time())
        return diagnosis

    class Told(list):
        def append(self, share):
            moments.append(time.thread_time())
            super().append(share)

    told = Told()
    found = in_asyncio(start, 1, look).findings
    assert [one.certain for one in found] == ([True] if start is lost else [])
    assert all(0 <= share <= 1 for share in told)
    steps = [after - before for before, after in zip(moments, moments[1:])]
    assert max(steps) < 0.5


LONGEST_STRETCH = """
import asyncio, threading, time, stackscope

many_objects = [[number] for number in range(40_000)]
clock = time.pthread_getcpuclockid(threading.get_ident())
moments, ended = [], threading.Event()

def watch():
    while not ended.is_set():
        moments.append(time.clock_gettime(clock))

async def main():
    lost = asyncio.ensure_future(asyncio.Event().wait())
    await asyncio.sleep(0)
    watcher = threading.Thread(target=watch)
    watcher.start()
    stackscope.diagnose()
    ended.set()
    watcher.join()
    lost.cancel()

asyncio.run(main())
print(max(after - before for before, after in zip(moments, moments[1:])))
"""


@pytest.mark.skipif(not hasattr(time, "pthread_getcpuclockid"), reason="no clock of a thread")
def test_no_step_keeps_other_threads_from_running_for_long():
    """So much of a thread's time goes by between two moments of another one, which is ready.

    In a process of its own: a step grows with the objects, of which a long run of tests has many.
    """

    def longest_stretch():
        command = [sys.executable, "-c", LONGEST_STRETCH]
        return float(subprocess.run(command, capture_output=True, check=True).stdout)

    assert any(longest_stretch() < 0.1 for _ in range(3))  # a busy machine may take it away
