"""Functions that get another ``__code__`` while they run, as debuggers and reloaders do it."""

from __future__ import annotations

import asyncio

import pytest

import stackscope
from stackscope.interpreter.same_code import same_code
from stackscope.lowlevel import get_code


def replace_code(function):
    """What ``hideframe()`` of pdbp does. Gives the code that it had before."""
    before = function.__code__
    function.__code__ = before.replace(co_consts=(*before.co_consts, "hide this frame"))
    assert function.__code__ is not before
    return before


@pytest.fixture
def replaced():
    """Replace the code of functions until the test is over."""
    codes = []

    def replace(function):
        codes.append((function, replace_code(function)))

    yield replace
    for function, code in codes:
        function.__code__ = code


class Manager:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        await asyncio.sleep(0)


def test_an_exit_method(replaced):
    async def user():
        async with manager:
            pass

    manager = Manager()
    coroutine = user()
    coroutine.send(None)
    for _ in range(2):
        [context] = stackscope.extract(coroutine).frames[0].contexts
        assert (context.obj, context.is_exiting) == (manager, True)
        replaced(Manager.__aexit__)
    coroutine.close()


def test_what_is_known_of_a_call_and_of_the_loop(replaced):
    async def want(lock):
        async with lock:
            pass

    async def main():
        lock = asyncio.Lock()
        await lock.acquire()
        task = asyncio.ensure_future(want(lock))
        await asyncio.sleep(0)
        replaced(asyncio.Lock.acquire)
        replaced(asyncio.base_events.BaseEventLoop.run_forever)
        snapshot = stackscope.extract_all()
        [loop] = [one for one in snapshot.loops if one.loop is asyncio.get_running_loop()]
        [node] = [node for node in loop.walk() if node.task is task]
        lock.release()
        await task
        return loop.is_running, loop.thread, node.waiting.call, node.waiting.count

    assert asyncio.run(main()) == (True, "MainThread", "Lock.acquire()", 1)


def test_hooks_for_functions(replaced):
    def hidden():
        yield

    stackscope.customize(hidden, hide=True)
    generator = hidden()
    next(generator)
    replaced(hidden)
    other = hidden()
    next(other)
    for one in (generator, other):
        assert [frame.hide for frame in stackscope.extract(one)] == [True]


def test_children_of_a_nursery(replaced):
    trio = pytest.importorskip("trio")
    from trio._core._run import NurseryManager

    async def main():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever, name="child")
            await trio.testing.wait_all_tasks_blocked()
            replaced(NurseryManager.__aexit__)
            root = trio.lowlevel.current_root_task()
            found = str(stackscope.extract(root, recurse_child_tasks=True))
            nursery.cancel_scope.cancel()
        return found

    import trio.testing

    assert "child" in trio.run(main)


def test_what_is_not_the_same():
    def function():
        pass

    there, here = function, test_what_is_not_the_same
    assert not same_code(there.__code__, here.__code__)
    assert not same_code(there.__code__, None)
    code = get_code(lambda: None)
    assert same_code(code, code)
    assert not same_code(code, code.replace(co_consts=(1,)))  # others may stand in that line
    first, second = (compile("def f(): pass", "<string>", "exec").co_consts[0] for _ in range(2))
    assert not same_code(first, second)
