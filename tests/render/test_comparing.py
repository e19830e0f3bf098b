"""Two snapshots of one process: what was already there, and stood at the same lines."""

from __future__ import annotations

import asyncio
import gc
import re
import time

import pytest

from stackscope import FilterError, Snapshot, extract_all
from tests.helpers.rows import IN_TURN


async def program(look):
    """Calls ``look`` with two snapshots; what goes on between them is known."""
    event = asyncio.Event()

    async def stay():
        await asyncio.sleep(1000)

    async def move():
        await event.wait()
        await asyncio.sleep(1000)

    tasks = {name: asyncio.ensure_future(one()) for name, one in (("stay", stay), ("move", move))}
    await asyncio.sleep(0)
    earlier = extract_all()
    event.set()
    await asyncio.sleep(0.01)
    tasks["new"] = asyncio.ensure_future(stay())
    await asyncio.sleep(0)
    for name, task in tasks.items():
        task.set_name(name)
    later = extract_all()
    for task in tasks.values():
        task.cancel()
    return look(earlier, later)


@pytest.mark.parametrize("is_loaded", [False, True])
def test_who_stood_at_the_same_lines(is_loaded):
    def look(earlier, later):
        if is_loaded:
            earlier, later = (Snapshot.from_json(one.to_json()) for one in (earlier, later))
        found = later.since(earlier)
        was_here = {node.name: node.was_here for node in found.tasks()}
        assert (was_here["stay"], was_here["move"], was_here["new"]) == (True, False, None)
        assert found.compared_to == earlier.taken_at
        assert all(node.was_here is None for node in later.tasks())
        assert [node.number for node in found.tasks()] == [node.number for node in later.tasks()]
        loaded = Snapshot.from_json(found.to_json())
        assert {node.name: node.was_here for node in loaded.tasks()} == was_here
        assert loaded.format() == found.format()
        return found

    text = str(asyncio.run(program(look)))
    told = re.findall(r"^(.*)\n.*… at the same lines [0-9.]+ m?s before$", text, re.MULTILINE)
    # Threads that other tests have left stand where they stood.
    tasks = [line for line in told if "task " in line]
    assert len(tasks) == 1
    assert "(stay)" in tasks[0]


def test_ages_are_at_least_what_lies_between():
    def look(earlier, later):
        found = later.since(earlier)
        found.compared_to = found.taken_at - 100
        assert {"stay", "move"} <= {node.name for node in found.filter("age>30").tasks()}
        assert "new" not in {node.name for node in found.filter("age>30").tasks()}
        assert list(found.filter("age<30").tasks()) == []
        assert list(found.filter("age>300").tasks()) == []
        with pytest.raises(FilterError):
            later.filter("age>30")

    asyncio.run(program(look))


@IN_TURN
def test_time_is_linear():
    async def main(total):
        tasks = [asyncio.ensure_future(asyncio.sleep(1000)) for _ in range(total)]
        await asyncio.sleep(0)
        snapshot = extract_all()
        gc.disable()  # the collector's work depends on all else that there is
        begin = time.process_time()
        found = snapshot.since(snapshot)
        seconds = time.process_time() - begin
        gc.enable()
        assert sum(node.was_here is True for node in found.tasks()) == total + 1
        for task in tasks:
            task.cancel()
        return seconds

    few = min(asyncio.run(main(150)) for _ in range(2))
    assert min(asyncio.run(main(1200)) for _ in range(2)) < 24 * few + 0.03
