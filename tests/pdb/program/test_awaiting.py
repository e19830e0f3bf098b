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
