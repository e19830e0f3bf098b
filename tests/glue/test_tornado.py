"""tornado: generators behind futures, and its locks."""

from __future__ import annotations

import asyncio
import re

import pytest

from stackscope import describe_wait, extract, extract_all
from tests.helpers.stacks import names

gen = pytest.importorskip("tornado.gen")
locks = pytest.importorskip("tornado.locks")


@gen.coroutine
def sleep():
    yield gen.sleep(1000)


@gen.coroutine
def outer():
    yield inner()


@gen.coroutine
def inner():
    yield sleep_task()


def sleep_task():
    return asyncio.ensure_future(asyncio.sleep(1000))


async def awaits(function):
    return await function()


def look(*functions):
    """The snapshot of a loop in which a task awaits what each function gives."""

    async def main():
        tasks = [asyncio.ensure_future(awaits(function)) for function in functions]
        await asyncio.sleep(0.01)
        snapshot = extract_all(threads=False)
        stacks = [extract(task) for task in tasks]
        texts = [re.sub(r"\d+\.\d s", "T s", str(describe_wait(stack))) for stack in stacks]
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.wait(others)
        return snapshot, stacks, texts

    return asyncio.run(main())


def test_a_generator():
    _, (stack,), (text,) = look(sleep)
    assert names(stack) == ["awaits", "sleep"]
    assert stack.error is None
    assert text == "a future: T s left"


def test_generators_that_wait_for_each_other():
    snapshot, (stack,), (text,) = look(outer)
    assert names(stack) == ["awaits", "outer", "inner"]
    assert re.match(r"task \d+ \(", text)
    (waiter,) = [node for node in snapshot.tasks() if node.waiting and node.waiting.tasks]
    assert [child.task for child in waiter.children] == waiter.waiting.tasks


def test_several_and_with_a_timeout():
    def several():
        return gen.multi([sleep_task(), gen.sleep(1000)])

    def with_timeout():
        from datetime import timedelta

        return gen.with_timeout(timedelta(seconds=1000), sleep_task())

    _, _, texts = look(several, with_timeout)
    assert re.fullmatch(r"a future: task \d+ \(Task-\d+\)", texts[0])
    assert re.fullmatch(r"a future: T s left, task \d+ \(Task-\d+\)", texts[1])


def test_locks():
    lock, semaphore = locks.Lock(), locks.Semaphore(1)

    async def use():
        async with lock:
            await asyncio.sleep(1000)

    async def use_semaphore():
        async with semaphore:
            await asyncio.sleep(1000)

    snapshot, _, _ = look(use, use, use_semaphore, use_semaphore)
    texts = [str(node.waiting) for node in snapshot.tasks() if node.waiting]
    (held,) = [text for text in texts if text.startswith("Lock")]
    assert re.fullmatch(r"Lock.acquire\(\): 1 waiter, held by task \d+ \(Task-\d+\)", held)
    (held,) = [text for text in texts if text.startswith("Semaphore")]
    assert re.fullmatch(r"Semaphore.acquire\(\): 1 waiter, held by task \d+ \(Task-\d+\)", held)
