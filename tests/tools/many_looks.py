"""Many diagnoses of one busy, healthy program in a row: nothing must be found.

By hand, ``python -m tests.tools.many_looks RUNTIME [LOOKS]``, with one of asyncio, uvloop, trio,
anyio-asyncio, anyio-trio, threads, gevent, aiohttp, fastapi; 1,000 looks unless told otherwise.
Every second look is taken by another thread, while the program goes on (not in gevent, whose
greenlets belong to their thread). It prints what was found, and how long the looks took.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import itertools
import queue
import random
import socket
import sys
import threading
import time
import urllib.request

import stackscope

SHORT = 0.001
"""Seconds that everybody sleeps between two steps."""


class Looks:
    """Takes the looks and keeps what they find.

    Args:
        wanted: How many.
    """

    def __init__(self, wanted):
        self.wanted = wanted
        self.seconds = []
        self.found = []

    @property
    def is_over(self):
        return len(self.seconds) >= self.wanted

    def look(self):
        """Diagnose this process once."""
        begun = time.perf_counter()
        diagnosis = stackscope.diagnose()
        self.seconds.append(time.perf_counter() - begun)
        if diagnosis.findings:
            self.found.append(str(diagnosis))

    def look_in_thread(self):
        """A thread that takes one look."""
        thread = threading.Thread(target=self.look, name="looks")
        thread.start()
        return thread

    def tell(self, name, done):
        """Print the result; returns the exit code."""
        ordered = sorted(self.seconds)
        median = ordered[len(ordered) // 2]
        print(
            f"{name} on {sys.version.split()[0]}: "
            f"{len(ordered)} looks, {len(self.found)} with findings; "
            f"the program did {done} steps; "
            f"a look took {median:.3f} s (median), {ordered[-1]:.3f} s at most",
            flush=True,
        )
        print("\n\n".join(self.found[:5]))
        return bool(self.found) or not done


# ------------------------------------------------------------------ tasks of any library


class Tools:
    """What the busy tasks of `work_in_tasks` use: asyncio's by default."""

    lock = asyncio.Lock
    event = asyncio.Event
    sleep = staticmethod(asyncio.sleep)

    def __init__(self):
        self.queue = asyncio.Queue(3)
        self.put = self.queue.put
        self.get = self.queue.get

    def later(self, event):
        """Have an event set by a timer that nobody else has."""
        asyncio.get_running_loop().call_later(SHORT, event.set)


def tools_of_trio():
    import trio

    class OfTrio(Tools):
        lock = trio.Lock
        event = trio.Event
        sleep = staticmethod(trio.sleep)

        def __init__(self):
            sending, receiving = trio.open_memory_channel(3)
            self.put, self.get = sending.send, receiving.receive
            self.token = trio.lowlevel.current_trio_token()

        def later(self, event):
            def set_it():
                time.sleep(SHORT)
                self.token.run_sync_soon(event.set)

            threading.Thread(target=set_it).start()

    return OfTrio()


def tools_of_anyio():
    import anyio
    from anyio.from_thread import start_blocking_portal  # noqa: F401 (loaded for the first look)

    class OfAnyio(Tools):
        lock = anyio.Lock
        event = anyio.Event
        sleep = staticmethod(anyio.sleep)

        def __init__(self):
            sending, receiving = anyio.create_memory_object_stream(3)
            self.put, self.get = sending.send, receiving.receive

        def later(self, event):
            self.start(self.set_later, event)

        async def set_later(self, event):
            await anyio.to_thread.run_sync(time.sleep, SHORT)
            event.set()

    return OfAnyio()


async def work_in_tasks(tools, start, looks):
    """Run tasks that contend, pass on, begin and end, and look at them.

    Args:
        tools: The primitives.
        start: Starts a task: ``start(function, *arguments)``.
        looks: The `Looks`.

    Returns:
        How many steps the tasks did.
    """
    steps = itertools.count()
    first, second = tools.lock(), tools.lock()

    async def contends(number):
        while not looks.is_over:
            async with first:
                await tools.sleep(0)
                if number % 2:
                    async with second:
                        await tools.sleep(SHORT)
                next(steps)

    async def produces():
        while not looks.is_over:
            await tools.put(next(steps))
            await tools.sleep(SHORT * random.random())

    async def consumes():
        while not looks.is_over:
            await tools.get()
            await tools.sleep(SHORT * random.random())

    async def child(event):
        await tools.sleep(0)
        event.set()

    async def begins_children():
        while not looks.is_over:
            event = tools.event()
            start(child, event)
            await event.wait()
            event = tools.event()
            tools.later(event)
            await event.wait()
            next(steps)

    for number in range(6):
        start(contends, number)
    for function in [produces] * 3 + [consumes] * 3 + [begins_children] * 4:
        start(function)
    await look_from_both_sides(looks, tools.sleep)
    return next(steps)


async def look_from_both_sides(looks, sleep):
    """Look until the looks are over, in turn from here and from another thread."""
    for number in itertools.count():
        if looks.is_over:
            return
        await sleep(SHORT)
        if number % 2:
            looks.look()
        else:
            thread = looks.look_in_thread()
            while thread.is_alive():
                await sleep(SHORT)


async def in_asyncio(looks):
    tasks = set()

    def start(function, *arguments):
        task = asyncio.ensure_future(function(*arguments))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    done = await work_in_tasks(Tools(), start, looks)
    for task in tasks:
        task.cancel()
    await asyncio.wait(list(tasks))
    return done


def run_asyncio(looks):
    return asyncio.run(in_asyncio(looks))


def run_uvloop(looks):
    import uvloop

    return uvloop.new_event_loop().run_until_complete(in_asyncio(looks))


def run_trio(looks):
    import trio

    async def main():
        async with trio.open_nursery() as nursery:
            done = await work_in_tasks(tools_of_trio(), nursery.start_soon, looks)
            nursery.cancel_scope.cancel()
        return done

    return trio.run(main)


def run_anyio(looks, backend):
    import anyio

    async def main():
        async with anyio.create_task_group() as group:
            tools = tools_of_anyio()
            tools.start = group.start_soon
            done = await work_in_tasks(tools, group.start_soon, looks)
            group.cancel_scope.cancel()
        return done

    return anyio.run(main, backend=backend)


# ------------------------------------------------------------------ threads and greenlets


def run_threads(looks):
    steps = itertools.count()
    first, second, boxes = threading.Lock(), threading.RLock(), queue.Queue(3)
    condition = threading.Condition()

    def contends():
        while not looks.is_over:
            with first, second:
                time.sleep(SHORT)
            next(steps)

    def produces():
        while not looks.is_over:
            boxes.put(next(steps))
            with condition:
                condition.notify()

    def consumes():
        while not looks.is_over:
            boxes.get()
            time.sleep(SHORT)

    def waits():
        while not looks.is_over:
            with condition:
                condition.wait()

    def begins_threads():
        while not looks.is_over:
            event = threading.Event()
            thread = threading.Thread(target=event.set, daemon=True)
            thread.start()
            event.wait()
            thread.join()
            next(steps)

    for function in (
        [contends] * 4 + [produces] * 2 + [consumes] * 2 + [waits] * 2 + [begins_threads] * 2
    ):
        threading.Thread(target=function, daemon=True).start()
    while not looks.is_over:
        time.sleep(SHORT)
        looks.look()
    return next(steps)


def run_gevent(looks):
    import gevent
    import gevent.event
    import gevent.lock
    import gevent.queue

    steps = itertools.count()
    lock, boxes = gevent.lock.BoundedSemaphore(1), gevent.queue.Queue(3)

    def contends():
        while not looks.is_over:
            with lock:
                gevent.sleep(SHORT)
            next(steps)

    def produces():
        while not looks.is_over:
            boxes.put(next(steps))

    def consumes():
        while not looks.is_over:
            boxes.get()
            gevent.sleep(SHORT)

    def begins_greenlets():
        while not looks.is_over:
            event = gevent.event.Event()
            child = gevent.spawn(event.set)
            event.wait()
            child.join()
            later = gevent.event.AsyncResult()
            gevent.spawn_later(SHORT, later.set, 1)
            later.get()
            next(steps)

    for function in [contends] * 4 + [produces] * 2 + [consumes] * 2 + [begins_greenlets] * 4:
        gevent.spawn(function)
    while not looks.is_over:
        gevent.sleep(SHORT)
        looks.look()
    return next(steps)


# ------------------------------------------------------------------ servers under load


def ask_in_threads(port, paths, looks, steps):
    """Have threads ask a server of this process until the looks are over."""

    def asks(path):
        with contextlib.suppress(OSError):  # at the end the server is gone
            while not looks.is_over:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
                    answer.read()
                next(steps)

    for path in paths:
        threading.Thread(target=asks, args=(path,), daemon=True).start()


def run_aiohttp(looks):
    from aiohttp import web

    steps = itertools.count()

    async def main():
        lock = asyncio.Lock()

        async def hello(request):
            async with lock:
                await asyncio.sleep(SHORT)
            return web.Response(text="hello")

        app = web.Application()
        app.router.add_get("/", hello)
        runner = web.AppRunner(app)
        await runner.setup()
        listening = socket.create_server(("127.0.0.1", 0))
        await web.SockSite(runner, listening).start()
        ask_in_threads(listening.getsockname()[1], ["/"] * 6, looks, steps)
        await look_from_both_sides(looks, asyncio.sleep)

    asyncio.run(main())
    return next(steps)


def run_fastapi(looks):
    import fastapi
    import uvicorn

    steps = itertools.count()
    app = fastapi.FastAPI()
    lock = threading.Lock()

    @app.get("/async")
    async def in_loop():
        await asyncio.sleep(SHORT)
        return "hello"

    @app.get("/thread")
    def in_thread():
        with lock:
            time.sleep(SHORT)
            return "hello"

    async def main():
        listening = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        serving = asyncio.ensure_future(server.serve(sockets=[listening]))
        ask_in_threads(listening.getsockname()[1], ["/async", "/thread"] * 3, looks, steps)
        await look_from_both_sides(looks, asyncio.sleep)
        server.should_exit = True
        await serving

    asyncio.run(main())
    return next(steps)


RUNTIMES = {
    "asyncio": run_asyncio,
    "uvloop": run_uvloop,
    "trio": run_trio,
    "anyio-asyncio": functools.partial(run_anyio, backend="asyncio"),
    "anyio-trio": functools.partial(run_anyio, backend="trio"),
    "threads": run_threads,
    "gevent": run_gevent,
    "aiohttp": run_aiohttp,
    "fastapi": run_fastapi,
}


def main():
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runtime", choices=RUNTIMES)
    parser.add_argument("looks", nargs="?", type=int, default=1000)
    arguments = parser.parse_args()
    looks = Looks(arguments.looks)
    done = RUNTIMES[arguments.runtime](looks)
    sys.exit(looks.tell(arguments.runtime, done))


if __name__ == "__main__":
    main()
