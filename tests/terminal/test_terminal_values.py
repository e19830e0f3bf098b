"""Values in a terminal: laid out, coloured, and no more than there is room for."""

from __future__ import annotations

import sys

import pytest

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal", allow_module_level=True)

from tests.terminal.conftest import ESCAPES
from tests.terminal.test_terminal_debugger import OURS

PROGRAM = """\
class Broken:
    def __repr__(self):
        raise ValueError("no repr")

def look(number, big, table):
    broken = Broken()
    breakpoint()
    return table

table = {name * 9: ["text of " + name] * 3 for name in "abc"}
look(1, list(range(100_000)), table)
"""
LAID_OUT = """\
    'ccccccccc': ['text of c', 'text of c', 'text of c'],
"""


@pytest.mark.parametrize("kind", ["plain", "readline", "prompt_toolkit"])
def test_values(screen, kind):
    seen = screen(PROGRAM, "app.py", columns=80, rows=24, **OURS, STACKSCOPE_PDB_PROMPT=kind)
    seen.wait_for_prompt()
    assert seen.ask("p number") == "1"
    assert LAID_OUT in seen.ask("p table")
    assert LAID_OUT in seen.ask("pp table")
    assert "(repr raised ValueError)" in seen.ask("[broken]")


def test_they_fit_on_the_screen(terminal):
    program = terminal(PROGRAM, "app.py", columns=80, rows=24, **OURS)
    program.expect_prompt()
    for line in ("p big", "pp big", "big", "args", "p 'x' * 99_999", "display big"):
        raw = program.raw(line)
        reply = ESCAPES.sub("", raw).replace("\r", "").split("\n")
        assert sum(1 + len(one) // 81 for one in reply) <= 24, line
        assert " more" in raw, line
        # the colours of numbers and of strings
        assert "\x1b[35m" in raw or "\x1b[32m" in raw, line


def test_without_colours(terminal):
    program = terminal(PROGRAM, "app.py", columns=80, rows=24, **OURS, NO_COLOR="1")
    program.expect_prompt()
    assert "\x1b[3" not in program.raw("p [number, big]")
