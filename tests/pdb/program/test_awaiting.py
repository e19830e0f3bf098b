"""``await`` at the prompt, at stops of the ordinary kind."""

from __future__ import annotations

import asyncio
import sys

import pytest

from stackscope_pdb.facts import HAS_ASYNC_STOPS

greenback = pytest.importorskip("greenback")


def asyncio_run(main):
    asyncio.run(main(asyncio.sleep))


def trio_run(main):
    import trio

    trio.run(main, trio.sleep)


RUNNERS = [asyncio_run, trio_run]


async def twice(number, sleep):
    await sleep(0)
    return number * 2


@pytest.mark.parametrize("run", RUNNERS)
def test_with_a_portal(scripted, run):
    session = scripted(
        "await twice(x, sleep)",
        "x = await twice(x, sleep)",
        "p x",
        "!await twice('ab', sleep)",
        "y = [await twice(1, sleep), await twice(2, sleep)]",
        "p y",
        "await 3",
        "await nowhere",
        "await",
        "p await_",
        "n",
        "c",
    )
    found = []

    async def main(sleep):
        await greenback.ensure_portal()
        x = await_ = 5
        session.stop()
        found.append(x)

    run(main)
    replies = session.replies
    assert replies[:6] == ["10", "", "10", "'abab'", "", "[2, 4]"]
    assert replies[6].startswith("*** TypeError: ")
    assert "NameError: name 'nowhere' is not defined" in replies[7]
    assert "SyntaxError" in replies[8]
    assert replies[9] == "5"
    assert "-> found.append(x)" in session.output
    assert found == [10]


@pytest.mark.parametrize("run", RUNNERS)
def test_without_a_portal(scripted, run):
    session = scripted("await twice(x, sleep)", "x = await twice(x, sleep)", "p x", "c")

    async def main(sleep):
        x = 5
        session.stop()
        return x

    run(main)
    assert "ensure_portal" in session.replies[0]
    assert ("set_trace_async" in session.replies[0]) == (sys.version_info >= (3, 14))
    assert session.replies[1:3] == [session.replies[0], "5"]


def test_outside_of_a_task(scripted):
    session = scripted("await 1", "c")
    session.stop()
    assert session.replies[0] == (
        "*** 'await' needs a task that is running, and the program has not stopped in one."
    )
    session = scripted("await 1", "c")

    async def main():
        asyncio.get_running_loop().call_soon(session.stop)
        await asyncio.sleep(0.01)

    asyncio.run(main())
    assert "has not stopped in one" in session.replies[0]


def test_other_tasks_go_on_meanwhile(scripted):
    session = scripted("await event.wait()", "c")

    async def other(event):
        await asyncio.sleep(0)
        event.set()

    async def main():
        await greenback.ensure_portal()
        event = asyncio.Event()
        task = asyncio.ensure_future(other(event))
        session.stop()
        return event.is_set() and task.done()

    assert asyncio.run(main())
    assert session.replies[0] == "True"


LINES = {
    "await twice(factor, sleep)": "6",
    "p await twice(factor, sleep)": "6",
    "pp [await twice(i * factor, sleep) for i in range(3)]": "[0, 6, 12]",
    "{i: await twice(i, sleep) async for i in numbers(sleep)}": "{0: 0, 1: 2}",
    "found = await twice(factor, sleep); found": "6",
    "p found": "6",
    "whatis await twice(1, sleep)": "<class 'int'>",
    "async with Entered(sleep) as entered: print(entered, factor)": "in 3",
    "async for i in numbers(sleep): i": "0\n1",
    "f = lambda x: x * factor; f(await twice(1, sleep))": "6",
    "await twice(None, sleep)": "*** TypeError: unsupported operand type(s) for *: 'NoneType' and "
    "'int'",
    "p await nowhere": "*** NameError: name 'nowhere' is not defined",
    "return await twice(1, sleep)": "*** 'return' takes no argument, so nothing was run.",
    "yield await twice(1, sleep)": "*** SyntaxError: 'yield' outside function",
    "display await twice(1, sleep)": "*** 'display' can't await. 'p' can, which shows the value "
    "once.",
    "factor = await twice(factor, sleep)": "",
    "p factor": "6",
}


async def numbers(sleep):
    for i in range(2):
        await sleep(0)
        yield i


class Entered:
    def __init__(self, sleep):
        self.sleep = sleep

    async def __aenter__(self):
        await self.sleep(0)
        return "in"

    async def __aexit__(self, *exc):
        await self.sleep(0)


@pytest.mark.parametrize("run", RUNNERS)
def test_all_that_awaits(scripted, run):
    session = scripted(*LINES, "c")

    async def main(sleep):
        factor = 3
        await greenback.ensure_portal()
        session.stop()
        assert factor == 6

    run(main)
    for (line, expected), reply in zip(LINES.items(), session.replies):
        assert reply == expected, line


@pytest.mark.skipif(not HAS_ASYNC_STOPS, reason="there are none")
@pytest.mark.parametrize("run", RUNNERS)
def test_at_an_async_stop(scripted, run):
    session = scripted(*LINES, "n", "await twice(1, sleep)", "c")

    async def main(sleep):
        factor = 3
        await session.pdb.set_trace_async(sys._getframe())
        assert factor == 6
        await sleep(0)

    run(main)
    for (line, expected), reply in zip(LINES.items(), session.replies):
        assert reply == expected, line
    assert "-> assert factor == 6" in session.replies[len(LINES)]
    assert "ensure_portal" in session.replies[len(LINES) + 1]


STOPS = [False] + [True] * HAS_ASYNC_STOPS


async def stop_in(session, frame, is_async):
    if is_async:
        await session.pdb.set_trace_async(frame)
    else:
        session.pdb.set_trace(frame)


@pytest.mark.parametrize("is_async", STOPS)
def test_the_user_is_afterwards_where_he_was(scripted, is_async):
    session = scripted(
        "up",
        "await asyncio.sleep(0.01)",
        "p where",
        "task slow",
        "p number > 0",
        "before = await asyncio.sleep(0.05, number)",
        "p number > before",
        "where",
        "await asyncio.sleep(0.01)",
        "task quick",
        "event.set()",
        "await asyncio.sleep(0.05)",
        "p where",
        "c",
    )

    async def counting():
        number = 1
        before = 0
        while number > before:
            await asyncio.sleep(0.001)
            number += 1

    async def waiting(event):
        where = "waiting"
        await event.wait()
        return where

    async def inner():
        where = "inner"
        await stop_in(session, sys._getframe(), is_async)
        return where

    async def main():
        await greenback.ensure_portal()
        event = asyncio.Event()
        slow = asyncio.ensure_future(counting())
        slow.set_name("slow")
        quick = asyncio.ensure_future(waiting(event))
        quick.set_name("quick")
        await asyncio.sleep(0.002)
        where = "main"
        await inner()
        slow.cancel()
        return where, quick

    asyncio.run(main())
    replies = session.replies
    assert replies[2] == "'main'"
    assert replies[4] == replies[6] == "True"
    assert "> 0 ╠ " in replies[7]
    assert replies[5] == replies[8] == ""
    assert "waiting()" in replies[9]
    assert replies[11].startswith("There are no frames of task ")
    assert "inner()" in replies[11]
    assert replies[12] == "'inner'"
    assert session.prompts[6] == "(stackscope_pdb slow)"


@pytest.mark.skipif(not HAS_ASYNC_STOPS, reason="there are none")
def test_a_stop_in_what_is_awaited_at_an_async_stop(scripted, fresh_settings):
    session = scripted(
        "tbreak twice",
        "await twice(1, sleep)",
        "await twice(2, sleep)",
        "p number",
        "c",
        "p where",
        "c",
    )

    async def main(sleep):
        where = "main"
        await session.pdb.set_trace_async(sys._getframe())
        return where

    asyncio_run(main)
    replies = session.replies
    assert "twice()" in replies[1]
    assert replies[2].startswith("*** Another 'await' is still waiting")
    assert replies[3] == "1"
    assert replies[4] == "2"
    assert replies[5] == "'main'"


def test_cancelled_by_somebody_else(scripted):
    session = scripted("await sleep(10)", "p 'goes on'", "c")

    async def main():
        sleep = asyncio.sleep
        task = asyncio.current_task()
        await greenback.ensure_portal()
        asyncio.get_running_loop().call_later(0.01, task.cancel)
        session.stop()
        try:
            await sleep(10)
        except asyncio.CancelledError:
            return "seen"

    assert asyncio.run(main()) == "seen"
    assert "CancelledError" in session.replies[0]
    assert session.replies[1] == "'goes on'"


def test_post_mortem(scripted):
    async def fail():
        raise ValueError

    session = scripted("await 1", "q")
    session.pdb.reset()
    try:
        asyncio.run(fail())
    except ValueError as exc:
        error = exc
    session.pdb.interaction(None, error.with_traceback(error.__traceback__.tb_next))
    assert "isn't running any more" in session.replies[0]
