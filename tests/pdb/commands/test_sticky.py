"""`sticky`."""

from __future__ import annotations

import inspect
import re

import pytest

from tests.pdb.listed import FIRST, code_of, described, marked

pytest.importorskip("pygments")

pytestmark = pytest.mark.usefixtures("fresh_settings")


def long_function(session):
    lines = 1
    lines += 1
    lines += 1
    lines += 1
    session.stop()
    lines += 1
    lines += 1
    lines += 1
    lines += 1
    return lines


def banner_of(session):
    return session.output.partition("(stackscope_pdb)")[0]


class TestSticky:
    def test_draws_the_function_at_each_stop(self, scripted):
        lines = [f"tbreak {FIRST + 7}", "sticky", "c", "return", "sticky", "next", "c"]
        session = scripted(*lines)
        described(session)
        source = inspect.getsource(described).splitlines()
        for reply in session.replies[1:3]:
            assert code_of(reply) == source
            assert re.search(r"^> .*listed.py\(\d+\)described\(\)", reply, re.MULTILINE)
        assert f"{FIRST + 7} B\t" in session.replies[1]
        assert marked(session.replies[2]) == ["return second"]
        assert "described()->2\n" in session.replies[3]
        assert session.replies[4] == "Stops show one line again."
        assert code_of(session.replies[5]) == []

    def test_shows_so_many_lines_around_the_current_one(self, scripted, monkeypatch):
        monkeypatch.setenv("STACKSCOPE_PDB_CONTEXT", "3")
        session = scripted("sticky on", "sticky 5", "sticky 500", "sticky off", "c")
        long_function(session)
        assert [len(code_of(reply)) for reply in session.replies[:3]] == [3, 5, 11]
        assert all(len(marked(reply)) == 1 for reply in session.replies[:3])

    def test_from_the_environment_and_other_frames(self, scripted, monkeypatch):
        monkeypatch.setenv("STACKSCOPE_PDB_STICKY", "1")

        def waiting():
            inner = yield 1
            return inner

        generator = waiting()
        next(generator)
        session = scripted("up", "down", "stack generator", "unfocus", "c")

        def caller():
            session.stop()
            return generator

        caller()
        banner = banner_of(session)
        assert code_of(banner)[0].strip() == "def caller():"
        assert len(code_of(session.replies[0])) > len(code_of(banner))
        assert marked(session.replies[0]) == ["caller()"]
        assert code_of(session.replies[1]) == code_of(banner)
        assert [line.strip() for line in code_of(session.replies[2])] == [
            "def waiting():",
            "inner = yield 1",
            "return inner",
        ]
        assert code_of(session.replies[3]) == code_of(banner)

    def test_code_without_source_and_wrong_arguments(self, scripted):
        session = scripted("sticky -3", "sticky x", "sticky 1 2", "sticky", "c")
        exec("def unknown():\n    session.stop()\n    return 1\nunknown()", {"session": session})
        assert "'x' is not 'on', 'off' or a number of lines." in session.replies[1]
        assert "'-3' is not" in session.replies[0]
        assert "One number of lines is enough" in session.replies[2]
        assert "<string>(" in session.replies[3]

    def test_in_the_rc_file_it_draws_once(self, scripted):
        session = scripted("c")
        session.pdb.rcLines.append("sticky on")
        described(session)
        assert session.output.count("def described") == 1

    def test_a_traceback(self, scripted):
        session = scripted("sticky", "q")
        try:
            described(None)
        except AttributeError as exc:
            session.pdb.reset()
            session.pdb.interaction(None, exc)
        assert "session.stop()" in marked(session.replies[0]) + marked(session.replies[0], ">>")

    def test_long_lines_are_cut(self, scripted, monkeypatch):
        monkeypatch.setenv("COLUMNS", "24")
        session = scripted("sticky", "c")
        described(session)
        assert max(len(line.expandtabs()) for line in session.replies[0].splitlines()) <= 24
        assert "…" in session.replies[0]
