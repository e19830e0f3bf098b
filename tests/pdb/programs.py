"""A program with a small tree of asyncio tasks."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager


@asynccontextmanager
async def resource(name):
    held = asyncio.Lock()
    async with held:
        yield name


@contextmanager
def plain():
    yield "plain"


async def worker(number, gate):
    async with resource(number) as got:
        await gate.wait()
    return got


async def program(session, workers=2, names="worker-%d"):
    gate = asyncio.Event()
    group = []
    for i in range(workers):
        task = asyncio.ensure_future(worker(i, gate))
        task.set_name(names % i if "%" in names else names)
        group.append(task)
    await asyncio.sleep(0.005)
    with plain():
        session.stop()
        gate.set()
    return [await task for task in group]


def run(session, **kwargs):
    return asyncio.run(program(session, **kwargs))
