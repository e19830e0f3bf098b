"""``await`` at the prompt, at stops of the ordinary kind."""

from __future__ import annotations

import asyncio
import sys

import pytest

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
