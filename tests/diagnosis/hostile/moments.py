"""Diagnoses at bad moments, from bad places, and such that are stopped."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import threading
import time
import weakref

import stackscope
from tests.diagnosis.cases import healthy
from tests.diagnosis.starting import KEPT as KEPT_TASKS
from tests.diagnosis.starting import start, start_thread

no_signals = None if hasattr(signal, "SIGUSR1") else "there are no such signals"
KEPT = []


async def waits(event):
    await event.wait()


async def start_some():
    """Tasks of which only a search can say whether they are stuck: one is, others aren't."""
    KEPT.append(asyncio.Event())
    start(waits(KEPT[-1]), "waits")
    start(waits(asyncio.Event()), "lost")
    await asyncio.sleep(0)


def state():
    """What a diagnosis might leave changed."""
    return (
        gc.isenabled(),
        gc.get_threshold(),
        sys.getswitchinterval(),
        sys.getrecursionlimit(),
        threading.active_count(),
        len(gc.callbacks),
        signal.getsignal(signal.SIGINT),
        sys.gettrace(),
    )


def expect_lost(look, diagnosis):
    """The task that is lost is found, and nothing else."""
    found = [node.name for finding in diagnosis.findings for node in finding.nodes]
    look.expect(f"only one is lost: {found}", found == ["lost"])
    look.count += 1


class Mine(Exception):
    """What the progress callback raises."""


async def stopped_by(look, stop, errors):
    """A diagnosis in which ``stop`` is called at each progress is ended by it, or goes on."""
    before = state()
    calls = []

    def progress(*args):
        calls.append(args)
        if len(calls) == 1:
            stop()

    try:
        stackscope.diagnose(progress=progress)
    except errors:
        pass
    look.expect("the callback is called", calls)
    look.expect(f"all is as before: {before} {state()}", state() == before)
    expect_lost(look, stackscope.diagnose())


@healthy(on="asyncio")
async def a_progress_callback_that_raises(look):
    def fail():
        raise Mine

    await start_some()
    await stopped_by(look, fail, Mine)


@healthy(on="asyncio")
async def a_progress_callback_that_wants_to_exit(look):
    def leave():
        raise SystemExit

    await start_some()
    await stopped_by(look, leave, SystemExit)


@healthy(on="asyncio")
async def interrupted(look):
    """As by Ctrl-C; asyncio.run() has a handler of its own, which would cancel the main task."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    await start_some()
    await stopped_by(look, lambda: signal.raise_signal(signal.SIGINT), KeyboardInterrupt)


@healthy(on="asyncio", skip=no_signals)
async def interrupted_at_any_time(look):
    """Whenever the signal comes, the next diagnosis is right, and nothing is kept."""

    class Kept:
        pass

    async def waits_with(kept, event):
        await event.wait()

    signal.signal(signal.SIGINT, signal.default_int_handler)
    await start_some()
    kept = Kept()
    gone = weakref.ref(kept)
    event = asyncio.Event()
    task = start(waits_with(kept, event), "has")
    del kept
    await asyncio.sleep(0)
    before = state()
    begun = time.perf_counter()
    stackscope.diagnose()
    longest = time.perf_counter() - begun
    stopped = 0
    for part in range(20):
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        try:
            signal.setitimer(signal.ITIMER_REAL, max(0.0005, longest * (part + 0.5) / 20))
            stackscope.diagnose()
            signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            stopped += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
    look.expect("some of them were stopped", stopped)
    look.expect(f"all is as before: {before} {state()}", state() == before)
    expect_lost(look, stackscope.diagnose())
    event.set()
    await task
    KEPT_TASKS.discard(task)
    del task
    await asyncio.sleep(0)
    gc.collect()
    look.expect("nothing is kept", gone() is None)


@healthy(on="asyncio", skip=no_signals)
async def in_a_signal_handler(look):
    diagnoses = []
    signal.signal(signal.SIGUSR1, lambda *_: diagnoses.append(stackscope.diagnose()))
    await start_some()
    signal.raise_signal(signal.SIGUSR1)
    expect_lost(look, diagnoses[0])


@healthy(on="asyncio")
async def in_a_finalizer(look):
    class Looks:
        def __del__(self):
            diagnoses.append(stackscope.diagnose())

    diagnoses = []
    await start_some()
    Looks()
    gc.collect()
    expect_lost(look, diagnoses[0])


@healthy(on="asyncio")
async def several_at_a_time(look):
    """Each of them has references to all objects: the others may find less, but nothing false."""
    diagnoses = []

    def diagnose():
        diagnoses.append(stackscope.diagnose())

    await start_some()
    threads = [start_thread(diagnose, name=f"looks-{number}") for number in range(3)]
    while any(thread.is_alive() for thread in threads):
        await asyncio.sleep(0.01)
    look.expect("all have come to an end", len(diagnoses) == 3)
    for diagnosis in diagnoses:
        found = [node.name for finding in diagnosis.findings for node in finding.nodes]
        look.expect(f"nothing false is found: {found}", found in ([], ["lost"]))
    expect_lost(look, stackscope.diagnose())


@healthy(on="asyncio")
async def with_an_earlier_diagnosis_kept(look):
    """It refers to all tasks, and to what they wait for."""
    await start_some()
    earlier = [stackscope.diagnose() for _ in range(2)]
    for diagnosis in earlier:
        expect_lost(look, diagnosis)
    expect_lost(look, stackscope.diagnose())


@healthy(on="asyncio")
async def with_an_earlier_snapshot_kept(look):
    await start_some()
    earlier = stackscope.extract_all()
    text = str(earlier), earlier.to_json()
    expect_lost(look, stackscope.diagnose())
    look.expect("a snapshot can be diagnosed later", text)
    expect_lost(look, stackscope.diagnose(earlier))


@healthy(on="asyncio")
async def without_a_search(look):
    """Then nothing may be said of what only a search can tell, but what the graph tells."""

    async def twice(lock):
        async with lock:
            async with lock:
                pass

    await start_some()
    start(twice(asyncio.Lock()), "twice")
    await asyncio.sleep(0)
    certain = [
        [node.name for node in finding.nodes]
        for finding in stackscope.diagnose(deep=False).findings
        if finding.certain
    ]
    look.expect(f"only the circle is certain: {certain}", certain == [["twice"]])
    look.count += 1


@healthy(on="asyncio")
async def a_large_tuple_in_the_making(look):
    """Up to 3.13, it can't be finished while anybody else has a reference to it."""
    errors, done = [], []

    def make():
        try:
            while len(done) < 4 or not over:
                done.append(len(tuple([number] for number in range(100_000))))
        except BaseException as error:
            errors.append(error)

    over = False
    thread = start_thread(make, name="makes")
    for _ in range(3):
        look()
    over = True
    thread.join()
    look.expect(f"no errors: {errors}", not errors and set(done) == {100_000})
