"""Tasks, generators and threads to focus on."""

from __future__ import annotations

import asyncio


async def child(gate, log):
    total = 1
    await gate.wait()
    total += 10
    log.append(total)
    return total


def count():
    number = 1
    yield number
    number = 2
    yield number


async def program(session, log):
    gate = asyncio.Event()
    task = asyncio.ensure_future(child(gate, log))
    task.set_name("kid")
    await asyncio.sleep(0)
    generator = count()
    next(generator)
    undriven = child(gate, log)
    try:
        1 / 0
    except ZeroDivisionError as exc:
        failure = exc
    session.stop()
    gate.set()
    await task
    undriven.close()
    del failure


def run(session):
    log = []
    asyncio.run(program(session, log))
    return log


def stop_in(session):
    session.stop()
    return None
