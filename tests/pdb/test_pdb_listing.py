"""`sticky`, and how `list`, `ll` and `source` show code."""

from __future__ import annotations

import bdb
import inspect
import re

import pytest

from stackscope_pdb import settings

pytest.importorskip("pygments")


def described(session):
    """Talks
    if it is called for
    """
    first = 1
    session.stop()
    second = first + 1
    return second


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


FIRST = inspect.getsourcelines(described)[1]


@pytest.fixture(autouse=True)
def as_at_the_beginning(monkeypatch):
    monkeypatch.setattr(settings, "_sticky", None)
    monkeypatch.delenv("STACKSCOPE_PDB_STICKY", raising=False)
    monkeypatch.delenv("STACKSCOPE_PDB_CONTEXT", raising=False)
    yield
    bdb.Breakpoint.bplist.clear()  # they belong to the process
    bdb.Breakpoint.bpbynumber[:] = [None]
    bdb.Breakpoint.next = 1


def code_of(reply):
    """The lines of a listing, without their numbers and marks."""
    return [line.partition("\t")[2] for line in reply.splitlines() if "\t" in line]


def banner_of(session):
    return session.output.partition("(stackscope_pdb)")[0]


def marked(reply, mark="->"):
    return [line.partition("\t")[2].strip() for line in reply.splitlines() if f"{mark}\t" in line]


class TestSticky:
    def test_draws_the_function_at_each_stop(self, scripted):
        lines = [f"tbreak {FIRST + 7}", "sticky", "c", "return", "sticky", "next", "c"]
        session = scripted(*lines)
        described(session)
        source = inspect.getsource(described).splitlines()
        for reply in session.replies[1:3]:
            assert code_of(reply) == source
            assert re.search(r"^> .*test_pdb_listing.py\(\d+\)described\(\)", reply, re.MULTILINE)
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


class TestListing:
    def test_marks(self, scripted):
        session = scripted(f"break {FIRST + 6}", "ll", "list", "source described", "c", "c")
        described(session)
        assert code_of(session.replies[1]) == inspect.getsource(described).splitlines()
        assert f"{FIRST + 6} B" in session.replies[1]
        assert len(marked(session.replies[1])) == 1
        assert marked(session.replies[1]) == marked(session.replies[2])
        assert code_of(session.replies[3]) == inspect.getsource(described).splitlines()
        assert "->" not in session.replies[3]

    def test_colors_know_strings_of_several_lines(self, scripted, monkeypatch):
        monkeypatch.setenv("PYTHON_COLORS", "1")
        session = scripted(f"break {FIRST + 6}", f"list {FIRST + 2},{FIRST + 6}", "ll", "c", "c")
        described(session)
        inside = "\x1b[32m    if it is called for\x1b[0m"
        assert inside in session.replies[1]  # the string has begun before what is shown
        assert inside in session.replies[2]
        assert "\x1b[31mB\x1b[0m" in session.replies[2]
        assert re.search(r"\x1b\[1;32m->\x1b\[0m\t", session.replies[2])
