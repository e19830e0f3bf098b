"""``python -m stackscope_pdb -p PID``: a debugger for a process that runs already."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from tests.terminal.conftest import ROOT

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal", allow_module_level=True)

attachable = pytest.mark.skipif(
    sys.version_info < (3, 14) or sys.implementation.name != "cpython" or sys.platform == "darwin",
    reason="sys.remote_exec is new in CPython 3.14; on macOS it takes root",
)

ALLOW = """
import ctypes, sys
if sys.platform == "linux":
    # Where Yama is on, a process has to allow others than its parents to look into it.
    ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1))
"""

IDLE = ALLOW + textwrap.dedent(
    """
    import asyncio
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def lease(name):
        yield name

    async def client(number, gate):
        secret = number * 11
        async with lease(number):
            await gate.wait()
        return secret

    async def main():
        gate = asyncio.Event()
        print("ready", flush=True)
        print("secrets", await asyncio.gather(*[client(n, gate) for n in range(3)]))

    asyncio.run(main())
    """
)

BLOCKED = ALLOW + textwrap.dedent(
    """
    import sys, threading, time
    lock = threading.Lock()
    lock.acquire()
    main = threading.get_ident()

    def release():
        places = [None]
        while len(places) < 6:  # until the main thread has been at the same place for a while
            time.sleep(0.02)
            place = sys._current_frames()[main].f_lasti
            places = [*places, place] if place == places[-1] else [place]
        print("ready", flush=True)
        sys.stdin.readline()
        lock.release()

    threading.Thread(target=release).start()
    lock.acquire()
    print("end")
    """
)


@pytest.fixture
def process(tmp_path):
    """Starts a program that knows nothing of this library, and waits until it is ready."""
    started = []

    def start(source):
        (tmp_path / "target.py").write_text(source, encoding="utf-8")
        one = subprocess.Popen(
            [sys.executable, "-S", "-E", str(tmp_path / "target.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            universal_newlines=True,
            cwd=str(tmp_path),
        )
        started.append(one)
        assert one.stdout.readline() == "ready\n"
        return one

    yield start
    for one in started:
        one.kill()
        one.communicate()


@attachable
def test_an_idle_event_loop(terminal, process):
    target = process(IDLE)
    session = terminal("", "-m", "stackscope_pdb", "-p", str(target.pid))
    arrival = session.expect_prompt()
    assert "Attached." in arrival
    assert "asyncio loop in MainThread, stopped: 4 tasks" in arrival
    assert "-> " in arrival

    assert "\x1b[" in session.raw("tasks")
    tasks = session.ask("tasks client")
    assert tasks.count("waiting: Event.wait()") == 3
    name = next(word for word in tasks.split() if word.startswith("Task-") and word != "Task-1")
    assert "await gate.wait()" in session.ask(f"task {name}", name)
    where = session.ask("where --contexts", name)
    assert "async with lease(number):" in where
    assert "lease in __main__ at" in where
    assert "1 async with lease(number):" in session.ask("ctx", name)
    assert "can't run task" in session.ask("step", name)
    assert session.ask("p secret % 11", name) == "0\n"
    session.ask("secret = 500", name)
    assert "await gate.wait()" in session.ask("ll", name)
    assert "ctx [PATH]" in session.ask("help ctx", name)
    session.child.send("unfo\t\r")
    assert "select" in session.expect_prompt()
    session.child.send("where --con\t\r")
    assert "asyncio.run(main())" in session.expect_prompt()

    # it runs, and goes on with what it waits for
    session.ask("from functools import partial; from asyncio import get_running_loop")
    session.ask("say = partial(print, 'going on', flush=True)")
    session.ask("get_running_loop().call_soon(say)")
    session.child.sendline("c")
    assert target.stdout.readline() == "going on\n"

    # one debugger at a time
    other = terminal("", "-m", "stackscope_pdb", "-p", str(target.pid))
    assert "Another debugger is attached" in finished(other)

    # Ctrl-C stops it while it idles
    again = session.interrupt()
    assert "Program interrupted." in again
    assert "4 tasks" in again

    # what is done at the prompt is noticed by the loop, which slept
    session.ask(f"task {name}", name)
    session.ask("gate.set()", name)
    assert "-> async with lease(number):" in session.ask("next")  # which ends now
    session.finish("q")
    assert session.child.exitstatus == 0
    out, _ = target.communicate(timeout=60)
    assert sorted(eval(out.partition("secrets ")[2])) in ([0, 11, 500], [0, 22, 500], [11, 22, 500])


@attachable
def test_the_standard_debugger_attaches_to_a_process_that_has_the_commands(process):
    target = process(ALLOW + INSTALLED)
    run = subprocess.run(
        [sys.executable, "-m", "pdb", "-p", str(target.pid)],
        input="tasks\nctx\nwhere -c\nloop = 0\nq\n",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        timeout=60,
        check=False,
    )
    assert "No task is alive in this process." in run.stdout
    assert "1 with nullcontext(5) as number:" in run.stdout
    assert "with nullcontext(5) as number:  # number: nullcontext" in run.stdout
    out, _ = target.communicate(timeout=60)
    assert out == "end\n"


INSTALLED = f"""
sys.path.insert(0, {str(ROOT)!r})
import stackscope_pdb, time
from contextlib import nullcontext
stackscope_pdb.install()
with nullcontext(5) as number:
    loop = 1
    print("ready", flush=True)
    while loop:
        time.sleep(0.01)
print("end")
"""


def finished(session):
    import pexpect

    session.child.expect(pexpect.EOF)
    session.child.close()
    return session.child.before


@attachable
def test_a_thread_that_waits_for_a_lock(process, monkeypatch):
    from stackscope_pdb.entry import attach

    monkeypatch.setattr(attach, "SECONDS", 1.2)
    target = process(BLOCKED)
    with pytest.raises(attach.AttachError, match="has not answered for 1.2 seconds"):
        attach.attach(target.pid, [])
    out, _ = target.communicate("go on\n", timeout=60)
    assert out == "end\n"
    assert target.returncode == 0


@attachable
def test_no_process_to_attach_to(process):
    import os

    from stackscope_pdb.entry import attach

    target = process(BLOCKED)
    target.communicate("end\n", timeout=60)
    with pytest.raises(attach.AttachError, match=f"There is no process {target.pid}"):
        attach.attach(target.pid, [])
    with pytest.raises(attach.AttachError, match="this debugger itself"):
        attach.attach(os.getpid(), [])
    other = subprocess.Popen(["sleep", "60"])
    try:
        with pytest.raises(attach.AttachError, match="It must run Python 3"):
            attach.attach(other.pid, [])
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["-p"], 2, "expected one argument"),
        (["-p", "x"], 2, "invalid int value: 'x'"),
        (["-p", "1", "app.py"], 2, "-p takes a process and no program: 'app.py' is too much"),
        (["-p", "99999999"], 1, "Error: "),
    ],
)
def test_bad_arguments(tmp_path, arguments, code, words):
    run = subprocess.run(
        [sys.executable, "-m", "stackscope_pdb", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        timeout=60,
        check=False,
    )
    assert words in run.stdout
    assert run.returncode == code
    if code == 1:
        can = hasattr(sys, "remote_exec")
        wanted = "There is no process" if can else "needs Python 3.14 or later"
        assert wanted in run.stdout
