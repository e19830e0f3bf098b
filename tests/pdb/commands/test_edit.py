"""`edit`."""

from __future__ import annotations

import sys

import pytest

from stackscope_pdb.commands.edit import editor_command
from tests.pdb.focused import run


@pytest.mark.skipif(sys.platform == "win32", reason="paths with backslashes")
@pytest.mark.parametrize(
    ("editor", "words"),
    [
        ("vim", ["vim", "+7", "app.py"]),
        ("emacs -nw", ["emacs", "-nw", "+7", "app.py"]),
        ("/usr/bin/nano", ["/usr/bin/nano", "+7", "app.py"]),
        ("code --wait", ["code", "--wait", "-g", "app.py:7"]),
        ("subl", ["subl", "app.py:7"]),
    ],
)
def test_each_editor_gets_the_line_in_its_way(monkeypatch, editor, words):
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", editor)
    assert editor_command("app.py", 7) == words
    monkeypatch.setenv("VISUAL", "vi")
    assert editor_command("app.py", 7) == ["vi", "+7", "app.py"]


def test_without_a_terminal_it_says_where(scripted):
    session = scripted("edit", "edit /nowhere.py:3", "c")
    run(session)
    assert "There is no terminal here to edit in: the line is " in session.replies[0]
    assert ".py:" in session.replies[0]
    assert "There is no file '/nowhere.py'." in session.replies[1]
