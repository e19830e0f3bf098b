"""`install`: our commands in the standard debugger, and in those that inherit from it."""

from __future__ import annotations

import io
import pdb  # noqa: T100
import re
import socket
import subprocess
import sys
import textwrap
import time
from contextlib import nullcontext

import pytest

import stackscope_pdb
from stackscope_pdb.debugger.mixin import Commands
from tests.helpers.repository import ROOT


class OwnDebugger(pdb.Pdb):
    """As somebody's debugger is, who knows nothing of this one."""

    def do_tasks(self, arg):
        self.message("my own tasks")

    def forget(self):
        self.forgotten = True
        super().forget()


@pytest.fixture
def installed():
    stackscope_pdb.install()
    stackscope_pdb.install()
    yield
    stackscope_pdb.uninstall()


def session(cls, *lines):
    out = io.StringIO()
    stdin = io.StringIO("".join(f"{line}\n" for line in (*lines, "c")))
    debugger = cls(stdin=stdin, stdout=out, readrc=False, nosigint=True)
    number = 1

    def values():
        inner = 20
        yield inner

    generator = values()
    next(generator)
    with nullcontext("five") as five:
        debugger.set_trace()
        number += 1
    return out.getvalue(), number


def test_standard_debugger(installed):
    out, number = session(
        pdb.Pdb,
        "tasks",
        "ctx",
        "where -c",
        "stack generator",
        "p inner + 1",
        "step",
        "unfocus",
        "number = 40",
        "w",
        "tasks = 5",
        "tasks + 1",
        "help ctx",
        "help stackscope",
    )
    replies = out.split("(Pdb")
    assert "No task is alive in this process." in replies[1]
    # What is known of its source is the library's business: PyPy has no columns of instructions.
    assert "  1 with " in replies[2]
    assert "nullcontext" in replies[2]
    assert "║ ├ with " in replies[3]
    assert "-> yield inner" in replies[4]
    assert replies[5] == " generator) 21\n"
    assert "'step' can't run" in replies[6].replace("\n", " ")
    assert "-> yield inner" not in replies[7]
    assert replies[11].endswith(") 6\n")
    assert "ctx [PATH]" in replies[12]
    assert "Commands beyond those of pdb" in replies[13]
    assert number == 41


def test_subclasses_keep_what_is_theirs(installed):
    out, _ = session(OwnDebugger, "tasks", "ctx", "stack generator", "unfocus")
    assert "my own tasks" in out
    assert "Active in session" in out
    assert "(Pdb generator) " in out


def test_our_own_debugger_goes_on_as_before(installed):
    out, number = session(stackscope_pdb.Pdb, "ctx", "stack generator", "unfocus", "number = 5")
    assert out.count("Active in session") == 1
    assert "(stackscope_pdb generator) " in out
    assert number == 6


def test_classes_made_meanwhile_have_the_commands_afterwards():
    from stackscope_pdb.entry.install import class_with_commands

    stackscope_pdb.install()
    try:
        made = class_with_commands("Made", OwnDebugger)
        assert "Active in session" in session(made, "ctx")[0]
    finally:
        stackscope_pdb.uninstall()
    assert "Active in session" in session(made, "ctx")[0]


CHANGES_BY_USE = ("_previous_sigint_handler", "_last_pdb_instance")


def test_uninstall_undoes_it():
    class Mixin:
        pass

    class New(Commands, Mixin, pdb.Pdb):
        """The others may have been through it in this process."""

    classes = (pdb.Pdb, OwnDebugger, stackscope_pdb.Pdb, New)

    def state():
        members = {k: v for k, v in vars(pdb.Pdb).items() if k not in CHANGES_BY_USE}
        return members, [cls.__mro__ for cls in classes]

    before = state()
    stackscope_pdb.install()
    assert state() != before
    session(pdb.Pdb, "ctx")
    stackscope_pdb.uninstall()
    stackscope_pdb.uninstall()
    assert state() == before
    assert "*** NameError: " in session(pdb.Pdb, "ctx")[0]
    assert "Active in session" in session(stackscope_pdb.Pdb, "ctx")[0]


def test_nothing_of_the_standard_debugger_is_lost(installed):
    """Each attribute is found as before, and `super()` in its methods finds the next one."""
    commands = stackscope_pdb.Pdb.__mro__[stackscope_pdb.Pdb.__mro__.index(pdb.Pdb) + 1]
    standard = pdb.Pdb.__mro__[2]
    ours = set(vars(commands))
    for name, member in vars(standard).items():
        if name not in ours and not name.startswith("__"):
            assert pdb.Pdb.__dict__.get(name, member) is member or name in CHANGES_BY_USE
    debugger = pdb.Pdb(readrc=False, nosigint=True)
    assert "next" in debugger.completenames("ne", "ne", 0, 2)


PROGRAM = """
    import asyncio
    import stackscope_pdb
    stackscope_pdb.install()
    import {module}

    async def waits(gate):
        secret = 21
        await gate.wait()

    async def main():
        gate = asyncio.Event()
        task = asyncio.ensure_future(waits(gate))
        await asyncio.sleep(0)
        {module}.set_trace({arguments})
        gate.set()
        await task
        print("end")

    asyncio.run(main())
"""

LINES = ["tasks wai", "stack task", "p secret * 2", "bt -c", "unfocus", "c"]


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Starts a program that stops in another debugger, which has our commands."""
    for name in ("COLUMNS", "FORCE_COLOR", "PYTHON_COLORS", "PYTHONBREAKPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("IPY_TEST_SIMPLE_PROMPT", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    started = []

    def run(module, arguments):
        pytest.importorskip(module)
        source = textwrap.dedent(PROGRAM.format(module=module, arguments=arguments))
        (tmp_path / "app.py").write_text(source)
        started.append(
            subprocess.Popen(
                [sys.executable, "-W", "ignore", "app.py"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                universal_newlines=True,
                cwd=str(tmp_path),
            )
        )
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def check(out):
    assert "waiting: Event.wait()" in out
    assert " Task-2) 42\n" in out or "ipdb Task-2> 42\n" in out or "ipdb> 42\n" in out
    assert "╠ waits in __main__ at app.py" in out
    assert "await gate.wait()" in out
    assert "failed, which is a bug" not in out


def test_ipdb(start):
    process = start("ipdb", "")
    out, _ = process.communicate("".join(f"{line}\n" for line in LINES), timeout=60)
    check(re.sub(r"\x1b\[[0-9;]*m", "", out))
    assert out.endswith("end\n")
    assert process.returncode == 0


def connect(port):
    """A connection to remote-pdb, which tells its port before it listens there."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=60)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_remote_pdb(start):
    process = start("remote_pdb", "'127.0.0.1', 0")
    said = process.stdout.readline()
    port = int(re.search(r"127\.0\.0\.1:(\d+)", said).group(1))
    with connect(port) as connection:
        connection.sendall("".join(f"{line}\n" for line in LINES).encode())
        out = b""
        while True:
            more = connection.recv(65536)
            if not more:
                break
            out += more
    rest, _ = process.communicate(timeout=60)
    check(out.decode("utf-8").replace("\r", ""))
    assert "(Pdb Task-2) " in out.decode("utf-8")
    assert "end" in rest.splitlines()
    assert process.returncode == 0
