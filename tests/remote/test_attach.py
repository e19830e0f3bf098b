"""Asking a process that runs already, and was not prepared for it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time

import pytest

from stackscope import Diagnosis, Snapshot
from stackscope.remote import attach as attaching
from stackscope.remote import gdb
from stackscope.remote.attach import attach
from stackscope.remote.calling import AttachError, TimeIsUp, run_file
from stackscope.remote.processes import Process
from tests.helpers.repository import ROOT
from tests.helpers.rows import ALL_ROWS
from tests.remote.asking import (
    HAS_REMOTE_EXEC,
    command,
    interpreter,
    minor,
    needs_gdb,
    needs_way_in,
    places,
)

pytestmark = needs_way_in

NOBODY = 65534


def ask(pid, **options):
    connection = attach(pid, seconds=60, **options)
    try:
        return Snapshot.from_json(connection.ask()[0])
    finally:
        connection.close()


def names(snapshot):
    return [node.name for node in [*snapshot.tasks(), *snapshot.threads]]


def run_on(process, line="go on\n"):
    """Let a program go on; its last words."""
    out, _ = process.communicate(line, timeout=100)
    return out.splitlines()[-1]


def is_unharmed(process):
    """Whether it is neither stopped nor traced."""
    found = Process(process.pid)
    return process.poll() is None and found.state != "T" and not found.tracer


# ------------------------------------------------------------------------------- programs


# To gdb, all that waits in a system call is the same.
ASLEEP = ["sleeping"] if HAS_REMOTE_EXEC else []


@pytest.mark.parametrize("name", ["idle", "busy", "in_trio", "busy_thread", *ASLEEP])
def test_whatever_the_main_thread_does(program, name):
    process = program(name)
    connection = attach(process.pid, seconds=60)
    snapshot, diagnosis = connection.ask(why=True)
    connection.close()
    found = Snapshot.from_json(snapshot)
    assert [node for node in found.threads if node.stack.frames]
    if name == "idle":
        assert any("serve_forever" in str(node.stack) for node in found.tasks())
    if name in ("idle", "busy", "in_trio"):
        assert str(Diagnosis.from_json(diagnosis)).startswith("Nothing is stuck")
    assert is_unharmed(process)
    if name == "busy_thread":
        assert run_on(process) == "end"
        assert process.returncode == 0


def test_nobody_of_ours_is_shown(program):
    """Neither the thread that answers, nor that of somebody else who asks. Numbers stay."""
    process = program("threads")
    first = attach(process.pid, seconds=60)
    before = Snapshot.from_json(first.ask()[0])
    numbers = numbers_of(ask(process.pid))
    assert set(numbers) == {"worker-0", "worker-1", "worker-2", "reader", "MainThread"}
    assert numbers_of(before) == numbers
    # The thread that has answered the other one may still be about to end.
    end = time.monotonic() + 30
    while numbers_of(Snapshot.from_json(first.ask()[0])) != numbers:
        assert time.monotonic() < end
        time.sleep(0.05)
    first.close()
    assert is_unharmed(process)
    assert run_on(process) == "end"
    assert process.returncode == 0


def numbers_of(snapshot):
    """The names and numbers of the threads."""
    found = {node.name: node.number for node in snapshot.threads}
    assert len(found) == len(snapshot.threads)
    return found


def test_the_target_is_unchanged(program):
    process = program("unchanged")
    for _ in range(2):
        ask(process.pid)
        process.stdin.write("compare\n")
        process.stdin.flush()
        assert process.stdout.readline() == "{} []\n"


def test_another_package_of_our_name(program, tmp_path):
    (tmp_path / "stackscope.py").write_text("is_mine = True\n")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    process = program("has_other_stackscope", isolated=False, env=env)
    ask(process.pid)
    assert run_on(process) == "True True"


def test_two_at_once(program):
    process = program("threads")
    asking = [
        subprocess.Popen(
            [sys.executable, "-m", "stackscope", word, str(process.pid), "--timeout", "100"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for word in ("dump", "why")
    ]
    said = [one.communicate(timeout=200)[0] for one in asking]
    assert [one.returncode for one in asking] == [0, 0], said
    assert "worker-2" in said[0]
    assert said[1].startswith("Nothing is stuck")
    assert is_unharmed(process)
    assert run_on(process) == "end"


BARE = """
import sys
print("ready", "threading" in sys.modules, flush=True)
sys.stdin.readline()
import threading
main = threading.main_thread()
print(main is threading.current_thread(), main.ident == threading.get_ident(), main.is_alive())
print([thread.name for thread in threading.enumerate()])
"""


def test_one_that_has_not_imported_threading(tmp_path):
    """It is imported by us, and the main thread is the main thread all the same."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", BARE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        assert process.stdout.readline() == "ready False\n"
        connection = attach(process.pid, seconds=60)
        assert names(Snapshot.from_json(connection.ask()[0])) == ["MainThread"]
        # It ends while we are there.
        assert process.communicate("\n", timeout=60) == (
            "True True True\n['MainThread']\n",
            "",
        )
        assert process.returncode == 0
        connection.close()
    finally:
        process.kill()


# -------------------------------------------------------------------------------- failures


@pytest.mark.parametrize(
    ("name", "waits"), [("keeps_interpreter", True), ("keeps_interpreter_in_thread", False)]
)
def test_a_second_one_after_the_time_is_up(program, name, waits, monkeypatch):
    """C code keeps the interpreter to itself. It waits for something, or is taken not to."""
    monkeypatch.setattr(attaching, "SECONDS_TO_RETRY", 0.5)
    process = program(name)
    with monkeypatch.context() as meanwhile:
        if not waits:
            meanwhile.setattr(Process, "waits_at", lambda self: None)
        with pytest.raises(TimeIsUp, match=f"Process {process.pid} has not answered for 0.1 sec"):
            attach(process.pid, seconds=0.1)
    assert is_unharmed(process)
    process.stdin.write("x")
    process.stdin.flush()
    assert process.stdout.readline() == "free\n"
    assert ask(process.pid).threads
    assert run_on(process) == "end"
    assert process.returncode == 0


@needs_gdb
def test_one_that_computes_in_c(program):
    process = program("computes_in_c")
    with pytest.raises(TimeIsUp, match=f"Process {process.pid} has not answered for 0.1 sec"):
        attach(process.pid, seconds=0.1)
    assert is_unharmed(process)


def test_it_ends_meanwhile(program):
    process = program("idle")
    connection = attach(process.pid, seconds=60)
    process.kill()
    process.wait()
    with pytest.raises(AttachError, match=rf"Process {process.pid} has ended\."):
        connection.ask()
    connection.close()
    with pytest.raises(AttachError, match=f"There is no process {process.pid}"):
        attach(process.pid)


@pytest.mark.skipif(not HAS_REMOTE_EXEC, reason="there is no sys.remote_exec")
def test_it_ends_before_it_is_attached_to(program):
    process = program("idle")
    process.kill()
    while Process(process.pid).is_alive:  # it stays there until it is waited for
        time.sleep(0.01)
    with pytest.raises(AttachError, match=rf"Process {process.pid} has ended\."):
        run_file(process.pid, os.devnull)


def test_it_ends_while_it_is_asked(program):
    """Whenever that is, there is a sentence, and soon."""
    for wait in (0.05, 0.3, 0.6):
        process = program("idle")
        asking = subprocess.Popen(
            [sys.executable, "-m", "stackscope", "dump", str(process.pid)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        time.sleep(wait)
        process.kill()
        process.wait()
        _, said = asking.communicate(timeout=100)
        if asking.returncode:  # else it was faster
            assert asking.returncode == 3
            assert said.startswith("stackscope: ")
            assert said.count("\n") == 1


def test_no_python():
    other = subprocess.Popen(["sleep", "100"])
    try:
        with pytest.raises(AttachError, match=f"Process {other.pid} "):
            attach(other.pid, seconds=1)
        assert is_unharmed(other)
    finally:
        other.kill()
        other.wait()


@pytest.mark.skipif(shutil.which("pypy3") is None, reason="NO PYPY: it is not found on PATH")
def test_pypy():
    code = "import sys; print(flush=True); sys.stdin.read()"
    other = subprocess.Popen(
        ["pypy3", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    )
    try:
        assert other.stdout.readline() == "\n"
        with pytest.raises(AttachError, match=f"Process {other.pid} runs PyPy"):
            attach(other.pid, seconds=1)
        assert is_unharmed(other)
    finally:
        other.communicate()


def test_itself():
    with pytest.raises(AttachError, match="process of this command itself"):
        attach(os.getpid())


def test_a_stopped_process(program):
    process = program("idle")
    os.kill(process.pid, signal.SIGSTOP)
    while Process(process.pid).state != "T":
        time.sleep(0.01)
    with pytest.raises(AttachError, match=f"kill -CONT {process.pid}"):
        attach(process.pid)
    os.kill(process.pid, signal.SIGCONT)


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to become somebody else")


@as_root
def test_no_rights(program, tmp_path):
    process = program("idle")
    try:
        found = command("dump", process.pid, preexec_fn=lambda: os.setuid(NOBODY), cwd="/")
    except PermissionError:
        pytest.skip("nobody may not read this interpreter")
    assert found.returncode == 3
    assert f"no permission to attach to process {process.pid}" in found.stderr
    assert "another user" in found.stderr or "must be yours" in found.stderr
    assert is_unharmed(process)


@as_root
def test_of_another_user(program):
    """It can read neither our files nor those of this user."""

    def become_nobody():
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    try:
        process = program("idle", preexec_fn=become_nobody)
    except (AssertionError, PermissionError):
        pytest.skip("nobody may not read this interpreter")
    assert any("serve_forever" in str(node.stack) for node in ask(process.pid).tasks())
    assert is_unharmed(process)


IN_CONTAINER = """
import os, threading
event = threading.Event()
worker = threading.Thread(target=event.wait, name="inside")
worker.start()
print("ready", os.getpid(), os.listdir("/tmp"), flush=True)
worker.join()
"""


@as_root
@needs_gdb
def test_in_a_container(tmp_path):
    """It has other numbers of processes, and other files where ours are."""
    unshare = ["unshare", "--pid", "--fork", "--mount", "--mount-proc", "--net"]
    mount = "mount -t tmpfs none /run && mount -t tmpfs none /tmp && exec "
    python = os.path.realpath(sys.executable)
    if subprocess.run([*unshare, "true"], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("no namespaces can be made here")
    process = subprocess.Popen(
        [*unshare, "sh", "-c", mount + shlex.join([python, "-S", "-E", "-c", IN_CONTAINER])],
        stdout=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )
    try:
        assert process.stdout.readline() == "ready 1 []\n"
        children = f"/proc/{process.pid}/task/{process.pid}/children"
        with open(children) as file:
            inner = int(file.read())
        assert "inside" in names(ask(inner))
        assert os.listdir(f"/proc/{inner}/root/tmp") == []
    finally:
        os.kill(inner, signal.SIGKILL)
        process.communicate()


# ------------------------------------------------------------------------------------- gdb


def other_version(which):
    """A version that is found here: the oldest, the newest, the one after this one, or itself.

    The interpreter of that version comes with it; both are ``None`` if there is none.
    """
    every = list(places())
    later = [version for version in every if minor(version) > sys.version_info[1]]
    some = {"oldest": every, "newest": every[::-1], "next": later}.get(which, [which])
    return next(((one, interpreter(one)) for one in some if interpreter(one)), (None, None))


@needs_gdb
@pytest.mark.skipif(not HAS_REMOTE_EXEC, reason="what is tried above was tried by gdb")
@pytest.mark.parametrize("name", ["idle", "busy", "threads", "busy_thread"])
def test_by_gdb(program, name, monkeypatch):
    """From 3.14 on it is the second choice, for a main thread that waits for a lock, say."""
    monkeypatch.setattr(attaching, "_ways", lambda process: [attaching._by_gdb])
    process = program(name)
    assert ask(process.pid).threads
    assert is_unharmed(process)


@needs_gdb
@pytest.mark.parametrize("wait", [0.1, 0.4, 0.8])
def test_interrupted_while_gdb_is_there(program, wait, tmp_path):
    process = program("threads")
    folder = tmp_path / "left"
    folder.mkdir()
    code = "from stackscope.remote import attach as a; a._ways = lambda _: [a._by_gdb]\n"
    code += "from stackscope.command_line.main import main; main(['dump', '%d'])" % process.pid
    asking = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(folder),
            "XDG_STATE_HOME": str(folder),
        },
    )
    time.sleep(wait)
    asking.send_signal(signal.SIGINT)
    asking.communicate(timeout=100)
    assert is_unharmed(process)
    assert [path.name for path in folder.glob("**/*")] in ([], ["stackscope"])
    assert run_on(process) == "end"
    assert process.returncode == 0


@needs_gdb
def test_without_machine_code(program, monkeypatch):
    """On other architectures the main thread does it, if nobody has the interpreter."""
    monkeypatch.setattr(attaching, "_ways", lambda process: [attaching._by_gdb])
    monkeypatch.setattr(gdb, "CODE", {})
    process = program("threads")
    assert len(ask(process.pid).threads) == 5
    assert run_on(process) == "end"
    process = program("busy_thread")
    with pytest.raises(TimeIsUp):
        attach(process.pid, seconds=1)
    assert is_unharmed(process)
    assert run_on(process) == "end"


@needs_gdb
@pytest.mark.parametrize("which", list(places()) if ALL_ROWS else ["oldest", "newest", "next"])
def test_another_version(program, which):
    """Whoever asks may run another one. So all versions together try each."""
    version, python = other_version(which)
    if version is None or (which == "next" and version == other_version("newest")[0]):
        pytest.skip("there is no such interpreter, or it is the newest one")
    process = program("threads", python=python)
    connection = attach(process.pid, seconds=60)
    assert connection.version.startswith(version)
    found = Snapshot.from_json(connection.ask()[0])
    connection.close()
    assert "worker-1" in names(found)
    assert run_on(process) == "end"


# ------------------------------------------------------------------------------------- why


def test_the_bank(program, tmp_path):
    process = program("--forever", file=ROOT / "examples" / "bank.py")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = command("dump", process.pid, "--why", "--json", tmp_path / "bank.json")
        if found.returncode == 1:
            break
        time.sleep(0.5)
    assert found.returncode == 1, found
    assert os.stat(tmp_path / "bank.json").st_mode & 0o777 == 0o600
    document = json.loads((tmp_path / "bank.json").read_text())
    assert document["schema"] == "stackscope/1"
    said = command("why", process.pid)
    assert said.returncode == 1
    assert "bank-ada" in said.stdout
    assert "journal" in said.stdout
    shown = command("show", "--why", tmp_path / "bank.json")
    assert shown.returncode == 1
    assert "Lock.acquire(), held by " in shown.stdout
