"""Several at once, several loops, and a few that are stuck among many that aren't."""

from __future__ import annotations

import asyncio
import threading

from tests.diagnosis.cases import ASYNCIO, CPYTHON, abandoned, deadlock, planted
from tests.diagnosis.starting import KEPT, start, start_thread

tells_locks = None if CPYTHON else "there is no telling what a thread waits for"


async def enters(first, second):
    async with first:
        await asyncio.sleep(0)
        async with second:  # @enters
            pass


async def wants(lock):
    async with lock:
        pass


def start_circle(*names):
    """Tasks of which each holds a lock that the one before it wants."""
    locks = [asyncio.Lock() for _ in names]
    for number, name in enumerate(names):
        start(enters(locks[number], locks[(number + 1) % len(locks)]), name)
    return locks


@planted(deadlock("one other", "@enters"), deadlock("red green blue", "@enters"), on=ASYNCIO)
async def two_circles():
    start_circle("one", "other")
    start_circle("red", "green", "blue")


@planted(
    deadlock("one other"),
    abandoned("lost", "@lost"),
    deadlock("itself"),
    on=ASYNCIO,
)
async def of_several_kinds():
    async def lost():
        await asyncio.Event().wait()  # @lost

    start_circle("one", "other")
    start_circle("itself")
    start(lost(), "lost")


@planted(deadlock("one other"), on=ASYNCIO, behind=50)
async def many_wait_behind():
    async def joins(task):
        await asyncio.wait([task])

    lock, _ = start_circle("one", "other")
    await asyncio.sleep(0)
    for number in range(25):
        start(joins(start(wants(lock), f"wants-{number}")), f"joins-{number}")


@planted(deadlock("one other", "@enters"), on=ASYNCIO)
async def one_circle_among_two_hundred_healthy_tasks():
    async def works(number):
        while True:
            async with lock:
                await asyncio.sleep(0.001)
            event.set()
            await asyncio.sleep(0.001 * (number % 10))

    async def waits():
        await event.wait()
        await asyncio.sleep(1000)

    lock, event = asyncio.Lock(), asyncio.Event()
    for number in range(100):
        start(works(number), f"works-{number}")
        start(waits(), f"waits-{number}")
    start_circle("one", "other")


@planted(abandoned("lost", "@waits_for_nobody"), on=ASYNCIO)
async def one_abandoned_among_two_hundred_that_wait_for_others():
    async def lost():
        await asyncio.get_running_loop().create_future()  # @waits_for_nobody

    async def passes_on(mine, following):
        await mine.wait()
        following.set()

    events = [asyncio.Event() for _ in range(201)]
    for number in range(200):
        start(passes_on(events[number], events[number + 1]), f"passes-{number}")
    asyncio.get_running_loop().call_later(1000, events[0].set)
    start(lost(), "lost")


async def waits_for(future, name):
    KEPT.add(asyncio.current_task())
    asyncio.current_task().set_name(name)
    await asyncio.wrap_future(future)


def start_loops(count):
    """Event loops in threads of their own."""
    loops = []
    for number in range(count):
        loop = asyncio.new_event_loop()
        start_thread(loop.run_forever, name=f"loop-{number}")
        loops.append(loop)
    return loops


@planted(deadlock("left right"), on="threads")
def tasks_of_two_loops():
    """Each waits for the other's result, without blocking its loop."""

    async def left():
        KEPT.add(asyncio.current_task())
        asyncio.current_task().set_name("left")
        known.set()
        while "right" not in futures:
            await asyncio.sleep(0.001)
        await asyncio.wrap_future(futures["right"])

    futures, known = {}, threading.Event()
    one, other = start_loops(2)
    futures["left"] = asyncio.run_coroutine_threadsafe(left(), one)
    known.wait()
    futures["right"] = asyncio.run_coroutine_threadsafe(waits_for(futures["left"], "right"), other)


@planted(
    deadlock("left right", "@left_blocks", "@right_blocks", may_have=["loop-0", "loop-1"]),
    on="threads",
)
def two_loops_that_block_each_other():
    async def nothing():
        pass

    async def left():
        asyncio.current_task().set_name("left")
        met.wait()
        asyncio.run_coroutine_threadsafe(nothing(), other).result()  # @left_blocks

    async def right():
        asyncio.current_task().set_name("right")
        met.wait()
        asyncio.run_coroutine_threadsafe(nothing(), one).result()  # @right_blocks

    met = threading.Barrier(2)
    one, other = start_loops(2)
    asyncio.run_coroutine_threadsafe(left(), one)
    asyncio.run_coroutine_threadsafe(right(), other)


@planted(
    deadlock("asks task pool", "@asks_result", "@pool_wants"),
    on="asyncio",
    skip=tells_locks,
)
async def a_thread_a_task_and_a_pool():
    """A thread has the lock and asks the loop; that asks its pool, which wants the lock."""

    def wants_lock():
        threading.current_thread().name = "pool"
        with lock:  # @pool_wants
            pass

    async def in_pool():
        task = asyncio.current_task()
        task.set_name("task")
        await asyncio.get_running_loop().run_in_executor(None, wants_lock)

    def asks(loop):
        with lock:
            asyncio.run_coroutine_threadsafe(in_pool(), loop).result()  # @asks_result

    lock = threading.Lock()
    start_thread(asks, asyncio.get_running_loop(), name="asks")
    while not any(task.get_name() == "task" for task in asyncio.all_tasks()):
        await asyncio.sleep(0.001)


@planted(deadlock("holds pool", "@task_holds", "@thread_wants"), on=ASYNCIO, skip=tells_locks)
async def a_worker_wants_the_lock_of_the_task_that_waits_for_it():
    def enter():
        threading.current_thread().name = "pool"
        with lock:  # @thread_wants
            pass

    async def holds():
        with lock:  # @task_holds
            await asyncio.get_running_loop().run_in_executor(None, enter)

    lock = threading.Lock()
    start(holds(), "holds")


@planted(
    deadlock("MainThread main-task pool", "@loop_thread_holds"),
    on="beside",
    skip=tells_locks,
)
def a_worker_wants_the_lock_around_the_loop():
    def enter():
        threading.current_thread().name = "pool"
        with lock:
            pass

    async def main():
        asyncio.current_task().set_name("main-task")
        await asyncio.get_running_loop().run_in_executor(None, enter)

    lock = threading.Lock()
    with lock:  # @loop_thread_holds
        asyncio.run(main())
