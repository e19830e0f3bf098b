"""Simple lines look as Pygments would colour them, which isn't imported for them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stackscope_pdb.output import highlight, plain_lines
from tests.helpers.rows import IN_TURN


def lines_of(module):
    for path in sorted(Path(module.__file__).parent.glob("*.py")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                yield line.strip()


@IN_TURN
def test_they_are_coloured_as_by_pygments():
    pytest.importorskip("pygments")
    lines = list(dict.fromkeys([*lines_of(asyncio), *lines_of(highlight)])) + [
        "(mal@lemburg.com)",
        "x = [.1, 2.5]",
        "sentinel = object()",
    ]
    simple = {line: highlight.colored(plain_lines.tokens(line)) for line in lines}
    simple = {line: found for line, found in simple.items() if found is not None}
    assert len(simple) > len(lines) / 2
    for line, found in simple.items():
        assert found == highlight.highlight(line)


@pytest.mark.parametrize(
    "line",
    ["@cached", "def f():", "class A:", "from a import b", "import a", "match x:", "case 1:"]
    + ["type X = int", "f'{x}'", "b'x'", "'%d' % 1", "'''", '"""a"""', "x = 0x10", "1e5", "1_000"]
    + ["x.__class__", "'a\\n'", "x = 'open", "ä = 1", "a\tb", "1j", "_ = 1"],
)
def test_of_other_lines_nothing_is_said(line):
    assert plain_lines.tokens(line) is None


PROGRAM = """
import sys
breakpoint()
print("imported", [name for name in sys.modules if name.startswith("pygments.lexer")])
"""


def test_a_stop_imports_no_lexer_for_them(tmp_path):
    pytest.importorskip("pygments")
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    environ = {
        **os.environ,
        "PYTHONBREAKPOINT": "stackscope_pdb.set_trace",
        "FORCE_COLOR": "1",
        "STACKSCOPE_PDB_STYLE": "",
    }
    for name in ("NO_COLOR", "PYTHON_COLORS"):
        environ.pop(name, None)
    run = subprocess.run(
        [sys.executable, str(path)],
        input="next\nc\n",
        stdout=subprocess.PIPE,
        env=environ,
        universal_newlines=True,
        check=True,
    )
    assert "\x1b[36mprint\x1b[0m(\x1b[32m" in run.stdout
    assert "imported []" in run.stdout
