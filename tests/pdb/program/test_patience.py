"""Looks at many tasks: how far they have come is shown, and Ctrl-C ends them."""

from __future__ import annotations

import asyncio
import io
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from stackscope.interpreter.reachable import counts_references
from stackscope.interpreter.thread_clock import is_exact
from stackscope.snapshot.stillness import clocks_of_others
from stackscope_pdb import Pdb
from stackscope_pdb.program import patience
from stackscope_pdb.prompt.completion import completions
from stackscope_pdb.prompt.toolkit import MOST_IN_MENU, in_menu
from stackscope_pdb.stop import snapshots

COUNT = 300
"""More tasks than pass between two looks at the clock."""


class Screen(io.StringIO):
    """What is written, by a user who types Ctrl-C when he reads a text."""

    def __init__(self, presses_at=None, times=1, is_terminal=True):
        super().__init__()
        self.left = times if presses_at else 0
        self.presses_at = presses_at
        self.is_terminal = is_terminal

    def isatty(self):
        return self.is_terminal

    def write(self, text):
        count = super().write(text)
        if self.left and self.presses_at in text:
            self.left -= 1
            signal.raise_signal(signal.SIGINT)
        return count


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(patience, "SECONDS_IN_SILENCE", -1)
    monkeypatch.setattr(patience, "SECONDS_BETWEEN_LINES", 0)


def typed(screen, *lines, stop=None):
    """The replies to lines at a stop in a program with many tasks."""
    stdin = io.StringIO("".join(f"{line}\n" for line in (*lines, "c")))
    debugger = Pdb(stdin=stdin, stdout=screen, readrc=False, colorize=False)
    debugger.use_rawinput = False

    async def worker(gate):
        await gate.wait()

    async def program():
        gate = asyncio.Event()
        tasks = [asyncio.ensure_future(worker(gate)) for _ in range(COUNT)]
        for number, task in enumerate(tasks):
            task.set_name(f"worker-{number}")
        await asyncio.sleep(0)
        if stop is None:
            debugger.set_trace()
        else:
            stop(debugger)
        gate.set()
        await asyncio.gather(*tasks)

    asyncio.run(program())
    return screen.getvalue().split("(stackscope_pdb) ")[1:-1]


LOOKING = "Looking at all tasks"


def test_a_short_look_says_nothing(monkeypatch):
    monkeypatch.setattr(patience, "SECONDS_IN_SILENCE", 1e9)
    (reply,) = typed(Screen(), "tasks")
    assert LOOKING not in reply
    assert "Incomplete" not in reply


@pytest.mark.usefixtures("impatient")
def test_a_terminal_shows_how_far_a_look_has_come_and_takes_it_away():
    (reply,) = typed(Screen(), "tasks")
    lines = [part for part in reply.split("\r") if LOOKING in part]
    assert len(lines) > 2
    shares = [int(line.partition("%")[0].split()[-1]) for line in lines]
    assert shares == sorted(shares)
    assert shares[0] < 50 < shares[-1]
    assert reply.rpartition("\r")[0].endswith(" ")
    assert f"{COUNT + 1} tasks" in reply


@pytest.mark.usefixtures("impatient")
def test_what_is_no_terminal_is_told_nothing():
    (reply,) = typed(Screen(is_terminal=False), "tasks")
    assert LOOKING not in reply
    assert "\r" not in reply


@pytest.mark.usefixtures("impatient")
def test_ctrl_c_shows_what_was_found_and_says_so():
    incomplete, again = typed(Screen(LOOKING), "tasks", "tasks")
    assert "Incomplete: Ctrl-C has ended the search after" in incomplete
    assert f"{COUNT + 1} tasks" not in incomplete
    assert "worker-" in incomplete
    assert "KeyboardInterrupt" not in incomplete
    assert f"{COUNT + 1} tasks" in again
    assert "Incomplete" not in again


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("locks", "Incomplete"),
        ("why", "So what is stuck isn't known"),
        ("threads", "Incomplete"),
        ("tasks stuck", "Incomplete"),
        ("task nobody", "Incomplete"),
    ],
)
def test_every_command_that_looks_at_all_tasks_ends_so(command, sentence):
    (reply,) = typed(Screen(LOOKING), command)
    assert sentence in " ".join(reply.split())
    assert "KeyboardInterrupt" not in reply
    assert "No living task" not in reply


@pytest.mark.usefixtures("impatient")
def test_a_task_that_was_found_can_be_looked_at_after_that():
    found = []

    def stop(debugger):
        postcmd = debugger.postcmd

        def then(ends, line):
            if line == "tasks":
                found.extend(debugger.session.snapshots.offered(None).tasks())
                debugger.cmdqueue.append(f"task {found[-1].number}")
            return postcmd(ends, line)

        debugger.postcmd = then
        debugger.set_trace()

    screen = Screen(LOOKING)
    typed(screen, "tasks", stop=stop)
    assert f"task {found[-1].number} {found[-1].name}" in screen.getvalue()
    assert screen.getvalue().count("Incomplete") == 1


@pytest.mark.usefixtures("impatient")
def test_ctrl_c_later_leaves_out_what_is_stuck_only():
    (reply,) = typed(Screen("Looking for what is stuck"), "tasks")
    assert f"{COUNT + 1} tasks" in reply
    assert "what is stuck isn't marked" in reply
    assert "Incomplete" not in reply


@pytest.mark.usefixtures("impatient")
def test_a_second_ctrl_c_gives_up_the_command():
    class Hasty(Screen):
        def write(self, text):
            if LOOKING in text:
                signal.raise_signal(signal.SIGINT)
            return super().write(text)

    (reply,) = typed(Hasty(LOOKING), "tasks")
    assert "--KeyboardInterrupt--" in reply
    assert f"{COUNT + 1} tasks" not in reply


@pytest.mark.usefixtures("impatient")
def test_ctrl_c_is_as_before_after_a_command():
    handlers = []

    def stop(debugger):
        debugger.message = lambda text: handlers.append(signal.getsignal(signal.SIGINT))
        debugger.set_trace()

    typed(Screen(LOOKING), "tasks", "p 1", stop=stop)
    assert handlers[-1] is signal.default_int_handler


@pytest.mark.usefixtures("impatient")
def test_the_prompt_of_a_thread_hears_of_ctrl_c_by_the_main_one():
    from stackscope_pdb.program.interrupts import OwnInterrupts

    replies = []

    class Threads(Screen):
        def write(self, text):
            if LOOKING in text:
                replies.append(OwnInterrupts.ends(threading.get_ident()))
            return super().write(text)

    def run():
        replies.extend(typed(Threads(), "tasks"))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert replies[0] is True
    assert "Incomplete" in replies[1]
    assert not OwnInterrupts._ends


def test_tab_looks_for_a_short_time_and_offers_what_it_has_found(monkeypatch):
    monkeypatch.setattr(patience, "SECONDS_OF_TAB", 0)
    offered = []

    def stop(debugger):
        preloop = debugger.preloop

        def tab():
            preloop()
            offered.append(completions(debugger, "task worker-")[1])

        debugger.preloop = tab
        debugger.set_trace()

    (reply,) = typed(Screen(), "tasks", stop=stop)
    assert 0 < len(offered[0]) < COUNT
    assert f"{COUNT + 1} tasks" in reply


def test_a_menu_of_very_many_is_cut_but_not_what_they_have_in_common():
    names = [f"worker-{number:05}" for number in range(MOST_IN_MENU * 3)]
    assert in_menu(names, "worker-0") == names[:MOST_IN_MENU]
    assert in_menu(names, "wor") == ["worker-0"]
    assert in_menu(names[:5], "wor") == names[:5]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("command", ["tasks", "threads", "locks", "why"])
def test_ctrl_c_while_a_drawing_is_made_shows_what_is_drawn(command):
    (reply,) = typed(Screen("Drawing what was found"), command)
    assert "Incomplete: Ctrl-C has ended the drawing." in reply
    assert "KeyboardInterrupt" not in reply


@pytest.mark.usefixtures("impatient")
@pytest.mark.skipif(not counts_references(), reason="the heap isn't searched")
def test_ctrl_c_ends_the_search_of_all_objects():
    (reply,) = typed(Screen("Searching all objects for what is stuck: "), "why")
    assert "Ctrl-C has ended the search of all objects, so more may be stuck." in reply
    assert "Nothing is stuck" in reply
    assert "KeyboardInterrupt" not in reply


def looks_at(*lines):
    """How often all tasks are looked up for commands."""
    looks = []
    real = snapshots.whole_snapshot
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshots, "whole_snapshot", lambda more: looks.append(1) or real(more))
        typed(Screen(), *lines)
    return len(looks)


ALL = ["tasks", "locks", "why", "why 2", "task 2", "tasks name:1", "locks"]
RUNS = ["locks", "p list(map(int, '1'))", "locks"]


def test_all_commands_have_one_look_in_common_unless_something_may_have_run():
    """In a process of one thread: there are none of the test runner's."""
    call = f"from {__name__} import *; print(looks_at(*ALL), looks_at(*RUNS))"
    root = Path(__file__).parents[3]
    found = subprocess.check_output([sys.executable, "-c", call], cwd=str(root))
    assert found.split() == [b"1", b"2"]


def test_threads_that_go_on_are_looked_at_anew():
    end = threading.Event()

    def run():
        while not end.wait(0.001):
            pass

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert looks_at("locks", "locks") == 2
    finally:
        end.set()
        thread.join()


@pytest.mark.skipif(not is_exact(), reason="it isn't known whether other threads have run")
def test_threads_that_wait_are_not():
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        clocks = clocks_of_others()
        assert clocks[thread.ident] is not None
        assert clocks[thread.ident] == clocks_of_others()[thread.ident]
    finally:
        end.set()
        thread.join()
