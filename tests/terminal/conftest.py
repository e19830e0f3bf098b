"""Starts programs in a pseudo-terminal and talks to them."""

from __future__ import annotations

import os
import re
import sys
import warnings
from pathlib import Path

import pytest

pexpect = pytest.importorskip("pexpect")

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]|\x1b\][^\x07]*\x07")
ROOT = Path(__file__).resolve().parents[2]


class Terminal:
    """A program in a terminal, and our prompt in it."""

    def __init__(self, arguments, folder, columns=100, **environ):
        env = {
            name: value
            for name, value in os.environ.items()
            if name
            not in ("NO_COLOR", "FORCE_COLOR", "PYTHON_COLORS", "COLUMNS", "PYTHONBREAKPOINT")
        }
        env.update(TERM="xterm-256color", HOME=str(folder), PYTHONDONTWRITEBYTECODE="1")
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        env["INPUTRC"] = os.devnull
        env["STACKSCOPE_PDB_PROMPT"] = "readline"  # tests of the other prompt say so
        env.update(environ)
        with warnings.catch_warnings():
            # pexpect forks; 3.12 and later mind if another thread is running meanwhile
            warnings.simplefilter("ignore", DeprecationWarning)
            self.child = pexpect.spawn(
                sys.executable,
                arguments,
                cwd=str(folder),
                env=env,
                encoding="utf-8",
                dimensions=(60, columns),
                timeout=20,
            )

    def expect_prompt(self, name=""):
        """Wait for the prompt that names ``name``, and give what came before it, without escapes."""
        wanted = f"(stackscope_pdb {name}) " if name else "(stackscope_pdb) "
        self.child.expect_exact(wanted)
        return ESCAPES.sub("", self.child.before).replace("\r", "")

    def ask(self, line, name=""):
        """Type a line, and give the answer: what comes before the next prompt, which names ``name``."""
        self.child.sendline(line)
        answer = self.expect_prompt(name)
        return answer.partition("\n")[2]  # the line itself is echoed

    def raw(self, line, name=""):
        """As `ask`, but with the escapes."""
        self.child.sendline(line)
        self.expect_prompt(name)
        return self.child.before

    def finish(self, line):
        """Type a line, and give what the program prints until its end."""
        self.child.sendline(line)
        self.child.expect(pexpect.EOF)
        self.child.close()
        return ESCAPES.sub("", self.child.before).replace("\r", "")

    def close(self):
        self.child.close(force=True)


@pytest.fixture
def terminal(tmp_path):
    """Starts ``python ARGUMENTS`` in a terminal, in a folder that holds the program of that source."""
    opened = []

    def start(source, *arguments, **kwargs):
        (tmp_path / "app.py").write_text(source, encoding="utf-8")
        opened.append(Terminal(list(arguments), tmp_path, **kwargs))
        return opened[-1]

    yield start
    for one in opened:
        one.close()
