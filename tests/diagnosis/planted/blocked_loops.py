"""Event loops whose thread stands in a blocking call, while other tasks could run.

These block the main thread; another thread looks at them.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import queue
import socket
import subprocess
import sys
import threading
import time

from tests.diagnosis.cases import CPYTHON, blocked, deadlock, planted
from tests.diagnosis.starting import start, start_thread

try:
    import trio
except ImportError:
    trio = None

tells_locks = None if CPYTHON else "there is no telling what a thread waits for"

WORLD = []
"""What the rest of the program has."""


def run_with_others(blocks):
    """Run a coroutine function as a task, beside some that only wait to be run."""

    async def works():
        while True:
            await asyncio.sleep(0.001)

    async def main():
        asyncio.current_task().set_name("main")
        for number in range(3):
            start(works(), f"works-{number}")
        await asyncio.sleep(0.01)
        start(blocks(), "blocks")
        await asyncio.sleep(0.01)

    asyncio.run(main())


@planted(blocked("blocks", "@sleeps", "sleep"), on="beside")
def time_sleep():
    async def blocks():
        time.sleep(1000)  # @sleeps

    run_with_others(blocks)


@planted(blocked("blocks", "@sleeps_in_helper"), on="beside")
def time_sleep_in_a_function():
    def helper():
        time.sleep(1000)  # @sleeps_in_helper

    async def blocks():
        helper()

    run_with_others(blocks)


@planted(
    blocked("blocks", "@acquires", "holder", may_have=["MainThread", "holder"]),
    on="beside",
    skip=tells_locks,
)
def lock_acquire():
    def hold():
        with lock:
            held.set()
            time.sleep(1000)

    async def blocks():
        lock.acquire()  # @acquires

    lock, held = threading.Lock(), threading.Event()
    start_thread(hold, name="holder")
    held.wait()
    run_with_others(blocks)


@planted(blocked("blocks", "@gets"), on="beside")
def queue_get():
    async def blocks():
        items.get()  # @gets

    items = queue.Queue()
    WORLD.append(items)
    run_with_others(blocks)


@planted(blocked("blocks", "@waits_for_event"), on="beside")
def event_wait():
    async def blocks():
        event.wait()  # @waits_for_event

    event = threading.Event()
    WORLD.append(event)
    run_with_others(blocks)


@planted(blocked("blocks", "@waits_for_result", may_have=["MainThread", "pool_0"]), on="beside")
def result_of_a_pool():
    async def blocks():
        pool.submit(time.sleep, 1000).result()  # @waits_for_result

    pool = concurrent.futures.ThreadPoolExecutor(1, "pool")
    WORLD.append(pool)
    run_with_others(blocks)


@planted(blocked("blocks", "@joins_thread", may_have=["MainThread", "sleeps"]), on="beside")
def join_of_a_thread():
    async def blocks():
        start_thread(time.sleep, 1000, name="sleeps").join()  # @joins_thread

    run_with_others(blocks)


@planted(blocked("blocks", "@receives"), on="beside")
def socket_recv():
    async def blocks():
        reading.recv(1)  # @receives

    reading, writing = socket.socketpair()
    WORLD.append(writing)
    run_with_others(blocks)


@planted(blocked("blocks", "@waits_for_process"), on="beside")
def wait_for_a_process():
    async def blocks():
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        process.wait()  # @waits_for_process

    run_with_others(blocks)


@planted(blocked("blocks", "@trio_sleeps", "sleep"), on="beside", skip=None if trio else "no trio")
def time_sleep_in_trio():
    async def works():
        while True:
            await trio.sleep(0.001)

    async def blocks():
        await trio.sleep(0.02)
        time.sleep(1000)  # @trio_sleeps

    async def main():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(works)
            nursery.start_soon(blocks, name="blocks")

    trio.run(main)


# ---------------------------------------- and that nothing will ever end


@planted(deadlock("blocks", "@own_loop", may_have=["MainThread", "asks"]), on="beside")
def result_of_what_its_own_loop_would_have_to_run():
    async def asks():
        pass

    async def blocks():
        loop = asyncio.get_running_loop()
        asyncio.run_coroutine_threadsafe(asks(), loop).result()  # @own_loop

    run_with_others(blocks)


@planted(
    deadlock("blocks keeps", "@keeps_lock", "@wants_lock", may_have=["MainThread"]),
    on="beside",
    skip=tells_locks,
)
def a_lock_that_another_task_of_the_loop_has():
    async def keeps():
        with lock:  # @keeps_lock
            await asyncio.sleep(0.1)

    async def blocks():
        start(keeps(), "keeps")
        await asyncio.sleep(0)
        with lock:  # @wants_lock
            pass

    lock = threading.Lock()
    run_with_others(blocks)


@planted(deadlock("blocks", "@lock_again", may_have=["MainThread"]), on="beside", skip=tells_locks)
def a_lock_that_the_task_has_itself():
    async def blocks():
        with lock:
            with lock:  # @lock_again
                pass

    lock = threading.Lock()
    run_with_others(blocks)


@planted(deadlock("blocks worker", "@result_of_worker", may_have=["MainThread"]), on="beside")
def a_worker_asks_the_loop_that_waits_for_it():
    def ask(loop):
        threading.current_thread().name = "worker"
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()

    async def blocks():
        pool.submit(ask, asyncio.get_running_loop()).result()  # @result_of_worker

    pool = concurrent.futures.ThreadPoolExecutor(1)
    WORLD.append(pool)
    run_with_others(blocks)
