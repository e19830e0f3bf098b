"""Starts programs in a pseudo-terminal and talks to them."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.repository import ROOT
from tests.helpers.rows import IN_TURN
from tests.helpers.terminals import close_when_ended, end, start

pexpect = pytest.importorskip("pexpect")

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]|\x1b\][^\x07]*\x07")

FOLDER = Path(__file__).parent

SEEN_AT_ONCE = 20
"""Seconds after which Ctrl-C is pressed again.

If a signal comes just between two instructions and a system call that waits, Python sees it only
when that has ended, or when the next signal comes.
"""

SETTLED = 0.3
"""Seconds that a program gets to begin to wait, or it is taken for busy."""


@pytest.hookimpl(tryfirst=True)  # before the marks are looked at
def pytest_collection_modifyitems(items):
    """Let 3.8, 3.9 and 3.10 take a third each: their pdb is the same but for details.

    All later versions take all. These sessions are what takes longest.
    """
    if sys.version_info < (3, 11):
        for item in items:
            if FOLDER in item.path.parents:
                item.add_marker(IN_TURN)


def press_ctrl_c(child):
    """Press Ctrl-C once a program waits, as a person does who has read what it shows."""
    deadline = time.monotonic() + SETTLED
    waits = 0
    while waits < 3 and time.monotonic() < deadline:
        waits = waits + 1 if is_asleep(child.pid) else 0
        time.sleep(0.01)
    child.sendintr()


def is_asleep(pid):
    """Whether the main thread of a process waits, as far as the system tells."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] == "S"
    except OSError:  # there is no such file on macOS
        return False


LINE_READ = "\x1b[?2004l"
"""What PyPy's readline writes once it has read a line. Before that, it draws the prompt anew with
each key."""


class Terminal:
    """A program in a terminal, and our prompt in it."""

    def __init__(self, arguments, folder, columns=100, rows=60, **environ):
        env = {
            name: value
            for name, value in os.environ.items()
            if name
            not in ("NO_COLOR", "FORCE_COLOR", "PYTHON_COLORS", "COLUMNS", "PYTHONBREAKPOINT")
        }
        env.update(TERM="xterm-256color", HOME=str(folder))
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        env["INPUTRC"] = os.devnull
        env["STACKSCOPE_PDB_PROMPT"] = "readline"  # tests of the other prompt say so
        env.update(environ)
        self.draws_anew = sys.implementation.name == "pypy" and env["TERM"] != "dumb"
        self.child = start(arguments, folder, env, columns, rows)

    def expect_prompt(self, name=""):
        """Wait for the prompt that names ``name``; what came before it, without escapes."""
        wanted = f"(stackscope_pdb {name}) " if name else "(stackscope_pdb) "
        self.child.expect_exact(wanted)
        before = self.child.before.replace("\x1b[1A\n", "")  # the way of PyPy's prompt to its line
        return ESCAPES.sub("", before).replace("\r", "")

    def interrupt(self, name=""):
        """Press Ctrl-C, and give what comes before the prompt that names ``name``."""
        wait, self.child.timeout = self.child.timeout, SEEN_AT_ONCE
        try:
            press_ctrl_c(self.child)
            return self.expect_prompt(name)
        except pexpect.TIMEOUT:
            press_ctrl_c(self.child)
            return self.expect_prompt(name)
        finally:
            self.child.timeout = wait

    def enter(self, keys):
        """Type what makes a line, and wait until it has been read."""
        self.child.sendline(keys)
        if self.draws_anew:
            self.child.expect_exact(LINE_READ)

    def ask(self, line, name=""):
        """Type a line; gives the answer, up to the next prompt, which names ``name``."""
        self.enter(line)
        return self.without_echo(self.expect_prompt(name))

    def without_echo(self, answer):
        return answer if self.draws_anew else answer.partition("\n")[2]

    def raw(self, line, name=""):
        """As `ask`, but with the escapes."""
        self.enter(line)
        self.expect_prompt(name)
        return self.child.before

    def finish(self, line):
        """Type a line, and give what the program prints until its end."""
        self.enter(line)
        return self.without_echo(self.rest())

    def rest(self):
        """What the program prints until its end."""
        self.child.expect(pexpect.EOF)
        close_when_ended(self.child)
        return ESCAPES.sub("", self.child.before).replace("\r", "")

    def close(self):
        end(self.child)


class Screen:
    """What a person sees who sits at a terminal, in which prompt_toolkit draws.

    Args:
        terminal: The program in it.
    """

    def __init__(self, terminal):
        import pyte

        self.child = terminal.child
        rows, columns = self.child.getwinsize()
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.Stream(self.screen)
        self._lines = []
        self._text = ""

    @property
    def text(self):
        """The lines without what is blank at the end of them, and of all.

        Only those that have changed are read anew: `wait` asks for the text with each piece that
        comes, and `pyte.Screen.display` reads each cell of the screen.
        """
        screen = self.screen
        if screen.dirty:
            del self._lines[screen.lines :]
            self._lines += [""] * (screen.lines - len(self._lines))
            for number in screen.dirty:
                if number < screen.lines:
                    self._lines[number] = self._line(screen.buffer[number])
            screen.dirty.clear()
            self._text = "\n".join(self._lines).rstrip()
        return self._text

    def _line(self, cells):
        """One line. The cell behind a wide character has an empty text."""
        end = min(max(cells, default=-1) + 1, self.screen.columns)
        return "".join([cells[x].data for x in range(end)]).rstrip()

    @property
    def last_line(self):
        return self.text.rpartition("\n")[2]

    def wait(self, is_there, seconds=60.0):
        """Wait until ``is_there(text)``, or until the text ends with it."""
        if isinstance(is_there, str):
            end = is_there.rstrip()
            is_there = lambda text: text.endswith(end)  # noqa: E731
        deadline = time.monotonic() + seconds
        while not is_there(self.text):
            assert time.monotonic() < deadline, self.text
            try:
                self.stream.feed(self.child.read_nonblocking(100_000, 0.05))
            except pexpect.TIMEOUT:
                pass
            except pexpect.EOF:
                break
        assert is_there(self.text), self.text
        return self.text

    def interrupt(self, is_there):
        """Press Ctrl-C, and wait as `wait` does."""
        press_ctrl_c(self.child)
        try:
            return self.wait(is_there, SEEN_AT_ONCE)
        except AssertionError:
            press_ctrl_c(self.child)
            return self.wait(is_there)

    def wait_for_prompt(self, name=""):
        return self.wait(f"(stackscope_pdb {name})" if name else "(stackscope_pdb)")

    def ask(self, line, name=""):
        """Type a line, and give what is shown below it, up to the next prompt."""
        self.child.send(line)
        self.wait(line)
        above = self.text.count("\n")
        self.child.send("\r")
        self.wait(lambda text: text.count("\n") > above)
        self.wait_for_prompt(name)
        return "\n".join(self.text.split("\n")[above + 1 : -1])

    def clear(self):
        self.screen.reset()


@pytest.fixture
def screen(terminal):
    """As ``terminal``, but with prompt_toolkit's prompt, and looked at as a screen."""
    pytest.importorskip("prompt_toolkit")
    pytest.importorskip("pyte")

    def start_app(source, *arguments, **kwargs):
        kwargs.setdefault("STACKSCOPE_PDB_PROMPT", "prompt_toolkit")
        return Screen(terminal(source, *arguments, **kwargs))

    return start_app


@pytest.fixture
def terminal(tmp_path):
    """Starts ``python ARGUMENTS`` in a terminal, in the folder of a program."""
    opened = []

    def start_app(source, *arguments, **kwargs):
        (tmp_path / "app.py").write_text(source, encoding="utf-8")
        opened.append(Terminal(list(arguments), tmp_path, **kwargs))
        return opened[-1]

    yield start_app
    for one in opened:
        one.close()
