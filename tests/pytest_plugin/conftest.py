"""Runs pytest with our plugin, as it is found when the distribution is installed."""

from __future__ import annotations

import importlib.util
import os
import re
import sys

import pytest

from tests.helpers.repository import ROOT
from tests.helpers.terminals import close_when_ended, end, start

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]|\x1b\][^\x07]*\x07")
OURS = {"PYTHONBREAKPOINT": "stackscope_pdb.set_trace"}
ALONE = [*("-p", "no:asyncio"), *("-p", "no:trio"), *("-p", "no:anyio")]
ALONE += ["-p", "no:rerunfailures"]  # it has a thread of its own
"""Options that keep out plugins which take time to import."""
ALWAYS = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
"""Options of each run. Hypothesis takes longer to import than pytest, and no test here uses it."""

KINDS = {
    # what a test of that kind needs beside pytest, how it is marked, and what waits in it
    "plain": ("time", "", "def", "time.sleep"),
    "asyncio": ("pytest_asyncio", "@pytest.mark.asyncio", "async def", "await asyncio.sleep"),
    "trio": ("pytest_trio", "@pytest.mark.trio", "async def", "await trio.sleep"),
    "anyio": ("anyio", "@pytest.mark.anyio", "async def", "await anyio.sleep"),
}

IMPORTS = {
    "trio": ["import trio"],
    # Else the first test imports the backend, and that counts as its time.
    "anyio": ["import anyio, anyio._backends._asyncio"],
}

BEGIN = """
import asyncio, time, pytest
import stackscope_pdb

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""


def kinds():
    """The kinds whose plugins are installed: all, where the extra ``test`` is."""
    return [kind for kind, (module, *_) in KINDS.items() if importlib.util.find_spec(module)]


def module_of_kinds(body, names=tuple(KINDS), arguments="", mark=""):
    """A module with a test of each kind, called ``test_KIND``.

    ``WAIT`` stands for the call that waits.
    """
    parts = [BEGIN]
    for kind in names:
        _, kind_mark, define, wait = KINDS[kind]
        parts += IMPORTS.get(kind, [])
        head = f"{define} test_{kind}({arguments}):"
        parts += [kind_mark, mark, head, indented(body.replace("WAIT", wait)), ""]
    return "\n".join(parts)


def indented(body):
    return "\n".join([f"    {line}" for line in body.splitlines()])


@pytest.fixture(autouse=True)
def installed(pytester, monkeypatch):
    """Let the pytest that a test starts see our distribution with its entry point."""
    about = pytester.mkdir("installed") / "stackscope-0.1.0.dist-info"
    about.mkdir()
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r"^\[project\.entry-points\.pytest11\]\n((?:\w.*\n)+)", project, re.MULTILINE)
    assert found is not None
    (about / "entry_points.txt").write_text("[pytest11]\n" + found.group(1).replace('"', ""))
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: stackscope\nVersion: 0.1.0\n")
    # pytest-trio would import it, which takes longer than all the rest.
    (about.parent / "hypothesis.py").write_text("raise ImportError('unwanted')\n")
    path = [str(about.parent), str(ROOT), os.environ.get("PYTHONPATH")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, path)))
    for name in ("PYTHONBREAKPOINT", "PYTEST_ADDOPTS", "FORCE_COLOR", "PYTHON_COLORS", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


def run(pytester, *arguments):
    """Run pytest in a process of its own."""
    return pytester.runpytest_subprocess(
        *ALWAYS, "-W", "ignore:The configuration option", *arguments, timeout=200
    )


TELLS_WHEN_TOLD = """
import pytest
from stackscope_pdb.pytest_plugin import telling, watch

@pytest.fixture
def was_told(monkeypatch):
    \"\"\"Gives what was printed about tests that take too long.\"\"\"
    printed = []
    before = telling.Teller.print

    def print_and_say_so(self, lines):
        before(self, lines)
        printed.extend(lines)

    monkeypatch.setattr(telling.Teller, "print", print_and_say_so)
    return lambda: ''.join(printed)
"""
"""A ``conftest.py`` by which a test that is left running knows when it may go on."""


class Terminal:
    """``python -m pytest`` in a terminal, where our prompt may come up."""

    PROMPT = "(stackscope_pdb) "

    def __init__(self, folder, arguments, environ):
        env = {**os.environ, "TERM": "dumb", "INPUTRC": os.devnull, **environ}
        quiet = [f"-W=ignore:{name}" for name in ("The configuration option", "unclosed")]
        words = ["-m", "pytest", *ALWAYS, *quiet, *arguments]
        self.child = start(words, folder, env, 120, 60)

    def expect_prompt(self):
        """Wait for the prompt, and give what came before it."""
        self.child.expect_exact(self.PROMPT)
        return self.plain(self.child.before)

    def ask(self, line):
        """Type a line, and give the answer."""
        self.child.sendline(line)
        return self.expect_prompt().partition("\n")[2]

    def finish(self, line):
        """Type a line, and give what is printed until the end."""
        import pexpect

        self.child.sendline(line)
        self.child.expect(pexpect.EOF)
        close_when_ended(self.child)
        return self.plain(self.child.before)

    @staticmethod
    def plain(text):
        return ESCAPES.sub("", text).replace("\r", "")


@pytest.fixture
def terminal(pytester):
    """Starts pytest in a terminal, with a test module of that source."""
    if sys.platform == "win32":
        pytest.skip("a pseudo-terminal")
    pytest.importorskip("pexpect")
    opened = []

    def start_pytest(source, *arguments, **environ):
        pytester.makepyfile(test_module=source)
        kept = [f"no:{kind}" for kind, (_, mark, *_) in KINDS.items() if mark and mark in source]
        others = [word for name in ALONE[1::2] if name not in kept for word in ("-p", name)]
        opened.append(Terminal(pytester.path, [*others, *arguments], environ))
        return opened[-1]

    yield start_pytest
    for one in opened:
        end(one.child)
