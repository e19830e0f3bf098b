"""How often a stop looks at all tasks: once, as long as nothing runs meanwhile."""

from __future__ import annotations

import asyncio
import re
import threading
import time

import pytest

from stackscope_pdb.stop import snapshots
from stackscope_pdb.stop.snapshots import extract_now, thread_nodes
from tests.pdb.programs import plain, run


@pytest.fixture
def looks(monkeypatch):
    """Grows by one for each look at all tasks."""
    taken, look = [], snapshots.Snapshots._look

    def counting(self, wants_more):
        taken.append(1)
        return look(self, wants_more)

    monkeypatch.setattr(snapshots.Snapshots, "_look", counting)
    return taken


def looks_for(scripted, looks, *commands):
    """How many looks each command has taken, at one stop of a program with tasks."""
    session = scripted(*commands, "c")
    counts, run_command = {}, session.pdb.onecmd

    def counted(line):  # 3.13 and later also run a command of their own at the start
        before = len(looks)
        result = run_command(line)
        counts[line] = len(looks) - before
        return result

    session.pdb.onecmd = counted
    run(session)
    assert session.replies[-1] == ""
    return {command: counts[command] for command in commands}


def test_all_commands_share_one(scripted, looks):
    commands = ["tasks", "task worker-0", "ctx", "ctx 1", "unfocus", "where -c", "tasks wor"]
    counts = looks_for(scripted, looks, *commands, "task 2", "where", "up", "threads")
    assert counts == {**dict.fromkeys(counts, 0), "tasks": 1}


def test_a_stop_without_these_commands_takes_none(scripted, looks):
    run(scripted("where", "up", "p 1", "list", "c"))
    assert looks == []


def test_completion_shares_it(scripted, looks):
    session = scripted("tasks", "c")
    completed, after = [], session.pdb.postcmd

    def complete(stop, line):
        if line == "tasks":
            for prefix in ("", "w", "worker-"):
                completed.append(
                    session.pdb.complete_task(prefix, f"task {prefix}", 5, 5 + len(prefix))
                )
        return after(stop, line)

    session.pdb.postcmd = complete
    run(session)
    assert completed[2] == ["worker-0", "worker-1"]
    assert len(looks) == 1


@pytest.mark.parametrize(
    "line",
    ["workers = 3", "p len(group)", "len(group)", "!workers = 1", "args", "display len(group)"],
)
def test_what_runs_code_ends_it(line, scripted, looks):
    counts = looks_for(scripted, looks, "tasks", line, "tasks wor", "ctx")
    assert counts == {"tasks": 1, line: 0, "tasks wor": 1, "ctx": 0}


def test_the_next_stop_looks_anew(scripted, looks):
    session = scripted("tasks", "c", "tasks", "c")

    async def main():
        task = asyncio.ensure_future(asyncio.sleep(0))
        task.set_name("short-lived")
        session.stop()
        await task
        session.stop()

    asyncio.run(main())
    assert len(looks) == 2
    assert "short-lived" in session.replies[0]
    assert "short-lived" not in session.replies[2]


def test_a_loop_that_goes_on_says_when_it_was_seen(scripted, looks):
    """`tasks` and `task` look anew; other commands show what was seen."""
    started, stopping = threading.Event(), []

    async def elsewhere():
        stopping.append((asyncio.get_running_loop(), asyncio.Event()))
        started.set()
        await stopping[0][1].wait()

    thread = threading.Thread(target=lambda: asyncio.run(elsewhere()), name="other")
    thread.start()
    started.wait(20)
    session = scripted("tasks", "task elsewhere", "tasks", "where -c", "c")
    session.stop()
    loop, event = stopping[0]
    loop.call_soon_threadsafe(event.set)
    thread.join()
    title = r"asyncio loop in other, running \(seen at \d\d:\d\d:\d\d\): 1 task"
    assert re.search(title, session.replies[0]), session.replies[0]
    assert re.search(title, session.replies[2])
    assert len(looks) == 3


def seconds_left(text):
    return [float(left) for left in re.findall(r"(-?[0-9.]+) s left", text)]


def test_the_time_left_runs_on(scripted, looks, monkeypatch):
    """A loop stands still at a stop, but its clock doesn't."""
    monkeypatch.setenv("COLUMNS", "150")
    session = scripted("tasks", "pause()", "where", "tasks", "task sleeper", "c")

    async def main():
        task = asyncio.ensure_future(asyncio.sleep(100))
        task.set_name("sleeper")
        await asyncio.sleep(0)
        session.stop()
        task.cancel()

    def onecmd(line, run=session.pdb.onecmd):
        if line == "pause()":
            time.sleep(1.2)
            return False
        return run(line)

    session.pdb.onecmd = onecmd
    asyncio.run(main())
    parts = session.replies
    [first], [second], [third] = (seconds_left(parts[index]) for index in (0, 3, 4))
    assert len(looks) == 1
    assert 1 <= first - second <= 10
    assert third <= second


def test_a_task_can_be_the_first_thing_to_look_at(scripted):
    session = scripted("stack group[0]", "c")
    run(session)
    assert re.match(r"task \d+ worker-0  waiting", session.replies[0]), session.replies


generators = []


def test_the_frames_in_focus_are_those_after_code_has_run(scripted):
    """Which contexts are active changes when the prompt runs a generator on."""
    commands = ["stack generators[0]", "ctx", "!next(generators[0])", "ctx", "where -c", "c"]
    session = scripted(*commands)

    def main():
        def generate():
            with plain():
                yield
                with plain(), plain():
                    yield

        generators[:] = [generate()]
        next(generators[0])
        session.stop()
        generators.pop().close()

    main()
    before, after, where = session.replies[1], session.replies[3], session.replies[4]
    assert [text.count("_GeneratorContextManager") for text in (before, after, where)] == [1, 3, 3]


def test_where_shows_contexts_if_asked(scripted):
    """Also of what is in focus."""
    session = scripted("task worker-0", "where", "where -c", "c")
    run(session)
    plain_where, with_contexts = session.replies[1:3]
    assert "with resource" not in plain_where
    assert "with resource" in with_contexts


class BlockingInput:
    """What a debugger reads from: nothing, until it is told to go on."""

    def __init__(self):
        self.asked, self.go_on = threading.Event(), threading.Event()

    def readline(self):
        self.asked.set()
        assert self.go_on.wait(10)
        return "continue\n"


@pytest.mark.parametrize("way", ["set_trace", "runcall"])
def test_a_thread_that_has_stopped_stands_in_the_program(scripted, way):
    source = BlockingInput()
    session = scripted()
    session.pdb.stdin = source

    def work():
        session.stop()

    run = {"set_trace": work, "runcall": lambda: session.pdb.runcall(work)}[way]
    thread = threading.Thread(target=run)
    thread.start()
    assert source.asked.wait(10)
    [node] = [node for node in thread_nodes() if node.thread is thread]
    stack = extract_now(thread)
    source.go_on.set()
    thread.join()
    for found in (node.stack, stack):
        shown = [frame.funcname for frame in found.frames if not frame.hide]
        assert shown[-1] in ("work", "stop")
