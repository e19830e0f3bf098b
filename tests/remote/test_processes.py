"""What the system tells of a process, by files as Linux writes them."""

from __future__ import annotations

import os
import sys

import pytest

from stackscope.remote import processes
from stackscope.remote.processes import Process, why_no_tracing

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is unknown")

NOBODY_THERE = 1 << 30
"""No process has that number."""


@pytest.fixture
def told(monkeypatch):
    """Makes a process of which the system tells what is given, file by file."""

    def make(program="/bin/cat", **files):
        texts = {name: iter(text if type(text) is list else [text]) for name, text in files.items()}
        last = {}

        def read(process, name):
            last[name] = next(texts.get(name, iter(())), last.get(name, ""))
            return last[name]

        monkeypatch.setattr(Process, "_read", read)
        monkeypatch.setattr(Process, "program", program)
        monkeypatch.setattr(processes, "SECONDS_BETWEEN_LOOKS", 0)
        return Process(os.getpid())

    return make


@pytest.mark.parametrize(
    "program, maps, expected",
    [
        ("/usr/bin/python3.12", "", (3, 12)),
        ("/usr/bin/python3", "7f-8f r-xp 0 8:1 5 /usr/lib/libpython3.9.so.1.0\n", (3, 9)),
        (
            "",
            "7f-8f r-xp 0 8:1 5 /opt/lib/libc.so\n7f-8f r--p 0 8:1 6 /opt/libpython3.14.so",
            (3, 14),
        ),
        # The whole name has to be that of an interpreter, and not that of a folder.
        ("/opt/python3.12/bin/cat", "7f-8f r-xp 0 8:1 5 /usr/lib/notpython3.9.so\n", None),
        ("/usr/bin/python2.7", "7f-8f rw-p 0 0:0 0 [heap]\n", None),
    ],
)
def test_the_version_is_in_the_names_of_its_files(told, program, maps, expected):
    assert told(program, maps=maps).version == expected


def test_pypy_is_in_the_name_of_the_program(told):
    assert told("/opt/bin/pypy3.11").runs_pypy
    assert not told("/opt/pypy3.11/bin/python3.12").runs_pypy


STATUS = "Name:\tpython\nState:\t{}\nTracerPid:\t{}\nSigCgt:\t0000000000000202\n"


@pytest.mark.parametrize("state, is_alive", [("S", True), ("T", True), ("Z", False), ("X", False)])
def test_what_has_ended_may_be_there_still(told, state, is_alive):
    process = told(status=STATUS.format(f"{state} (whatever)", 7))
    assert process.state == state
    assert process.is_alive is is_alive
    assert process.tracer == 7


def test_the_signals_that_it_handles(told):
    process = told(status=STATUS.format("S", 0))
    assert [number for number in range(1, 65) if process.handles(number)] == [2, 10]


def test_no_number_of_a_process():
    for pid in (NOBODY_THERE, 1 << 70):
        process = Process(pid)
        assert not process.is_alive
        assert process.state == process.program == ""
        assert process.tracer == 0
        assert process.version is process.handles(10) is process.waits_at() is None
        assert not process.is_elsewhere


def test_what_may_not_be_sent_a_signal_is_alive(monkeypatch):
    def kill(pid, number):
        raise PermissionError

    monkeypatch.setattr(os, "kill", kill)
    assert Process(os.getpid()).is_alive


IN_CALL = "232 0x4 0x7f 0x2 0xffffffff 0x0 0x0 0x7ffc10 0x7f20\n"


def test_where_it_waits(told):
    place = told(syscall=IN_CALL).waits_at()
    assert (place.sp, place.pc) == ("0x7ffc10", "0x7f20")


@pytest.mark.parametrize(
    "texts",
    [
        ["running\n"],
        ["-1 0x7ffc10 0x7f20\n"],  # not in a system call
        [IN_CALL, "running\n"],
        [IN_CALL, IN_CALL, IN_CALL.replace("0x7f20", "0x7f21")],
    ],
)
def test_it_does_not_wait_if_one_look_shows_something_else(told, texts):
    assert told(syscall=texts).waits_at() is None


@pytest.mark.parametrize(
    "user, own, scope, said",
    [
        (1000, 1001, 0, "It belongs to another user"),
        (1000, 0, 0, "SYS_PTRACE"),  # root may do that
        (1000, 1000, 0, "must not have changed its rights"),
        (None, 1000, 1, "only a parent may look into a process"),
        (1000, 1000, 2, "ptrace_scope is 2 here: run this as root."),
        (1000, 1000, 3, "ptrace_scope is 3 here: it forbids that to everybody"),
    ],
)
def test_why_it_may_not_be_traced(monkeypatch, user, own, scope, said):
    monkeypatch.setattr(processes, "_user_of", lambda pid: user)
    monkeypatch.setattr(processes, "_ptrace_scope", lambda: scope)
    monkeypatch.setattr(os, "geteuid", lambda: own)
    assert said in why_no_tracing(Process(NOBODY_THERE))


@pytest.mark.parametrize("text, expected", [("1\n", 1), ("", 0), (None, 0)])
def test_the_scope_of_ptrace(monkeypatch, tmp_path, text, expected):
    """Without the file, nothing is forbidden by it."""
    path = tmp_path / "ptrace_scope"
    if text is not None:
        path.write_text(text)

    def open_(name, **options):
        assert name == "/proc/sys/kernel/yama/ptrace_scope"
        return path.open(**options)

    monkeypatch.setattr(processes, "open", open_, raising=False)
    assert processes._ptrace_scope() == expected
