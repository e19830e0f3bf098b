"""`why` and `locks`."""

from __future__ import annotations

import asyncio
import re
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
        assert re.search(r"^  which is up to task \d+ \(\w+\):$", session.replies[0], re.MULTILINE)
        assert "in a circle back to task" in session.replies[0]
        assert "nobody" in session.replies[1]

    def test_tasks_say_who_is_stuck(self, scripted):
        session = scripted("tasks", "tasks third", "c")
        run_stuck(session)
        last = session.replies[0].splitlines()[-1]
        assert last.startswith("! stuck: 2 tasks (")
        assert last.endswith(": see 'why'")
        assert "stuck" not in session.replies[1].splitlines()[-1]

    def test_rows_of_those_who_are_stuck_are_marked(self, scripted):
        session = scripted("tasks", "tasks second", "task second", "tasks", "c")
        run_stuck(session)
        found, filtered, _, focused = session.replies[:4]
        assert marked(found) == {"first", "second"}
        assert marked(filtered) == {"second"}
        assert marked(focused) == {"first", "second"}
        assert re.search(r"^>! *\d+ second ", focused, re.MULTILINE)
        assert all(len(line) <= 80 for line in found.splitlines() if line[0] in "> !")

    def test_threads_that_are_stuck_are_marked(self):
        # In a process of its own, where they may stay.
        finished = subprocess.run(
            [sys.executable, "-c", STUCK_THREADS],
            input=b"threads\nc\n",
            stdout=subprocess.PIPE,
            check=True,
        )
        said = finished.stdout.decode().replace("(stackscope_pdb) ", "")
        assert marked(said) == {"left", "right"}


STUCK_THREADS = """
import threading, stackscope_pdb
one, two = threading.Lock(), threading.Lock()
both = threading.Barrier(3)

def takes(first, second):
    with first:
        both.wait()
        second.acquire()

for name, *pair in ("left", one, two), ("right", two, one):
    threading.Thread(target=takes, args=pair, name=name, daemon=True).start()
both.wait()
stackscope_pdb.set_trace()
"""


def marked(text):
    """The names in rows that are marked as stuck."""
    return set(re.findall(r"^[> ]?! *\d+ (\w+) ", text, re.MULTILINE))


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
