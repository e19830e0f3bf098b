"""Asking a process that has called `register`: no debugger, no rights, and no version matters."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from stackscope import Diagnosis, Snapshot
from stackscope.answering.mailbox import read_mailbox
from stackscope.remote import attach as attaching
from stackscope.remote.attach import attach
from stackscope.remote.calling import AttachError, TimeIsUp
from stackscope.remote.processes import Process
from stackscope.remote.registered import ask_by_signal, may_be_asked, send_signal
from tests.helpers.repository import ROOT
from tests.remote.asking import command

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere there is no telling who a process is"
)


@pytest.fixture
def registered(program, tmp_path, monkeypatch):
    """Starts a program that has called `register`; its stderr is a file."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    errors = []

    def start(*words):
        errors.append(open(tmp_path / f"stderr-{len(errors)}", "w+"))
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = program("registered", *words, isolated=False, env=env, stderr=errors[-1])
        process.errors = tmp_path / f"stderr-{len(errors) - 1}"
        return process

    yield start
    for file in errors:
        file.close()


def execute(process, line):
    """Have the program execute a line."""
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"


def ask(process, **options):
    connection = attach(process.pid, seconds=60)
    try:
        return connection.ask(**options)
    finally:
        connection.close()


@pytest.fixture
def only_by_signal(monkeypatch):
    """There is no other way in."""
    monkeypatch.setattr(attaching, "find_gdb", lambda: None)
    monkeypatch.setattr(attaching, "FIRST_WITH_REMOTE_EXEC", (4, 0))


def test_it_answers_by_itself(registered, only_by_signal):
    process = registered()
    snapshot, diagnosis = ask(process, why=True)
    assert {node.name for node in Snapshot.from_json(snapshot).threads} == {
        "MainThread",
        "left",
        "right",
    }
    found = Diagnosis.from_json(diagnosis).findings
    assert [(one.kind, one.certain) for one in found] == [("deadlock", True)]
    assert process.errors.read_text() == ""  # no dump was asked for
    execute(process, "signal.raise_signal(signal.SIGUSR1)")
    assert process.errors.read_text() == ""  # it may be one that was sent for the request
    execute(process, "from stackscope.answering import mailbox; mailbox.SECONDS_LATE = 0")
    execute(process, "signal.raise_signal(signal.SIGUSR1)")
    assert "+++ end of what process" in process.errors.read_text()


def test_the_command(registered, tmp_path):
    process = registered()
    env = {"PATH": "/nowhere", "XDG_RUNTIME_DIR": str(tmp_path)}
    found = command("why", process.pid, env=env)
    assert (found.returncode, found.stderr) == (1, "")
    assert found.stdout.startswith("Deadlock: ")
    assert process.errors.read_text() == ""


def test_only_its_user_can_read_what_is_there(registered, tmp_path):
    process = registered()
    folder = tmp_path / "stackscope" / f"registered-{process.pid}"
    assert [path.name for path in folder.iterdir()] == ["registered"]
    for path in (folder.parent, folder):
        assert path.stat().st_mode & 0o777 == 0o700
    assert (folder / "registered").stat().st_mode & 0o777 == 0o600
    ask(process)
    assert [path.name for path in folder.iterdir()] == ["registered"]
    process.communicate("", timeout=60)
    assert process.returncode == 0
    assert list((tmp_path / "stackscope").iterdir()) == []


def test_many_at_once(registered, only_by_signal):
    """No signal is left over, which would ask for a dump."""
    process = registered()
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: ask(process)[0], range(12)))
    assert all(len(Snapshot.from_json(text).threads) == 3 for text in found)
    execute(process, "pass")
    assert process.errors.read_text() == ""


def test_again_and_again_over_one_connection(registered, only_by_signal):
    process = registered()
    connection = attach(process.pid)
    files, threads = (len(os.listdir(f"/proc/{process.pid}/{name}")) for name in ("fd", "task"))
    for _ in range(20):
        connection.ask()
    assert len(os.listdir(f"/proc/{process.pid}/fd")) == files
    assert len(os.listdir(f"/proc/{process.pid}/task")) == threads
    connection.close()


# ------------------------------------------------------------------------ none is sent in vain


def test_one_that_has_not_registered(program, tmp_path):
    process = program("threads")
    assert not may_be_asked(Process(process.pid))
    with pytest.raises(AttachError, match="has not called stackscope.register"):
        ask_by_signal(Process(process.pid), 1)
    with pytest.raises(AttachError, match="so the signal would end it"):
        send_signal(process.pid, "USR1")
    assert process.poll() is None


def test_one_that_handles_it_no_more(registered):
    process = registered()
    for line in (
        "signal.signal(signal.SIGUSR1, signal.SIG_DFL)",
        "signal.signal(signal.SIGUSR1, signal.SIG_IGN)",
        "stackscope.unregister(signal.SIGUSR1)",
    ):
        execute(process, "import stackscope; stackscope.register(signal.SIGUSR1)")
        assert may_be_asked(Process(process.pid)), line
        execute(process, line)
        assert not may_be_asked(Process(process.pid)), line


def test_a_signal_that_does_something_else_afterwards(registered):
    assert not may_be_asked(Process(registered("+SIGTERM").pid))
    process = registered("+SIGTERM", "SIGUSR2")
    assert read_mailbox(process.pid).signals == [signal.SIGUSR2]


def test_what_another_process_has_left(registered, tmp_path):
    """Its number, its machine and its container may be those of another one by now."""
    process = registered()
    folder = tmp_path / "stackscope" / f"registered-{process.pid}"
    text = (folder / "registered").read_text()
    who, number = text.splitlines()
    parts = who.split()
    for index in range(len(parts)):
        other = [*parts[:index], "7", *parts[index + 1 :]]
        (folder / "registered").write_text(f"{' '.join(other)}\n{number}")
        assert read_mailbox(process.pid) is None
    (folder / "registered").write_bytes(b"\xff")
    assert read_mailbox(process.pid) is None
    (folder / "registered").write_text(text)
    assert read_mailbox(process.pid).signals == [signal.SIGUSR1]
    folder.chmod(0o755)
    assert read_mailbox(process.pid) is None


def test_one_that_was_killed_leaves_nothing(registered, tmp_path):
    process = registered()
    process.kill()
    process.wait()
    assert len(list((tmp_path / "stackscope").iterdir())) == 1
    later = registered()
    assert [path.name for path in (tmp_path / "stackscope").iterdir()] == [
        f"registered-{later.pid}"
    ]


def test_a_child_takes_no_requests_of_its_parent(registered, tmp_path):
    process = registered()
    box = read_mailbox(process.pid)
    box.post(b"{}")
    assert box.take() is None  # this is another process
    execute(
        process,
        "pid = os.fork() or (signal.raise_signal(signal.SIGUSR1), sys.exit(0)); os.waitpid(pid, 0)",
    )
    assert "+++ end of what process" in process.errors.read_text()
    folder = tmp_path / "stackscope" / f"registered-{process.pid}"
    assert len(list(folder.iterdir())) == 2
    assert may_be_asked(Process(process.pid))


def test_a_request_that_comes_to_nothing_harms_nobody(registered):
    process = registered()
    for text in (b"", b"{", b'{"folder": null, "path": "/nowhere", "its_secret": "x"}'):
        request = read_mailbox(process.pid).post(text)
        while request.is_there:
            os.kill(process.pid, signal.SIGUSR1)
            time.sleep(0.05)
    execute(process, "pass")
    assert process.errors.read_text() == ""
    assert len(Snapshot.from_json(ask(process)[0]).threads) == 3


def test_the_time_is_up(registered, only_by_signal):
    """What comes of it afterwards is nothing, and no dump either."""
    process = registered()
    os.kill(process.pid, signal.SIGSTOP)
    while Process(process.pid).state != "T":
        time.sleep(0.01)
    with pytest.raises(TimeIsUp, match="has not answered its signal SIGUSR1 for 0.2 seconds"):
        ask_by_signal(Process(process.pid), 0.2)
    os.kill(process.pid, signal.SIGCONT)
    execute(process, "pass")
    assert process.errors.read_text() == ""
    assert len(Snapshot.from_json(ask(process)[0]).threads) == 3


def test_interrupted(registered):
    process = registered()
    asking = subprocess.Popen(
        [sys.executable, "-m", "stackscope", "dump", str(process.pid), "--watch", "0.1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    asking.stdout.readline()
    asking.send_signal(signal.SIGINT)
    _, said = asking.communicate(timeout=60)
    assert (asking.returncode, said) == (130, b"")
    execute(process, "pass")
    assert process.errors.read_text() == ""
    deadline = time.monotonic() + 60
    while len(os.listdir(f"/proc/{process.pid}/task")) > 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
