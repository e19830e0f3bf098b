"""Runs a program in this process under our debugger, which gets its commands from a string."""

from __future__ import annotations

import bdb
import importlib
import io
import sys
import threading

import pytest

from stackscope_pdb import Pdb, settings


class Session:
    """A debugger with scripted input.

    Attributes:
        output: All that it wrote.
        replies: What it wrote in answer to each command, without the prompts.
    """

    PROMPT_END = ") "

    def __init__(self, *commands, **kwargs):
        self._out = io.StringIO()
        lines = "".join(f"{command}\n" for command in commands)
        self.pdb = Pdb(
            stdin=io.StringIO(lines), stdout=self._out, nosigint=True, readrc=False, **kwargs
        )
        self.pdb.use_rawinput = False

    def stop(self):
        """Stop in the caller, as a breakpoint does."""
        self.pdb.set_trace(sys._getframe(1))

    @property
    def output(self):
        return self._out.getvalue()

    @property
    def replies(self):
        parts = self.output.split("(stackscope_pdb")[1:]
        return [part.partition(self.PROMPT_END)[2].rstrip("\n") for part in parts]

    @property
    def prompts(self):
        parts = self.output.split("(stackscope_pdb")[1:]
        return ["(stackscope_pdb" + part.partition(self.PROMPT_END)[0] + ")" for part in parts]


@pytest.fixture
def scripted(monkeypatch):
    """Makes a `Session`. The output is 80 columns wide and has no colours."""
    for name in ("COLUMNS", "FORCE_COLOR", "PYTHON_COLORS"):
        monkeypatch.delenv(name, raising=False)
    return Session


@pytest.fixture
def worker():
    """A thread that waits, and what lets it go; it leaves the value of its variable in the list."""
    event = threading.Event()
    log = []

    def work():
        note = "as it was"
        event.wait()
        log.append(note)

    thread = threading.Thread(target=work, name="a-worker")
    thread.start()
    yield thread, event, log
    event.set()
    thread.join()


@pytest.fixture
def fresh_settings(monkeypatch):
    """No settings, and no breakpoints afterwards: those belong to the process."""
    monkeypatch.setattr(settings, "_sticky", None)
    monkeypatch.delenv("STACKSCOPE_PDB_STICKY", raising=False)
    monkeypatch.delenv("STACKSCOPE_PDB_CONTEXT", raising=False)
    yield
    bdb.Breakpoint.bplist.clear()
    bdb.Breakpoint.bpbynumber[:] = [None]
    bdb.Breakpoint.next = 1


LIBRARY = """\
import contextlib

def call(function, *args):
    result = relay(function, *args)
    return result

def relay(function, *args):
    return function(*args)

def hold(manager, function):
    with manager:
        return relay(function)

def own(function):
    with contextlib.suppress(KeyError):
        return relay(function)

async def drive(function):
    for _ in range(2):
        next(iter([]), None)
    result = await function()
    return result

def stop(session):
    session.stop()
    here = relay(int)
    return here

def fail():
    raise ValueError("of the library")
"""


@pytest.fixture
def library(tmp_path, monkeypatch):
    """The module ``acme``. The folder that it is in is ``tmp_path / "site-packages" / "acme"``."""
    folder = tmp_path / "site-packages" / "acme"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(LIBRARY, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder.parent))
    monkeypatch.setattr(settings, "_passes", None)
    monkeypatch.delenv("STACKSCOPE_PDB_SKIP", raising=False)
    yield importlib.import_module("acme")
    del sys.modules["acme"]
