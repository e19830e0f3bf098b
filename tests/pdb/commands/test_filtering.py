"""Filters behind `tasks` and `threads`, and ages at the prompt."""

from __future__ import annotations

import asyncio
import threading

import pytest

from stackscope import clock
from stackscope_pdb.commands import registry
from tests.pdb.programs import program, run


def test_keys_and_numbers(scripted):
    session = scripted(
        "tasks name:worker-1 state:waiting",
        "tasks in:worker not name:*-1",
        "tasks with:lock",
        "tasks state:running",
        "c",
    )
    run(session)
    rows = [reply.splitlines()[1:] for reply in session.replies[:4]]
    assert [len(lines) for lines in rows] == [1, 1, 2, 1]
    assert "worker-1" in rows[0][0]
    assert "worker-0" in rows[1][0]
    assert rows[3][0].startswith(">")
    assert session.replies[0].splitlines()[0].endswith(": 1 of 3 tasks")


@pytest.mark.parametrize("command", ["tasks", "threads"])
def test_a_wrong_one_is_told_in_a_sentence(scripted, command):
    session = scripted(f"{command} nam:x", f"{command} (x", "c")
    run(session)
    assert session.replies[0].startswith("*** 'nam:' is not a key. The keys are name:, ")
    assert session.replies[1] == "*** A '(' has no ')': close it, or put it in quotes."


def test_who_stands_above_says_that_it_is_no_match(scripted):
    async def child():
        await asyncio.sleep(1000)

    async def parent():
        await asyncio.gather(asyncio.ensure_future(child()))

    async def main():
        task = asyncio.ensure_future(parent())
        await asyncio.sleep(0.01)
        session.stop()
        task.cancel()

    session = scripted("tasks waits:sleep", "c")
    asyncio.run(main())
    _, above, below = session.replies[0].splitlines()
    assert "no match" in above
    assert "no match" not in below


def test_threads(scripted):
    ready, leave = threading.Event(), threading.Event()

    def stand():
        ready.set()
        leave.wait(60)

    thread = threading.Thread(target=stand, name="stander")
    thread.start()
    ready.wait(60)
    session = scripted("threads name:=stander", "threads in:stand state:waiting or stopped", "c")
    session.stop()
    leave.set()
    thread.join()
    assert len(session.replies[0].splitlines()) == 1
    assert " stander " in session.replies[0]
    assert "MainThread" in session.replies[1]


def test_what_is_stuck_without_a_diagnosis(scripted):
    session = scripted("tasks stuck", "c")

    async def main():
        lock = asyncio.Lock()

        async def twice():
            async with lock:
                await lock.acquire()

        task = asyncio.ensure_future(twice())
        task.set_name("itself")
        await asyncio.sleep(0.01)
        session.stop()
        task.cancel()

    asyncio.run(main())
    title, row, circle = session.replies[0].splitlines()
    assert title.endswith(": 1 of 2 tasks")
    assert " itself " in row
    assert "waiting for itself" in circle


def test_ages(scripted):
    session = scripted("tasks age>1h", "c")
    run(session)
    assert session.replies[0].startswith("*** The ages of tasks aren't known: call ")
    clock.install()
    try:
        session = scripted("tasks age<1h", "tasks age>1h", "where", "next", "next", "c")
        run(session)
    finally:
        clock.uninstall()
    assert session.replies[0].count(", age ") == 3
    assert session.replies[1].startswith("Nothing matches 'age>1h'. ")
    assert "stackscope" not in session.replies[2]
    assert "program in " in session.replies[2]
    assert "gate.set()" in session.output


def test_tab(scripted):
    session = scripted("c")

    async def main():
        found.append(registry.complete(session.pdb, "tasks", "name:wor", "tasks name:wor", 6))
        found.append(registry.complete(session.pdb, "tasks", "sta", "tasks not sta", 10))
        found.append(registry.complete(session.pdb, "threads", "name:Main", "threads name:Main", 8))

    found = []
    tasks = asyncio.run(_with_workers(main))
    assert tasks == 2
    assert found == [
        ["name:worker-0", "name:worker-1"],
        ["state:"],
        ["name:MainThread"],
    ]


async def _with_workers(main):
    class Session:
        def stop(self):
            coroutine = main()
            with pytest.raises(StopIteration):
                coroutine.send(None)

    return len(await program(Session()))
