"""The locks, queues and events that something waits for, one after the other."""

from __future__ import annotations

import asyncio

from stackscope.model.snapshot import Snapshot
from stackscope.render.locks import lock_lines
from tests.snapshot.programs import awaits, look_at, nodes_by_name, start


async def inside(lock, future):
    async with lock:
        await future


async def enters(lock):
    async with lock:
        pass


def texts(snapshot):
    return ["".join(text for _, text in line) for line in lock_lines(snapshot)]


def test_those_with_the_most_waiters_come_first():
    async def main():
        lock, event = asyncio.Lock(), asyncio.Event()
        never = asyncio.ensure_future(asyncio.sleep(1000))
        tasks = [never, await start(inside(lock, never), "holder")]
        tasks.append(await start(event.wait(), "alone"))
        return [*tasks, *[await start(enters(lock), f"waits-{n}") for n in range(2)]]

    snapshot, _ = look_at(main)
    found = nodes_by_name(snapshot)
    first, alone = found["waits-0"].number, found["alone"].number
    lines = texts(snapshot)
    lines = lines[lines.index(f"Lock: held by task {found['holder'].number} (holder)") :]
    assert lines[0] == f"Lock: held by task {found['holder'].number} (holder)"
    assert lines[1].startswith("  taken at ")
    assert "test_locks.py:" in lines[1]
    assert lines[2] == f"  2 tasks ({first}-{first + 1}) wait"
    rest = lines[3:]
    assert rest[rest.index("Event") + 1] == f"  1 task ({alone}) waits"


def test_a_task_is_no_lock():
    async def main():
        async def ends():
            while True:
                await asyncio.sleep(0)

        running = asyncio.ensure_future(ends())
        return [running, await start(awaits(running), "waits")]

    snapshot, _ = look_at(main)
    number = nodes_by_name(snapshot)["waits"].number
    assert f"  1 task ({number}) waits" not in texts(snapshot)


def test_where_nothing_waits_for_a_lock():
    assert texts(Snapshot([], [])) == ["Nothing waits for a lock, a queue or the like."]
