"""`about`, `EXPRESSION?`, `track`."""

from __future__ import annotations

import gc
import inspect
import subprocess
import sys

import pytest

from tests.helpers.rows import IN_TURN
from tests.pdb.focused import run

KEEPERS = []


class Box:
    """A box.

    It holds things.
    """

    def __init__(self, content):
        self.content = content

    def put(self, thing, *, at=0):
        """Put something in."""


def generator(thing):
    yield thing


def closure_over(thing):
    def inner():
        return thing

    return inner


def stop(session):
    thing = ["a thing"]
    box = Box(thing)
    table = {"key": thing}
    row = (1, thing)
    function = closure_over(thing)
    suspended = generator(thing)
    next(suspended)
    KEEPERS.append(thing)
    session.stop()
    KEEPERS.clear()
    return box, table, row, function


class TestAbout:
    def test_an_object(self, scripted):
        session = scripted("about box", "box?", "c")
        stop(session)
        assert "Type:       Box" in session.replies[0]
        assert "Value:      <tests.pdb.commands.test_about.Box object" in session.replies[0]
        assert f"test_about.py:{inspect.getsourcelines(Box)[1]}\n" in session.replies[0]
        assert "  It holds things." in session.replies[0]
        assert session.replies[1] == session.replies[0]

    def test_a_function_with_its_source(self, scripted):
        session = scripted("Box.put??", "len?", "c")
        stop(session)
        assert "Signature:  put(self, thing, *, at=0)" in session.replies[0]
        assert "  Put something in." in session.replies[0]
        assert "def put(self, thing, *, at=0):" in session.replies[0]
        assert "Signature:  len(obj, /)" in session.replies[1]

    def test_a_command_has_help_unless_a_variable_is_called_so(self, scripted):
        session = scripted("tasks?", "!tasks = 3", "tasks?", "c")
        stop(session)
        assert "Show all tasks of asyncio, trio" in session.replies[0]
        assert "Type:       int" in session.replies[2]

    def test_no_line_is_wider_than_the_terminal(self, scripted, monkeypatch):
        monkeypatch.setenv("COLUMNS", "80")
        session = scripted(
            "!import asyncio", "about asyncio.start_server", "about [*range(90)]", "c"
        )
        stop(session)
        for reply in session.replies[1:3]:
            assert max(map(len, reply.splitlines())) <= 80
        signature = " ".join(session.replies[1].split())
        assert "Signature: start_server(client_connected_cb, host=None, port=None, *, " in signature

    @pytest.mark.parametrize(
        ("line", "answer"),
        [
            ("about", "Give an expression."),
            ("about nothing", "NameError"),
            ("nothing.at.all?", "NameError"),
            ("1 +?", "SyntaxError"),
            ("track", "Give an expression."),
        ],
    )
    def test_refusals(self, scripted, line, answer):
        session = scripted(line, "c")
        run(session)
        assert answer in session.replies[0]

    def test_hostile_text_is_harmless(self, scripted):
        made = "!Odd = type('Odd', (), {'__doc__': 'esc \\x1b[31m \\u202e end'})"
        session = scripted(made, "Odd?", "c")
        run(session)
        assert "esc " in session.replies[1]
        assert "\x1b" not in session.replies[1]
        assert "\u202e" not in session.replies[1]


@pytest.mark.usefixtures("unfrozen")
class TestTrack:
    def test_what_refers_to_it(self, scripted):
        session = scripted("track thing", "c")
        stop(session)
        lines = [line.strip() for line in session.replies[0].splitlines()]
        here = "of stop at"
        assert any(line.startswith(f"variable thing {here}") for line in lines)
        assert any(line.startswith("attribute content of <tests.") for line in lines)
        assert "value of 'key' in a dict of 1" in lines
        assert "item 1 of a tuple of 2: (1, ['a thing'])" in lines
        assert "variable thing in the closure of closure_over.<locals>.inner" in lines
        assert any(line.startswith("variable thing of generator at") for line in lines)
        assert "item 0 of a list of 1: [['a thing']]" in lines
        assert not any("stackscope_pdb" in line for line in lines)

    def test_a_variable_of_a_module(self, scripted):
        session = scripted("track KEEPERS", "track 10 ** 40", "c")
        stop(session)
        assert f"variable KEEPERS of module {__name__}" in session.replies[0]
        assert "Nothing that the garbage collector knows refers to it." in session.replies[1]

    @IN_TURN
    def test_it_is_bounded(self, scripted):
        session = scripted("!many = [[thing, n] for n in range(100)]", "track thing", "c")
        stop(session)
        lines = session.replies[1].splitlines()
        assert len(lines) == 31
        assert lines[-1].startswith("  … ")

    @IN_TURN
    def test_equal_ones_are_counted(self, scripted):
        session = scripted("!many = [[thing] for _ in range(100)]", "track thing", "c")
        stop(session)
        # KEEPERS is one of them
        assert "item 0 of a list of 1: [['a thing']] (× 101)" in session.replies[1]

    @pytest.mark.skipif(not hasattr(gc, "freeze"), reason="the collector can't be told to forget")
    def test_what_is_frozen_is_said_to_be_left_out(self, scripted):
        sentence = "objects are kept from the garbage collector by gc.freeze()"
        session = scripted("track thing", "!import gc; gc.freeze()", "track thing", "c")
        try:
            stop(session)
        finally:
            gc.unfreeze()
        assert sentence not in session.replies[0]
        assert sentence in session.replies[2]

    @pytest.mark.skipif(not hasattr(gc, "freeze"), reason="the collector can't be told to forget")
    def test_what_the_interpreter_itself_has_frozen_is_no_news(self):
        """3.12 does so with a few hundred objects as it starts."""
        session = subprocess.run(
            [sys.executable, "-c", "import stackscope_pdb; x = []; stackscope_pdb.set_trace()"],
            input="track x\ncontinue\n",
            stdout=subprocess.PIPE,
            encoding="utf-8",
            timeout=60,
            check=True,
        )
        assert "variable x of" in session.stdout
        assert "gc.freeze()" not in session.stdout
