"""Asynchronous exit methods while they run."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from stackscope.lowlevel import contexts_active_in_frame
from tests.extraction.contexts.programs import CPYTHON, Manager, _objects, _of_caller, pause


class AsyncNoting(Manager):
    """Is looked at while its exit runs, while it is suspended, and while it runs again."""

    def __init__(self, found):
        super().__init__()
        self.found = found

    async def __aexit__(self, *exc):
        self.found.append(("runs", _of_caller()))
        await pause()
        self.found.append(("runs again", _of_caller()))
        return True


def _step(coroutine, seen=None):
    """Run a coroutine to its end; look at it whenever it is suspended."""
    try:
        while True:
            coroutine.send(None)
            if seen is not None:
                inner = coroutine.cr_await
                inner = getattr(inner, "cr_frame", None)
                seen.append(contexts_active_in_frame(coroutine.cr_frame, coroutine, inner))
    except StopIteration as stop:
        return stop.value


@pytest.mark.parametrize("exception", [False, True])
def test_async_exits(exception):
    async def program():
        async with outer as a, noting as b:
            if exception:
                raise ValueError

    found, seen = [], []
    outer, noting = Manager(), AsyncNoting(found)
    _step(program(), seen)
    [suspended] = seen
    assert [how for how, _ in found] == ["runs", "runs again"]
    for contexts in (found[0][1], suspended, found[1][1]):
        assert [(c.varname, c.is_async, c.is_exiting) for c in contexts] == [
            ("a", True, False),
            ("b", True, True),
        ]
        assert contexts[0].obj is outer
        assert contexts[1].obj is noting


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("nested", [False, True])
def test_an_async_exit_in_a_finally_body(early, nested):
    """In 3.8 such a body is one place for all ways into it, which differ in depth."""

    async def program():
        try:
            if early:
                return early
        finally:
            if nested:
                with Manager():
                    async with noting as b:
                        pass
            else:
                async with noting as b:
                    pass
        return not b

    found = []
    noting = AsyncNoting(found)
    _step(program())
    for _, contexts in found:
        assert [(c.obj, c.varname) for c in contexts[nested:]] == [(noting, "b")]
        assert len(contexts) == 1 + nested
        assert contexts[-1].is_exiting


def test_async_enter_is_not_active_yet():
    class Slow(Manager):
        async def __aenter__(self):
            await pause()
            return self

    async def program():
        async with outer as a, Slow() as b:
            await pause()

    outer, seen = Manager(), []
    _step(program(), seen)
    assert [[c.varname for c in contexts] for contexts in seen] == [["a"], ["a", "b"]]


def test_sync_enter_is_not_active_yet():
    found = []

    class Looking(Manager):
        def __enter__(self):
            found.append(_of_caller())
            return self

    outer = Manager()
    with outer, Looking():
        pass
    [[context]] = found
    assert context.obj is outer
    assert not context.is_exiting


@pytest.mark.skipif(not CPYTHON, reason="async iteration is stepped by CPython's asyncio")
def test_an_exit_that_is_awaited_in_an_event_loop():
    async def program():
        event = asyncio.Event()

        class Waiting(Manager):
            async def __aexit__(self, *exc):
                await event.wait()

        async def child():
            async with Waiting() as waiting:
                pass
            return waiting

        task = asyncio.ensure_future(child())
        await asyncio.sleep(0)
        coroutine = task.get_coro()
        found = contexts_active_in_frame(coroutine.cr_frame, coroutine, coroutine.cr_await.cr_frame)
        event.set()
        return found, await task

    [context], waiting = asyncio.run(program())
    assert (context.obj, context.is_exiting, context.is_async) == (waiting, True, True)


def test_other_awaitables_of_an_exit():
    """``__aexit__`` may give anything that can be awaited."""

    class Awaitable:
        def __await__(self):
            yield

    class Odd(Manager):
        def __aexit__(self, *exc):
            return Awaitable()

    async def program():
        async with outer as a, Odd() as b:
            pass

    outer, seen = Manager(), []
    _step(program(), seen)
    [contexts] = seen
    assert [(c.varname, c.is_exiting) for c in contexts] == [("a", False), ("b", True)]
    assert contexts[0].obj is outer
    assert contexts[1].obj is None or type(contexts[1].obj) is Odd


def test_an_async_generator():
    async def program():
        async with outer as a:
            yield
            with inner as b:
                await pause()
                yield

    outer, inner = Manager(), Manager()
    generator = program()
    seen = []
    for _ in range(2):
        step = generator.asend(None)
        with contextlib.suppress(StopIteration):
            while True:
                step.send(None)
                seen.append(_objects(contexts_active_in_frame(generator.ag_frame, generator)))
        seen.append(_objects(contexts_active_in_frame(generator.ag_frame, generator)))
    with contextlib.suppress(StopIteration):
        generator.aclose().send(None)
    assert seen == [[outer], [outer, inner], [outer, inner]]


class Lending(Manager):
    """Its exit gives a coroutine that others have as well."""

    async def __aenter__(self):
        return self

    def __aexit__(self, *exc):
        self.exit = self.leave()
        return self.exit

    async def leave(self):
        await pause()


@pytest.mark.parametrize("fails", [False, True])
def test_an_exit_that_others_have_closed(fails):
    """As the collector does it, if both the coroutine and what awaits it are garbage."""

    async def program(manager):
        with contextlib.suppress(KeyError):
            async with manager:
                if fails:
                    raise KeyError

    def look():
        return contexts_active_in_frame(coroutine.cr_frame, coroutine, None)

    manager = Lending()
    coroutine = program(manager)
    coroutine.send(None)
    assert [context.is_exiting for context in look()] == [False, True]
    manager.exit.close()
    assert [type(context.obj) for context in look()] == [contextlib.suppress]
    with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
        coroutine.send(None)
