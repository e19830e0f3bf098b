"""asgiref: what waits in sync_to_async() and async_to_sync() goes on in threads and tasks."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from stackscope import describe_wait, extract, extract_all
from tests.helpers.stacks import names

sync = pytest.importorskip("asgiref.sync")


def look_while(main, ready):
    """Take a snapshot when ``ready`` is set, while ``main()`` runs in another thread."""
    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    ready.wait(10)
    time.sleep(0.1)
    return thread, extract_all()


def described(snapshot):
    return {
        node.name: (str(node.waiting), [f.funcname for f in node.stack.frames if not f.hide])
        for node in snapshot.tasks()
    }


def test_a_call_in_a_thread():
    ready, leave = threading.Event(), threading.Event()

    def query():
        ready.set()
        leave.wait(10)

    async def view():
        asyncio.current_task().set_name("view")
        await sync.sync_to_async(query, thread_sensitive=False)()

    thread, snapshot = look_while(view, ready)
    try:
        words, found = described(snapshot)["view"]
        assert words.startswith("sync_to_async(): a call in thread ")
        assert found[:3] == ["view", "__call__", "query"]
    finally:
        leave.set()
        thread.join(10)


def test_a_call_of_a_function_written_in_c():
    async def main():
        with_lock = threading.Lock()
        with_lock.acquire()
        call = sync.sync_to_async(with_lock.acquire, thread_sensitive=False)
        task = asyncio.ensure_future(call())
        while "in thread" not in str(describe_wait(extract(task))):
            await asyncio.sleep(0.01)
        text = str(describe_wait(extract(task)))
        with_lock.release()
        await task
        return text

    assert asyncio.run(main()).endswith(", in lock.acquire()")


def test_calls_that_wait_for_the_only_thread():
    ready, leave = threading.Event(), threading.Event()

    def query():
        ready.set()
        leave.wait(10)

    async def main():
        async def view(name):
            asyncio.current_task().set_name(name)
            await sync.sync_to_async(query)()

        async with sync.ThreadSensitiveContext():
            await asyncio.gather(view("one"), view("two"))

    thread, snapshot = look_while(main, ready)
    try:
        found = described(snapshot)
        assert found["one"][0].startswith("sync_to_async(): a call in thread ")
        assert "not begun, queued behind 1 busy worker of pool " in found["two"][0]
    finally:
        leave.set()
        thread.join(10)


def test_from_loop_to_thread_to_loop_to_thread():
    ready, leave = threading.Event(), threading.Event()

    def query():
        ready.set()
        leave.wait(10)

    async def inner_view():
        asyncio.current_task().set_name("inner")
        await sync.sync_to_async(query)()

    async def also():
        asyncio.current_task().set_name("also")
        await sync.sync_to_async(query)()

    async def views():
        await asyncio.gather(inner_view(), also())

    def middleware():
        sync.async_to_sync(views)()

    async def server():
        asyncio.current_task().set_name("server")
        async with sync.ThreadSensitiveContext():
            await sync.sync_to_async(middleware)()

    thread, snapshot = look_while(server, ready)
    try:
        found = described(snapshot)
        words, stack = found["server"]
        assert words.startswith("sync_to_async(): a call in thread ")
        assert stack[:3] == ["server", "__call__", "middleware"]
        # The thread of the middleware does what is to be done in the only thread.
        worker = words.rpartition(" ")[2]
        assert found["inner"][0] == words
        assert "query" in found["inner"][1]
        assert found["also"][0] == f"sync_to_async(): a call for thread {worker}: not begun"
    finally:
        leave.set()
        thread.join(10)


def test_how_the_calls_get_there_is_hidden():
    stacks = []

    def look(task):
        time.sleep(0.1)  # until it waits
        stacks.append(extract(task))

    async def main():
        call = sync.sync_to_async(look, thread_sensitive=False)
        await call(asyncio.current_task())

    asyncio.run(main())
    assert names(stacks[0]) == ["main", "__call__", "look"]


def alone(in_thread):
    in_thread()


def in_loop(in_thread):
    asyncio.run(sync.sync_to_async(in_thread, thread_sensitive=False)())


@pytest.mark.parametrize("start", [alone, in_loop])
def test_a_thread_waits_for_the_task_that_it_has_started(start):
    """That is in the loop which waits for the thread; without one, in another thread's."""
    ready, leave = threading.Event(), threading.Event()

    async def view():
        asyncio.current_task().set_name("view")
        ready.set()
        while not leave.is_set():
            await asyncio.sleep(0.02)

    def in_thread():
        sync.async_to_sync(view)()

    thread = threading.Thread(target=start, args=(in_thread,))
    thread.start()
    try:
        assert ready.wait(10)
        time.sleep(0.1)
        snapshot = extract_all()
    finally:
        leave.set()
        thread.join(10)
    (task,) = [node for node in snapshot.tasks() if node.name == "view"]
    (caller,) = [
        node for node in snapshot.threads if node.waiting and "in_thread" in names(node.stack)
    ]
    assert caller.waiting.call == "async_to_sync()"
    assert caller.waiting.tasks == [task.task]
    assert f"task {task.number} (view)" in str(caller.waiting)
    assert caller.waiting.loop_thread == (
        thread.name if start is in_loop else snapshot.loops[0].thread
    )
