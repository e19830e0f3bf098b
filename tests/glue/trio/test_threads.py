"""trio's threads: the stacks of tasks and threads that wait for each other."""

from __future__ import annotations

import queue
import re
import threading

import pytest

from stackscope import extract
from stackscope.interpreter.facts import has_gil
from stackscope.snapshot.waits import describe_wait
from tests.helpers.in_trio import in_trio
from tests.helpers.managers import Manager
from tests.helpers.stacks import all_names, names

trio = pytest.importorskip("trio", reason="trio isn't installed here")

import trio.testing


class Blocker:
    """A function that blocks in its thread until it is let go."""

    def __init__(self):
        self.started, self.leave = threading.Event(), threading.Event()
        self.thread = None

    def block(self):
        with Manager():
            self.thread = threading.current_thread()
            self.started.set()
            self.leave.wait(20)


async def until(event):
    while not event.is_set():
        await trio.sleep(0.01)


@in_trio
async def test_to_thread():
    blocker = Blocker()

    async def call():
        await trio.to_thread.run_sync(blocker.block)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        await until(blocker.started)
        [task] = nursery.child_tasks
        stack = extract(task)
        own = extract(blocker.thread)
        blocker.leave.set()
    assert stack.error is None
    assert stack.leaf is None
    assert names(stack)[:3] == ["call", "block", "wait"]
    assert all_names(stack)[:3] == ["call", "to_thread_run_sync", "block"]
    assert stack.frames[1].hide
    # Without the GIL no other thread's frames are read.
    found = [type(context.obj) for context in stack.frames[2].contexts]
    assert found == ([Manager] if has_gil() else [])
    assert "block" in names(own)
    assert "call" not in names(own)


@in_trio
async def test_many_calls_are_told_apart():
    blockers = [Blocker() for _ in range(5)]

    async def call(blocker):
        await trio.to_thread.run_sync(blocker.block)

    async with trio.open_nursery() as nursery:
        for blocker in blockers:
            nursery.start_soon(call, blocker)
        for blocker in blockers:
            await until(blocker.started)
        stacks = [extract(task) for task in sorted(nursery.child_tasks, key=id)]
        for blocker in blockers:
            blocker.leave.set()
    for stack in stacks:
        assert stack.frames[2].pyframe.f_code is Blocker.block.__code__
    assert len({id(stack.frames[2].pyframe) for stack in stacks}) == 5


@in_trio
async def test_a_call_that_waits_for_a_thread_to_be_free():
    limiter = trio.CapacityLimiter(1)
    await limiter.acquire_on_behalf_of("somebody")

    async def call():
        await trio.to_thread.run_sync(print, limiter=limiter)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        await trio.testing.wait_all_tasks_blocked()
        [task] = nursery.child_tasks
        stack = extract(task)
        limiter.release_on_behalf_of("somebody")
        nursery.cancel_scope.cancel()
    assert stack.error is None
    assert names(stack)[:2] == ["call", "to_thread_run_sync"]


@in_trio
async def test_a_thread_that_calls_back_in():
    thread = None
    stacks = []

    def in_thread():
        nonlocal thread
        thread = threading.current_thread()
        trio.from_thread.run(back_in)

    async def back_in():
        stacks.append(extract(waiting))
        stacks.append(extract(thread))
        await leave.wait()

    leave = trio.Event()

    async def call():
        nonlocal waiting
        waiting = trio.lowlevel.current_task()
        await trio.to_thread.run_sync(in_thread)

    waiting = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        while not stacks:
            await trio.sleep(0.01)
        await trio.testing.wait_all_tasks_blocked()
        stacks.append(extract(waiting))
        leave.set()
    running, own, suspended = stacks
    assert own.error is None
    assert names(own)[-1] == "in_thread"
    assert all_names(own)[-2:] == ["in_thread", "from_thread_run"]
    assert running.error is None
    assert suspended.error is None
    if hasattr(trio._threads, "Run"):  # 0.23+, where the task itself runs the call
        assert names(running) == ["call", "in_thread", "back_in"]
        assert names(suspended) == ["call", "in_thread", "back_in", "wait"]
    else:
        assert names(suspended) == ["call", "in_thread"]


@in_trio
async def test_from_thread_with_a_token():
    token = trio.lowlevel.current_trio_token()
    blocked = trio.Event()
    stacks = []

    def in_thread():
        trio.from_thread.run(back_in, trio_token=token)

    async def back_in():
        blocked.set()
        await leave.wait()

    leave = trio.Event()
    thread = threading.Thread(target=in_thread)
    thread.start()
    await blocked.wait()
    await trio.testing.wait_all_tasks_blocked()
    stacks.append(extract(thread))
    stacks.append(await trio.to_thread.run_sync(extract, thread))
    leave.set()
    while thread.is_alive():
        await trio.sleep(0.01)
    for stack in stacks:
        assert stack.error is None
        assert names(stack)[-3:] == ["in_thread", "back_in", "wait"]
        assert "from_thread_run" in all_names(stack)
        assert "_send_message_to_trio" not in all_names(stack)


def test_a_run_in_another_thread():
    blocker = Blocker()
    tasks = queue.Queue()

    async def call():
        tasks.put(trio.lowlevel.current_task())
        await trio.to_thread.run_sync(blocker.block)

    thread = threading.Thread(target=trio.run, args=(call,))
    thread.start()
    task = tasks.get(timeout=10)
    assert blocker.started.wait(10)
    # Without the GIL the thread may be faster than the task that has started it.
    while task.coro.cr_running:
        pass
    stack = extract(task)
    blocker.leave.set()
    thread.join()
    assert stack.error is None
    assert names(stack)[:2] == ["call", "block"]


@in_trio
async def test_extracted_in_the_thread_itself():
    task = trio.lowlevel.current_task()

    def look():
        return extract(task), extract(threading.current_thread())

    def call():
        # Without the GIL the thread may be faster than the task that has started it.
        while task.coro.cr_running:
            pass
        return look()

    stack, own = await trio.to_thread.run_sync(call)
    assert stack.error is None
    assert names(stack)[-3:] == ["test_extracted_in_the_thread_itself", "call", "look"]
    assert names(own)[-2:] == ["call", "look"]


def test_words_for_a_call_in_a_thread():
    blocker = Blocker()

    async def main():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, blocker.block)
            while not blocker.started.is_set():
                await trio.sleep(0.01)
            [task] = nursery.child_tasks
            words = str(describe_wait(extract(task)))
            blocker.leave.set()
        return words

    assert re.fullmatch(r"trio\.to_thread\.run_sync\(\): in thread .+", trio.run(main))


@in_trio
async def test_a_thread_without_frames():
    """A thread that runs a function written in C has nothing below."""
    lock = threading.Lock()
    lock.acquire()

    async def call():
        await trio.to_thread.run_sync(lock.acquire)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        for _ in range(500):
            await trio.sleep(0.01)
            [task] = nursery.child_tasks
            stack = extract(task)
            words = str(describe_wait(stack))
            if len(stack) == 2 and "in thread" in words:
                break
        lock.release()
    assert [(frame.funcname, frame.hide) for frame in stack.frames] == [
        ("call", False),
        ("to_thread_run_sync", True),
    ]
    assert stack.error is None
    assert re.fullmatch(r"trio\.to_thread\.run_sync\(\): in thread .+, in lock\.acquire\(\)", words)
