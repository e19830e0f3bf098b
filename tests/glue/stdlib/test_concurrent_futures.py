from __future__ import annotations

import asyncio
import multiprocessing
import sys
import threading
import time
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from stackscope import extract, extract_all, extract_since
from stackscope.glue.stdlib import concurrent_futures
from stackscope.snapshot.waits import describe_object
from tests.helpers.stacks import names


def block(entered, leave):
    entered.set()
    leave.wait(10)


def test_the_future_of_a_call():
    entered, leave = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(block, entered, leave)
        queued = pool.submit(sum, [1])
        assert entered.wait(10)
        try:
            stack = extract(running)
            assert names(stack)[:2] == ["block", "wait"]
            assert (stack.leaf, stack.error) == (None, None)
            stack = extract(queued)
            assert (stack.frames, stack.leaf) == ([], queued)
        finally:
            leave.set()
        running.result(10)
        stack = extract(running)
        assert (stack.frames, stack.leaf, stack.error) == ([], running, None)


def test_a_future_of_nobody():
    future = Future()
    future.set_running_or_notify_cancel()
    stack = extract(future)
    assert (stack.frames, stack.leaf, stack.error) == ([], future, None)


def test_a_call_looked_at_from_inside():
    with ThreadPoolExecutor(1) as pool:
        own = []
        begin = threading.Event()

        def look():
            begin.wait(10)
            return extract(own[0])

        own.append(pool.submit(look))
        begin.set()
        assert names(own[0].result(10)) == ["look"]


def test_how_a_worker_gets_at_its_call_is_hidden():
    with ThreadPoolExecutor(1) as pool:
        stack = pool.submit(extract_since, None).result(10)
    assert names(stack) == []
    assert {"_worker", "run"} <= {frame.funcname for frame in stack.frames}


# ------------------------------------------------------- what futures stand for


def described(future):
    return str(describe_object(future))


def test_words_for_calls_in_threads():
    entered, leave = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1, "the_pool") as pool:
        running = pool.submit(block, entered, leave)
        queued = [pool.submit(sum, [1]) for _ in range(2)]
        assert entered.wait(10)
        try:
            extract_all()
            assert described(running) == "a call in thread the_pool_0"
            assert [thread.name for thread in describe_object(running).workers] == ["the_pool_0"]
            text = "a call for another thread: not begun, queued behind 1 busy worker of pool"
            assert [described(future) for future in queued] == [f"{text} the_pool"] * 2
            assert describe_object(queued[0]).workers == describe_object(running).workers
        finally:
            leave.set()
    assert described(running) == "a Future"


def test_a_future_of_nobody_is_no_call():
    future = Future()
    assert described(future) == "a Future"
    future.set_running_or_notify_cancel()
    assert described(future) == "a Future"


def test_that_thousands_of_calls_wait_takes_one_look_at_the_threads():
    entered, leave = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1, "the_pool") as pool:
        pool.submit(block, entered, leave)
        queued = [pool.submit(sum, [1]) for _ in range(1500)]
        assert entered.wait(10)
        looks = []
        original = concurrent_futures.Pools.__init__
        try:
            concurrent_futures.Pools.__init__ = lambda self: (looks.append(1), original(self))[1]

            async def awaits(future):
                await asyncio.wrap_future(future)

            async def with_tasks():
                tasks = [asyncio.ensure_future(awaits(one)) for one in queued]
                await asyncio.sleep(0)
                snapshot = extract_all()
                for task in tasks:
                    task.cancel()
                return sum("queued behind 1 " in str(node.waiting) for node in snapshot.tasks())

            assert asyncio.run(with_tasks()) == 1500
            assert len(looks) == 1
        finally:
            concurrent_futures.Pools.__init__ = original
            leave.set()


def sleep_in_process():
    time.sleep(60)


def test_words_for_calls_in_processes():
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        futures = [pool.submit(sleep_in_process) for _ in range(3)]
        (number,) = pool._processes
        while futures[0]._state != "RUNNING":
            time.sleep(0.01)
        time.sleep(0.1)
        extract_all()
        texts = [described(future) for future in futures]
        for process in pool._processes.values():
            process.kill()
    text = "a call in another process: not begun, queued behind 1 busy process"
    assert texts == [f"a call in process {number}", text, text]


def names_in_worker():
    return names(extract_since(None))


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", ["Pool", "ProcessPoolExecutor"])
def test_how_a_process_gets_at_its_call_is_hidden(kind):
    context = multiprocessing.get_context("forkserver" if sys.version_info >= (3, 14) else "spawn")
    if kind == "Pool":
        with context.Pool(1) as pool:
            names = pool.apply(names_in_worker)
    else:
        with ProcessPoolExecutor(1, mp_context=context) as executor:
            names = executor.submit(names_in_worker).result(60)
    assert names[-1] == "names_in_worker"
    plumbing = {"_bootstrap", "run", "worker", "_process_worker", "spawn_main", "_main"}
    assert not plumbing & set(names)
