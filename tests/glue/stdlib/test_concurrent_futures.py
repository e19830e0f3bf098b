from __future__ import annotations

import multiprocessing
import sys
import threading
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from stackscope import extract, extract_since
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
