"""Programs of any size: each calls a function while there is as much of something as is said.

Those that make one stack give what it is extracted from; the others are looked at as a whole.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import sys
import threading

import pytest

from tests.helpers.managers import Manager, pause
from tests.helpers.many import coroutines


def in_asyncio(make):
    """A world of asyncio tasks."""

    def world(size, look):
        async def main():
            stop = asyncio.Event()
            tasks = make(size, stop.wait)
            for _ in range(3 if make is not nested else size + 5):
                await asyncio.sleep(0)
            try:
                return look()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

        return asyncio.run(main())

    return world


async def held(wait):
    with Manager():
        await wait()


def started(*jobs):
    return [asyncio.ensure_future(job) for job in jobs]


def alike(size, wait):
    return started(*(held(wait) for _ in range(size)))


def different(size, wait):
    rows = coroutines(size // 10 + 1, 10, asyncio.sleep)
    return started(*(function(*rest) for function, *rest in list(rows)[:size]))


def named(size, wait):
    tasks = alike(size, wait)
    for number, task in enumerate(tasks):
        task.set_name(f"job {number * 7919 % 100_003}")
    return tasks


async def awaits(awaitable):
    await awaitable


def gathered(size, wait):
    tasks = alike(size, wait)
    return [*tasks, *started(awaits(asyncio.gather(*tasks)))]


def awaited_by_all(size, wait):
    """As many tasks await one `gather()` of as many."""
    tasks = alike(size // 2, wait)
    together = asyncio.gather(*tasks)
    return [*tasks, *started(*(awaits(together) for _ in range(size // 2)))]


def waited_for_by_all(size, wait):
    """As many tasks are in `wait()` of as many."""
    tasks = alike(size // 10, wait)
    return [*tasks, *started(*(asyncio.wait(tasks) for _ in range(10)))]


def chained(size, wait):
    tasks = alike(1, wait)
    while len(tasks) < size:
        tasks += started(awaits(tasks[-1]))
    return tasks


def behind_a_lock(size, wait):
    lock = asyncio.Lock()

    async def one():
        async with lock:
            await wait()

    return started(*(one() for _ in range(size)))


def behind_a_semaphore(size, wait):
    """Half of them have it, the others wait for it."""
    semaphore = asyncio.BoundedSemaphore(size // 2)

    async def one():
        async with semaphore:
            await wait()

    return started(*(one() for _ in range(size)))


def in_a_queue_of_threads(size, look):
    """Tasks that wait for calls which a pool of as many threads as there are tasks hasn't begun."""
    number = size // 2

    async def main():
        end = threading.Event()
        loop = asyncio.get_running_loop()
        with concurrent.futures.ThreadPoolExecutor(number) as pool:
            calls = [loop.run_in_executor(pool, end.wait) for _ in range(2 * number)]
            tasks = started(*map(awaits, calls))
            await asyncio.sleep(0.05)
            try:
                return look()
            finally:
                end.set()
                await asyncio.gather(*tasks)

    return asyncio.run(main())


def in_a_circle(size, wait):
    locks = [asyncio.Lock() for _ in range(size)]

    async def one(mine, other):
        async with mine:
            await asyncio.sleep(0)
            async with other:
                await wait()

    return started(*(one(locks[index], locks[index - 1]) for index in range(size)))


def in_circles(size, wait):
    return [task for _ in range(size // 2) for task in in_a_circle(2, wait)]


async def sets_after(first, second):
    await first.wait()
    second.set()


def between_events(size, wait):
    """Half of them wait for an event that the others would set, and these for another one."""
    first, second = asyncio.Event(), asyncio.Event()
    both = [(first, second), (second, first)]
    return started(*(sets_after(*both[index % 2]) for index in range(size)))


def between_queues(size, wait):
    """Half of them get from a queue what the others would put, and these from another one."""
    first, second = asyncio.Queue(), asyncio.Queue()

    async def one(source, sink):
        await sink.put(await source.get())

    both = [(first, second), (second, first)]
    return started(*(one(*both[index % 2]) for index in range(size)))


def supervised(size, wait):
    """Each of those that wait for an event has one that would set it after its end."""
    event = asyncio.Event()

    async def supervises(task):
        await task
        event.set()

    tasks = started(*(event.wait() for _ in range(size // 2)))
    return [*tasks, *started(*map(supervises, tasks))]


def supervised_together(size, wait):
    """Each of those that wait for an event has all those that would set it after its end."""
    event = asyncio.Event()
    tasks = started(*(event.wait() for _ in range(size // 2)))
    together = asyncio.gather(*tasks)

    async def supervises():
        await together
        event.set()

    return [*tasks, *started(*(supervises() for _ in range(size // 2)))]


def in_each_others_turn(size, wait):
    """Half of them have a semaphore, and wait for room in a queue; the others for the semaphore."""
    semaphore, queue = asyncio.BoundedSemaphore(size // 2), asyncio.Queue(1)
    queue.put_nowait(None)

    async def puts():
        async with semaphore:
            await queue.put(None)

    async def gets():
        async with semaphore:
            await queue.get()

    jobs = [puts() for _ in range(size // 2)] + [gets() for _ in range(size // 2)]
    return started(*jobs)


def each_at_its_own_line(size, wait):
    """Each waits in a function of its own for what nobody else has."""
    lines = [
        line
        for number in range(size)
        for line in (f"async def lost_{number}(make):", "    await make().wait()")
    ]
    space = {}
    exec("\n".join(lines), space)
    return started(*(space[f"lost_{number}"](asyncio.Event) for number in range(size)))


def in_a_group(size, wait):
    async def owner():
        async with asyncio.TaskGroup() as group:
            for _ in range(size):
                group.create_task(held(wait))

    return started(owner())


def nested(size, wait):
    """Each group has one task, which has a group."""

    async def level(depth):
        async with asyncio.TaskGroup() as group:
            if depth:
                group.create_task(level(depth - 1))
            else:
                await wait()

    return started(level(size))


def in_trio(size, look):
    """A nursery of nurseries of ten."""
    trio = pytest.importorskip("trio")
    pytest.importorskip("trio.testing")

    async def branch():
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(trio.sleep_forever)

    async def main():
        async with trio.open_nursery() as nursery:
            for _ in range(size // 11):
                nursery.start_soon(branch)
            await trio.testing.wait_all_tasks_blocked()
            look()
            nursery.cancel_scope.cancel()

    trio.run(main)


def nested_in_trio(size, look):
    """Each nursery has one task, which has a nursery."""
    trio = pytest.importorskip("trio")
    pytest.importorskip("trio.testing")

    async def level(depth):
        async with trio.open_nursery() as nursery:
            if depth:
                nursery.start_soon(level, depth - 1)
            else:
                await trio.sleep_forever()

    async def main():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(level, size)
            await trio.testing.wait_all_tasks_blocked()
            look()
            nursery.cancel_scope.cancel()

    trio.run(main)


def channels_in_trio(size, look):
    """Each has its own clones of two channels, and waits for the others."""
    trio = pytest.importorskip("trio")
    pytest.importorskip("trio.testing")

    async def sends(there, back):
        async with there, back:
            await there.send(1)
            await back.receive()

    async def main():
        first, out_of_first = trio.open_memory_channel(0)
        second, out_of_second = trio.open_memory_channel(0)
        async with trio.open_nursery() as nursery:
            for _ in range(size // 2):
                nursery.start_soon(sends, first.clone(), out_of_second.clone())
                nursery.start_soon(sends, second.clone(), out_of_first.clone())
            await trio.testing.wait_all_tasks_blocked()
            look()
            nursery.cancel_scope.cancel()

    trio.run(main)


def threads(size, look):
    """Threads that wait for one lock."""
    lock, begun = threading.Lock(), threading.Semaphore(0)

    def wait():
        begun.release()
        with lock:
            pass

    made = [threading.Thread(target=wait) for _ in range(size)]
    with lock:
        for thread in made:
            thread.start()
        for _ in made:
            begun.acquire()
        look()
    for thread in made:
        thread.join()


def event_loops(size, look):
    """Loops that don't run, each with a task."""
    loops = [asyncio.new_event_loop() for _ in range(size)]
    tasks = [loop.create_task(awaits(loop.create_future())) for loop in loops]
    for loop in loops:
        loop.run_until_complete(asyncio.sleep(0))
    try:
        look()
    finally:
        for loop, task in zip(loops, tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                loop.run_until_complete(task)
            loop.close()


def greenlets(size, look):
    greenlet = pytest.importorskip("greenlet")

    def run():
        with Manager():
            greenlet.getcurrent().parent.switch()

    made = [greenlet.greenlet(run) for _ in range(size)]
    for one in made:
        one.switch()
    look()
    for one in made:
        one.switch()


# ------------------------------------------------------- of a single stack


def deep_chain(size, look):
    """Coroutines, each of which awaits the next."""

    async def level(depth):
        with Manager():
            if depth:
                await level(depth - 1)
            else:
                await pause()

    with recursion_limit(10 * size + 1000):
        coroutine = level(size)
        coroutine.send(None)
        look(coroutine)
        coroutine.close()


@contextlib.contextmanager
def recursion_limit(limit):
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, before))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def recursion(size, look):
    """A function that has called itself so often, and looks at the innermost one."""

    def level(depth):
        with Manager():
            return level(depth - 1) if depth else look(sys._getframe())

    with recursion_limit(2 * size + 1000):
        level(size)


def exit_stack(size, look):
    """An exit stack of many managers and callbacks."""

    def generator():
        with contextlib.ExitStack() as stack:
            for number in range(size // 2):
                stack.enter_context(Manager())
                stack.callback(print, number)
            yield

    made = generator()
    next(made)
    look(made)
    made.gi_frame.f_locals["stack"].pop_all()
    made.close()


def exit_stacks_in_each_other(size, look):
    def generator():
        with contextlib.ExitStack() as outermost:
            stack = outermost
            for _ in range(size):
                stack = stack.enter_context(contextlib.ExitStack())
            yield

    made = generator()
    next(made)
    with recursion_limit(10 * size + 1000):
        look(made)
        made.close()


def many_blocks(size, look):
    """A function with many `with` blocks beside each other."""
    lines = ["def generator(manager):"]
    for _ in range(size):
        lines += ["    with manager:", "        yield"]
    space = {}
    exec("\n".join(lines), space)
    made = space["generator"](Manager())
    for _ in range(size // 2):
        next(made)
    look(made)
    made.close()


def causes(size, look):
    """An exception that has a cause, which has a cause."""
    error = None
    for number in range(size):
        try:
            raise ValueError(number) from error
        except ValueError as exc:
            error = exc
    look(error)
    while error is not None:  # one that goes by itself goes deep
        error.__cause__, error = None, error.__cause__


def exception_group(size, look):
    """A group of many exceptions."""
    if sys.version_info < (3, 11):
        from exceptiongroup import ExceptionGroup
    else:
        from builtins import ExceptionGroup

    errors = []
    for number in range(size):
        try:
            raise ValueError(number)
        except ValueError as exc:
            errors.append(exc)
    try:
        raise ExceptionGroup("many", errors)
    except ExceptionGroup as exc:
        look(exc)
