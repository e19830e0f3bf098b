"""Programs with tasks, and ways to look at them."""

from __future__ import annotations

import asyncio

from stackscope.api import extract_all
from stackscope.model.snapshot import Snapshot


async def waiting(event):
    await event.wait()


async def main_with(look, count=3):
    event = asyncio.Event()
    tasks = [asyncio.ensure_future(waiting(event)) for _ in range(count)]
    for number, task in enumerate(tasks):
        task.set_name(f"child-{number}")
    await asyncio.sleep(0)
    try:
        return look()
    finally:
        event.set()
        await asyncio.gather(*tasks)


def nodes_by_name(snapshot):
    return {node.name: node for node in snapshot.tasks()}


async def forever():
    await asyncio.sleep(1000)


async def awaits(awaitable):
    await awaitable


async def start(coroutine, name):
    task = asyncio.ensure_future(coroutine)
    task.set_name(name)
    for _ in range(3):
        await asyncio.sleep(0)
    return task


def look_at(main):
    """Run ``main()``, take a snapshot then, and end its tasks without waiting for them."""
    found = []

    async def inside():
        tasks = await main()
        found.append(extract_all())
        found.append(found[0].format(width=400))
        assert Snapshot.from_json(found[0].to_json()).format(width=400) == found[1]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=5)

    asyncio.run(inside())
    return found[0], "".join(found[1])
