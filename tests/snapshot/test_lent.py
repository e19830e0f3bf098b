"""Glue for a pool, by public names alone: who waits is shown with those who have its things."""

from __future__ import annotations

import asyncio

import stackscope


class Pool:
    def __init__(self):
        self.free = asyncio.Event()
        self.taken = []

    async def take(self):
        if self.taken:
            await self.free.wait()
        connection = object()
        self.taken.append(connection)
        return Session(connection, self)


class Session:
    def __init__(self, connection, pool):
        self.connection = connection
        self.pool = pool


@stackscope.describe_call.register(Pool.take)
def describe_take(frame, waiting):
    is_bound, pool = stackscope.lowlevel.local_value(frame.pyframe, "self")
    waiting.clear()
    waiting.lock = waiting.obj = pool


@stackscope.lent_by.register(Pool)
def taken_of(pool):
    return pool.taken


@stackscope.lent_in.register(Session)
def connection_of(session):
    return [stackscope.Lent(session.connection, session.pool)]


async def use(pool):
    session = await pool.take()
    await asyncio.sleep(60)
    return session


def test_who_has_the_connection():
    async def main():
        pool = Pool()
        tasks = [asyncio.ensure_future(use(pool)) for _ in range(2)]
        await asyncio.sleep(0.01)
        found = {node.task: node for node in stackscope.extract_all().tasks()}
        for task in tasks:
            task.cancel()
        waiting = found[tasks[1]].waiting
        is_sure = waiting.holders == [tasks[0]] and not waiting.holders_are_likely
        return is_sure, found[tasks[1]].waits_for

    assert asyncio.run(main()) == (True, "Pool.take()")
