"""What gets stuck between threads, pools and loops, for want of something that nobody has."""

from __future__ import annotations

import asyncio
import concurrent.futures
import queue
import threading

from tests.diagnosis.cases import abandoned, deadlock, planted
from tests.diagnosis.starting import start, start_thread

ASYNCIO = ("asyncio", "uvloop")
KEPT = []


@planted(abandoned("waits", "@next_of_lost"), on=ASYNCIO)
async def completions_nobody_has():
    async def waits():
        for one in asyncio.as_completed([asyncio.get_running_loop().create_future()]):
            await one  # @next_of_lost

    start(waits(), "waits")


@planted(abandoned("waits", "@shields_lost"), on=ASYNCIO)
async def a_shielded_future_nobody_has():
    async def waits():
        await asyncio.shield(asyncio.get_running_loop().create_future())  # @shields_lost

    start(waits(), "waits")


@planted(deadlock("first second", "@other_semaphore"), on=ASYNCIO)
async def two_bounded_semaphores():
    async def wants(mine, other):
        async with mine:
            await asyncio.sleep(0)
            async with other:  # @other_semaphore
                pass

    a, b = asyncio.BoundedSemaphore(1), asyncio.BoundedSemaphore(1)
    start(wants(a, b), "first")
    start(wants(b, a), "second")


@planted(abandoned("pool_0", "@gets_in_pool"), on="asyncio", behind=1)
async def a_call_in_a_pool_that_waits_for_a_lost_queue():
    def gets():
        queue.Queue().get()  # @gets_in_pool

    async def waits():
        await asyncio.get_running_loop().run_in_executor(pool, gets)

    pool = concurrent.futures.ThreadPoolExecutor(1, "pool")
    start(waits(), "waits")
    await asyncio.sleep(0.05)


@planted(abandoned("pool_0", "@waits_in_pool"), on="threads", behind=1)
def a_result_of_a_call_that_waits_for_a_lost_event():
    def waits():
        threading.Event().wait()  # @waits_in_pool

    def wants(future):
        future.result()

    pool = concurrent.futures.ThreadPoolExecutor(1, "pool")
    KEPT.append(pool)
    start_thread(wants, pool.submit(waits), name="wants")


@planted(deadlock("first second", "@gets_one", "@gets_other"), on="threads")
def two_queues_crossed():
    def one_way(mine, other):
        while True:
            other.put(mine.get())  # @gets_one

    def other_way(mine, other):
        while True:
            other.put(mine.get())  # @gets_other

    a, b = queue.Queue(), queue.Queue()
    start_thread(one_way, a, b, name="first")
    start_thread(other_way, b, a, name="second")


@planted(deadlock("sets task", "@waits_for_task", "@waits_for_thread"), on="asyncio")
async def a_thread_and_a_task_that_wait_for_each_other():
    def waits_and_sets(mine, loop, others):
        mine.wait()  # @waits_for_task
        loop.call_soon_threadsafe(others.set)

    async def task(mine, others):
        await mine.wait()  # @waits_for_thread
        others.set()

    event, others = asyncio.Event(), threading.Event()
    start_thread(waits_and_sets, others, asyncio.get_running_loop(), event, name="sets")
    start(task(event, others), "task")
    await asyncio.sleep(0.05)


@planted(abandoned("task", "@waits_in_vain"), on="asyncio", behind=1)
async def a_thread_that_waits_for_a_lost_task():
    async def task():
        await asyncio.Event().wait()  # @waits_in_vain

    def waits(future):
        future.result()

    future = asyncio.run_coroutine_threadsafe(task(), asyncio.get_running_loop())
    start_thread(waits, future, name="waits")
    await asyncio.sleep(0.05)
    for one in asyncio.all_tasks():
        if one is not asyncio.current_task():
            one.set_name("task")
            KEPT.append(one)


@planted(deadlock("one two", "@joins_two", "@lost_of_one"), on="threads")
def joins_who_waits_for_an_event_of_it():
    def one(event, other):
        other.join()  # @joins_two
        event.set()

    def two(event):
        event.wait()  # @lost_of_one

    event = threading.Event()
    start_thread(one, event, start_thread(two, event, name="two"), name="one")


@planted(deadlock("one two", "@wants_lock", "@waits_inside"), on="threads")
def a_lock_and_an_event_crossed():
    def one(lock, event):
        with lock:
            event.wait()  # @waits_inside

    def two(lock, event):
        with lock:  # @wants_lock
            event.set()

    lock, event = threading.Lock(), threading.Event()
    start_thread(one, lock, event, name="one")
    while not lock.locked():
        pass
    start_thread(two, lock, event, name="two")


@planted(deadlock("one two", "@puts_inside", "@wants_to_get"), on="threads")
def a_lock_and_a_full_queue_crossed():
    def one(lock, items):
        with lock:
            items.put("item")  # @puts_inside

    def two(lock, items):
        with lock:  # @wants_to_get
            items.get()

    lock, items = threading.Lock(), queue.Queue(1)
    items.put("first")
    start_thread(one, lock, items, name="one")
    while not lock.locked():
        pass
    start_thread(two, lock, items, name="two")
