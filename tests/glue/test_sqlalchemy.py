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

import aiosqlite
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

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


def with_session(engine):
    async def hold():
        async with AsyncSession(engine) as session:
            await session.execute(sa.text("select 1"))
            await asyncio.sleep(100)

    return hold()


def with_connection(engine):
    async def hold():
        async with engine.begin() as connection:
            await connection.execute(sa.text("select 1"))
            await asyncio.sleep(100)

    return hold()


def with_a_transaction(engine):
    async def hold():
        sessions = async_sessionmaker(engine)
        async with sessions() as session, session.begin():
            async with session.begin_nested():
                await session.execute(sa.text("select 1"))
                await asyncio.sleep(100)

    return hold()


def in_a_variable(engine):
    async def hold():
        session = AsyncSession(engine)
        try:
            await session.run_sync(lambda session: session.execute(sa.text("select 1")))
            await asyncio.sleep(100)
        finally:
            await session.close()

    return hold()


@pytest.mark.parametrize("hold", [with_session, with_connection, with_a_transaction, in_a_variable])
def test_who_has_the_connections_of_a_pool(hold, tmp_path):
    async def want(engine):
        async with AsyncSession(engine) as session:
            await session.execute(sa.text("select 1"))

    async def main():
        engine, other = [
            create_async_engine(
                f"sqlite+aiosqlite:///{tmp_path / name}",
                poolclass=sa.AsyncAdaptedQueuePool,
                pool_size=2,
                max_overflow=0,
                pool_timeout=10,
            )
            for name in ("one", "two")
        ]
        pool = engine.pool
        holders = [asyncio.ensure_future(hold(engine)) for _ in range(2)]
        beside = asyncio.ensure_future(hold(other))
        await asyncio.sleep(0.3)
        waiters = [asyncio.ensure_future(want(engine)) for _ in range(2)]
        await asyncio.sleep(0.3)
        snapshot = extract_all()
        for task in (*holders, beside):
            task.cancel()
        await asyncio.gather(*holders, beside, return_exceptions=True)
        await asyncio.gather(*waiters)
        await engine.dispose()
        await other.dispose()
        return snapshot, holders, waiters, pool

    snapshot, holders, waiters, pool = asyncio.run(main())
    nodes = [node for node in snapshot.tasks() if node.task in waiters]
    assert len(nodes) == 2
    for node in nodes:
        assert node.waiting.lock is pool
        assert {id(task) for task in node.waiting.holders} == set(map(id, holders))
        words = str(node.waiting)
        assert words.startswith("AsyncSession.execute(): AsyncAdaptedQueuePool.connect(): 2 of 2")
        assert " s left, held by task " in words


def test_a_call_in_the_thread_of_a_connection():
    async def main():
        gate = threading.Event()

        def slow():
            gate.wait(10)

        async with aiosqlite.connect(":memory:") as connection:
            await connection.create_function("slow", 0, slow)
            tasks = [
                asyncio.ensure_future(connection.execute_fetchall("select slow()"))
                for _ in range(2)
            ]
            await asyncio.sleep(0.3)
            snapshot = extract_all()
            gate.set()
            await asyncio.gather(*tasks)
        return snapshot, tasks

    snapshot, tasks = asyncio.run(main())
    by_task = {node.task: node for node in snapshot.tasks()}
    begun, queued = [by_task[task] for task in tasks]
    in_order(begun.stack, "execute_fetchall", "_execute", "slow", "wait")
    assert begun.waiting.thread in [thread.name for thread in snapshot.threads]
    assert "slow" not in names(queued.stack)
    assert "not begun" in str(queued.waiting)
