"""What a task waits for, in words and as objects, for everything of asyncio's that waits."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import re
import socket
import sys
import threading

import pytest

from stackscope import describe_wait, extract
from tests.helpers.stacks import names

LOOPS = ["asyncio", "uvloop"]


def run(main, loop_name="asyncio"):
    """Run ``main()`` in a loop of that kind, and cancel what it leaves behind."""
    if loop_name == "uvloop":
        loop = pytest.importorskip("uvloop").new_event_loop()
    else:
        loop = asyncio.new_event_loop()

    async def bounded():
        try:
            return await asyncio.wait_for(main(), 20)
        finally:
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    try:
        return loop.run_until_complete(bounded())
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        if hasattr(loop, "shutdown_default_executor"):
            loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


async def start(coroutine, name="waiter"):
    """A task for the coroutine that has had time to block."""
    task = asyncio.ensure_future(coroutine)
    task.set_name(name)
    for _ in range(4):
        await asyncio.sleep(0)
    return task


def waiting(task):
    return describe_wait(extract(task))


def words(task):
    """The description, with the digits of times and of task numbers left out."""
    text = re.sub(r"\d+\.\d s left", "T s left", str(waiting(task)))
    return re.sub(r"task \d+", "task N", text)


async def forever():
    await asyncio.sleep(1000)


async def awaits(awaitable):
    return await awaitable


@pytest.mark.parametrize("loop_name", LOOPS)
def test_sleep(loop_name):
    async def main():
        task = await start(asyncio.sleep(100))
        text = str(waiting(task))
        assert re.fullmatch(r"asyncio\.sleep\(\): \d+\.\d s left", text)

    run(main, loop_name)


@pytest.mark.parametrize("loop_name", LOOPS)
def test_tasks_and_futures(loop_name):
    async def main():
        one, two = await start(forever(), "one"), await start(forever(), "two")
        done = await start(asyncio.sleep(0), "done")
        await asyncio.sleep(0.01)

        on_task = await start(awaits(one))
        assert words(on_task) == "task N (one)"
        assert waiting(on_task).tasks == [one]

        gathering = await start(awaits(asyncio.gather(one, done, two)))
        assert words(gathering) == "gather() of 3: 1 done"
        assert waiting(gathering).tasks == [one, two]

        shielding = await start(awaits(asyncio.shield(two)))
        assert words(shielding) == "shield(): task N (two)"
        assert waiting(shielding).tasks == [two]

        some = await start(asyncio.wait([one, done, two], timeout=50))
        assert words(some) == "asyncio.wait(): 1 of 3 done, T s left"
        assert set(waiting(some).tasks) == {one, two}
        first = await start(asyncio.wait([one, two], return_when="FIRST_COMPLETED"))
        assert words(first) == "asyncio.wait(): 0 of 2 done, until the first completed"

        future = asyncio.get_running_loop().create_future()
        task = await start(awaits(future))
        assert words(task) == '"return await awaitable": a Future'
        assert waiting(task).awaiting.funcname == "awaits"
        future.cancel()

    run(main, loop_name)


def test_wait_for():
    async def main():
        one = await start(forever(), "one")
        task = await start(asyncio.wait_for(one, 50))
        assert words(task) == "asyncio.wait_for(): T s left, task N (one)"
        assert waiting(task).tasks == [one]
        event = asyncio.Event()
        task = await start(asyncio.wait_for(event.wait(), 50))
        if sys.version_info >= (3, 12):
            assert words(task) == "asyncio.wait_for(): T s left, Event.wait(): 1 waiter"
        else:  # there, it makes a task of a coroutine
            assert re.fullmatch(r"asyncio.wait_for\(\): T s left, task N \(Task-\d+\)", words(task))

    run(main)


def test_as_completed():
    async def main():
        one, two = await start(forever(), "one"), await start(forever(), "two")
        done = await start(asyncio.sleep(0), "done")

        async def plain():
            for future in asyncio.as_completed([one, two, done]):
                await future

        async def asynchronous():
            async for _ in asyncio.as_completed([one, two, done]):
                pass

        for function in [plain] + [asynchronous] * (sys.version_info >= (3, 13)):
            task = await start(function())
            assert words(task) == "as_completed(): 2 still to come"
            assert set(waiting(task).tasks) == {one, two}

    run(main)


def test_locks():
    async def main():
        lock, semaphore, event = asyncio.Lock(), asyncio.Semaphore(0), asyncio.Event()
        async with lock:
            first, second = await start(lock.acquire()), await start(lock.acquire())
            assert words(first) == "Lock.acquire(): 1st of 2 waiters"
            assert words(second) == "Lock.acquire(): 2nd of 2 waiters"
            assert waiting(first).lock is lock
            for task in (first, second):
                task.cancel()
            await asyncio.wait([first, second])
        assert words(await start(semaphore.acquire())) == "Semaphore.acquire(): 1 waiter"
        await start(event.wait())
        task = await start(event.wait())
        assert words(task) == "Event.wait(): 2 waiters"
        assert waiting(task).obj is event

    run(main)


def test_condition():
    async def main():
        condition = asyncio.Condition()

        async def wait():
            async with condition:
                await condition.wait()

        async def wait_for():
            async with condition:
                await condition.wait_for(lambda: False)

        task, other = await start(wait()), await start(wait_for())
        assert words(task) == "Condition.wait(): 2 waiters"
        assert words(other) == "Condition.wait_for(): 2 waiters"
        async with condition:
            condition.notify_all()
            await asyncio.sleep(0.01)
            assert words(task) == "Condition.wait(): notified, Lock.acquire(): 1st of 2 waiters"

    run(main)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Barrier came with 3.11")
def test_barrier():
    async def main():
        barrier = asyncio.Barrier(3)
        task = await start(barrier.wait())
        assert words(task) == "Barrier.wait(): 1 of 3 parties"
        await start(barrier.wait())
        assert words(task) == "Barrier.wait(): 2 of 3 parties"

    run(main)


def test_queues():
    async def main():
        empty, full, priority = asyncio.Queue(), asyncio.Queue(2), asyncio.PriorityQueue(1)
        for number in range(2):
            full.put_nowait(number)
        priority.put_nowait(1)
        getters = [await start(empty.get()) for _ in range(2)]
        assert words(getters[1]) == "Queue.get(): 0 items, 2nd of 2 waiters"
        assert words(await start(full.put(3))) == "Queue.put(): 2 of 2 items, 1 waiter"
        assert words(await start(priority.put(3))) == "PriorityQueue.put(): 1 of 1 items, 1 waiter"
        assert words(await start(full.join())) == "Queue.join(): 2 unfinished"

    run(main)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="TaskGroup came with 3.11")
def test_the_end_of_a_task_group():
    async def main():
        tasks = []

        async def parent():
            async with asyncio.TaskGroup() as group:
                tasks.extend(group.create_task(forever()) for _ in range(2))

        task = await start(parent())
        assert words(task) == "end of TaskGroup: 2 tasks"
        assert set(waiting(task).tasks) == set(tasks)

    run(main)


@pytest.mark.parametrize("loop_name", LOOPS)
def test_streams_and_sockets(loop_name):
    async def main():
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        receiver = await start(awaits(loop.sock_recv(ours, 1)))
        text = words(receiver)
        if loop_name == "uvloop":
            assert text == "Loop.sock_recv()"
        else:
            assert text.endswith(f"EventLoop.sock_recv(): socket {ours.fileno()}")
        await loop.sock_sendall(theirs, b"1")
        await receiver

        reader, writer = await asyncio.open_connection(sock=ours)
        task = await start(reader.readline())
        await loop.sock_sendall(theirs, b"half")
        await asyncio.sleep(0.05)
        assert words(task).startswith("StreamReader.readline(): ")
        assert words(task).endswith("4 bytes buffered")
        writer.close()
        theirs.close()
        await task

    run(main, loop_name)


def test_the_other_end_of_a_connection():
    async def main():
        serving = []

        async def serve(reader, writer):
            serving.append(asyncio.current_task())
            await reader.read()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()[:2]
        reader, writer = await asyncio.open_connection(host, port)
        task = await start(reader.readexactly(3))
        assert words(task) == f"StreamReader.readexactly(): {host}:{port}, 0 bytes buffered"
        while not serving:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        writer.close()
        with pytest.raises(asyncio.IncompleteReadError):
            await task
        await asyncio.wait(serving)
        server.close()

    run(main)


def test_an_address_of_the_program_s_own_making_is_not_asked():
    class Address:
        def __bool__(self):
            raise AssertionError("asked")

        __len__ = __repr__ = __bool__

    async def main():
        reader = asyncio.StreamReader()
        reader.set_transport(asyncio.Transport({"peername": Address(), "sockname": "/run/socket"}))
        task = await start(reader.read())
        assert words(task) == "StreamReader.read(): socket at '/run/socket', 0 bytes buffered"

    run(main)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a loop for subprocesses")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_processes():
    async def main():
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE
        )
        task = await start(process.wait())
        try:
            assert words(task) == f"Process.wait(): process {process.pid}"
        finally:
            process.stdin.close()
            await task

    asyncio.run(main())


# -------------------------------------------------------- calls in threads


def block(entered, leave):
    entered.set()
    leave.wait(10)


@pytest.mark.parametrize("loop_name", LOOPS)
def test_calls_in_threads(loop_name):
    async def main():
        loop = asyncio.get_running_loop()
        entered, leave = threading.Event(), threading.Event()

        async def in_executor():
            await loop.run_in_executor(None, block, entered, leave)

        async def in_thread():
            await asyncio.to_thread(block, entered, leave)

        try:
            for function in [in_executor] + [in_thread] * hasattr(asyncio, "to_thread"):
                entered.clear()
                task = await start(function())
                entered.wait(10)
                stack = extract(task)
                middle = ["to_thread"] if function is in_thread else []
                assert names(stack)[: len(middle) + 3] == [
                    function.__name__,
                    *middle,
                    "block",
                    "wait",
                ]
                assert stack.leaf is None
                assert stack.error is None
                words = re.fullmatch(r"(.*)a call in thread \w+[_-]\d.*", str(waiting(task)))
                assert words.group(1) == ("asyncio.to_thread(): " if middle else "")
        finally:
            leave.set()

    run(main, loop_name)


def test_a_call_that_has_not_begun():
    from concurrent.futures import ThreadPoolExecutor

    async def main():
        loop = asyncio.get_running_loop()
        entered, leave = threading.Event(), threading.Event()
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(block, entered, leave)
            task = await start(awaits(loop.run_in_executor(pool, sum, [1])))
            try:
                stack = extract(task)
                assert names(stack) == ["awaits"]
                assert isinstance(stack.leaf, asyncio.Future)
                text = "not begun, queued behind 1 busy worker of pool ThreadPoolExecutor-"
                assert str(waiting(task)).startswith(f"a call for another thread: {text}")
                assert [one.name[-2:] for one in waiting(task).workers] == ["_0"]
            finally:
                leave.set()
            assert await task == 1

    run(main)


def test_a_call_looked_at_from_inside():
    found = []
    begin = threading.Event()

    def look(task):
        begin.wait(10)
        found.append(extract(task[0]))

    async def main():
        task = []

        async def call():
            await asyncio.get_running_loop().run_in_executor(None, look, task)

        task.append(await start(call()))
        begin.set()
        await task[0]

    run(main)
    assert names(found[0]) == ["call", "look"]
    assert found[0].error is None


# ------------------------------------------------- futures are looked through


async def in_thread(pool, entered, leave):
    """A future for a call in a thread, which has begun."""
    entered.clear()
    future = asyncio.get_running_loop().run_in_executor(pool, block, entered, leave)
    while not entered.is_set():  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    return future


WRAPPERS = {
    "shield": asyncio.shield,
    "two shields": lambda future: asyncio.shield(asyncio.shield(future)),
    "wait": lambda future: asyncio.wait([future]),
    "wait_for": lambda future: asyncio.wait_for(future, 100),
    "wait_for shield": lambda future: asyncio.wait_for(asyncio.shield(future), 100),
    "gather": asyncio.gather,
    "gather gather": lambda future: asyncio.gather(asyncio.gather(future)),
    "shield gather": lambda future: asyncio.shield(asyncio.gather(future)),
    "wait shield": lambda future: asyncio.wait([asyncio.shield(future)]),
}


@pytest.mark.parametrize("loop_name", LOOPS)
@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS.keys())
def test_a_call_in_a_thread_is_seen_through_whatever_wraps_it(wrap, loop_name):
    from concurrent.futures import ThreadPoolExecutor

    async def main():
        entered, leave = threading.Event(), threading.Event()
        with ThreadPoolExecutor(1, "pool") as pool:
            future = await in_thread(pool, entered, leave)
            task = await start(awaits(wrap(future)))
            try:
                stack = extract(task)
                found = names(stack)
                assert (found[0], found[-2:]) == ("awaits", ["wait", "wait"])
                assert "block" in found
                assert stack.error is None
                assert "a call in thread pool_0" in str(waiting(task))
            finally:
                leave.set()
            await task

    run(main, loop_name)


def test_several_calls_in_threads():
    from concurrent.futures import ThreadPoolExecutor

    async def main():
        entered, leave = threading.Event(), threading.Event()
        with ThreadPoolExecutor(2, "pool") as pool:
            futures = [await in_thread(pool, entered, leave) for _ in range(2)]
            queue = [asyncio.get_running_loop().run_in_executor(pool, sum, [n]) for n in range(5)]
            task = await start(awaits(asyncio.gather(*futures, *queue)))
            try:
                assert names(extract(task)) == ["awaits"]
                text = str(waiting(task))
            finally:
                leave.set()
            await task
        assert text == (
            "gather() of 7: a call in thread pool_0, a call in thread pool_1, 5 × a call for "
            "another thread: not begun, queued behind 2 busy workers of pool pool"
        )

    run(main)


@pytest.mark.parametrize("to_thread", [False, True])
def test_a_thread_in_a_function_written_in_c(to_thread):
    if to_thread and not hasattr(asyncio, "to_thread"):
        pytest.skip("to_thread() came with 3.9")
    lock = threading.Lock()

    async def main():
        loop = asyncio.get_running_loop()
        with lock:
            if to_thread:
                call = asyncio.to_thread(lock.acquire)
            else:
                call = loop.run_in_executor(None, functools.partial(lock.acquire, timeout=20))
            task = await start(awaits(call))
            while "in thread" not in str(waiting(task)):
                await asyncio.sleep(0.001)
            text = str(waiting(task))
            assert names(extract(task)) == ["awaits", "to_thread"][: 1 + to_thread]
        await task
        assert re.fullmatch(r"(.*: )?a call in thread \S+, in lock.acquire(_lock)?\(\)", text)

    run(main)


def test_tasks_behind_nested_futures():
    async def main():
        one, two, three = [await start(forever(), name) for name in ("one", "two", "three")]
        inner = asyncio.gather(one, asyncio.shield(two))
        task = await start(awaits(asyncio.gather(inner, three)))
        assert words(task) == "gather() of 2"
        assert set(waiting(task).tasks) == {one, two, three}
        task = await start(asyncio.wait_for(asyncio.shield(inner), 100))
        assert words(task) == "asyncio.wait_for(): T s left, shield(): gather() of 2"
        assert set(waiting(task).tasks) == {one, two}

        async def in_turn():
            for future in asyncio.as_completed([asyncio.gather(one, two), three]):
                await future

        task = await start(in_turn())
        assert words(task) == "as_completed(): 2 still to come"
        assert set(waiting(task).tasks) == {one, two, three}

    run(main)


@pytest.mark.parametrize("loop_name", LOOPS)
def test_who_sets_a_future(loop_name):
    async def main():
        loop = asyncio.get_running_loop()
        one, two = await start(forever(), "one"), await start(forever(), "two")
        set_by_lambda, set_by_method, both, unrelated = [loop.create_future() for _ in range(4)]
        one.add_done_callback(lambda task: set_by_lambda.set_result(1))
        one.add_done_callback(functools.partial(asyncio.Future.set_result, both))
        two.add_done_callback(lambda task: both.done() or both.set_exception(OSError()))
        two.add_done_callback(lambda task: print(unrelated))
        set_by_lambda.add_done_callback(set_by_method.set_result)

        task = await start(awaits(set_by_lambda))
        assert words(task) == "a future: task N (one)"
        assert waiting(task).tasks == [one]
        task = await start(awaits(set_by_method))
        assert waiting(task).tasks == [one]
        task = await start(awaits(both))
        assert set(waiting(task).tasks) == {one, two}
        task = await start(awaits(unrelated))
        assert words(task) == '"return await awaitable": a Future'
        assert waiting(task).tasks == []
        if loop_name == "asyncio":
            timed = loop.create_future()
            loop.call_later(100, lambda: timed.set_result(1))
            assert words(await start(awaits(timed))) == "a future: T s left"
            timed.cancel()
        for future in (set_by_lambda, set_by_method, both, unrelated):
            future.cancel()
        one.remove_done_callback(one)

    with quiet():
        run(main, loop_name)


@contextlib.contextmanager
def quiet():
    """Without what asyncio says of callbacks that set cancelled futures."""
    logger = logging.getLogger("asyncio")
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = False


@pytest.mark.skipif(sys.platform == "win32", reason="there is no uvloop")
def test_what_a_coroutine_of_uvloops_awaits():
    """It is written in Cython, and has no frame; but what it awaits is known."""

    async def main():
        async def generator():
            try:
                yield
            finally:
                await forever()

        generating = generator()
        await generating.__anext__()
        task = await start(awaits(asyncio.get_running_loop().shutdown_asyncgens()))
        assert names(extract(task)) == ["awaits"]
        assert words(task) == "Loop.shutdown_asyncgens(): gather() of 1"
        (closing,) = waiting(task).tasks
        assert names(extract(closing)) == ["generator", "forever", "sleep"]

    run(main, "uvloop")


# ------------------------------------------------------------- other loops


def loop_in_thread(name):
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name=name)
    thread.start()
    return loop, thread


@pytest.mark.parametrize("loop_name", LOOPS)
def test_a_coroutine_in_the_loop_of_another_thread(loop_name):
    other, thread = loop_in_thread("other-loop")
    entered, leave = threading.Event(), threading.Event()

    async def main():
        begun = asyncio.run_coroutine_threadsafe(forever(), other)
        while not begun._done_callbacks:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        task = await start(awaits(asyncio.wrap_future(begun)))
        text = re.sub(r"Task-\d+", "Task-N", words(task))
        assert text == "task N (Task-N): in the loop of thread other-loop"
        (awaited,) = waiting(task).tasks
        assert awaited.get_loop() is other
        assert names(extract(begun)) == ["forever", "sleep"]

        other.call_soon_threadsafe(block, entered, leave)
        entered.wait(10)
        future = asyncio.run_coroutine_threadsafe(forever(), other)
        task = await start(awaits(asyncio.shield(asyncio.wrap_future(future))))
        expected = "coroutine forever(): in the loop of thread other-loop, not begun"
        assert words(task) == f"shield(): {expected}"
        leave.set()
        begun.cancel()
        future.cancel()

    try:
        run(main, loop_name)
    finally:
        leave.set()
        other.call_soon_threadsafe(other.stop)
        thread.join(10)
        other.run_until_complete(asyncio.sleep(0.01))
        other.close()


# ------------------------------------------------------------------ time


def test_time_stands_still_with_the_loop():
    found = []

    async def main():
        task = await start(asyncio.sleep(0.05))
        long = await start(asyncio.wait_for(asyncio.Event().wait(), 50.02))
        await asyncio.sleep(0.001)
        looker = threading.Timer(0.3, lambda: found.append((waiting(task), waiting(long))))
        looker.start()
        looker.join()
        found.append((waiting(task), waiting(long)))

    run(main)
    for short, long in found:
        assert 0 <= short.seconds_left <= 0.05
        assert 49.9 < long.seconds_left <= 50.02


# --------------------------------------------------- awkward tasks and versions


def test_a_task_that_runs_waits_for_nothing():
    async def main():
        assert waiting(asyncio.current_task()) is None

    run(main)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")
def test_eager_tasks():
    async def main():
        loop = asyncio.get_running_loop()
        loop.set_task_factory(asyncio.eager_task_factory)
        task = loop.create_task(asyncio.Event().wait(), name="eager")
        loop.set_task_factory(None)
        assert words(task) == "Event.wait(): 1 waiter"

    run(main)


def test_missing_private_attributes_cost_their_detail_only():
    async def main():
        barrier_like, queue, event = asyncio.Lock(), asyncio.Queue(), asyncio.Event()
        task, getter, waiter = [
            await start(coroutine) for coroutine in (event.wait(), queue.get(), forever())
        ]
        waiters, getters = event._waiters, queue._getters
        del event._waiters, queue._getters
        try:
            assert words(task) == "Event.wait()"
            assert words(getter) == "Queue.get(): 0 items"
        finally:
            event._waiters, queue._getters = waiters, getters

    run(main)


def test_nothing_of_the_programs_own_is_called():
    touched = []

    class Queue(asyncio.Queue):
        def qsize(self):
            touched.append("qsize")
            return super().qsize()

        def __len__(self):
            touched.append("len")
            return 0

        def __repr__(self):
            touched.append("repr")
            return "queue"

    class Lock(asyncio.Lock):
        def locked(self):
            touched.append("locked")
            return super().locked()

        def __eq__(self, other):
            touched.append("eq")
            return False

        __hash__ = None

    async def main():
        queue, lock = Queue(), Lock()
        async with lock:
            tasks = [await start(queue.get()), await start(lock.acquire())]
            touched.clear()
            texts = [words(task) for task in tasks]
            assert touched == []
            texts = [text.rpartition("<locals>.")[2] for text in texts]
            assert texts == ["Queue.get(): 0 items, 1 waiter", "Lock.acquire(): 1 waiter"]

    run(main)


# ----------------------------------------------------- futures and loops


def test_futures_as_items():
    async def main():
        inner = await start(forever(), "inner")
        shield = asyncio.shield(inner)
        assert names(extract(shield)) == ["forever", "sleep"]
        gathering = asyncio.gather(inner)
        stack = extract(gathering)
        assert (stack.frames, stack.leaf) == ([], gathering)
        entered, leave = threading.Event(), threading.Event()
        future = asyncio.get_running_loop().run_in_executor(None, block, entered, leave)
        entered.wait(10)
        try:
            assert names(extract(future))[:2] == ["block", "wait"]
        finally:
            leave.set()
        await future
        stack = extract(future)
        assert (stack.frames, stack.leaf) == ([], future)
        inner.cancel()
        await asyncio.gather(inner, shield, gathering, return_exceptions=True)

    run(main)


@pytest.mark.parametrize("loop_name", LOOPS)
def test_event_loops_as_items(loop_name):
    def look(loop):
        return extract(loop)

    loops = []

    async def main():
        loops.append(asyncio.get_running_loop())
        return look(loops[0])

    stack = run(main, loop_name)
    assert names(stack)[-2:] == ["main", "look"]
    assert stack.root is loops[0]
    assert stack.error is None
    stack = extract(loops[0])
    assert (stack.frames, stack.leaf) == ([], loops[0])


def test_the_loop_of_another_thread():
    entered, leave, loops = threading.Event(), threading.Event(), []

    async def main():
        loops.append(asyncio.get_running_loop())
        block(entered, leave)

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    entered.wait(10)
    try:
        assert "run" not in names(extract(loops[0]))
        assert names(extract(loops[0]))[:3] == ["main", "block", "wait"]
    finally:
        leave.set()
        thread.join(10)
