"""SQLAlchemy's asyncio: what runs in its greenlets belongs to the task."""

from __future__ import annotations

import asyncio
import threading

import pytest

from stackscope import extract_all
from tests.helpers.stacks import names

pytest.importorskip("greenlet", reason="greenlet isn't installed here")
pytest.importorskip("sqlalchemy", reason="SQLAlchemy isn't installed here")
pytest.importorskip("aiosqlite", reason="aiosqlite isn't installed here")

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")

lock = threading.RLock()


class Manager:
    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass


def in_order(stack, *wanted):
    found = iter(names(stack))
    assert all(name in found for name in wanted), stack


def test_a_task_that_waits_in_synchronous_code():
    gate = threading.Event()

    def work(session):
        with Manager() as manager:  # noqa: F841
            session.execute(sa.text("select slow()"))

    def add_function(connection, record):
        connection.run_async(lambda c: c.create_function("slow", 0, lambda: gate.wait(10)))

    async def request(engine):
        async with AsyncSession(engine) as session:
            await session.run_sync(work)

    async def main():
        engine = create_async_engine("sqlite+aiosqlite://")
        sa.event.listen(engine.sync_engine, "connect", add_function)
        task = asyncio.ensure_future(request(engine))
        await asyncio.sleep(0.3)
        snapshot = extract_all()
        gate.set()
        await task
        await engine.dispose()
        return snapshot, task

    snapshot, task = asyncio.run(main())
    [node] = [node for node in snapshot.tasks() if node.task is task]
    assert node.stack.error is None
    in_order(node.stack, "request", "run_sync", "greenlet_spawn", "work", "do_execute", "_execute")
    [frame] = [frame for frame in node.stack.frames if frame.funcname == "work"]
    assert [(context.varname, type(context.obj)) for context in frame.contexts] == [
        ("manager", Manager)
    ]
    assert str(node.waiting).startswith("Session.execute()"), node.waiting
    assert snapshot.items == []


def test_a_task_that_blocks_its_loop():
    ready, leave, found = threading.Event(), threading.Event(), []

    def work(session):
        with lock:
            ready.set()
            leave.wait(10)

    def look():
        ready.wait(10)
        found.append(extract_all())
        leave.set()

    async def main():
        engine = create_async_engine("sqlite+aiosqlite://")
        async with AsyncSession(engine) as session:
            await session.run_sync(work)
        await engine.dispose()

    looker = threading.Thread(target=look)
    looker.start()
    asyncio.run(main())
    looker.join()
    [snapshot] = found
    [loop] = snapshot.loops
    assert loop.thread == "MainThread"
    [node] = snapshot.tasks()
    assert node.state == "running"
    in_order(node.stack, "main", "run_sync", "greenlet_spawn", "work")
    [thread] = [thread for thread in snapshot.threads if thread.name == "MainThread"]
    in_order(thread.stack, "main", "run_sync", "greenlet_spawn", "work")
    [frame] = [frame for frame in node.stack.frames if frame.funcname == "work"]
    assert [context.obj for context in frame.contexts] == [lock]
    assert snapshot.items == []
