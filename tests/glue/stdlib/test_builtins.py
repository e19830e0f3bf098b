from __future__ import annotations

import builtins
import gc
import sys
import types

import pytest

from stackscope import extract
from tests.helpers.stacks import all_names


@types.coroutine
def pause():
    yield "paused"


class Iterator:
    """An awaitable that is no generator."""

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return "paused"


def empty(stack):
    return (stack.frames, stack.leaf, stack.error) == ([], None, None)


# --------------------------------------------------------------- generators


def test_generator():
    def inner():
        yield

    def outer():
        yield from inner()

    generator = outer()
    assert all_names(extract(generator)) == ["outer"]
    next(generator)
    stack = extract(generator)
    assert all_names(stack) == ["outer", "inner"]
    assert stack.root is generator
    assert stack.leaf is None
    list(generator)
    assert empty(extract(generator))


def test_generator_that_yields_from_an_iterator():
    iterator = iter([1, 2])

    def generate():
        yield from iterator

    generator = generate()
    next(generator)
    stack = extract(generator)
    assert all_names(stack) == ["generate"]
    assert stack.leaf is iterator


# --------------------------------------------------------------- coroutines


def test_coroutine():
    async def inner():
        await pause()

    async def outer():
        await inner()

    coroutine = outer()
    assert all_names(extract(coroutine)) == ["outer"]
    coroutine.send(None)
    assert all_names(extract(coroutine)) == ["outer", "inner", "pause"]
    coroutine.close()
    assert empty(extract(coroutine))


def test_coroutine_that_awaits_an_iterator():
    iterator = Iterator()

    async def outer():
        await iterator

    coroutine = outer()
    coroutine.send(None)
    stack = extract(coroutine)
    assert all_names(stack) == ["outer"]
    assert stack.leaf is iterator
    coroutine.close()


def test_coroutine_wrapper():
    async def inner():
        await pause()

    class Awaitable:
        def __await__(self):
            return inner().__await__()

    async def outer():
        await Awaitable()

    coroutine = outer()
    coroutine.send(None)
    assert all_names(extract(coroutine)) == ["outer", "inner", "pause"]
    coroutine.close()
    coroutine = inner()
    wrapper = coroutine.__await__()
    stack = extract(wrapper)
    assert all_names(stack) == ["inner"]
    assert stack.frames[0].origin is coroutine
    wrapper.close()
    assert empty(extract(wrapper))


def test_running_coroutine_in_the_middle_of_a_chain():
    async def inner():
        here.append(extract(coroutine))

    async def outer():
        await inner()

    here = []
    coroutine = outer()
    with pytest.raises(StopIteration):
        coroutine.send(None)
    assert all_names(here[0]) == [
        "outer",
        "inner",
    ]
    assert here[0].error is None


# --------------------------------------------------------- async generators


async def agen():
    yield 1
    await pause()
    yield 2


def finish(awaitable):
    with pytest.raises(StopIteration) as info:
        awaitable.send(None)
    return info.value.value


def test_async_generator():
    generator = agen()
    assert all_names(extract(generator)) == ["agen"]
    finish(generator.asend(None))
    assert all_names(extract(generator)) == ["agen"]
    awaitable = generator.asend(None)
    awaitable.send(None)
    for item in (generator, awaitable):
        stack = extract(item)
        assert all_names(stack) == ["agen", "pause"]
        assert stack.error is None
        assert stack.frames[0].origin is generator
    finish(awaitable)
    finish(generator.aclose())
    assert empty(extract(generator))


def test_async_generator_that_awaits_an_iterator():
    iterator = Iterator()

    async def generate():
        yield await iterator

    generator = generate()
    awaitable = generator.asend(None)
    awaitable.send(None)
    stack = extract(awaitable)
    assert all_names(stack) == ["generate"]
    assert stack.leaf is iterator
    with pytest.raises(KeyError):
        awaitable.throw(KeyError)


def finish_closing(generator):
    try:
        generator.aclose().send(None)
    except StopIteration:
        pass


def test_running_async_generator():
    def look():
        return [extract(generator), extract(awaitable)]

    async def generate():
        yield look()

    generator = generate()
    awaitable = generator.asend(None)
    for stack in finish(awaitable):
        assert all_names(stack) == ["generate", "look"]
        assert stack.error is None
    finish_closing(generator)


@pytest.mark.parametrize("method", ["athrow", "aclose"])
def test_athrow_and_aclose(method):
    async def generate():
        try:
            yield
        finally:
            await pause()

    generator = generate()
    finish(generator.asend(None))
    awaitable = generator.aclose() if method == "aclose" else generator.athrow(KeyError())
    assert all_names(extract(awaitable)) == ["generate"]
    awaitable.send(None)
    assert all_names(extract(awaitable)) == ["generate", "pause"]
    with pytest.raises((StopIteration, KeyError)):
        awaitable.send(None)


def test_async_for_in_a_coroutine():
    async def user():
        async for value in agen():
            pass

    coroutine = user()
    coroutine.send(None)
    assert all_names(extract(coroutine)) == ["user", "agen", "pause"]
    coroutine.close()


@pytest.mark.skipif(sys.version_info < (3, 10), reason="anext() came with 3.10")
def test_anext_with_default():
    async def user():
        generator = agen()
        await builtins.anext(generator)
        await builtins.anext(generator, None)

    coroutine = user()
    coroutine.send(None)
    stack = extract(coroutine)
    assert all_names(stack)[0] == "user"
    assert all_names(stack)[-2:] == ["agen", "pause"]
    assert stack.error is None
    coroutine.close()


def test_what_is_not_found_behind_an_awaitable(monkeypatch):
    async def inner():
        await pause()

    coroutine = inner()
    wrapper = coroutine.__await__()
    generator = agen()
    awaitable = generator.asend(None)
    extract(wrapper)  # makes glue ready
    monkeypatch.setattr(gc, "get_referents", lambda *objects: [])
    for item, attribute in ((wrapper, "a cr_frame"), (awaitable, "an ag_frame")):
        stack = extract(item)
        assert stack.leaf is item
        assert type(stack.error) is RuntimeError
        expected = f"{item!r} doesn't refer to anything with {attribute} attribute"
        assert str(stack.error) == expected
    monkeypatch.undo()
    coroutine.close()
    awaitable.close()


def test_event_loops_do_not_learn_of_our_samples():
    import subprocess

    code = """
import sys
seen = []
sys.set_asyncgen_hooks(firstiter=seen.append, finalizer=seen.append)
import stackscope
stackscope.extract(None)
print(seen, sys.get_asyncgen_hooks().firstiter == seen.append)
"""
    output = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        universal_newlines=True,
    ).stdout
    assert output == "[] True\n"
