"""Which lines are commands and which are Python."""

from __future__ import annotations

import bdb
import gc
import io
import sys
import weakref

import pytest


class TestNames:
    def test_variables_named_like_commands(self, scripted):
        session = scripted(
            "tasks[0]",
            "tasks = [4]",
            "!tasks",
            "tasks + [5]",
            "ctx.real",
            "ctx is None",
            "tasks",
            "c",
        )

        def function():
            tasks = [3]
            ctx = 7
            session.stop()
            return tasks, ctx

        assert function() == ([4], 7)
        assert session.replies[0] == "3"
        assert session.replies[2] == "[4]"
        assert session.replies[3] == "[4, 5]"
        assert session.replies[4] == "7"
        assert session.replies[5] == "False"
        assert session.replies[6] == "No task is alive in this process."

    @pytest.mark.parametrize(
        ("line", "meant"),
        [
            ("taks", "'task' or 'tasks'"),
            ("tsks 3", "'tasks'"),
            ("wyh", "'why'"),
            ("whre --contexts", "'where'"),
            ("cotninue", "'continue'"),
            ("taks name:x", "'task' or 'tasks'"),
            ("tass name:x", "'tasks'"),
        ],
    )
    def test_a_mistyped_command_is_named(self, scripted, line, meant):
        session = scripted(line, "c")
        session.stop()
        said, question = session.replies[0].splitlines()
        assert said.startswith(("*** NameError: ", "*** SyntaxError: "))
        assert question == f"Did you mean the command {meant}?"

    @pytest.mark.parametrize(
        ("line", "meant"),
        [
            ("help taks", "'task' or 'tasks'"),
            ("h wheer", "'where'"),
        ],
    )
    def test_help_for_a_mistyped_command(self, scripted, line, meant):
        session = scripted(line, "help zzz", "help task", "c")
        session.stop()
        said, question = session.replies[0].splitlines()
        assert said.startswith("*** No help for ")
        assert question == f"Did you mean the command {meant}?"
        assert "Did you mean" not in session.replies[1]
        assert "task NUMBER | NAME" in session.replies[2]

    @pytest.mark.parametrize(
        "line",
        [
            "something",
            "nowhere",
            "taks = no",
            "taks(3)",
            "!taks",
            "taks.x",
            "ups 3",
            "wher + no",
            "if",
        ],
    )
    def test_other_lines_are_no_mistyped_commands(self, scripted, line):
        session = scripted(line, "c")

        def function():
            ups = session.stop()
            return ups

        function()
        assert "Did you mean" not in session.output

    def test_refused_lines_are_not_repeated(self, scripted):
        session = scripted("n + 1", "", "q.get()", "p 'here'", "c")

        def function():
            session.stop()
            return 1

        assert function() == 1
        assert session.replies[:2] == [
            "*** 'next' takes no argument, and there is no variable 'n' here.",
            "",
        ]
        assert "'quit' takes no argument" in session.replies[2]
        assert session.replies[3] == "'here'"

    def test_in_the_commands_of_a_breakpoint(self, scripted, fresh_settings):
        session = scripted(
            f"b {__file__}:{stopping.__code__.co_firstlineno + 4}",
            *("commands", "n + 1", "n = 7", "p 'n is', n", "c + d", "end"),
            *("c", "p 'last'", "c"),
        )
        assert stopping(session) == 8
        assert "('n is', 7)" in session.output
        assert "NameError" in session.output or "no variable 'c'" in session.output
        assert session.replies[-2] == "'last'"


def stopping(session):
    n = 1
    session.stop()
    n -= 1
    n += 1
    return n


CLOSURES = {
    "f = lambda x: x * factor; f(2)": "6",
    "f(3)": "9",
    "factor = 4; f(2)": "8",
    "p f(1)": "4",
    "sorted(words, key=lambda w: -len(w) * factor)": "['ccc', 'bb', 'a']",
    "p sum(len(w) * factor for w in words)": "24",
    "pp [w for w in words if len(w) < factor]": "['a', 'bb', 'ccc']",
    "[[a * factor for a in range(b)] for b in range(3)]": "[[], [0], [0, 4]]",
    "x = 5; (lambda: x)()": "5",
    "def g(n): return n and factor + g(n - 1)": "",
    "g(2)": "8",
    "p g": None,
    "class A: value = factor; double = lambda self: self.value + factor": "",
    "A().double()": "8",
    "{w: factor for w in words if w == 'a'}": "{'a': 4}",
    "[y := factor + n for n in (1, 2)]; y": "[5, 6]\n6",
    "total: int = sum(w in words for w in 'ab'); total": "1",
    "display any(w == 'a' and factor for w in words)": "display any(w == 'a' and factor for w in "
    "words): True",
    "whatis (lambda: factor)()": "<class 'int'>",
    "for w in words: (lambda: w + str(factor))()": "'a4'\n'bb4'\n'ccc4'",
    "(lambda: nowhere)()": "*** NameError: name 'nowhere' is not defined",
    "log.append((lambda: 1 / 0)())": "*** ZeroDivisionError: division by zero",
    "[log.append(1), (lambda: 1 / 0)()]; log": "*** ZeroDivisionError: division by zero",
    "log": "[1]",  # once
    "def bump(): nonlocal factor; factor += 1": "",
    "bump(); factor": "5",
    "p (bump(), factor)": "(None, 6)",
    "factor": "6",
    "{k for k in locals() if k == 'words'}": "{'words'}",
    "import os.path as p2; (lambda: p2.sep)()": "'/'",
    "del total; (lambda: 3)()": "3",
    "total": "*** NameError: name 'total' is not defined",
    "1; 2; 'text'; None": "1\n2\n'text'",
    "1 +": "*** SyntaxError: invalid syntax",
}


def generator(words, factor):
    log = []
    yield log
    yield factor, words


class TestClosures:
    def check(self, session, first=0):
        for (line, expected), reply in zip(CLOSURES.items(), session.replies[first:]):
            assert expected is None or reply == expected, line
        assert "<function g at 0x" in session.replies[first + list(CLOSURES).index("p g")]

    def test_in_the_frame(self, scripted):
        session = scripted(*CLOSURES, "c")

        def function(words):
            factor = 3
            log = []
            session.stop()
            return factor, words, log

        assert function(["a", "bb", "ccc"]) == (6, ["a", "bb", "ccc"], [1])
        self.check(session)

    def test_in_a_focused_frame(self, scripted):
        suspended = generator(["a", "bb", "ccc"], 3)
        next(suspended)
        session = scripted("stack suspended", *CLOSURES, "c")
        session.stop()
        self.check(session, 1)
        assert next(suspended) == (6, ["a", "bb", "ccc"])

    def test_condition_of_a_breakpoint(self, scripted, fresh_settings):
        line = loop.__code__.co_firstlineno + 4
        condition = "any(n == w for w in wanted) and (lambda: n)() == 3"
        session = scripted(f"b {__file__}:{line}, {condition}", "c", "p n", "clear 1", "c")
        assert loop(session) == 10
        assert session.replies[2] == "3"

    def test_what_debug_runs(self, scripted):
        session = scripted("debug log.append(sum(w * factor for w in words))", "p factor", "c", "c")

        def function(words, log):
            factor = 3
            session.stop()
            return factor, log

        assert function([1, 2], []) == (3, [9])
        assert "LEAVING RECURSIVE DEBUGGER" in session.output

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="there are no $ variables")
    def test_what_begins_with_a_dollar_is_there_after_debug(self, scripted):
        looked = "p $mine, $_frame.f_code.co_name"
        session = scripted("$mine = 5", "debug len('x')", "$_frame", "c", looked, "c")

        def function():
            session.stop()

        function()
        assert session.replies[-2] == "(5, 'function')"
        assert "__pdb_convenience_variables" not in globals()

    @pytest.mark.parametrize("leave", ["exit()", "quit()", "raise SystemExit"])
    def test_interact(self, scripted, leave, monkeypatch):
        lines = iter(["f = lambda x: x * factor", "print(f(2))", leave])
        monkeypatch.setattr("builtins.input", lambda *prompt: next(lines))
        session = scripted("interact", "p 'back'", "c")

        def function():
            factor = 3
            session.stop()
            return factor

        assert function() == 3
        assert session.replies[-2] == "'back'"

    def test_nothing_of_the_frame_is_kept(self, scripted):
        class Thing:
            pass

        session = scripted("(lambda: thing)()", "[thing for _ in 'ab']", "c")

        def function():
            thing = Thing()
            session.stop()
            return weakref.ref(thing)

        ref = function()
        gc.collect()
        assert ref() is None


def loop(session):
    wanted = [3, 5]
    session.stop()
    for n in range(10):
        wanted.append(0)
    return n + 1


class TestSeveralLines:
    def test_on_every_version(self, scripted):
        session = scripted(
            "for n in range(2):",
            "    print('number', n, file=out)",
            "",
            "total = (1 +",
            "2)",
            "p total",
            "if total:",
        )

        def function(out):
            session.stop()
            return out.getvalue()

        with pytest.raises(bdb.BdbQuit):
            function(io.StringIO())
        assert "3" in session.replies


def test_a_repr_that_fails_is_told(scripted):
    class Bad:
        def __repr__(self):
            raise RuntimeError("no repr")

    session = scripted("p bad", "pp bad", "p [bad]", "p nowhere", "pp 2", "c")
    bad = Bad()
    session.stop()
    assert session.replies[:3] == ["*** RuntimeError: no repr"] * 3, bad.__class__
    assert session.replies[3] == "*** NameError: name 'nowhere' is not defined"
    assert session.replies[4] == "2"
