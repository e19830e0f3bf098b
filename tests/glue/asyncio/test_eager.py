"""Tasks that run inside of others: eagerly started ones, and those of a loop inside of a task."""

from __future__ import annotations

import asyncio
import asyncio.tasks
import sys

import pytest

from stackscope import extract, extract_all
from stackscope.glue.asyncio import eager as glue
from tests.helpers.stacks import names
from tests.snapshot.programs import nodes_by_name

eager = pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")

TASK_TYPES = {"C": asyncio.Task, "Python": getattr(asyncio.tasks, "_PyTask", asyncio.Task)}


def shown(stack):
    return [frame.funcname for frame in stack.frames if not frame.hide]


@eager
@pytest.mark.parametrize("task_type", [*TASK_TYPES])
def test_each_of_nested_eager_tasks_has_its_own_frames(task_type):
    cls = TASK_TYPES[task_type]
    found = {}

    async def start(name, inside):
        await step(name, inside)

    async def step(name, inside):
        if inside:
            task = cls(
                start(inside[0], inside[1:]),
                loop=asyncio.get_running_loop(),
                name=inside[0],
                eager_start=True,
            )
            await asyncio.sleep(0)
            await task
            return
        snapshot = extract_all(threads=False)
        found["text"] = str(snapshot)
        for node in snapshot.tasks():
            alone = extract(node.task)
            found[node.name] = (node.state, shown(node.stack), shown(alone), alone.error)
            found[node.name, "inside"] = getattr(alone.leaf, "get_name", lambda: None)()
        found["below"] = {
            node.name: [child.name for child in node.children] for node in snapshot.tasks()
        }

    async def main():
        bystanders = [asyncio.create_task(asyncio.sleep(0.01)) for _ in range(3)]
        await asyncio.sleep(0)
        task = asyncio.create_task(start("one", ["two", "three"]), name="one")
        await task
        await asyncio.gather(*bystanders)

    asyncio.run(main())
    own = ["start", "step"]
    for name, state, inside in (
        ("one", "starting", "two"),
        ("two", "starting", "three"),
        ("three", "running", None),
    ):
        assert found[name] == (state, own, own, None)
        assert found[name, "inside"] == inside
    assert found["below"]["one"] == ["two"]
    assert found["below"]["two"] == ["three"]
    assert "(one): starting task " in found["text"]


@eager
def test_a_factory_that_starts_all_tasks_eagerly():
    found = {}

    async def child():
        found.update(nodes_by_name(extract_all(threads=False)))
        found["current"] = asyncio.current_task()

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        async with asyncio.TaskGroup() as group:
            group.create_task(child(), name="child")

    asyncio.run(main())
    current = found.pop("current")
    by_state = {node.state: node for node in found.values()}
    assert by_state["running"].task is current
    assert shown(by_state["starting"].stack)[:1] == ["main"]
    assert by_state["starting"].starts is current


def test_a_loop_inside_of_a_task_has_tasks_of_its_own():
    found = {}

    async def inner():
        await asyncio.sleep(0)
        for node in extract_all(threads=False).tasks():
            found[node.stack.frames[0].funcname] = (node.state, shown(node.stack))

    def run_inside():
        outside = asyncio.get_running_loop()
        current = asyncio.current_task()
        loop = asyncio.new_event_loop()
        asyncio.tasks._leave_task(outside, current)
        asyncio._set_running_loop(None)
        try:
            loop.run_until_complete(inner())
        finally:
            loop.close()
            asyncio._set_running_loop(outside)
            asyncio.tasks._enter_task(outside, current)

    async def outer():
        run_inside()

    asyncio.run(outer())
    assert found["inner"] == ("running", ["inner"])
    assert found["outer"][1] == ["outer", "run_inside"]


def test_a_task_that_awaits_coroutines_keeps_its_frames():
    async def innermost():
        return extract(asyncio.current_task())

    async def middle():
        return await innermost()

    async def outer():
        return await middle()

    assert names(asyncio.run(outer())) == ["outer", "middle", "innermost"]


@eager
def test_a_chain_of_eager_tasks_takes_one_look_at_all_tasks(monkeypatch):
    looks, found = [], []
    find = glue._running_tasks
    monkeypatch.setattr(glue, "_running_tasks", lambda: looks.append(1) or find())

    async def link(depth):
        if depth:
            await asyncio.get_running_loop().create_task(link(depth - 1))
        else:
            found.append(extract_all(threads=False))

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        await asyncio.get_running_loop().create_task(link(30))

    asyncio.run(main())
    states = [node.state for node in found[0].tasks()]
    assert states.count("starting") == 31
    assert len(looks) == 1
