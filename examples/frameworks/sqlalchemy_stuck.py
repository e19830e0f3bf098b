"""SQLAlchemy: a pool of one connection, which a session keeps while it runs synchronous code."""

from __future__ import annotations

import asyncio
import os
import threading

import sqlalchemy
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

import stackscope

gate = threading.Event()


def report(session):
    with session.begin_nested():
        session.execute(sqlalchemy.text("select slow()"))


async def runs_report(engine):
    async with AsyncSession(engine) as session:
        await session.run_sync(report)


async def too_late(engine):
    async with AsyncSession(engine) as session:
        await session.execute(sqlalchemy.text("select 1"))


async def main():
    engine = create_async_engine(
        "sqlite+aiosqlite://", poolclass=AsyncAdaptedQueuePool, pool_size=1, max_overflow=0
    )

    @sqlalchemy.event.listens_for(engine.sync_engine, "connect")
    def add_function(connection, record):
        connection.run_async(lambda raw: raw.create_function("slow", 0, gate.wait))

    tasks = []
    for function in (runs_report, too_late):
        task = asyncio.ensure_future(function(engine))
        task.set_name(function.__name__)
        tasks.append(task)
        await asyncio.sleep(0.5)
    print(stackscope.extract_all(threads=False), flush=True)
    os._exit(0)


asyncio.run(main())
