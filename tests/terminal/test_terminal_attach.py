"""``python -m stackscope_pdb -p PID``: a debugger for a process that runs already."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

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
def test_statements_of_several_lines_and_await(terminal, process):
    """Where nothing can be awaited, the process says why."""
    target = process(IDLE)
    session = terminal("", "-m", "stackscope_pdb", "-p", str(target.pid))
    session.expect_prompt()
    session.enter("for i in range(2):")
    session.enter("    found = i + 10")
    session.ask("")
    assert session.ask("p found") == "11\n"
    assert "SyntaxError: invalid syntax" in session.ask("1 +* 2")
    for line in ("await asyncio.sleep(0)", "!x = await asyncio.sleep(0)"):
        assert "*** 'await' needs a task that is running" in session.ask(line)
    session.finish("q")


@attachable
def test_the_interpreter_of_interact(terminal, process):
    """As in a program that runs under the debugger: bounded values, completion, exit()."""
    target = process("import site\nsite.setquit()\n" + IDLE)
    session = terminal("", "-m", "stackscope_pdb", "-p", str(target.pid))
    session.expect_prompt()

    def type_(line):
        session.child.sendline(line)
        session.child.expect_exact("\r\n>>> ")
        return session.child.before

    assert "Ctrl-D goes back to the debugger." in type_("interact")
    shown = type_("list(range(30_000))")
    assert "'print(_)' shows all of it." in shown
    assert len(shown) < 10_000
    assert "30000" in type_("len(_)")
    type_("of_my_own = 7")
    assert "\n7" in type_("of_my\t")
    session.child.sendline("exit()")
    assert "SystemExit" not in session.expect_prompt()
    assert session.ask("p sys.stdin.closed") == "False\n"
    session.finish("q")


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
    assert "-> asyncio.run(main())" in session.expect_prompt()
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
def test_a_thread_that_waits_for_a_lock(process, monkeypatch, tmp_path):
    from stackscope_pdb.entry import attach

    monkeypatch.setattr(attach, "SECONDS", 1.2)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    target = process(BLOCKED)
    with pytest.raises(attach.AttachError, match="has not answered for 1.2 seconds"):
        attach.attach(target.pid, [])
    out, _ = target.communicate("go on\n", timeout=60)
    assert out == "end\n"
    assert target.returncode == 0


@attachable
def test_no_process_to_attach_to(process):
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
        (["-p", "x"], 2, "the number of a process is expected, not 'x'"),
        (["-p", "1", "app.py"], 2, "-p takes a process and no program: remove 'app.py'"),
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


# ---------------------------------------------------------------------- nothing is left behind

STATE = (
    ALLOW
    + """
import atexit, gc, os, signal, sys, threading, time

def state():
    return {
        "__main__": sorted(name for name in globals() if name not in ("before", "after")),
        "atexit": atexit._ncallbacks(),
        "folders": [*sys.path, *sorted(sys.path_importer_cache)],
        "hooks": [*sys.meta_path, *sys.path_hooks, *gc.callbacks, sys.breakpointhook,
                  sys.displayhook, sys.excepthook, sys.unraisablehook, threading.excepthook],
        "modules": sorted(name for name in sys.modules if name.startswith("stackscope")),
        "signals": [signal.getsignal(number) for number in sorted(signal.valid_signals())],
        "sockets": [one for one in map(link, os.listdir("/proc/self/fd")) if "socket" in one],
        "threads": threading.active_count(),
        "trace": [sys.gettrace(), threading.gettrace(), sys._getframe().f_back.f_trace,
                  *map(sys.monitoring.get_tool, range(6))],
    }

def link(number):
    try:
        return os.readlink("/proc/self/fd/" + number)
    except OSError:
        return ""

def work():
    pass

attach = "mine"  # a name that a script might use
say = None
import pdb, importlib.util  # which stay, and so does what they register
before = state()
print("ready", flush=True)
while attach == "mine" and not os.path.exists("stop"):
    work()
    if say:
        say = print("runs", flush=True)
    time.sleep(0.01)
after = state()
print({name: (before[name], after[name]) for name in after if after[name] != before[name]})
"""
)


def goes_on(session, target):
    """Let the process go on, and wait until it does."""
    session.ask("say = True")
    session.enter("c")
    assert target.stdout.readline() == "runs\n"


linux = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")


@attachable
@linux
@pytest.mark.parametrize(
    "lines",
    [
        ["q"],
        ["tasks", "where -c", "ctx", "catch ValueError", "watch say", "q"],
        ["n", "n", "q"],
        ["b work", "c", "n", "q"],
        ["c", "^C", "q"],
        ["c", signal.SIGTERM],
        ["catch ValueError", "watch before", "c", signal.SIGHUP],
        [signal.SIGTERM],
        [signal.SIGKILL],
    ],
    ids=str,
)
def test_an_attach_leaves_nothing(terminal, process, tmp_path, lines):
    target = process(STATE)
    session = terminal("", "-m", "stackscope_pdb", "-p", str(target.pid))
    session.expect_prompt()
    for number, line in enumerate(lines):
        if line == "^C":
            session.interrupt()
        elif isinstance(line, int):
            session.child.kill(line)
            session.rest()
            assert session.child.signalstatus == line
        elif line == "q":
            session.finish(line)
        elif line == "c" and lines[number + 1] != "n":
            goes_on(session, target)
        else:
            session.ask(line)
    (tmp_path / "stop").touch()
    out, _ = target.communicate(timeout=60)
    assert out == "{}\n"
    assert list((tmp_path / ".local" / "state" / "stackscope").iterdir()) == []


@attachable
@linux
def test_a_debugger_that_is_gone_is_no_reason_to_refuse(terminal, process, tmp_path):
    target = process(STATE)
    first = terminal("", "-m", "stackscope_pdb", "-p", str(target.pid))
    first.expect_prompt()
    goes_on(first, target)
    first.child.kill(signal.SIGKILL)
    first.rest()
    second = terminal("", "-m", "stackscope_pdb", "-p", str(target.pid))
    assert "Attached." in second.expect_prompt()
    second.finish("q")
    (tmp_path / "stop").touch()
    out, _ = target.communicate(timeout=60)
    assert out == "{}\n"


# ---------------------------------------------------------------------- what is given up


@attachable
@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_an_attach_that_is_given_up_does_nothing_later(process, tmp_path, number):
    target = process(BLOCKED)
    environ = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    environ.pop("XDG_STATE_HOME", None)
    debugger = subprocess.Popen(
        [sys.executable, "-m", "stackscope_pdb", "-p", str(target.pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environ,
    )
    state = tmp_path / ".local" / "state" / "stackscope"
    deadline = time.monotonic() + 30
    while not [path for path in state.glob("*/attach.py") if path.stat().st_size]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.1)  # so that the process is told, too; before that, nothing happens either
    debugger.send_signal(number)
    out, _ = debugger.communicate(timeout=30)
    assert b"Traceback" not in out
    assert debugger.returncode == (130 if number == signal.SIGINT else -number)

    (folder,) = state.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    script = folder / "attach.py"
    assert script.stat().st_mode & 0o777 == 0o600
    assert number == signal.SIGKILL or script.read_text() == ""
    out, _ = target.communicate("go on\n", timeout=60)
    assert out == "end\n"

    # once the process has ended, the next attach clears it away
    from stackscope.remote import meeting

    meeting._remove_old_ones(str(state))
    assert list(state.iterdir()) == []
