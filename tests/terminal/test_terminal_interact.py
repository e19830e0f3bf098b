"""The interpreter that `interact` opens, in a terminal."""

from __future__ import annotations

import json
import sys

import pytest

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal", allow_module_level=True)

from tests.terminal.test_terminal_debugger import OURS

PROGRAM = """\
class User:
    def __init__(self):
        self.nickname = "ann"

    @property
    def narrow(self):
        raise SystemExit("nobody may ask for this")

def main():
    user, numbers, factor = User(), list(range(100_000)), 3
    breakpoint()
    print("factor is", factor)

main()
"""


@pytest.fixture(params=["readline", "prompt_toolkit"])
def seen(request, screen, tmp_path):
    found = screen(
        PROGRAM, "app.py", columns=80, rows=40, **OURS, STACKSCOPE_PDB_PROMPT=request.param
    )
    found.wait_for_prompt()
    found.child.send("interact\r")
    found.wait(">>>")
    return found


def type_(seen, line, answer):
    seen.child.send(line + "\r")
    seen.wait(lambda text: text.rstrip().endswith(f"{answer}\n>>>"))


def test_completion_without_running_code(seen):
    seen.child.send("user.nic\t")
    seen.wait("user.nickname")
    seen.child.send("\r")
    seen.wait(lambda text: text.rstrip().endswith("'ann'\n>>>"))
    seen.child.send("fact\t * 2\r")
    seen.wait(lambda text: "\n6\n" in text)
    seen.child.send("user.nar\t\t")
    seen.wait("user.narrow")
    seen.child.send("\x15")  # Ctrl-U takes the line away
    seen.wait(">>>")
    type_(seen, "1 + 1", "2")
    assert "nobody may ask" not in seen.text


def test_what_is_typed_there(seen, tmp_path):
    type_(seen, "factor = 4", "factor = 4")
    type_(seen, "[factor * n for n in range(2)]", "[0, 4]")
    type_(seen, "_ + [1]", "[0, 4, 1]")
    type_(seen, "numbers", "'print(_)' shows all of it.")
    assert "99,9" in seen.text  # so many more
    seen.child.send("def f():\r    return factor\r\r")
    type_(seen, "f()", "4")
    seen.child.send("1 +\r")
    seen.wait(lambda text: "SyntaxError" in text and text.rstrip().endswith(">>>"))
    if sys.implementation.name != "pypy":  # whose readline drops a key right after an error
        seen.child.send("\x1b[A")
        seen.wait(lambda text: text.rstrip().endswith(">>> 1 +"))
        seen.child.send("\x1b[A")
        seen.wait(lambda text: text.rstrip().endswith(">>> f()"))
    seen.child.send("\x15\x04")
    seen.wait_for_prompt()
    assert "*exit from pdb interact command*" in seen.text
    seen.child.send("p factor\r")
    seen.wait(lambda text: "p factor\n3\n" in text)
    path = tmp_path / ".local" / "state" / "stackscope" / "pdb_history"
    assert "factor = 4" in map(json.loads, path.read_text().splitlines())
    seen.wait_for_prompt()
    seen.child.send("c\r")
    seen.wait(lambda text: "factor is 3" in text)


@pytest.mark.parametrize("leave", ["exit()", "quit()"])
def test_ways_out(seen, leave):
    seen.interrupt(lambda text: text.count(">>>") > 1 and text.rstrip().endswith(">>>"))
    seen.child.send(leave + "\r")
    seen.wait_for_prompt()
    seen.child.send("c\r")
    seen.wait(lambda text: "factor is 3" in text)
