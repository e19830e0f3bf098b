"""Extraction writes nothing: representations are made, and sources read, when a stack is drawn."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import linecache

import pytest

from stackscope import extract, extract_all

PLAIN = """
import asyncio

async def wait(event):
    await event.wait()

def work(event, manager):
    return wait(event)
"""

WITH_BLOCKS = """
import asyncio

async def work(event, manager):
    with manager:
        await event.wait()
"""


class Counting:
    """Counts how often somebody asks for its representation."""

    calls = 0

    def __repr__(self):
        type(self).calls += 1
        return "<counting>"

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None


@contextlib.contextmanager
def managed(item):
    yield item


def called(*args, **kwargs):
    pass


class Derived(contextlib.ExitStack):
    def __repr__(self):
        Counting.calls += 1
        return "<derived>"


async def program(event, future):
    item = Counting()
    with Derived() as stack, managed(item):
        stack.enter_context(Counting())
        stack.enter_context(managed(item))
        stack.callback(called, item, key=item)
        stack.push(Counting())
        try:
            raise ValueError(item)
        except ValueError:
            await asyncio.wait([future], timeout=100)
    event.set()


async def tell_of(look):
    """Counts what ``look(task)`` has written, and gives its result."""
    future = asyncio.get_running_loop().create_future()
    task = asyncio.ensure_future(program(asyncio.Event(), future))
    await asyncio.sleep(0)
    Counting.calls = 0
    try:
        return look(task), Counting.calls
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.parametrize("look", [extract, lambda task: extract_all()], ids=["one", "all"])
def test_no_representation_is_made_until_something_is_drawn(look):
    found, calls = asyncio.run(tell_of(look))
    assert calls == 0
    text = str(found)
    assert "enter_context(<counting>)" in text
    assert "called, <counting>, key=<counting>)" in text
    assert Counting.calls > 0


def test_nor_of_an_exception_that_was_never_raised():
    try:
        try:
            raise KeyError
        except KeyError as exc:
            raise LookupError from ValueError(Counting(), exc)
    except LookupError as exc:
        error = exc
    Counting.calls = 0
    stack = extract(error)
    assert Counting.calls == 0
    assert "<counting>" in str(stack)


@pytest.mark.parametrize("source", [PLAIN, WITH_BLOCKS], ids=["plain", "with"])
def test_no_source_is_read_until_something_is_drawn(tmp_path, source):
    file = tmp_path / "program.py"
    file.write_text(source)
    spec = importlib.util.spec_from_file_location("program", str(file))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    async def main():
        task = asyncio.ensure_future(module.work(asyncio.Event(), Counting()))
        await asyncio.sleep(0)
        snapshot = extract_all()
        task.cancel()
        await asyncio.wait([task])
        return snapshot

    snapshot = asyncio.run(main())
    assert str(file) not in linecache.cache
    assert "await event.wait()" in str(snapshot)
    assert str(file) in linecache.cache
