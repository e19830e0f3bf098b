"""Programs of asyncio that go on by themselves, and what wakes their tasks."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import sys
import threading
import weakref

from tests.diagnosis.cases import ASYNCIO, healthy
from tests.diagnosis.starting import KEPT, start

# ------------------------------------------------------------- contention


@healthy(on=ASYNCIO)
async def contention_that_moves(look):
    """Ten tasks want one lock all the time, and each gets it."""

    async def works():
        nonlocal done
        while not over:
            async with lock:
                await asyncio.sleep(0.0005)
                done += 1

    done, over, lock = 0, False, asyncio.Lock()
    tasks = [start(works(), f"works-{number}") for number in range(10)]
    for _ in range(5):
        before = done
        while done < before + 3:
            await asyncio.sleep(0.001)
        look()
        await look.beside()
    over = True
    await asyncio.gather(*tasks)


@healthy(on=ASYNCIO)
async def locks_in_opposite_order_that_do_not_meet(look):
    async def holds(first, second):
        async with first:
            async with second:
                await asyncio.sleep(1000)

    async def wants(first, second):
        async with first:
            async with second:
                pass

    a, b = asyncio.Lock(), asyncio.Lock()
    start(holds(a, b), "holds")
    await asyncio.sleep(0)
    start(wants(b, a), "wants")
    start(wants(a, b), "also wants")
    await asyncio.sleep(0)
    look()
    await look.beside()


@healthy(on=ASYNCIO)
async def who_holds_the_semaphore_sleeps(look):
    """One of two holders is stuck behind the other; that one sleeps."""

    async def holds(seconds):
        async with semaphore:
            async with inner:
                await asyncio.sleep(seconds)

    semaphore, inner = asyncio.Semaphore(2), asyncio.Lock()
    for number in range(4):
        start(holds(1000), f"holds-{number}")
    for _ in range(3):
        await asyncio.sleep(0)
    look()
    await look.beside()


@healthy(on=ASYNCIO)
async def producers_and_consumers_between_timers(look):
    async def produce():
        for item in range(40):
            await queue.put(item)
            await asyncio.sleep(0.001)

    async def consume():
        while True:
            got.append(await queue.get())
            await asyncio.sleep(0.0005)
            queue.task_done()

    got, queue = [], asyncio.Queue(2)
    consumers = [start(consume(), f"consumer-{number}") for number in range(5)]
    producers = [start(produce(), f"producer-{number}") for number in range(5)]
    for _ in range(5):
        await asyncio.sleep(0.002)
        look()
    await asyncio.gather(*producers)
    await queue.join()
    look.expect("every item is consumed once", sorted(got) == sorted(list(range(40)) * 5))
    for consumer in consumers:
        consumer.cancel()


@healthy(on=ASYNCIO)
async def consumers_at_rest(look):
    """Nobody has anything for them just now, but whoever has the queue may."""

    async def consume():
        while True:
            await queue.get()

    queue = asyncio.Queue()
    for number in range(5):
        start(consume(), f"consumer-{number}")
    await asyncio.sleep(0)
    look()
    await look.beside()
    await queue.put("item")  # only the variable of this frame has the queue


# ------------------------------------------------------------ time limits


@healthy(on=ASYNCIO)
async def a_lost_future_within_a_time_limit(look):
    async def waits():
        await asyncio.wait_for(asyncio.get_running_loop().create_future(), 1000)

    start(waits(), "waits")
    await asyncio.sleep(0)
    look()
    await look.beside()


@healthy(on=ASYNCIO)
async def a_lost_event_in_a_task_within_a_time_limit(look):
    async def waits():
        await asyncio.Event().wait()

    async def limits(task):
        await asyncio.wait_for(task, 1000)

    start(limits(start(waits(), "waits")), "limits")
    await asyncio.sleep(0)
    look()
    await look.beside()


@healthy(on=ASYNCIO)
async def waiting_for_a_lost_future_with_a_time_limit(look):
    """The waiting itself ends; what it waits for is never done, and is what the limit is for."""

    async def waits():
        future = asyncio.get_running_loop().create_future()
        await asyncio.wait([future], timeout=1000)

    start(waits(), "waits")
    await asyncio.sleep(0)
    look()
    await look.beside()


@healthy(on=ASYNCIO, skip="no asyncio.timeout before 3.11" if sys.version_info < (3, 11) else None)
async def a_time_limit_around_functions(look):
    async def waits():
        await inner()

    async def inner():
        await asyncio.Event().wait()

    async def outer():
        async with asyncio.timeout(1000):
            await waits()

    start(outer(), "outer")
    await asyncio.sleep(0)
    look()
    await look.beside()


@healthy(on=ASYNCIO, skip="no asyncio.timeout before 3.11" if sys.version_info < (3, 11) else None)
async def a_time_limit_around_a_group(look):
    """Its block isn't over yet, and another manager has entered the limit."""

    @contextlib.asynccontextmanager
    async def limited():
        async with asyncio.timeout(1000):
            yield

    async def parent():
        async with limited(), asyncio.TaskGroup() as group:
            group.create_task(asyncio.Event().wait())
            await asyncio.sleep(1000)

    start(parent(), "parent")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    look()
    await look.beside()


@healthy(on=ASYNCIO, skip="no asyncio.timeout before 3.11" if sys.version_info < (3, 11) else None)
async def locks_in_opposite_order_within_a_time_limit(look):
    """One of them gives up some day, and then the other goes on."""

    async def enters(first, second):
        async with first:
            await asyncio.sleep(0)
            async with second:
                pass

    async def limits(first, second):
        async with asyncio.timeout(1000):
            await enters(first, second)

    a, b = asyncio.Lock(), asyncio.Lock()
    start(enters(a, b), "one")
    start(limits(b, a), "other")
    for _ in range(3):
        await asyncio.sleep(0)
    look()
    await look.beside()


@healthy(on=ASYNCIO)
async def a_timer_that_cancels(look):
    async def waits():
        await asyncio.get_running_loop().create_future()

    task = start(waits(), "waits")
    asyncio.get_running_loop().call_later(1000, task.cancel)
    del task
    await asyncio.sleep(0)
    look()
    await look.beside()


@healthy(on=ASYNCIO)
async def timers_that_call_functions_that_cancel(look):
    async def waits():
        await asyncio.get_running_loop().create_future()

    def cancel(which):
        which.cancel()

    first, second = start(waits(), "first"), start(waits(), "second")
    asyncio.get_running_loop().call_later(1000, lambda: first.cancel())
    asyncio.get_running_loop().call_later(1000, functools.partial(cancel, which=second))
    await asyncio.sleep(0)
    look()
    await look.beside()


@healthy(on=ASYNCIO)
async def the_first_of_several_is_enough(look):
    """One of them is lost, another one sleeps."""

    async def lost():
        await asyncio.Event().wait()

    async def waits():
        others = [start(asyncio.sleep(1000), "sleeps")]
        await asyncio.wait([*others, start(lost_later(), "x")], return_when="FIRST_COMPLETED")

    async def lost_later():
        await asyncio.sleep(1000)
        await lost()

    start(waits(), "waits")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    look()
    await look.beside()


# ------------------------------------------------------------- many, any


@healthy(on=ASYNCIO)
async def ten_thousand_sleepers(look):
    for number in range(10_000):
        KEPT.add(asyncio.ensure_future(asyncio.sleep(1000 + number)))
    await asyncio.sleep(0)
    look()


@healthy(on=ASYNCIO)
async def tasks_that_are_ready(look):
    async def works():
        while True:
            await asyncio.sleep(0)

    for number in range(50):
        start(works(), f"works-{number}")
    await asyncio.sleep(0)
    look()
    await look.beside()


@healthy(on=ASYNCIO)
async def woken_and_not_run_yet(look):
    """What they wait for has happened; that nobody has it any more doesn't matter."""

    async def waits(event):
        await event.wait()
        woken.append(event)

    woken = []
    for number in range(5):
        event = asyncio.Event()
        start(waits(event), f"waits-{number}")
        await asyncio.sleep(0)
        event.set()
        del event
    look()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    look.expect("all are woken", len(woken) == 5)


@healthy(on=ASYNCIO)
async def tasks_being_cancelled(look):
    async def waits():
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(1000)

    tasks = [start(waits(), f"waits-{number}") for number in range(5)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    look()
    await asyncio.sleep(0)
    look()


@healthy(on=ASYNCIO)
async def short_blocking_calls(look):
    """A loop that blocks for a moment again and again isn't blocked."""
    import time

    async def works():
        while not over:
            time.sleep(0.001)
            await asyncio.sleep(0)

    over = False
    task = start(works(), "works")
    await asyncio.sleep(0)
    for _ in range(5):
        await look.beside()
    over = True
    await task


@healthy(on=ASYNCIO)
async def a_long_computation(look):
    """Nobody can say that it doesn't end; and it isn't a blocking call."""

    async def computes():
        while thread.is_alive():
            sum(range(1000))

    thread = threading.Thread(target=look, name="looks")
    thread.start()
    await start(computes(), "computes")


@healthy(on=ASYNCIO)
async def a_process_that_runs(look):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE
    )

    async def waits():
        look.expect("the process ends well", await process.wait() == 0)

    task = start(waits(), "waits")
    await asyncio.sleep(0.01)
    look()
    await look.beside()
    process.stdin.write(b"\n")
    await process.communicate()
    await task


@healthy(on=ASYNCIO)
async def calls_in_threads(look):
    def works():
        leave.wait()
        return 5

    leave = threading.Event()
    loop = asyncio.get_running_loop()
    calls = [loop.run_in_executor(None, works) for _ in range(50)]

    async def waits(call):
        return await call

    tasks = [start(waits(call), f"waits-{number}") for number, call in enumerate(calls)]
    await asyncio.sleep(0.01)
    look()
    await look.beside()
    leave.set()
    look.expect("all calls return", await asyncio.gather(*tasks) == [5] * 50)


@healthy(on=ASYNCIO)
async def a_task_nobody_has_that_sleeps(look):
    async def sleeps():
        await asyncio.sleep(1000)

    asyncio.ensure_future(sleeps())
    await asyncio.sleep(0)
    look()


# ------------------------------------------------ what a look leaves alone


@healthy(on=ASYNCIO)
async def nothing_is_kept(look):
    """What was looked at is freed when the program lets go of it, without a collector."""

    class Mine:
        pass

    async def waits(mine, event):
        await event.wait()

    mine, event = Mine(), asyncio.Event()
    asyncio.get_running_loop().call_later(1000, event.set)
    task = asyncio.ensure_future(waits(mine, event))
    await asyncio.sleep(0)
    gc.collect()
    gc.disable()
    look()
    await look.beside()
    event.set()
    await task
    gone = weakref.ref(mine), weakref.ref(task)
    del mine, task
    await asyncio.sleep(0)
    look.expect("no object is kept", [one() for one in gone] == [None, None])


@healthy(on=ASYNCIO)
async def no_collection_is_started(look):
    """A collection runs finalizers of the program, which it may have postponed on purpose."""

    def notice(phase, info):
        collections.append(phase)

    class Notices:
        def __init__(self):
            self.itself = self

        def __del__(self):
            collections.append("finalizer")

    collections = []
    gc.collect()
    gc.disable()
    Notices()
    gc.callbacks.append(notice)
    look()
    gc.callbacks.remove(notice)
    look.expect("no collection", not collections)
    look.expect("the collector is still off", not gc.isenabled())
    gc.enable()
    look()
    look.expect("the collector is still on", gc.isenabled())
