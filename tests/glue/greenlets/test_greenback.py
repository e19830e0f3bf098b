from __future__ import annotations

import asyncio
import contextlib
import sys

import pytest

from stackscope import extract, extract_since
from tests.helpers.stacks import names

pytest.importorskip("greenback", reason="greenback isn't installed here")
trio = pytest.importorskip("trio", reason="trio isn't installed here")

import greenback
import trio.testing

from tests.helpers.in_trio import in_trio


def hidden(stack):
    return {frame.funcname for frame in stack.frames if frame.hide}


@contextlib.asynccontextmanager
async def resource():
    yield 5


async def sleeper():
    await trio.sleep_forever()


def synchronous():
    with greenback.async_context(resource()) as value:
        assert value == 5
        greenback.await_(sleeper())


async def with_portal():
    await greenback.ensure_portal()
    synchronous()


async def child_task(nursery, function):
    nursery.start_soon(function)
    await trio.testing.wait_all_tasks_blocked()
    [task] = nursery.child_tasks
    return task


@in_trio
async def test_a_task_that_awaits_in_synchronous_code():
    async with trio.open_nursery() as nursery:
        task = await child_task(nursery, with_portal)
        stack = extract(task)
        nursery.cancel_scope.cancel()
    assert stack.error is None
    assert stack.leaf is None
    assert names(stack) == [
        "greenback_shim",
        "with_portal",
        "synchronous",
        "sleeper",
        "sleep_forever",
    ]
    assert {"_greenback_shim", "await_"} <= hidden(stack)
    [frame] = [frame for frame in stack.frames if frame.funcname == "synchronous"]
    [context] = frame.contexts
    assert type(context.obj).__name__ == "_AsyncGeneratorContextManager"
    assert names(context.inner_stack) == ["resource"]


@in_trio
async def test_a_task_with_a_portal_that_awaits_by_itself():
    async def main():
        await greenback.ensure_portal()
        await sleeper()

    async with trio.open_nursery() as nursery:
        task = await child_task(nursery, main)
        stack = extract(task)
        nursery.cancel_scope.cancel()
    assert stack.error is None
    assert names(stack) == ["greenback_shim", "main", "sleeper", "sleep_forever"]


@in_trio
async def test_bestow_portal():
    async with trio.open_nursery() as nursery:
        task = await child_task(nursery, sleeper)
        greenback.bestow_portal(task)
        stack = extract(task)
        nursery.cancel_scope.cancel()
    assert stack.error is None
    assert names(stack) == ["greenback_shim", "sleeper", "sleep_forever"]


@in_trio
async def test_a_running_task_looks_at_itself():
    def look():
        greenback.await_(trio.lowlevel.checkpoint())
        return extract(trio.lowlevel.current_task()), greenback.await_(corout())

    async def corout():
        return extract(trio.lowlevel.current_task()), extract_since(frame)

    frame = sys._getframe()
    await greenback.ensure_portal()
    plain, (inside, since) = look()
    assert plain.error is None
    assert names(plain)[-2:] == ["test_a_running_task_looks_at_itself", "look"]
    assert inside.error is None
    assert names(inside)[-3:] == ["test_a_running_task_looks_at_itself", "look", "corout"]
    assert names(since) == ["test_a_running_task_looks_at_itself", "look", "corout"]
    assert hidden(inside) >= {"_greenback_shim", "await_"}


@in_trio
async def test_a_portal_for_one_call():
    async def main():
        await greenback.with_portal_run(nested)

    async def nested():
        synchronous()

    async def main_sync():
        await greenback.with_portal_run_sync(synchronous)

    for function, expected in (
        (main, ["main", "with_portal_run", "nested", "synchronous", "sleeper", "sleep_forever"]),
        (
            main_sync,
            ["main_sync", "with_portal_run_sync", "synchronous", "sleeper", "sleep_forever"],
        ),
    ):
        async with trio.open_nursery() as nursery:
            task = await child_task(nursery, function)
            stack = extract(task)
            nursery.cancel_scope.cancel()
        assert stack.error is None
        assert names(stack) == expected


@in_trio
async def test_a_task_of_a_run_in_another_thread():
    await greenback.ensure_portal()
    task = trio.lowlevel.current_task()

    def look():
        trio.from_thread.run_sync(bool)  # the task may still be starting this thread
        return extract(task)

    async def corout():
        return await trio.to_thread.run_sync(look)

    stack = greenback.await_(corout())
    assert stack.error is None
    assert names(stack)[-3:] == ["test_a_task_of_a_run_in_another_thread", "corout", "look"]


def test_asyncio():
    async def sleep():
        await asyncio.sleep(100)

    def synchronous():
        greenback.await_(sleep())

    async def main():
        await greenback.ensure_portal()
        synchronous()

    async def test():
        task = asyncio.ensure_future(main())
        for _ in range(5):
            await asyncio.sleep(0)
        stack = extract(task)
        task.cancel()
        await asyncio.wait([task])
        return stack

    stack = asyncio.run(test())
    assert stack.error is None
    assert names(stack) == ["greenback_shim", "main", "synchronous", "sleep", "sleep"]
    assert type(stack.leaf).__name__ == "Future"
