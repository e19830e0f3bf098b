"""Who has the connections of a pool that has no more: redis, asyncpg, psycopg_pool."""

from __future__ import annotations

import asyncio
import platform
from contextlib import asynccontextmanager

import pytest

import stackscope
from tests.helpers import servers

pytest.importorskip("psycopg_pool", reason="psycopg_pool isn't installed here")
pytest.importorskip("redis", reason="redis isn't installed here")

import psycopg_pool
import redis.asyncio

NEVER = 1000

pytestmark = [
    pytest.mark.usefixtures("nothing_left"),
    pytest.mark.filterwarnings(
        "ignore::DeprecationWarning",
        "ignore::ResourceWarning",
        "ignore::RuntimeWarning:psycopg_pool",
        "ignore::pytest.PytestUnraisableExceptionWarning",
    ),
]


async def waits_of(pool, *clients):
    """What clients of a pool wait for, by their names. Each starts a moment after the last one."""
    tasks = []
    for client in clients:
        task = asyncio.ensure_future(client(pool))
        task.set_name(client.__name__)
        tasks.append(task)
        await asyncio.sleep(0.1)
    snapshot = stackscope.extract_all(threads=False)
    for task in reversed(tasks):
        task.cancel()
        await asyncio.wait([task], timeout=1)
    return {node.name: str(node.waiting) for node in snapshot.tasks()}


@asynccontextmanager
async def serving(server):
    """Gives the port of a server."""
    listening = await asyncio.start_server(server, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0.05)


def check(waits, holder, before):
    text, _, held = waits["too_late"].partition(", held by task ")
    assert text == before
    assert held.endswith(f"({holder.__name__})")


# ----------------------------------------------------------------------- redis


async def waits_for_answer(pool):
    await redis.asyncio.Redis(connection_pool=pool).blpop("queue")


async def subscribes(pool):
    async with redis.asyncio.Redis(connection_pool=pool).pubsub() as subscription:
        await subscription.subscribe("channel")
        await asyncio.sleep(NEVER)


@pytest.mark.parametrize("holder", [waits_for_answer, subscribes])
def test_redis(holder):
    async def too_late(pool):
        await redis.asyncio.Redis(connection_pool=pool).get("x")

    async def main():
        async with serving(servers.redis) as port:
            pool = redis.asyncio.BlockingConnectionPool(
                host="127.0.0.1", port=port, max_connections=1, timeout=NEVER
            )
            try:
                return await waits_of(pool, holder, too_late)
            finally:
                await pool.disconnect()

    check(
        asyncio.run(main()),
        holder,
        "Redis.execute_command(): a free connection: 1 of 1 connections in use",
    )


# ------------------------------------------------------------------ PostgreSQL


async def inside_with(pool):
    async with pool.connection():
        await asyncio.sleep(NEVER)


async def takes_it(pool):
    connection = await pool.getconn()
    await asyncio.sleep(NEVER)
    await pool.putconn(connection)


@pytest.mark.parametrize("holder", [inside_with, takes_it])
def test_psycopg_pool(holder):
    async def too_late(pool):
        async with pool.connection():
            pass

    async def main():
        async with serving(servers.postgres) as port:
            pool = psycopg_pool.AsyncConnectionPool(
                f"host=127.0.0.1 port={port} user=x sslmode=disable gssencmode=disable",
                min_size=1,
                max_size=1,
                open=False,
            )
            await pool.open(wait=True, timeout=5)
            try:
                return await waits_of(pool, holder, too_late)
            finally:
                await pool.close(timeout=0)

    check(
        asyncio.run(main()),
        holder,
        "AsyncConnectionPool.connection(): a free connection: 1 of 1 connections in use, 1 waiter",
    )


async def acquires(pool):
    async with pool.acquire():
        await asyncio.sleep(NEVER)


async def acquires_alone(pool):
    connection = await pool.acquire()
    await asyncio.sleep(NEVER)
    await pool.release(connection)


@pytest.mark.skipif(platform.python_implementation() == "PyPy", reason="there is no asyncpg for it")
@pytest.mark.parametrize("holder", [acquires, acquires_alone])
def test_asyncpg(holder):
    import asyncpg

    async def too_late(pool):
        async with pool.acquire():
            pass

    async def main():
        async with serving(servers.postgres) as port:
            pool = await asyncpg.create_pool(
                host="127.0.0.1", port=port, user="x", min_size=1, max_size=1, ssl=False
            )
            try:
                return await waits_of(pool, holder, too_late)
            finally:
                pool.terminate()

    check(
        asyncio.run(main()),
        holder,
        "Pool._acquire(): a free connection: 1 of 1 connections in use",
    )
