"""Awaitables written by hand: the stack goes on in what they hold."""

from __future__ import annotations

import asyncio
import collections.abc
import sys
import types

import pytest

from stackscope import describe_wait, extract
from tests.helpers.stacks import names


async def lower():
    await asyncio.sleep(50)


class Awaitable:
    """Forwards to an iterator."""

    def __init__(self, iterator):
        self.iterator = iterator

    def send(self, value):
        return self.iterator.send(value)

    def throw(self, *args):
        return self.iterator.throw(*args)

    def close(self):
        return self.iterator.close()

    def __await__(self):
        return self

    def __next__(self):
        return self.iterator.send(None)

    def __iter__(self):
        return self


class WithSlots(Awaitable):
    __slots__ = ("iterator",)


class WithTheCoroutine(Awaitable):
    """Has what it awaits twice."""

    def __init__(self, coroutine):
        super().__init__(coroutine.__await__())
        self.cr_await = coroutine
        self.begun_by = None

    @property
    def ag_await(self):
        raise AssertionError("asked")


class WithAnAsyncGenerator(Awaitable):
    def __init__(self):
        self.source = generates()
        super().__init__(self.source.__anext__())


async def generates():
    await lower()
    yield


class GeneratorLike(collections.abc.Generator):
    def __init__(self):
        self.iterator = lower().__await__()

    def send(self, value):
        return self.iterator.send(value)

    def throw(self, *args):
        return self.iterator.throw(*args)


@types.coroutine
def wraps_a_generator_like():
    return GeneratorLike()


def yields_from():
    yield from lower().__await__()


@types.coroutine
def wraps_a_generator():
    return yields_from()


async def awaits(awaitable):
    await awaitable


def stack_of(awaitable, prepare=lambda task: None):
    async def main():
        task = asyncio.ensure_future(awaits(awaitable))
        await asyncio.sleep(0)
        prepare(task)
        stack = extract(task)
        text = str(describe_wait(stack))
        task.cancel()
        await asyncio.wait([task])
        return stack, text

    return asyncio.run(main())


@pytest.mark.skipif(
    not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="others might change it"
)
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Awaitable(lower().__await__()), ["awaits", "lower", "sleep"]),
        (lambda: WithSlots(lower().__await__()), ["awaits", "lower", "sleep"]),
        (lambda: Awaitable(Awaitable(lower().__await__())), ["awaits", "lower", "sleep"]),
        (lambda: WithTheCoroutine(lower()), ["awaits", "lower", "sleep"]),
        (wraps_a_generator_like, ["awaits", "lower", "sleep"]),
        (wraps_a_generator, ["awaits", "yields_from", "lower", "sleep"]),
        (WithAnAsyncGenerator, ["awaits", "generates", "lower", "sleep"]),
    ],
)
def test_the_stack_goes_on(make, expected):
    stack, text = stack_of(make())
    assert names(stack) == expected
    assert stack.error is None
    assert text.startswith("asyncio.sleep(): ")


def test_which_one_of_several_is_unknown():
    other = lower()
    awaitable = Awaitable(lower().__await__())

    async def begin():
        awaitable.other = asyncio.ensure_future(other)
        await asyncio.sleep(0)
        awaitable.other = other  # it waits as well
        task = asyncio.ensure_future(awaits(awaitable))
        await asyncio.sleep(0)
        stack = extract(task)
        for one in asyncio.all_tasks() - {asyncio.current_task()}:
            one.cancel()
        await asyncio.sleep(0)
        return stack

    stack = asyncio.run(begin())
    assert names(stack) == ["awaits"]
    assert stack.leaf is awaitable


def test_what_awaits_it_is_not_what_it_awaits():
    class Future:
        """Knows who awaits it, and nothing else."""

        def __await__(self):
            return self

        def __next__(self):
            return None

    future = Future()

    def prepare(task):
        future.awaited_by = task.get_coro()

    stack, _ = stack_of(future, prepare)
    assert names(stack) == ["awaits"]
    assert stack.leaf is future


def test_a_circle_ends():
    class Holder:
        def __iter__(self):
            return self

        def __next__(self):
            return None

        def __await__(self):
            return self

    outer, inner = Holder(), Holder()

    async def one():
        await outer

    async def two():
        await inner

    first, second = one(), two()
    first.send(None)
    second.send(None)
    outer.next, inner.next = second, first
    stack = extract(first)
    assert set(names(stack)) == {"one", "two"}
    assert len(stack.frames) <= 4
    first.close()
    second.close()


@pytest.mark.skipif(sys.version_info >= (3, 9), reason="asyncio has no CoroWrapper any more")
def test_the_wrapper_of_the_debug_mode():
    from asyncio.coroutines import CoroWrapper

    def generator():
        yield from lower().__await__()

    wrapper = CoroWrapper(generator(), generator)
    stack, _ = stack_of(wrapper)
    assert names(stack) == ["awaits", "generator", "lower", "sleep"]
