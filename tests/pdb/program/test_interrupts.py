"""Who gets Ctrl-C: the program, the debugger that it runs under, or the prompt that waits."""

from __future__ import annotations

import io
import pdb  # noqa: T100
import signal
import sys

import pytest

from stackscope_pdb import Pdb, failures
from stackscope_pdb.program import interrupts
from stackscope_pdb.stop import snapshots


@pytest.fixture(autouse=True)
def handler_of_the_program(monkeypatch):
    """The program's own handler of Ctrl-C."""
    monkeypatch.setattr(interrupts, "_put_aside", [])
    monkeypatch.setattr(pdb.Pdb, "_previous_sigint_handler", None)
    before = signal.getsignal(signal.SIGINT)

    def handle(signum, frame):
        raise AssertionError("the program was to be left alone")

    signal.signal(signal.SIGINT, handle)
    yield handle
    signal.signal(signal.SIGINT, before)


def debugger(cls, *commands):
    lines = io.StringIO("".join(f"{command}\n" for command in commands))
    made = cls(stdin=lines, stdout=io.StringIO(), readrc=False)
    made.use_rawinput = False
    return made


HANDLER = "!import signal, __main__; __main__.seen.append(signal.getsignal(signal.SIGINT))"


@pytest.fixture
def seen(monkeypatch):
    """What the command `HANDLER` has seen."""
    found = []
    monkeypatch.setattr(sys.modules["__main__"], "seen", found, raising=False)
    return found


@pytest.mark.parametrize("word", ["c", "cont", "continue"])
def test_it_belongs_to_the_debugger_until_the_next_stop(word, seen, handler_of_the_program):
    ours = debugger(Pdb, HANDLER, word, HANDLER, word)
    ours.set_trace()
    assert signal.getsignal(signal.SIGINT) == ours.sigint_handler
    ours.set_trace()
    assert seen == [signal.default_int_handler] * 2  # a prompt gives up its line
    assert signal.getsignal(signal.SIGINT) == ours.sigint_handler
    # Setting an attribute of its class would make every stop slow.
    assert pdb.Pdb._previous_sigint_handler is None
    after = debugger(Pdb, "c")
    after.nosigint = True
    after.set_trace()
    assert signal.getsignal(signal.SIGINT) is handler_of_the_program


def test_nosigint(handler_of_the_program):
    ours = debugger(Pdb, "c")
    ours.nosigint = True
    ours.set_trace()
    assert signal.getsignal(signal.SIGINT) is handler_of_the_program
    assert ours.nosigint is True


def test_two_debuggers_of_ours(handler_of_the_program):
    one, two, three = (debugger(Pdb, "c") for _ in range(3))
    for each in (one, two, three):
        each.set_trace()
        assert signal.getsignal(signal.SIGINT) == each.sigint_handler
    last = debugger(Pdb, "c")
    last.nosigint = True
    last.set_trace()
    assert signal.getsignal(signal.SIGINT) is handler_of_the_program


RAISE = "signal.raise_signal(signal.SIGINT)"


def test_at_the_prompt_of_a_standard_debugger(seen):
    """That doesn't know whose handler it is: Ctrl-C gives up its line all the same."""
    debugger(Pdb, "c").set_trace()
    standard = debugger(pdb.Pdb, f"!import signal; {RAISE}", "p 'goes ' + 'on'", "c")
    standard.set_trace()
    out = standard.stdout.getvalue()
    assert "KeyboardInterrupt" in out
    assert "'goes on'" in out
    assert "Program interrupted" not in out


def test_in_a_program_that_stands_below_a_prompt():
    """What is called at a prompt of ours is interrupted, as with the standard debugger."""
    ours = debugger(Pdb, f"!import signal; {RAISE}", "p 'goes ' + 'on'", "c")
    ours.set_trace()
    out = ours.stdout.getvalue()
    assert "KeyboardInterrupt" in out
    assert "'goes on'" in out


def test_a_continue_that_is_refused_takes_nothing(handler_of_the_program):
    """From 3.13 on it takes no argument."""
    seen = []
    ours = debugger(Pdb, "continue now", "c")
    ours.nosigint = True
    plain = ours.do_continue

    def do_continue(arg):
        ours.nosigint = False
        result = plain(arg)
        seen.append((bool(result), signal.getsignal(signal.SIGINT) == ours.sigint_handler))
        return result

    ours.do_continue = ours.do_c = do_continue
    ours.set_trace()
    assert [took == went_on for went_on, took in seen] == [True] * len(seen)
    assert seen[-1] == (True, True)


def test_ours_and_the_standard_one_in_turns(seen, handler_of_the_program):
    """Neither brings back the other one's handler at a prompt, nor after all."""
    makers = [Pdb, pdb.Pdb] * 3
    for cls in makers:
        each = debugger(cls, HANDLER, "c")
        each.set_trace()
        assert signal.getsignal(signal.SIGINT) == each.sigint_handler
    assert seen[::2] == [signal.default_int_handler] * 3
    for cls in (Pdb, pdb.Pdb, Pdb):
        last = debugger(cls, "c")
        last.nosigint = True
        last.set_trace()
    assert signal.getsignal(signal.SIGINT) is handler_of_the_program


def test_a_handler_that_python_did_not_set(monkeypatch):
    """It can't be set again: Ctrl-C stays with the debugger."""
    monkeypatch.setattr(interrupts, "set_handler", lambda number, handler: None)
    debugger(Pdb, "c").set_trace()
    assert interrupts._put_aside == []


def test_what_a_recursive_debugger_runs_is_no_prompt():
    """There Ctrl-C stops the program."""
    inner = ["c", "p 'deep ' + 'inside'", "c"]
    ours = debugger(Pdb, "!import signal\ndebug interrupted()", *inner, "p 'back ' + 'again'", "c")

    def interrupted():
        signal.raise_signal(signal.SIGINT)
        return 1

    ours.set_trace()
    out = ours.stdout.getvalue()
    assert "Program interrupted" in out
    assert "'deep inside'" in out
    assert "'back again'" in out
    assert interrupted


def test_the_prompt_opens_even_if_tasks_can_not_be_looked_up(monkeypatch):
    def fail(progress):
        raise ImportError("no such luck")

    monkeypatch.setattr(failures, "_told", set())
    monkeypatch.setattr(snapshots, "whole_snapshot", fail)
    ours = debugger(Pdb, "c", "p 'here ' + 'we are'", "c")
    ours.set_trace()
    signal.raise_signal(signal.SIGINT)
    out = ours.stdout.getvalue()
    assert "left out: the tasks (ImportError)" in out
    assert "'here we are'" in out
