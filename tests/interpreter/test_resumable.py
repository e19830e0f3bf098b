"""Asking generators that another thread may resume: as their own attributes say."""

from __future__ import annotations

import sys

import pytest

from stackscope.interpreter.resumable import awaited_by, frame_of, is_suspended
from tests.helpers.managers import Manager, pause

pytestmark = pytest.mark.skipif(
    sys.implementation.name != "cpython" or sys.version_info < (3, 13),
    reason="only builds without the GIL need it, which came with 3.13",
)


class Suspending(Manager):
    async def __aenter__(self):
        await pause()

    async def __aexit__(self, *exc):
        await pause()


def generator():
    with Manager():
        yield 1
        try:
            raise ValueError
        except ValueError:
            yield from [2, 3]
    try:
        print(1, (yield from pause()), (yield 5))
    finally:
        yield


async def coroutine():
    async with Suspending():
        [await pause() for _ in range(2)]
        try:
            raise KeyError
        except KeyError:
            await pause()


async def async_generator():
    async with Suspending():
        yield 1
        await pause()
        yield ValueError()
    async for number in another_one():
        yield number


async def another_one():
    await pause()
    yield 1


async def consume(items):
    async for _ in items:
        await pause()


def check(item, awaited):
    frame = frame_of(item)
    assert frame is getattr(item, f"{awaited[:2]}_frame")
    assert is_suspended(item)
    if frame is None:
        return None
    found = awaited_by(item, frame)
    assert found is getattr(item, awaited)
    return type(found)


@pytest.mark.parametrize("function", [generator, coroutine, async_generator])
def test_what_it_awaits(function):
    if function is async_generator:
        item, awaited = function(), "ag_await"
        driver = consume(item)
    else:
        item = driver = function()
        awaited = "cr_await" if function is coroutine else "gi_yieldfrom"
    kinds = [check(item, awaited)]
    try:
        while True:
            driver.send(None)
            kinds.append(check(item, awaited))
    except StopIteration:
        pass
    assert check(item, awaited) is None
    assert kinds[0] is type(None)
    assert len(set(kinds)) > 1
    assert len(kinds) > 5


def test_one_that_runs():
    def look():
        assert not is_suspended(item)
        assert awaited_by(item, item.gi_frame) is None
        yield

    def outer():
        yield from look()

    item = outer()
    next(item)
    assert is_suspended(item)
