"""Which task group or nursery a task belongs to."""

from __future__ import annotations

import asyncio
import sys

import pytest

import stackscope
from stackscope.api import extract_all
from tests.snapshot.programs import awaits, forever, look_at, nodes_by_name, start, waiting


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio has task groups since 3.11")
def test_children_of_nested_task_groups():
    async def child(event):
        async with asyncio.TaskGroup() as group:
            group.create_task(waiting(event), name="grandchild")
            await event.wait()

    async def main():
        event = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(child(event), name="child")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            snapshot = extract_all()
            event.set()
        return snapshot

    (root,) = next(loop for loop in asyncio.run(main()).loops if loop.is_here).tasks
    assert [node.name for node in root.walk()][1:] == ["child", "grandchild"]
    assert type(root.children[0].owner) is asyncio.TaskGroup


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio has task groups since 3.11")
def test_a_task_group_that_is_cancelled():
    async def main():
        leave = asyncio.Event()

        async def stubborn():
            try:
                await forever()
            finally:
                await leave.wait()

        async def fail():
            raise ValueError

        async def parent():
            async with asyncio.TaskGroup() as group:
                group.create_task(stubborn(), name="stubborn")
                await asyncio.sleep(0)
                group.create_task(fail())

        task = asyncio.create_task(parent(), name="parent")
        await start(asyncio.sleep(0), "some time later")
        late = await start(forever(), "late")
        late.cancel("go away")
        snapshot = extract_all()
        leave.set()
        await asyncio.wait([task, late])
        assert type(task.exception()).__name__ == "ExceptionGroup"
        return snapshot, str(snapshot)

    snapshot, text = asyncio.run(main())
    found = nodes_by_name(snapshot)
    assert (
        str(found["parent"].waiting) == "end of TaskGroup: 1 task, cancelled, 1 failed: ValueError"
    )
    assert found["stubborn"].state == "cancelling"
    assert found["late"].cancel_reason == "go away"
    assert "(late): cancelling (go away), waiting for asyncio.sleep()" in text
    [context] = found["parent"].stack.frames[0].contexts
    assert context.description == "TaskGroup: cancelled, 1 failed: ValueError"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Runner came with 3.11")
def test_a_runner_is_what_its_loop_runs():
    async def main():
        return stackscope.extract(runner)

    with asyncio.Runner() as runner:
        stack = runner.run(main())
        assert [frame.funcname for frame in stack.frames if not frame.hide] == ["main"]
        assert stack.root is runner
        [loop] = [runner.get_loop()]
        assert stackscope.extract(runner).leaf is loop


def test_what_nothing_owns_stands_below_the_first_that_awaits_it():
    async def main():
        one, two = await start(forever(), "one"), await start(forever(), "two")
        gathering = await start(awaits(asyncio.gather(one, two)), "a-gathering")
        again = await start(awaits(two), "b-again")
        return [one, two, gathering, again]

    snapshot, text = look_at(main)
    found = nodes_by_name(snapshot)
    gathering = found["a-gathering"]
    assert [node.name for node in gathering.children] == ["one", "two"]
    assert all(node.is_awaited for node in gathering.children)
    assert all(node.owner is None for node in gathering.children)
    assert [node.name for node in gathering.walk()] == ["a-gathering", "one", "two"]
    assert found["b-again"].children == []
    assert found["b-again"].waits_for == f"task {found['two'].number} (two)"
    assert snapshot.cycles == []
    assert len(found) == len(list(snapshot.tasks())) == 5
    # each is drawn once, and called by its number elsewhere
    assert text.count(f"├ task {found['two'].number} (two): waiting for asyncio.sleep()") == 1
    assert f"(b-again): waiting for task {found['two'].number} (two), at " in text


def test_what_stands_below_a_wait_for_a_set_is_in_order():
    async def main():
        tasks = [await start(forever(), f"one-{number}") for number in range(12)]
        await start(asyncio.wait(tasks), "waits")
        return tasks

    snapshot, text = look_at(main)
    children = nodes_by_name(snapshot)["waits"].children
    assert [node.name for node in children] == [f"one-{number}" for number in range(12)]
    assert "12 × one-0 … one-11" in text


needs_task_groups = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="asyncio has task groups since 3.11"
)


@needs_task_groups
@pytest.mark.parametrize("with_contexts", [True, False])
def test_the_tree_of_a_task_group(with_contexts):
    found = []

    async def parent():
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(forever(), name=f"child-{n}") for n in range(3)]
            async with asyncio.timeout(60):
                await asyncio.sleep(0.01)
                found.append(extract_all(with_contexts=with_contexts))
                found.append(str(found[0]))
            for task in tasks:
                task.cancel()

    async def main():
        task = asyncio.create_task(parent(), name="parent")
        await asyncio.wait([task])

    asyncio.run(main())
    snapshot, text = found
    parent_node = nodes_by_name(snapshot)["parent"]
    children = parent_node.children
    assert [node.name for node in children] == ["child-0", "child-1", "child-2"]
    assert {type(node.owner) for node in children} == {asyncio.TaskGroup}
    assert not any(node.is_awaited for node in children)
    for node in children:
        assert text.count(f"task {node.number} ({node.name}): waiting for asyncio.sleep(): ") == 1
    if with_contexts:
        [group, timeout] = parent_node.stack.frames[0].contexts
        assert [stack is node.stack for stack, node in zip(group.children, children)] == [True] * 3
        assert "├── task" in text
        assert "  # _: Timeout (line" in text
        assert "s left" in text
