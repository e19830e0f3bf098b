from __future__ import annotations

import pytest

from stackscope import extract, unwrap_context_generator
from tests.helpers.managers import Manager
from tests.helpers.stacks import names

async_generator = pytest.importorskip(
    "async_generator", reason="async_generator isn't installed here"
)
trio = pytest.importorskip("trio", reason="trio isn't installed here")

import trio.testing
from async_generator import async_generator as decorate
from async_generator import asynccontextmanager, yield_, yield_from_

from tests.helpers.in_trio import in_trio

pytestmark = pytest.mark.filterwarnings(
    "ignore:the .type, exc, tb. signature:DeprecationWarning"  # its own
)


def shown(stack):
    return [(frame.funcname, frame.hide) for frame in stack.frames]


@decorate
async def numbers():
    with Manager():
        await yield_(1)
        await trio.sleep_forever()


@in_trio
async def test_suspended_at_yield():
    generator = numbers()
    assert extract(generator).frames[0].funcname == "numbers"
    assert await generator.__anext__() == 1
    stack = extract(generator)
    assert shown(stack) == [("numbers", False), ("yield_", True)]
    assert stack.leaf is None
    assert stack.error is None
    assert type(stack.frames[0].contexts[0].obj) is Manager
    await generator.aclose()
    assert extract(generator).frames == []


@in_trio
async def test_a_task_that_iterates():
    async def iterate():
        async for _ in numbers():
            pass

    async with trio.open_nursery() as nursery:
        nursery.start_soon(iterate)
        await trio.testing.wait_all_tasks_blocked()
        [task] = nursery.child_tasks
        stack = extract(task)
        nursery.cancel_scope.cancel()
    assert stack.error is None
    assert names(stack) == ["iterate", "numbers", "sleep_forever"]
    assert ("step", True) in shown(stack)


@in_trio
async def test_yield_from():
    @decorate
    async def outer():
        await yield_from_(numbers())

    generator = outer()
    await generator.__anext__()
    stack = extract(generator)
    assert names(stack) == ["outer", "yield_from_"]
    await generator.aclose()


@in_trio
async def test_running():
    @decorate
    async def look():
        await yield_(extract(generator))

    generator = look()
    stack = await generator.__anext__()
    assert names(stack) == ["look"]
    assert stack.error is None
    await generator.aclose()


@asynccontextmanager
@decorate
async def manager():
    try:
        await yield_()
    finally:
        stacks.append(extract(trio.lowlevel.current_task()))


stacks = []


@in_trio
async def test_context_manager():
    async with manager():
        stack = extract(trio.lowlevel.current_task())
    [context] = stack.frames[-1].contexts
    assert context.description == "manager(...)"
    assert names(context.inner_stack) == ["manager"]
    [frame] = [frame for frame in stacks[-1].frames if frame.funcname == "test_context_manager"]
    [context] = frame.contexts
    assert context.is_exiting
    assert context.description == "manager(...)"
    assert context.inner_stack is None
    assert "manager" in names(stacks[-1])


@in_trio
async def test_context_manager_hook():
    @asynccontextmanager
    @decorate
    async def lock():
        with Manager():
            await yield_()

    @unwrap_context_generator.register(lock)
    def unwrap(frame, context):
        return frame.contexts[0].obj

    async with lock():
        stack = extract(trio.lowlevel.current_task())
    [context] = stack.frames[-1].contexts
    assert type(context.obj) is Manager
    assert context.inner_stack is None


@in_trio
async def test_native_generator():
    @asynccontextmanager
    async def native():
        yield

    async with native():
        stack = extract(trio.lowlevel.current_task())
    [context] = stack.frames[-1].contexts
    assert context.description == "native(...)"
    assert names(context.inner_stack) == ["native"]
