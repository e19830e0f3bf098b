"""What is made of what gdb says, and how it is ended: by a script in its place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from stackscope.remote import attach as attaching
from stackscope.remote import gdb
from stackscope.remote.calling import AttachError, TimeIsUp, wake
from stackscope.remote.processes import Place, Process
from tests.remote.asking import Described

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere gdb is no way")


class Asked(Described):
    place = None

    def waits_at(self):
        return self.place


@pytest.fixture
def saying(tmp_path):
    """Makes a program that is run in place of gdb."""

    def make(*lines):
        program = tmp_path / "gdb"
        program.write_text("\n".join(["#!/bin/sh", *lines, ""]))
        program.chmod(0o700)
        return str(program)

    return make


def run(path, **known):
    gdb.run_script(path, Asked(**known), "the script", "its.name")


DONE = f'echo "{gdb.HAS_BEGUN}"; echo "{gdb.HAS_ENDED}"'
REFUSED = "echo 'ptrace: Operation not permitted.'"
TRACED = f"echo 'warning: process 5 is already traced by process 6'\n{REFUSED}"
"""As gdb says it if it may not attach."""


@pytest.mark.parametrize(
    "line, known, kind, said",
    [
        (REFUSED, {}, AttachError, "There is no permission"),
        ("echo 'warning: Permission denied'", {}, AttachError, "There is no permission"),
        (
            "echo 'No symbol \"Py_AddPendingCall\" in current context.'",
            {"program": "/bin/cat"},
            AttachError,
            "runs no Python that gdb can see: its program is /bin/cat",
        ),
        (
            "echo 'No symbol table is loaded.  Use the \"file\" command.'",
            {},
            AttachError,
            "its program is unknown",
        ),
        (f"echo '{gdb.HAS_BEGUN}'", {}, TimeIsUp, "could not be asked within 10 seconds by gdb"),
        ("echo one; echo two; echo", {}, AttachError, "gdb could not attach to process .*: two$"),
        ("exit 1", {}, AttachError, "it said nothing$"),
        (REFUSED, {"is_alive": False}, AttachError, "has ended"),
    ],
)
def test_what_went_wrong(saying, monkeypatch, line, known, kind, said):
    monkeypatch.setattr(gdb, "SECONDS_TO_BE_SURE", 0)
    with pytest.raises(AttachError, match=said) as caught:
        run(saying(line), **known)
    assert type(caught.value) is kind


def test_what_it_is_told(saying, tmp_path):
    program = saying(
        f'echo "$*" > {tmp_path}/options; while [ "$1" != -x ]; do shift; done',
        f'cp "$2" {tmp_path}/commands; cp "$(dirname "$2")/script" {tmp_path}/script; {DONE}',
    )
    run(program, place=Place("0x7ff0", "0x55aa"))
    options = (tmp_path / "options").read_text()
    assert options.startswith("-nx -batch ")
    assert f"-p {Asked().pid} -x " in options
    commands = (tmp_path / "commands").read_text().splitlines()
    assert "if (unsigned long) $sp == 0x7ff0 && (unsigned long) $pc == 0x55aa" in commands
    assert commands[-1] == "detach"
    script = (tmp_path / "script").read_bytes()
    assert script.endswith(b"\0")
    assert b"'the script'" in script
    assert script.count(b"'its.name'") == 2
    run(program)  # which may run anywhere
    assert "if 0" in (tmp_path / "commands").read_text().splitlines()


@pytest.mark.parametrize(
    "refusal, times", [(TRACED, 3), (REFUSED, 2)], ids=["and is seen", "before it is seen"]
)
def test_another_debugger_lets_go(saying, tmp_path, refusal, times):
    run(
        saying(
            f"echo >> {tmp_path}/times",
            f"if [ $(wc -l < {tmp_path}/times) = {times} ]; then {DONE}; else",
            f"{refusal}; fi",
        )
    )
    assert (tmp_path / "times").read_text() == "\n" * times


def test_another_debugger_stays(saying, monkeypatch):
    monkeypatch.setattr(gdb, "SECONDS_FOR_OTHERS", 0.1)
    with pytest.raises(AttachError, match="is being traced by process 6, most likely a debugger"):
        run(saying(TRACED))


@pytest.fixture
def soon(monkeypatch):
    for name in ("SECONDS_FOR_CALL", "GRACE", "SECONDS_TO_END"):
        monkeypatch.setattr(gdb, name, 0.2)


WAIT = "while :; do sleep 0.01; done"


def test_it_is_interrupted_and_detaches(saying, soon):
    """The process would go on in the middle of a call if gdb was killed."""
    with pytest.raises(TimeIsUp):
        run(saying("trap 'exit 0' INT", f"echo '{gdb.HAS_BEGUN}'", WAIT))


def test_it_may_have_done_it_when_it_is_interrupted(saying, soon):
    run(saying(f"trap 'echo \"{gdb.HAS_ENDED}\"; exit 0' INT", f"echo '{gdb.HAS_BEGUN}'", WAIT))


def test_an_interrupt_may_end_a_call_only(saying, soon, tmp_path):
    said = [
        f"trap 'echo INT >> {tmp_path}/said' INT",
        f"trap 'echo TERM >> {tmp_path}/said; exit' TERM",
    ]
    with pytest.raises(TimeIsUp):
        run(saying(*said, f"echo '{gdb.HAS_BEGUN}'", WAIT))
    assert (tmp_path / "said").read_text().split() == ["INT", "INT", "TERM"]


HANGS = """\
import ctypes, os, signal, sys, time
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
pid = int(sys.argv[1])
if ctypes.CDLL(None, use_errno=True).ptrace(16, pid, None, None):
    sys.exit(os.strerror(ctypes.get_errno()))
os.waitpid(pid, 0)
time.sleep(1000)
"""
"""As gdb does if it waits in vain for a thread to stop. 16 is ``PTRACE_ATTACH``."""


@pytest.fixture
def sleeper():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield child
    child.communicate(b"\n")


@pytest.fixture
def hanging(tmp_path, sleeper):
    """The command for what hangs as soon as it has attached to the sleeper."""
    (tmp_path / "hangs.py").write_text(HANGS)
    return [sys.executable, "-S", str(tmp_path / "hangs.py"), str(sleeper.pid)]


def goes_on(child):
    found = Process(child.pid)
    return not found.tracer and found.state in ("R", "S")


@pytest.mark.parametrize("times", [1, 2])
def test_one_that_hangs_while_it_attaches_is_killed(
    saying, monkeypatch, tmp_path, sleeper, hanging, times
):
    """It would keep the process from going on, for ever."""
    monkeypatch.setattr(gdb, "SECONDS_OF_STANDSTILL", 1.0)
    hangs = saying(
        f"echo >> {tmp_path}/times",
        f"[ $(wc -l < {tmp_path}/times) -le {times} ] || {{ {DONE}; exit; }}",
        f"exec {' '.join(hanging)}",
    )
    if times == 1:
        gdb.run_script(hangs, Process(sleeper.pid), "the script", "its.name")
    else:
        with pytest.raises(AttachError, match="in vain for all threads to stop, twice"):
            gdb.run_script(hangs, Process(sleeper.pid), "the script", "its.name")
    assert (tmp_path / "times").read_text() == "\n\n"
    assert goes_on(sleeper)


def test_an_interrupt_ends_it_too(saying, soon, monkeypatch, sleeper, hanging):
    def wait(running, output):
        while not Process(sleeper.pid).tracer:
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(gdb, "_wait", wait)
    hangs = saying(f"exec {' '.join(hanging)}")
    with pytest.raises(KeyboardInterrupt):
        gdb.run_script(hangs, Process(sleeper.pid), "the script", "its.name")
    assert goes_on(sleeper)


def test_an_interrupt_before_it_is_known(saying, soon, monkeypatch):
    """It comes between the start of the process and the return of `Popen`."""
    started = []

    class Popen(subprocess.Popen):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            started.append(self)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0)  # the handler runs here

    monkeypatch.setattr(subprocess, "Popen", Popen)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(saying("trap 'exit 3' INT", WAIT))
    [child] = started
    assert child.poll() is not None
    assert signal.getsignal(signal.SIGINT) is before


def test_what_is_traced_is_not_woken(sleeper, hanging, monkeypatch):
    tracer = subprocess.Popen(hanging)
    while not Process(sleeper.pid).tracer:
        time.sleep(0.01)
    sent = []
    with monkeypatch.context() as patch:
        patch.setattr(os, "kill", lambda pid, number: sent.append(number))
        wake(sleeper.pid)
    tracer.kill()
    tracer.wait()
    os.kill(sleeper.pid, signal.SIGCONT)
    assert sent == []


def test_one_that_begins_in_the_last_moment_is_not_killed(saying, soon, monkeypatch):
    monkeypatch.setattr(gdb, "_wait", lambda running, output: time.sleep(0.3))
    run(saying("trap 'exit 0' INT", DONE, WAIT))


def test_reading_symbols_may_take_longer(saying, monkeypatch):
    monkeypatch.setattr(gdb, "SECONDS_FOR_CALL", 0.1)
    run(saying("sleep 0.3", DONE))


def test_on_machines_whose_code_is_not_known(saying, tmp_path, monkeypatch):
    monkeypatch.setattr(gdb.platform, "machine", lambda: "riscv64")
    program = saying(
        'while [ "$1" != -x ]; do shift; done',
        f'cp "$2" {tmp_path}/commands; ls "$(dirname "$2")" > {tmp_path}/files; {DONE}',
    )
    run(program)
    assert (tmp_path / "files").read_text().split() == ["commands", "script"]
    assert "PyGILState_Check" in (tmp_path / "commands").read_text()
    assert "pthread_create" not in (tmp_path / "commands").read_text()


def test_nobody_calls(saying, monkeypatch, tmp_path):
    """It is asked again: it may have begun to wait just after it was told to run it later."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(attaching, "SECONDS_TO_RETRY", 0.1)
    program = saying(f"echo >> {tmp_path}/times; {DONE}")
    monkeypatch.setattr(attaching, "find_gdb", lambda: program)
    with pytest.raises(TimeIsUp, match="has not answered for 0.5 seconds: most likely it runs a"):
        attaching._by_gdb(Asked(), 0.5)
    assert 1 < len((tmp_path / "times").read_text()) < 8


def test_no_right_to_write_where_it_reads(saying, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(attaching, "find_gdb", lambda: "gdb")

    def write(place, text):
        raise PermissionError

    monkeypatch.setattr("stackscope.remote.meeting.Meeting.write", write)
    with pytest.raises(AttachError, match="There is no permission to attach"):
        attaching._by_gdb(Asked(), 1)
