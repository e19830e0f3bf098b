from __future__ import annotations

import asyncio
import contextlib
import sys
import threading

import pytest

import stackscope
from stackscope import extract, extract_since
from tests.helpers.stacks import names


async def waiting(future):
    await future


def in_asyncio(function):
    """Run the decorated test in asyncio."""

    def test():
        asyncio.run(asyncio.wait_for(function(), 10))

    test.__name__ = function.__name__
    return test


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def cancel(*tasks):
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


@in_asyncio
async def test_suspended_task():
    future = asyncio.get_running_loop().create_future()

    async def outer():
        await waiting(future)

    task = asyncio.ensure_future(outer())
    assert names(extract(task)) == ["outer"]
    await settle()
    stack = extract(task)
    assert stack.root is task
    assert names(stack) == ["outer", "waiting"]
    assert stack.leaf is future
    assert stack.error is None
    future.set_result(None)
    await task
    stack = extract(task)
    assert (stack.frames, stack.leaf, stack.error) == ([], None, None)


@in_asyncio
async def test_running_task():
    def look():
        return extract(asyncio.current_task())

    async def inner():
        return look()

    stack = await asyncio.ensure_future(inner())
    assert names(stack) == ["inner", "look"]
    assert stack.error is None


@in_asyncio
async def test_sleep():
    task = asyncio.ensure_future(asyncio.sleep(100))
    await settle()
    stack = extract(task)
    assert names(stack) == ["sleep"]
    assert isinstance(stack.leaf, asyncio.Future)
    await cancel(task)


@in_asyncio
async def test_what_a_task_awaits_is_the_leaf_even_if_it_is_a_task():
    future = asyncio.get_running_loop().create_future()
    inner = asyncio.ensure_future(waiting(future))
    outer = asyncio.ensure_future(waiting(inner))
    await settle()
    stack = extract(outer)
    assert names(stack) == ["waiting"]
    assert stack.leaf is inner
    gathering = asyncio.gather(inner)
    outer2 = asyncio.ensure_future(waiting(gathering))
    await settle()
    assert extract(outer2).leaf is gathering
    await cancel(inner, outer, outer2)


@in_asyncio
async def test_futures_are_leaves():
    future = asyncio.get_running_loop().create_future()
    stack = extract(future)
    assert stack.frames == []
    assert stack.leaf is future


@in_asyncio
async def test_through_async_generators_with_contexts():
    future = asyncio.get_running_loop().create_future()
    lock = asyncio.Lock()

    async def generate():
        async with lock:
            yield 1
            await future
            yield 2

    async def user():
        with contextlib.suppress(KeyError) as nothing:
            async for value in generate():
                pass

    task = asyncio.ensure_future(user())
    await settle()
    stack = extract(task)
    assert names(stack) == ["user", "generate"]
    assert [type(c.obj) for c in stack.frames[0].contexts] == [contextlib.suppress]
    [context] = stack.frames[1].contexts
    assert context.obj is lock
    assert context.varname == "lock"
    assert stack.leaf is future
    await cancel(task)


PY_TASK = getattr(asyncio.tasks, "_PyTask", asyncio.Task)
PY_FUTURE = getattr(asyncio.futures, "_PyFuture", asyncio.Future)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("task_type", [asyncio.Task, PY_TASK])
@pytest.mark.parametrize("future_type", [asyncio.Future, PY_FUTURE])
def test_implementations_in_c_and_python(task_type, future_type):
    touched = []

    class Task(task_type):
        def get_coro(self):
            touched.append("get_coro")
            return super().get_coro()

    async def main():
        future = future_type(loop=asyncio.get_running_loop())
        task = Task(waiting(future), loop=asyncio.get_running_loop())
        await settle()
        touched.clear()
        stack = extract(task)
        assert touched == []
        assert names(stack) == ["waiting"]
        assert stack.leaf is future
        assert stack.error is None
        future.set_result(None)
        await task

    asyncio.run(main())


def test_a_task_of_another_thread():
    ready, leave = threading.Event(), threading.Event()
    tasks = []

    def block():
        ready.set()
        leave.wait(10)

    async def busy():
        block()

    async def main():
        tasks.append(asyncio.ensure_future(busy()))
        tasks.append(asyncio.ensure_future(asyncio.sleep(0.2)))
        await asyncio.wait(tasks)

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    ready.wait(10)
    import time

    time.sleep(0.05)
    try:
        stack = extract(tasks[0])
        assert names(stack)[:3] == ["busy", "block", "wait"]
        assert stack.error is None
        assert names(extract(tasks[1])) == ["sleep"]
    finally:
        leave.set()
        thread.join(10)


@in_asyncio
async def test_event_loop_frames_are_hidden():
    def look():
        return extract_since(None)

    stack = await asyncio.ensure_future(waiting_for_result(look))
    assert names(stack)[-2:] == ["waiting_for_result", "look"]
    hidden = {frame.funcname for frame in stack if frame.hide}
    assert {"run_until_complete", "run_forever", "_run_once", "_run"} <= hidden


async def waiting_for_result(function):
    return function()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")
@in_asyncio
async def test_eager_tasks():
    async def at_once():
        return 1

    async def later(future):
        await future

    loop = asyncio.get_running_loop()
    loop.set_task_factory(asyncio.eager_task_factory)
    done = loop.create_task(at_once())
    future = loop.create_future()
    pending = loop.create_task(later(future))
    loop.set_task_factory(None)
    stack = extract(done)
    assert (stack.frames, stack.leaf, stack.error) == ([], None, None)
    stack = extract(pending)
    assert names(stack) == ["later"]
    assert stack.leaf is future
    future.set_result(None)
    await pending


# ------------------------------------------------------------- task groups

needs_task_groups = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="TaskGroup and timeout() came with 3.11"
)


@needs_task_groups
@in_asyncio
async def test_task_group():
    future = asyncio.get_running_loop().create_future()

    async def parent():
        async with asyncio.TaskGroup() as group:
            for _ in range(12):
                group.create_task(waiting(future))
            await waiting(future)

    task = asyncio.ensure_future(parent())
    await settle()
    [context] = extract(task).frames[0].contexts
    assert type(context.obj) is asyncio.TaskGroup
    assert context.varname == "group"
    numbers = [int(child.root.get_name()[5:]) for child in context.children]
    assert len(numbers) == 12
    assert numbers == sorted(numbers)
    assert all(child.frames == [] for child in context.children)
    [context] = extract(task, recurse_child_tasks=True).frames[0].contexts
    assert type(context.children) is list
    assert [names(child) for child in context.children] == [["waiting"]] * 12
    assert all(child.leaf is future for child in context.children)
    future.set_result(None)
    await task


@needs_task_groups
@in_asyncio
async def test_a_task_group_that_waits_for_its_tasks():
    future = asyncio.get_running_loop().create_future()

    async def parent():
        async with asyncio.TaskGroup() as group:
            group.create_task(waiting(future), name="child")

    task = asyncio.ensure_future(parent())
    await settle()
    stack = extract(task, recurse_child_tasks=True)
    [context] = stack.frames[0].contexts
    assert context.is_exiting
    [child] = context.children
    assert child.root.get_name() == "child"
    assert names(child) == ["waiting"]
    future.set_result(None)
    await task


@needs_task_groups
@in_asyncio
async def test_a_task_group_without_its_private_attribute():
    async with asyncio.TaskGroup() as group:
        tasks = group._tasks
        del group._tasks
        context = stackscope.Context(group, True)
        stackscope.fill_context(context)
        group._tasks = tasks
    assert context.children == ()


@needs_task_groups
@in_asyncio
async def test_timeout():
    def description(timeout):
        context = stackscope.Context(timeout, True)
        stackscope.fill_context(context)
        return context.description

    timeout = asyncio.timeout(100)
    assert description(timeout) == "asyncio.timeout(): not entered"
    async with timeout:
        assert description(timeout) in (
            "asyncio.timeout(): 100.0 s left",
            "asyncio.timeout(): 99.9 s left",
        )
        [frame] = extract(asyncio.current_task()).frames[-1:]
        assert frame.contexts[-1].description.endswith(" s left")
        timeout.reschedule(None)
        assert description(timeout) == "asyncio.timeout(): no deadline"
    async with asyncio.timeout(100) as timeout:  # noqa: ASYNC100
        await asyncio.sleep(0)  # time stands still with the loop
        timeout._when = asyncio.get_running_loop().time() - 2
        assert description(timeout) == "asyncio.timeout(): 2.0 s overdue"
        timeout.reschedule(None)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0) as timeout:
            await asyncio.sleep(10)
    assert description(timeout) == "asyncio.timeout(): expired"


@needs_task_groups
def test_timeout_with_a_clock_of_the_programs_own():
    touched = []

    class Loop(asyncio.SelectorEventLoop):
        def time(self):
            touched.append(1)
            return super().time() + 1e6

    async def main():
        async with asyncio.timeout(100) as timeout:  # noqa: ASYNC100
            context = stackscope.Context(timeout, True)
            touched.clear()
            stackscope.fill_context(context)
            assert touched == []
            return context.description

    loop = Loop()
    try:
        description = loop.run_until_complete(main())
    finally:
        loop.close()
    assert description.startswith("asyncio.timeout(): until ")
