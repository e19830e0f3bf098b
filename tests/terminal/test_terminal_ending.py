"""Signals that end a program while its debugger reads a line."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time

import pytest

from tests.helpers.repository import ROOT
from tests.terminal.conftest import SEEN_AT_ONCE

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal", allow_module_level=True)

import termios

ENDINGS = [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]

PROGRAM = """
import os, resource, signal, sys
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

def handler(number, frame):
    print("handled", flush=True)
    {does}

{before}
import stackscope_pdb
stackscope_pdb.set_trace()
print("went on", flush=True)
"""


class Session:
    """A program in a terminal that stays when the program ends, as it does below a shell."""

    def __init__(self, folder, prompt, before="", does="pass"):
        program = folder / "app.py"
        program.write_text(PROGRAM.format(before=before, does=does), encoding="utf-8")
        self.master, self.tty = os.openpty()
        self.modes = termios.tcgetattr(self.tty)
        self.text = b""
        environ = {name: os.environ[name] for name in os.environ if name != "COLUMNS"}
        environ.update(
            HOME=str(folder),
            INPUTRC=os.devnull,
            PYTHONPATH=str(ROOT),
            STACKSCOPE_PDB_PROMPT=prompt,
            TERM="xterm-256color",
        )
        self.program = subprocess.Popen(
            [sys.executable, str(program)],
            stdin=self.tty,
            stdout=self.tty,
            stderr=self.tty,
            env=environ,
            preexec_fn=self._own_terminal,
        )
        self.wait_for_prompt()

    @staticmethod
    def _own_terminal():
        os.setsid()
        for number in ENDINGS:  # what nohup ignores, its children would ignore
            signal.signal(number, signal.SIG_DFL)
        os.close(os.open(os.ttyname(0), os.O_RDWR))

    def kill(self, number, is_seen=None):
        """Send a signal, and wait until it is seen; by default until the program has ended.

        It is sent again if nobody sees it: see `SEEN_AT_ONCE`.
        """
        time.sleep(0.05)  # the prompt is there just before it is waited at
        is_seen = is_seen or (lambda: self.program.poll() is not None)
        for _ in range(3):
            self.program.send_signal(number)
            try:
                self.wait(is_seen, SEEN_AT_ONCE / 4)
            except AssertionError:
                continue
            return
        raise AssertionError(self.text)

    def wait(self, is_there, seconds=60):
        deadline = time.monotonic() + seconds
        while not is_there():
            assert time.monotonic() < deadline, self.text
            if select.select([self.master], [], [], 0.02)[0]:
                self.text += os.read(self.master, 10_000)

    def wait_for_prompt(self):
        """Wait until keys come one by one and aren't echoed."""
        raw = termios.ICANON | termios.ECHO
        self.wait(
            lambda: b"(stackscope_pdb" in self.text and not termios.tcgetattr(self.tty)[3] & raw
        )

    def ask(self, line, answer):
        """Type a line, and wait for its answer and the next prompt."""
        self.text = b""
        os.write(self.master, line + b"\r")
        self.wait(lambda: answer in self.text)
        self.text = self.text.partition(answer)[2]
        self.wait_for_prompt()

    def is_as_before(self):
        return termios.tcgetattr(self.tty) == self.modes

    def end(self):
        self.wait(lambda: self.program.poll() is not None)
        while select.select([self.master], [], [], 0)[0]:
            self.text += os.read(self.master, 10_000)  # what it has written last
        return self.program.returncode

    def close(self):
        self.program.kill()
        self.program.wait()
        os.close(self.master)
        os.close(self.tty)


@pytest.fixture(params=["readline", "prompt_toolkit"])
def session(request, tmp_path):
    """Starts a program that stops in the debugger, and waits for its prompt."""
    if request.param == "prompt_toolkit":
        pytest.importorskip("prompt_toolkit")
    opened = []

    def start(**kwargs):
        opened.append(Session(tmp_path, request.param, **kwargs))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.mark.parametrize("number", ENDINGS)
def test_the_terminal_is_as_it_was(session, number):
    one = session()
    one.kill(number)
    assert one.end() == -number
    assert one.is_as_before()


def test_wherever_it_comes(session):
    one = session()
    one.ask(b"p 4700 + 11", b"4711")
    os.write(one.master, b"half")
    one.wait(lambda: b"half" in one.text)
    one.kill(signal.SIGTERM)
    assert one.end() == -signal.SIGTERM
    assert one.is_as_before()


@pytest.mark.parametrize(("does", "code"), [("os._exit(7)", 7), ("sys.exit(8)", 8)])
def test_the_handler_of_the_program_ends_it(session, does, code):
    one = session(before="signal.signal(signal.SIGTERM, handler)", does=does)
    one.kill(signal.SIGTERM)
    assert one.end() == code
    assert b"handled" in one.text
    assert one.is_as_before()


def test_the_handler_of_the_program_lets_it_go_on(session):
    one = session(before="signal.signal(signal.SIGTERM, handler)")
    one.kill(signal.SIGTERM, lambda: b"handled" in one.text)
    one.wait_for_prompt()
    one.ask(b"p 4700 + 11", b"4711")
    os.write(one.master, b"c\r")
    assert one.end() == 0
    assert b"went on" in one.text
    assert one.is_as_before()


def test_the_program_sees_its_own_handlers(session):
    one = session(before="signal.signal(signal.SIGHUP, handler)")
    one.ask(b"p signal.getsignal(signal.SIGHUP)", b"<function handler")
    one.ask(b"p signal.getsignal(signal.SIGTERM)", b"SIG_DFL")
    one.ask(b"p signal.signal(signal.SIGTERM, signal.SIG_IGN)", b"SIG_DFL")
    one.program.send_signal(signal.SIGTERM)
    one.ask(b"p signal.getsignal(signal.SIGTERM)", b"SIG_IGN")
    os.write(one.master, b"c\r")
    assert one.end() == 0


def test_a_handler_that_python_does_not_know_of(session):
    one = session(before="import faulthandler\nfaulthandler.register(signal.SIGTERM)")
    one.kill(signal.SIGTERM, lambda: b"app.py" in one.text.partition(b"most recent call first")[2])
    os.write(one.master, b"c\r")
    assert one.end() == 0
