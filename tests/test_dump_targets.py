"""Dumps into what doesn't take them: they are lost, and the program goes on soon."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time

import pytest

import stackscope
from stackscope.render import stream
from tests.helpers.forked import Forks
from tests.helpers.repository import ROOT
from tests.helpers.targets import fill

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no poll()")

SIGNAL = getattr(signal, "SIGUSR1", None)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(stream, "PATIENCE", 0.1)
    monkeypatch.setattr(stream, "LONGEST", 0.5)
    yield
    stackscope.unregister(SIGNAL)


@pytest.fixture(scope="module")
def forks():
    with Forks() as forks:
        yield forks


def dump_to(target):
    stackscope.register(SIGNAL, target)
    begin = time.monotonic()
    signal.raise_signal(SIGNAL)
    assert time.monotonic() - begin < 30  # and not for ever
    stackscope.unregister(SIGNAL)


def test_a_full_pipe():
    reader, writer = os.pipe()
    fill(writer)
    dump_to(writer)
    assert os.get_blocking(writer)
    os.close(reader)
    dump_to(writer)  # nobody reads it any more
    os.close(writer)


def test_a_pipe_that_nobody_reads_any_more_ends_nothing(forks):
    """Not even a program that doesn't ignore SIGPIPE."""
    program = """
    import os, signal, stackscope
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    reader, writer = os.pipe()
    stackscope.register(signal.SIGUSR1, writer)
    os.close(reader)
    signal.raise_signal(signal.SIGUSR1)
    """
    assert forks.run(program).returncode == 0


def test_a_pipe_that_is_emptied_slowly(forks):
    """What comes through is the beginning; that it takes too long is noticed."""
    program = """
    import os, signal, stackscope, sys, threading, time
    from stackscope.render import stream
    stream.LONGEST = 1.0
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True: os.write(writer, b"x" * 1000)
    except BlockingIOError: pass
    os.set_blocking(writer, True)
    def read():
        while True:
            os.read(reader, 100)
            time.sleep(0.05)
    threading.Thread(target=read, daemon=True).start()
    def deep(levels):
        if levels:
            return deep(levels - 1)
        signal.raise_signal(signal.SIGUSR1)
    stackscope.register(signal.SIGUSR1, writer)
    deep(800)
    """
    begin = time.monotonic()
    assert forks.run(program).returncode == 0
    assert time.monotonic() - begin < 40


@pytest.mark.parametrize("kind", ["STREAM", "DGRAM"])
def test_a_full_socket(kind):
    mine, other = socket.socketpair(socket.AF_UNIX, getattr(socket, f"SOCK_{kind}"))
    with mine, other:
        fill(mine.fileno())
        dump_to(mine)
        assert mine.getblocking()


def test_a_terminal_that_stands_still():
    pty = pytest.importorskip("pty")
    termios = pytest.importorskip("termios")
    leader, terminal = pty.openpty()
    try:
        termios.tcflow(terminal, termios.TCOOFF)  # as Ctrl-S does
        dump_to(terminal)
        termios.tcflow(terminal, termios.TCOON)
        fill(terminal)
        dump_to(terminal)
    finally:
        termios.tcflush(terminal, termios.TCIOFLUSH)
        os.close(leader)
        os.close(terminal)


@pytest.mark.parametrize("is_closed", ["by its owner", "with all others"])
def test_a_number_that_is_another_files_by_now(forks, tmp_path, is_closed):
    """Nothing is written into that; what its owner has closed gets the dump all the same."""
    program = f"""
    import os, signal, stackscope, sys
    file = open("dump.txt", "w")
    stackscope.register(signal.SIGUSR1, file)
    if {is_closed!r} == "by its owner":
        file.close()
    else:
        os.closerange(3, 256)
    others = [open(f"other-{{number}}", "wb", buffering=0) for number in range(20)]
    signal.raise_signal(signal.SIGUSR1)
    stackscope.unregister(signal.SIGUSR1)
    for other in others:
        other.write(b"data")
    os._exit(0)
    """
    assert forks.run(program, tmp_path).returncode == 0
    others = list(tmp_path.glob("other-*"))
    assert len(others) == 20
    assert all(other.read_bytes() == b"data" for other in others)
    assert bool((tmp_path / "dump.txt").read_text()) == (is_closed == "by its owner")


def test_other_programs_do_not_get_the_descriptor(forks, tmp_path):
    program = """
    import os, signal, stackscope, subprocess, sys
    stackscope.register(signal.SIGUSR1, open("dump.txt", "w"))
    look = "import os; print(any(os.path.exists(f'/proc/self/fd/{n}') and "
    look += "'dump.txt' in os.readlink(f'/proc/self/fd/{n}') for n in range(256)))"
    print(subprocess.check_output([sys.executable, "-c", look], close_fds=False).decode())
    """
    assert forks.run(program, tmp_path).stdout.split() == ["False"]


def test_no_descriptors_left(forks, tmp_path):
    program = """
    import os, resource, signal, stackscope
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    with open("dump.txt", "w") as file:
        stackscope.register(signal.SIGUSR2, file)
        kept = []
        try:
            while True:
                kept.append(os.dup(1))
        except OSError:
            pass
        stackscope.register(signal.SIGUSR1, file)
        try:
            while True:
                kept.append(os.dup(1))
        except OSError:
            pass
        signal.raise_signal(signal.SIGUSR1)
    print("on")
    """
    done = forks.run(program, tmp_path)
    assert (done.stdout, done.returncode) == ("on\n", 0), done.stderr
    assert "+++ end of" in (tmp_path / "dump.txt").read_text()


def test_a_file_that_must_not_grow(forks, tmp_path):
    program = """
    import resource, signal, stackscope
    with open("dump.txt", "w") as file:
        stackscope.register(signal.SIGUSR1, file)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
        signal.raise_signal(signal.SIGUSR1)
    print("on")
    """
    assert forks.run(program, tmp_path).stdout == "on\n"


def test_a_file_that_is_deleted(forks, tmp_path):
    program = """
    import os, signal, stackscope
    file = open("dump.txt", "w+")
    stackscope.register(signal.SIGUSR1, file)
    os.remove("dump.txt")
    signal.raise_signal(signal.SIGUSR1)
    file.seek(0)
    print("+++ end of" in file.read())
    """
    assert forks.run(program, tmp_path).stdout == "True\n"


def test_a_full_disk():
    if not os.path.exists("/dev/full"):
        pytest.skip("has no /dev/full")
    with open("/dev/full", "w") as file:
        dump_to(file)


def test_stderr_is_closed(forks):
    program = """
    import os, signal, stackscope
    stackscope.register(signal.SIGUSR1)
    os.close(2)
    os.closerange(3, 50)
    signal.raise_signal(signal.SIGUSR1)
    print("on")
    """
    assert forks.run(program).stdout == "on\n"


def test_after_a_fork(forks, tmp_path):
    """The child has the descriptor, too."""
    program = """
    import os, signal, stackscope
    file = open("dump.txt", "w")
    stackscope.register(signal.SIGUSR1, file)
    file.close()
    child = os.fork()
    if not child:
        signal.raise_signal(signal.SIGUSR1)
        os._exit(0)
    os.waitpid(child, 0)
    signal.raise_signal(signal.SIGUSR1)
    print(open("dump.txt").read().count("+++ end of"))
    """
    assert forks.run(program, tmp_path).stdout == "2\n"


def test_nothing_is_left_open():
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("has no /proc")
    with tempfile.TemporaryFile() as file:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(3):
            stackscope.register(SIGNAL, file)
            stackscope.register(SIGNAL, file)
            stackscope.unregister(SIGNAL)
            stackscope.dump_after(1000, file=file)
            stackscope.dump_after(1000, file=file)
            stackscope.cancel_dump_after()
        for _ in range(1000):
            if len(os.listdir("/proc/self/fd")) == before:
                break
            time.sleep(0.01)
        assert len(os.listdir("/proc/self/fd")) == before


def test_a_pipe_that_takes_nothing_does_not_hold_up_the_program(monkeypatch):
    """What it takes later is written then, by a thread, in order and whole."""
    monkeypatch.setattr(stream, "PATIENCE", 100)
    monkeypatch.setattr(stream, "LONGEST", 100)
    reader, writer = os.pipe()
    filled = fill(writer)
    stackscope.register(SIGNAL, writer)
    threads = threading.active_count()
    begin = time.monotonic()
    for _ in range(3):
        signal.raise_signal(SIGNAL)
    took = time.monotonic() - begin
    stackscope.unregister(SIGNAL)
    assert threading.active_count() == threads
    os.close(writer)
    data = b""
    while True:
        piece = os.read(reader, 100_000)
        if not piece:
            break
        data += piece
    os.close(reader)
    assert took < 50  # a busy machine takes its time, but waits for nobody
    text = data[filled or 0 :].decode()
    starts = re.findall(r"^\+\+\+ (stackscope|end of)", text, re.M)
    assert starts == ["stackscope", "end of"] * 3
    assert "dumps.py" not in text  # the thread that writes


def test_what_is_left_is_written_before_the_process_ends():
    program = """
    import os, signal, stackscope
    os.set_blocking(2, False)
    try:
        while True: os.write(2, b"x" * 1000)
    except BlockingIOError: pass
    os.set_blocking(2, True)
    stackscope.register(signal.SIGUSR1)
    signal.raise_signal(signal.SIGUSR1)
    print("over", flush=True)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline().strip() == b"over"
        time.sleep(0.2)
        text = process.stderr.read()
    assert process.returncode == 0
    assert text.count(b"\n+++ end of what process ") == 1
