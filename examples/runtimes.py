"""One program with asyncio, trio in a thread, a thread pool, anyio and greenlets.

It takes a snapshot of itself and prints it. It needs ``pip install trio anyio greenlet``.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Callable

import anyio
import greenlet
import trio
import trio.testing

import stackscope

# ------------------------------------------------- trio, in a thread of its own


async def listen(nursery_ready: threading.Event, bye: trio.Event) -> None:
    async with trio.open_nursery() as nursery:
        _send, receive = trio.open_memory_channel[str](1)
        nursery.start_soon(receive.receive, name="trio-receiver")
        nursery.start_soon(trio.sleep, 1000, name="trio-sleeper")
        await trio.testing.wait_all_tasks_blocked()
        nursery_ready.set()
        await bye.wait()
        nursery.cancel_scope.cancel()


def start_trio() -> tuple[threading.Thread, Callable[[], None]]:
    """Start a trio run in a thread, and give the thread and a function that ends it."""
    ready = threading.Event()
    ends = []

    async def main() -> None:
        bye = trio.Event()
        token = trio.lowlevel.current_trio_token()
        ends.append(lambda: token.run_sync_soon(bye.set))
        await listen(ready, bye)

    thread = threading.Thread(target=trio.run, args=(main,), name="trio-thread")
    thread.start()
    ready.wait()
    return thread, ends[0]


# ------------------------------------------------------------------ greenlets


def ping() -> None:
    greenlet.getcurrent().parent.switch()


# ------------------------------------------- asyncio, with anyio's task groups


def compute(started: threading.Event, leave: threading.Event) -> None:
    started.set()
    leave.wait(60)


async def in_the_pool(pool: ThreadPoolExecutor, *args: threading.Event) -> None:
    await asyncio.get_running_loop().run_in_executor(pool, compute, *args)


async def worker(lock: anyio.Lock) -> None:
    async with lock:
        await anyio.sleep(1000)


async def main() -> stackscope.Snapshot:
    thread, end_trio = start_trio()
    pinging = greenlet.greenlet(ping)
    pinging.switch()
    started, leave = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1, "pool") as pool:
        async with anyio.create_task_group() as group:
            lock = anyio.Lock()
            group.start_soon(worker, lock, name="holder")
            await anyio.wait_all_tasks_blocked()
            group.start_soon(worker, lock, name="wants-the-lock")
            await anyio.wait_all_tasks_blocked()
            computing = asyncio.ensure_future(in_the_pool(pool, started, leave))
            computing.set_name("computing")
            while not started.is_set():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            try:
                return stackscope.extract_all()
            finally:
                leave.set()
                await computing
                pinging.switch()
                end_trio()
                thread.join()
                group.cancel_scope.cancel()


if __name__ == "__main__":
    print(asyncio.run(main()))
