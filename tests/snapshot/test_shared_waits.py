"""Many that wait for the same: one list of that in memory, in a drawing and in JSON."""

from __future__ import annotations

import asyncio
import json

import pytest

from stackscope import Diagnosis, Snapshot, diagnose, extract_all
from stackscope.snapshot.needs import All, Either, Needs


async def awaits(awaitable):
    await awaitable


async def look_at(*awaitables, look=extract_all):
    """What ``look`` gives while there is a task for each awaitable; the tasks."""
    tasks = [asyncio.ensure_future(awaits(one)) for one in awaitables]
    for _ in range(3):
        await asyncio.sleep(0)
    try:
        return look(), tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def needs_now():
    """All nodes, and who needs whom among them."""
    snapshot = extract_all()
    nodes = list(snapshot.tasks())
    return nodes, Needs(nodes, snapshot.loops)


def waits_of(snapshot, tasks):
    by_task = {node.task: node.waiting for node in snapshot.tasks()}
    return [by_task[task] for task in tasks]


def twenty(loop, wait):
    """A ``gather()`` of twenty tasks."""
    return asyncio.gather(*[loop.create_task(wait()) for _ in range(20)])


def test_those_who_await_one_future_have_one_list():
    async def main():
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        together = twenty(loop, event.wait)
        shields = [asyncio.shield(together) for _ in range(2)]
        return await look_at(together, together, *shields)

    snapshot, tasks = asyncio.run(main())
    first, *others = waits_of(snapshot, tasks)
    assert len(first.tasks) == 20
    assert first.text == "gather() of 20"
    assert all(other.tasks is first.tasks for other in others)


def test_what_is_said_of_one_is_not_said_of_the_others():
    async def limited(future):
        await asyncio.wait_for(asyncio.shield(future), 100)

    async def main():
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        together = twenty(loop, event.wait)
        return await look_at(together, limited(together), together)

    snapshot, tasks = asyncio.run(main())
    texts = [str(wait) for wait in waits_of(snapshot, tasks)]
    assert texts[0] == texts[2] == "gather() of 20"
    assert "left" in texts[1]


def test_lists_are_written_once_and_read_as_one():
    async def main():
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        together = twenty(loop, event.wait)
        return await look_at(*[together] * 5)

    snapshot, _ = asyncio.run(main())
    text = snapshot.to_json()
    document = json.loads(text)
    waits = [task["waiting"] for task in document["tasks"] if "waiting" in task]
    assert [wait["tasks_list"] for wait in waits if "tasks_list" in wait] == [0] * 5
    assert len(document["lists"]) == 1
    assert len(document["lists"][0]) == 20
    loaded = Snapshot.from_json(text)
    lists = [one.waiting.tasks for one in loaded.tasks() if one.waiting is not None]
    assert len({id(tasks) for tasks in lists if len(tasks) == 20}) == 1
    assert str(loaded) == str(snapshot)
    assert json.loads(loaded.to_json())["lists"] == document["lists"]


def test_short_lists_stand_where_they_belong():
    async def main():
        event = asyncio.Event()
        task = asyncio.ensure_future(event.wait())
        return await look_at(task, task)

    snapshot, _ = asyncio.run(main())
    assert "lists" not in json.loads(snapshot.to_json())


@pytest.mark.parametrize("members", [1, 2, 30])
def test_a_circle_through_a_gathering_is_the_shortest_one(members):
    async def main():
        loop = asyncio.get_running_loop()
        begun, event = loop.create_future(), asyncio.Event()

        async def back():
            await asyncio.shield(await begun)

        others = [loop.create_task(event.wait()) for _ in range(members)]
        inner = loop.create_task(back())
        waiters = [loop.create_task(awaits(asyncio.gather(inner, *others))) for _ in range(3)]
        begun.set_result(waiters[0])
        found, _ = await look_at(look=lambda: (extract_all(), diagnose(deep=False)))
        inner.cancel()  # a circle can be cancelled only where it is shielded
        await asyncio.gather(inner, *waiters, return_exceptions=True)
        return found, {inner, waiters[0]}

    (snapshot, diagnosis), expected = asyncio.run(main())
    assert [{node.task for node in circle} for circle in snapshot.cycles] == [expected]
    assert [{node.task for node in one.nodes} for one in diagnosis.findings] == [expected]


def test_the_graph_has_one_list_of_targets():
    async def main():
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        together = twenty(loop, event.wait)
        return await look_at(*[together] * 4, look=lambda: diagnose(deep=False))

    diagnosis, tasks = asyncio.run(main())
    edges = [edge for edge in diagnosis.graph.edges if edge.node.task in tasks]
    assert [len(edge.targets) for edge in edges] == [20] * 4
    assert len({id(edge.targets) for edge in edges}) == 1
    assert all(edge.needs_all and edge.certain and edge.obj is None for edge in edges)
    loaded = Diagnosis.from_json(diagnosis.to_json())
    assert len(loaded.graph.nodes) == len(diagnosis.graph.nodes)
    assert loaded.to_dot() == diagnosis.to_dot()
    assert "4 more" not in diagnosis.to_dot()


def test_all_of_them_are_needed():
    async def main():
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        together = twenty(loop, event.wait)
        return await look_at(together, together, look=needs_now)

    (nodes, needs), tasks = asyncio.run(main())
    of_tasks = [needs.edges_of(node) for node in nodes if node.task in tasks]
    assert [[type(vertex) for vertex in edges] for edges in of_tasks] == [[All], [All]]
    assert of_tasks[0][0] is of_tasks[1][0]
    assert [type(one) for one in needs.vertices if isinstance(one, Either)] == [All]


def test_a_future_that_anybody_may_set_is_found_by_all_who_wait_for_it():
    async def main():
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        anybody = loop.create_future()
        inner = asyncio.gather(anybody, loop.create_task(event.wait()))
        return await look_at(*[asyncio.gather(inner) for _ in range(3)], look=needs_now)

    (nodes, needs), tasks = asyncio.run(main())
    some = [node for node in nodes if node.task in tasks]
    assert [len(needs.edges_of(node)) for node in some] == [1, 1, 1]
    assert not any(needs.proved_edges_of(node) for node in some)


def test_many_holders_are_counted():
    async def main():
        semaphore = asyncio.BoundedSemaphore(50)
        event = asyncio.Event()

        async def one():
            async with semaphore:
                await event.wait()

        return await look_at(*[one() for _ in range(52)])

    snapshot, tasks = asyncio.run(main())
    *_, wait = waits_of(snapshot, tasks)
    assert len(wait.holders) == 50
    first, second, third = [node.number for node in snapshot.tasks() if node.task in tasks[:3]]
    assert f"held by {first}, {second}, {third} and 47 more" in str(snapshot)
    assert str(wait).endswith(" and 47 more")
    text = str(snapshot)
    assert text == str(Snapshot.from_json(snapshot.to_json()))
