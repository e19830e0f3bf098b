"""How `list`, `ll` and `source` show code."""

from __future__ import annotations

import inspect
import re

import pytest

from tests.pdb.listed import FIRST, code_of, described, marked

pytest.importorskip("pygments")

pytestmark = pytest.mark.usefixtures("fresh_settings")


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

    def test_code_without_source_has_no_lines(self, scripted, monkeypatch):
        monkeypatch.setenv("PYTHON_COLORS", "1")
        session = scripted("list", "c")
        source = "def made(session):\n    session.stop()\n"
        namespace = {}
        exec(compile(source, "<made>", "exec"), namespace)
        namespace["made"](session)
        assert session.replies[0] == "[EOF]"


class Colorful:
    def __repr__(self):
        return "\x1b[1;31mred\x1b[0m \x1b[38:5:9mand\x1b[m\x1b[2J"


def test_colors_in_values_are_left_out(scripted):
    session = scripted(
        "p thing", "pp [thing]", "display thing", "raise ValueError(repr(thing))", "c"
    )

    def stop(thing):
        session.stop()

    stop(Colorful())
    for reply in session.replies[:3]:
        assert "red and\\x1b[2J" in reply
    assert session.replies[3].endswith("ValueError: red and\\x1b[2J")
    assert "\x1b" not in session.output
