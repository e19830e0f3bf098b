"""`why` and `locks`."""

from __future__ import annotations

import asyncio
import subprocess
import sys

from tests.pdb.programs import run


async def enters(first, second):
    async with first:
        await asyncio.sleep(0)
        async with second:
            pass


def run_stuck(session):
    """A program whose tasks "first" and "second" wait for each other, and "third" behind them."""

    async def main():
        a, b = asyncio.Lock(), asyncio.Lock()
        tasks = [
            asyncio.create_task(enters(a, b), name="first"),
            asyncio.create_task(enters(b, a), name="second"),
        ]
        await asyncio.sleep(0.01)
        tasks.append(asyncio.create_task(a.acquire(), name="third"))
        await asyncio.sleep(0.01)
        session.stop()
        for task in tasks:
            task.cancel()

    asyncio.run(main())


class TestWhy:
    def test_all_findings(self, scripted):
        session = scripted("why", "c")
        run_stuck(session)
        lines = session.replies[0].splitlines()
        title = next(line for line in lines if line.startswith("Deadlock: "))
        assert "(first)" in title
        assert "(second)" in title
        assert any("1 task" in line and "behind" in line for line in lines)

    def test_nothing(self, scripted):
        session = scripted("why", "c")
        run(session)
        assert "Nothing is stuck: 2 tasks wait for" in session.replies[0]

    def test_one_chain(self, scripted):
        session = scripted("why third", "why nobody", "c")
        run_stuck(session)
        assert "(third) waits for Lock.acquire()" in session.replies[0]
        assert "in a circle: " in session.replies[0]
        assert "nobody" in session.replies[1]

    def test_tasks_say_who_is_stuck(self, scripted):
        session = scripted("tasks", "tasks third", "c")
        run_stuck(session)
        last = session.replies[0].splitlines()[-1]
        assert last.startswith("stuck: 2 tasks (")
        assert last.endswith("(see 'why')")
        assert "stuck" not in session.replies[1].splitlines()[-1]


class TestLocks:
    def test_holders_and_waiters(self, scripted):
        session = scripted("locks", "locks all", "c")
        run_stuck(session)
        lines = session.replies[0].splitlines()
        assert sum(line.startswith("Lock: held by task ") for line in lines) == 2
        assert sum("taken at " in line for line in lines) == 2
        assert any(line.strip().startswith("2 tasks (") for line in lines)
        assert "takes no argument" in session.replies[1]

    def test_none(self):
        # In a process of its own: threads that other tests have left may wait for something.
        program = "import stackscope_pdb; stackscope_pdb.set_trace(); x = 1"
        finished = subprocess.run(
            [sys.executable, "-c", program], input=b"locks\nc\n", stdout=subprocess.PIPE, check=True
        )
        lines = finished.stdout.decode().splitlines()
        assert "(stackscope_pdb) Nothing waits for a lock, a queue or the like." in lines
