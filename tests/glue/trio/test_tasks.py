from __future__ import annotations

import contextlib
import re
import threading

import trio
import trio.testing

from stackscope import Context, extract, extract_all, extract_outermost, fill_context
from tests.helpers.in_trio import in_trio
from tests.helpers.stacks import all_names, names


async def sleeper():
    await trio.sleep_forever()


async def with_nursery(task_status):
    async with trio.open_nursery() as inner:
        inner.start_soon(sleeper)
        task_status.started()
        await trio.sleep_forever()


@in_trio
async def test_suspended_task():
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleeper, name="the sleeper")
        await trio.testing.wait_all_tasks_blocked()
        [task] = nursery.child_tasks
        stack = extract(task)
        nursery.cancel_scope.cancel()
    assert stack.root is task
    assert names(stack) == ["sleeper", "sleep_forever"]
    assert all_names(stack) == ["sleeper", "sleep_forever", "wait_task_rescheduled"]
    assert stack.leaf is None
    assert stack.error is None
    assert names(extract(task)) == []  # it has finished


@in_trio
async def test_running_task():
    async def inner():
        return extract(trio.lowlevel.current_task())

    stack = await inner()
    assert names(stack)[-2:] == ["test_running_task", "inner"]
    assert extract_outermost(trio.lowlevel.current_task()).funcname == "main"


@in_trio
async def test_a_task_that_has_not_run_yet():
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleeper)
        [task] = nursery.child_tasks
        assert names(extract(task)) == ["sleeper"]
        nursery.cancel_scope.cancel()


@in_trio
async def test_checkpoints_are_pruned():
    async def detached():
        await trio.lowlevel.cancel_shielded_checkpoint()

    stacks = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(detached)
        [task] = nursery.child_tasks

        class Instrument(trio.abc.Instrument):
            def after_task_step(self, stepped):
                if stepped is task:
                    stacks.append(extract(task))

        instrument = Instrument()
        trio.lowlevel.add_instrument(instrument)
        await trio.testing.wait_all_tasks_blocked()
        trio.lowlevel.remove_instrument(instrument)
    assert [(frame.funcname, frame.hide) for frame in stacks[0]] == [
        ("detached", False),
        ("cancel_shielded_checkpoint", True),
    ]
    assert stacks[0].leaf is None


@in_trio
async def test_nursery():
    async with trio.open_nursery() as nursery:
        for number in range(12):
            nursery.start_soon(sleeper, name=f"task {number}")
        await trio.testing.wait_all_tasks_blocked()
        stack = extract(trio.lowlevel.current_task())
        whole = extract(trio.lowlevel.current_task(), recurse_child_tasks=True)
        nursery.cancel_scope.cancel()
    [context] = stack.frames[-1].contexts
    assert context.obj is nursery
    assert context.varname == "nursery"
    assert context.is_async
    assert [child.root.name for child in context.children] == [f"task {n}" for n in range(12)]
    assert all(child.frames == [] for child in context.children)
    [context] = whole.frames[-1].contexts
    assert type(context.children) is list
    assert [names(child) for child in context.children] == [["sleeper", "sleep_forever"]] * 12


@in_trio
async def test_nested_nurseries():
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: with_nursery(task_status))
        await trio.testing.wait_all_tasks_blocked()
        stack = extract(trio.lowlevel.current_root_task(), recurse_child_tasks=True)
        nursery.cancel_scope.cancel()

    def tasks(stack):
        for frame in stack:
            for context in frame.contexts:
                for child in context.children:
                    yield child.root.name.rpartition(".")[2]
                    yield from tasks(child)

    assert stack.error is None
    found = list(tasks(stack))
    assert "main" in found
    assert "sleeper" in found


@in_trio
async def test_a_nursery_that_waits_for_its_children():
    async def parent():
        async with trio.open_nursery() as inner:
            inner.start_soon(sleeper)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(parent)
        await trio.testing.wait_all_tasks_blocked()
        [task] = nursery.child_tasks
        stack = extract(task, recurse_child_tasks=True)
        nursery.cancel_scope.cancel()
    [context] = stack.frames[0].contexts
    assert context.is_exiting
    assert type(context.obj) is trio.Nursery
    assert [names(child) for child in context.children] == [["sleeper", "sleep_forever"]]


@in_trio
async def test_nursery_in_a_context_manager():
    @contextlib.asynccontextmanager
    async def background():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sleeper)
            yield
            nursery.cancel_scope.cancel()

    async with background():
        await trio.testing.wait_all_tasks_blocked()
        stack = extract(trio.lowlevel.current_task(), recurse_child_tasks=True)
    [context] = stack.frames[-1].contexts
    [inner] = context.inner_stack.frames[0].contexts
    assert [names(child) for child in inner.children] == [["sleeper", "sleep_forever"]]


@in_trio
async def test_fill_context_with_a_manager_that_was_not_entered():
    manager = trio.open_nursery()
    context = Context(manager, True)
    fill_context(context)
    assert context.obj is manager


@in_trio
async def test_a_run_in_another_thread():
    token = trio.lowlevel.current_trio_token()
    root = trio.lowlevel.current_root_task()
    stacks = []

    def look():
        stacks.append(extract(root, recurse_child_tasks=True))

    await trio.to_thread.run_sync(look)
    assert stacks[0].error is None
    assert "init" in names(stacks[0])


# ----------------------------------------------------- several runs at once


def test_a_run_in_another_thread_that_waits():
    """Each run has a clock of its own, and waits for events in no frame of its generator."""
    ready, stop = threading.Event(), []

    async def elsewhere():
        with trio.move_on_after(500):
            stop.append((trio.lowlevel.current_trio_token(), trio.Event()))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep, 700, name="sleeper")
                await trio.testing.wait_all_tasks_blocked()  # trio runs tasks in random order
                trio.lowlevel.current_trio_token().run_sync_soon(ready.set)
                await stop[0][1].wait()
                nursery.cancel_scope.cancel()

    async def here():
        return extract_all()

    thread = threading.Thread(target=trio.run, args=(elsewhere,), name="the other one")
    thread.start()
    try:
        assert ready.wait(10)
        snapshots = [extract_all(), trio.run(here)]
    finally:
        token, event = stop[0]
        token.run_sync_soon(event.set)
        thread.join(10)
    for snapshot in snapshots:
        [loop] = [loop for loop in snapshot.loops if not loop.is_here]
        assert (loop.library, loop.thread, loop.is_running) == ("trio", "the other one", True)
        nodes = {node.name.rpartition(".")[2]: node for node in loop.walk()}
        [timeout, nursery] = nodes["elsewhere"].stack.frames[0].contexts
        assert re.fullmatch(r"cancel scope: [45]\d\d\.\d s left", timeout.description)
        assert re.fullmatch(r"[67]\d\d\.\d s left", nodes["sleeper"].waiting.detail)


def test_a_nursery_that_is_cancelled():
    async def owner():
        async with trio.open_nursery() as nursery:
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                await trio.sleep(0.001)
                found.append(extract(trio.lowlevel.current_task()))

    found = []
    trio.run(owner)
    nursery = found[0].frames[0].contexts[0]
    assert re.match("nursery: no deadline, cancelled", nursery.description)
