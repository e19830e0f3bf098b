"""Who has what others wait for, however it was taken."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time

import pytest

from stackscope.api import extract_all
from tests.helpers.rows import IN_TURN
from tests.snapshot.programs import forever, look_at, nodes_by_name, start


@contextlib.asynccontextmanager
async def locked(lock):
    async with lock:
        yield


async def generator(lock):
    async with lock:
        yield


async def outer_generator(lock):
    async for _ in generator(lock):
        yield


def plain_generator(lock):
    with lock:
        yield


class Session:
    def __init__(self, lock):
        self.lock = lock

    async def __aenter__(self):
        await self.lock.acquire()
        return self

    async def __aexit__(self, *args):
        self.lock.release()


async def by_stack(lock):
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(locked(lock))
        await forever()


async def by_loop(lock):
    async for _ in generator(lock):
        await forever()


async def by_nested_generators(lock):
    async for _ in outer_generator(lock):
        await forever()


async def by_variable(lock):
    going = generator(lock)
    await going.__anext__()
    await forever()


async def by_class(lock):
    async with Session(lock):
        await forever()


async def barely(lock):
    await lock.acquire()
    try:
        await forever()
    finally:
        lock.release()


@contextlib.asynccontextmanager
async def locked_barely(lock):
    await lock.acquire()
    try:
        yield
    finally:
        lock.release()


async def barely_by_a_manager(lock):
    async with locked_barely(lock):
        await forever()


async def by_a_stack_in_a_variable(lock):
    stack = contextlib.AsyncExitStack()
    await stack.enter_async_context(lock)
    try:
        await forever()
    finally:
        await stack.aclose()


class Service:
    def __init__(self, lock):
        self.lock = lock
        self.stack = contextlib.AsyncExitStack()

    async def __aenter__(self):
        await self.stack.enter_async_context(Session(self.lock))

    async def __aexit__(self, *args):
        await self.stack.aclose()


async def by_a_stack_in_an_attribute(lock):
    async with Service(lock):
        await forever()


async def let_go(lock):
    await lock.acquire()
    try:
        await asyncio.sleep(0)
    finally:
        lock.release()
    await forever()


async def enters(lock):
    async with lock:
        pass


def look_at_a_waiter(make, hold, wait=enters, holders=1):
    async def main():
        lock = make()
        tasks = [await start(hold(lock), f"holder-{n}") for n in range(holders)]
        return [*tasks, await start(wait(lock), "waits")]

    snapshot, _ = look_at(main)
    found = nodes_by_name(snapshot)
    return found["waits"].waiting, [found[f"holder-{n}"] for n in range(holders)], snapshot


@pytest.mark.parametrize("hold", [by_stack, by_loop, by_nested_generators, by_variable])
def test_who_surely_has_a_lock(hold):
    waiting, [holder], _ = look_at_a_waiter(asyncio.Lock, hold)
    assert waiting.holders == [holder.task]
    assert not waiting.holders_are_likely
    words = f"1 waiter, held by task {holder.number} (holder-0)"
    assert str(waiting) == f"Lock.acquire(): {words}"


@pytest.mark.parametrize(
    "hold",
    [
        by_class,
        barely,
        barely_by_a_manager,
        by_a_stack_in_a_variable,
        by_a_stack_in_an_attribute,
    ],
)
def test_who_probably_has_a_lock(hold):
    waiting, [holder], _ = look_at_a_waiter(asyncio.Lock, hold)
    assert waiting.holders == [holder.task]
    assert waiting.holders_are_likely
    words = f"1 waiter, probably held by task {holder.number} (holder-0)"
    assert str(waiting) == f"Lock.acquire(): {words}"


def test_who_surely_has_a_lock_is_the_only_one():
    class Service:
        def __init__(self):
            self.lock = asyncio.Lock()

        async def replaces_it(self):
            await self.lock.acquire()
            try:
                self.lock = asyncio.Lock()
                await forever()
            finally:
                self.lock.release()

        async def has_the_new_one(self):
            async with self.lock:
                await forever()

    async def main():
        service = Service()
        old = service.lock
        tasks = [
            await start(service.replaces_it(), "replaces"),
            await start(service.has_the_new_one(), "has"),
        ]
        waits = [await start(enters(old), "old"), await start(enters(service.lock), "new")]
        return [*tasks, *waits]

    found = nodes_by_name(look_at(main)[0])
    assert found["new"].waiting.holders == [found["has"].task]
    assert not found["new"].waiting.holders_are_likely
    assert found["old"].waiting.holders == []


def test_who_is_given_an_exit_stack_has_not_entered_what_it_holds():
    async def uses(stack):
        await forever()

    async def main():
        lock = asyncio.Lock()
        stack = contextlib.AsyncExitStack()
        await stack.enter_async_context(lock)

        async def sees():
            assert stack
            await forever()

        return [
            await start(uses(stack), "uses"),
            await start(sees(), "sees"),
            await start(enters(lock), "waits"),
        ]

    snapshot, _ = look_at(main)
    assert nodes_by_name(snapshot)["waits"].waiting.holders == []


def test_who_has_let_go_of_a_lock_does_not_have_it():
    async def main():
        lock = asyncio.Lock()
        tasks = [await start(let_go(lock), "had it"), await start(by_class(lock), "has it")]
        return [*tasks, await start(enters(lock), "waits")]

    snapshot, _ = look_at(main)
    found = nodes_by_name(snapshot)
    assert found["waits"].waiting.holders == [found["has it"].task]


class Gate:
    """A lock of somebody's own."""

    def __init__(self):
        self.is_taken = False

    async def acquire(self):
        while self.is_taken:
            await asyncio.get_running_loop().create_future()
        self.is_taken = True

    def release(self):
        self.is_taken = False

    async def __aenter__(self):
        await self.acquire()

    async def __aexit__(self, *args):
        self.release()


async def by_with(gate):
    async with gate:
        await forever()


@pytest.mark.parametrize("wait", [enters, Gate.acquire])
def test_a_lock_of_a_kind_that_nobody_knows(wait):
    waiting, [holder], _ = look_at_a_waiter(Gate, by_with, wait)
    assert str(waiting) == f"Gate.acquire(): held by task {holder.number} (holder-0)"
    assert type(waiting.lock) is Gate


class Pool:
    """A pool of connections, which is a context manager that holds none."""

    def __init__(self, size=1):
        self.free = asyncio.Queue()
        for number in range(size):
            self.free.put_nowait(number)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *args):
        pass

    async def take(self):
        return await self.free.get()

    @contextlib.asynccontextmanager
    async def connection(self):
        number = await self.take()
        try:
            yield number
        finally:
            self.free.put_nowait(number)

    def lend(self):
        return Loan(self)


class Loan:
    __slots__ = ("number", "pool")

    def __init__(self, pool):
        self.pool = pool

    async def __aenter__(self):
        self.number = await self.pool.take()
        return self.number

    async def __aexit__(self, *args):
        self.pool.free.put_nowait(self.number)


async def uses(pool):
    async with pool.connection():
        await forever()


async def borrows(pool):
    async with pool.lend():
        await forever()


async def opens(pool):
    async with pool:
        await forever()


@pytest.mark.parametrize("use", [uses, borrows])
def test_who_has_the_connections_of_a_pool(use):
    waiting, holders, _ = look_at_a_waiter(lambda: Pool(2), use, use, holders=2)
    assert waiting.holders_are_likely
    assert set(map(id, waiting.holders)) == {id(node.task) for node in holders}
    assert waiting.text == "Queue.get()"


def test_who_has_opened_a_pool_has_none_of_its_connections():
    waiting, _, _ = look_at_a_waiter(lambda: Pool(0), opens, uses)
    assert waiting.holders == []


class Client:
    """What waits in here waits for the other side, and not for those that have been let in."""

    def __init__(self):
        self.answers = asyncio.Event()
        self.answers.set()

    @contextlib.asynccontextmanager
    async def request(self):
        await self.answers.wait()
        self.answers.clear()
        yield


async def requests(client):
    async with client.request():
        await forever()


def test_who_waits_for_an_answer_waits_for_no_other_task():
    waiting, _, _ = look_at_a_waiter(Client, requests, requests)
    assert str(waiting) == "Event.wait(): 1 waiter"


async def uses_and_has_a_lock(pool):
    """The manager of the lock is made by a generator as well."""
    async with locked(asyncio.Lock()), pool.connection():
        await forever()


def test_who_has_a_connection_may_have_something_else_of_that_class():
    number = 6
    waiting, holders, _ = look_at_a_waiter(
        lambda: Pool(number), uses_and_has_a_lock, uses, holders=number
    )
    assert waiting.holders == [node.task for node in holders]  # as they are numbered


def test_a_connection_for_each_of_its_own_kind():
    async def main():
        one, other = Pool(), Pool(0)
        return [await start(uses(one), "has another's"), await start(uses(other), "waits")]

    snapshot, _ = look_at(main)
    assert nodes_by_name(snapshot)["waits"].waiting.holders == []


def test_threads_that_have_it_by_a_generator_and_by_their_code():
    lock, bare, leave = threading.Lock(), threading.Lock(), threading.Event()

    def iterate():
        for _ in plain_generator(lock):
            leave.wait(10)

    def take():
        bare.acquire()
        try:
            leave.wait(10)
        finally:
            bare.release()

    def enter(what):
        with what:
            pass

    threads = [
        threading.Thread(target=target, name=name, args=args)
        for target, name, *args in (
            (iterate, "iterates"),
            (take, "takes"),
            (enter, "for lock", lock),
            (enter, "for bare", bare),
        )
    ]
    for thread in threads:
        thread.start()
        time.sleep(0.02)
    time.sleep(0.1)
    found = {node.name: node for node in extract_all().threads}
    leave.set()
    for thread in threads:
        thread.join()
    if found["for lock"].waiting is None:
        pytest.skip("there is no telling what a thread waits for")
    assert found["for lock"].waiting.holders == [threads[0]]
    if found["for bare"].waiting is not None:  # up to 3.9 the collector doesn't know that lock
        assert found["for bare"].waiting.holders in ([threads[1]], [])
        if found["for bare"].waiting.holders:
            assert found["for bare"].waiting.holders_are_likely


@IN_TURN
def test_the_work_is_linear():
    def seconds(number):
        async def main():
            lock = asyncio.Lock()
            tasks = [await start(barely(lock), "holder")]
            tasks += [asyncio.ensure_future(enters(lock)) for _ in range(number)]
            tasks += [asyncio.ensure_future(by_variable(asyncio.Lock())) for _ in range(number)]
            await asyncio.sleep(0.01)
            begin = time.process_time()
            extract_all(threads=False)
            found.append(time.process_time() - begin)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

        found = []
        asyncio.run(main())
        return found[0]

    seconds(100)
    few = min(seconds(120) for _ in range(2))
    assert min(seconds(480) for _ in range(2)) < 10 * few


async def inside(lock):
    async with lock:
        await forever()


def test_holders_stand_in_the_order_of_their_numbers():
    """Those that probably have it are found last."""

    async def main():
        both = asyncio.Semaphore(2)
        tasks = [await start(barely(both), "probably"), await start(inside(both), "surely")]
        return [*tasks, await start(enters(both), "waits")]

    found = nodes_by_name(look_at(main)[0])
    expected = [found["probably"].task, found["surely"].task]
    assert found["probably"].number < found["surely"].number
    assert found["waits"].waiting.holders == expected
    assert found["waits"].waiting.holders_are_likely


async def waits_inside(condition):
    async with condition:
        await condition.wait()


def test_who_waits_to_be_notified_has_let_go_of_the_lock():
    async def main():
        condition = asyncio.Condition()
        tasks = [
            await start(waits_inside(condition), "to be notified"),
            await start(inside(condition), "has it"),
        ]
        return [*tasks, await start(enters(condition), "waits")]

    found = nodes_by_name(look_at(main)[0])
    assert found["waits"].waiting.holders == [found["has it"].task]


@pytest.mark.parametrize("make", [threading.Lock, threading.RLock])
def test_a_thread_has_what_it_has_and_not_the_task_that_waits_for_it(make):
    lock, has_it, leave = make(), threading.Event(), threading.Event()
    threads = []

    def hold():
        threads.append(threading.current_thread())
        with lock:
            has_it.set()
            leave.wait(10)

    def enter():
        with lock:
            pass

    other = threading.Thread(target=enter, name="waits")

    async def main():
        task = asyncio.ensure_future(asyncio.get_running_loop().run_in_executor(None, hold))
        while not has_it.is_set():
            await asyncio.sleep(0.01)
        other.start()
        await asyncio.sleep(0.1)
        snapshot = extract_all()
        leave.set()
        await task
        return snapshot

    snapshot = asyncio.run(main())
    other.join()
    [node] = [node for node in snapshot.threads if node.name == "waits"]
    if node.waiting is None:
        pytest.skip("there is no telling what a thread waits for")
    assert node.waiting.holders == threads
    assert not node.waiting.holders_are_likely


def test_a_thread_has_what_it_has_though_its_frames_are_those_of_a_task_as_well():
    """trio shows in a task what a thread does for it."""
    trio = pytest.importorskip("trio")
    lock, has_it, leave = threading.Lock(), threading.Event(), threading.Event()
    threads, snapshots = [], []

    def hold():
        threads.append(threading.current_thread())
        with lock:
            has_it.set()
            leave.wait(10)

    def enter():
        with lock:
            pass

    other = threading.Thread(target=enter, name="waits")

    async def main():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, hold)
            while not has_it.is_set():
                await trio.sleep(0.01)
            other.start()
            await trio.sleep(0.1)
            snapshots.append(extract_all())
            leave.set()

    trio.run(main)
    other.join()
    [node] = [node for node in snapshots[0].threads if node.name == "waits"]
    if node.waiting is None:
        pytest.skip("there is no telling what a thread waits for")
    assert node.waiting.holders == threads
