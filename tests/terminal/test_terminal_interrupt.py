"""Ctrl-C while a program waits, and `quit` in event loops."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap

import pytest

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal", allow_module_level=True)

from tests.terminal.conftest import ROOT

ASYNCIO = textwrap.dedent(
    """
    import asyncio

    async def client(number, gate):
        secret = number * 11
        try:
            await gate.wait()
        finally:
            print("cleaned up", number)
        return secret

    async def main():
        gate = asyncio.Event()
        clients = [asyncio.ensure_future(client(n, gate)) for n in range(2)]
        for n, task in enumerate(clients):
            task.set_name("client-%d" % n)
        asyncio.get_running_loop().call_later(0.05, print, "waiting")
        print("secrets", await asyncio.gather(*clients))

    asyncio.run(main())
    """
)

TRIO = textwrap.dedent(
    """
    import trio, trio.testing

    async def child(event):
        await event.wait()

    async def main():
        event = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child, event, name="the-child")
            await trio.testing.wait_all_tasks_blocked()
            print("waiting")
        print("end")

    trio.run(main)
    """
)

UNDER = ("-m", "stackscope_pdb", "-c", "continue", "app.py")


LATER = "import asyncio; handle = asyncio.get_running_loop().call_later(0.05, print, 'later')"


def interrupt_again(session, name=""):
    """Go on, and interrupt once the program is known to have done so."""
    session.ask(LATER, name)
    session.enter("continue")
    session.child.expect_exact("later\r\n")
    return session.interrupt()


def test_an_idle_loop(terminal):
    session = terminal(ASYNCIO, *UNDER)
    session.child.expect_exact("waiting")
    shown = session.interrupt()
    assert "Program interrupted." in shown
    assert "asyncio loop in MainThread, stopped: 3 tasks" in shown
    assert shown.count("waiting: Event.wait()") == 2
    assert re.findall(r"^..(\d) ", shown, re.MULTILINE) == ["1", "2", "3"]
    assert "-> await gate.wait()" in session.ask("task client-1", "client-1")
    assert session.ask("p secret", "client-1") == "11\n"
    session.ask("secret = 5", "client-1")
    assert "3 tasks" in interrupt_again(session, "client-1")
    session.ask("task client-1", "client-1")
    session.ask("gate.set()", "client-1")
    assert "return secret" not in session.ask("next")
    assert "cleaned up" in session.ask("n")
    answer = session.ask("c")
    assert "secrets [0, 5]" in answer
    session.finish("q")
    assert session.child.exitstatus == 0


GREENLETS = """
import gevent, gevent.lock

def take(one, other):
    with one:
        gevent.sleep(0.05)
        with other:
            pass

locks = [gevent.lock.RLock() for _ in range(2)]
gevent.spawn_later(0.2, print, "waiting")
gevent.joinall([gevent.spawn(take, *locks), gevent.spawn(take, *reversed(locks))], timeout=1000)
"""


def test_greenlets(terminal):
    pytest.importorskip("gevent")
    session = terminal(GREENLETS, *UNDER)
    session.child.expect_exact("waiting")
    shown = session.interrupt()
    assert shown.count("waiting: RLock.acquire(), held by") == 2
    assert "stuck: 2 greenlets" in shown
    session.finish("q")


LOOPS = """
import sys
KIND = sys.argv[1]

async def client(number, wait):
    secret = number * 11
    try:
        await wait()
    finally:
        print("cleaned up", number)

if KIND in ("asyncio", "uvloop"):
    import asyncio
    if KIND == "uvloop":
        import uvloop
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())

    async def main():
        event = asyncio.Event()
        clients = [asyncio.ensure_future(client(number, event.wait)) for number in range(2)]
        asyncio.get_running_loop().call_later(0.05, print, "waiting")
        await asyncio.gather(*clients)

    breakpoint()
    asyncio.run(main())
elif KIND == "trio":
    import trio, trio.testing

    async def main():
        async with trio.open_nursery() as nursery:
            for number in range(2):
                nursery.start_soon(client, number, trio.sleep_forever)
            await trio.testing.wait_all_tasks_blocked()
            print("waiting")

    breakpoint()
    trio.run(main)
else:
    import anyio

    async def main():
        async with anyio.create_task_group() as group:
            for number in range(2):
                group.start_soon(client, number, anyio.sleep_forever)
            await anyio.wait_all_tasks_blocked()
            print("waiting")

    breakpoint()
    anyio.run(main, backend=KIND.partition("-")[2])
print("not reached")
"""


@pytest.mark.parametrize("kind", ["asyncio", "uvloop", "trio", "anyio-asyncio", "anyio-trio"])
def test_an_idle_loop_after_a_breakpoint(terminal, kind):
    if kind == "uvloop":
        pytest.importorskip("uvloop")
    session = terminal(LOOPS, "app.py", kind, PYTHONBREAKPOINT="stackscope_pdb.set_trace")
    session.expect_prompt()
    session.enter("c")
    session.child.expect_exact("waiting")
    shown = session.interrupt()
    assert shown.count("client:8 app.py") == 2
    assert "stopped: 3 tasks" in shown or "stopped: 2 tasks" in shown
    [number] = re.findall(r"^ *(\d+) .*client:8 app.py", shown, re.MULTILINE)[:1]
    [name] = re.findall(r"^ *\d+ +(?:├ )?(\S+) .*client:8 app.py", shown, re.MULTILINE)[:1]
    assert "await wait()" in session.ask(f"task {number}", name)
    assert session.ask("p secret", name) in ("0\n", "11\n")
    session.ask("unfocus")
    session.interrupt()  # at the prompt that gives up a line, and nothing else
    session.enter("q")
    if sys.version_info >= (3, 14):
        session.child.expect_exact("Quit anyway? [y/n] ")
        session.child.sendline("y")
    left = session.rest()
    assert left.count("cleaned up") == 2
    assert "Traceback" not in left
    assert "not reached" not in left
    assert session.child.exitstatus == 1


def test_quit_while_idle(terminal):
    session = terminal(ASYNCIO, *UNDER)
    session.child.expect_exact("waiting")
    session.interrupt()
    left = session.finish("q")
    assert sorted(left.splitlines()) == ["cleaned up 0", "cleaned up 1"]
    assert session.child.exitstatus == 0


def test_quit_while_trio_is_idle(terminal):
    session = terminal(LOOPS.replace("breakpoint()", ""), *UNDER, "trio")
    session.child.expect_exact("waiting")
    session.interrupt()
    left = session.finish("q")
    assert sorted(left.splitlines()) == ["cleaned up 0", "cleaned up 1"]
    assert session.child.exitstatus == 0


def test_half_a_line_is_given_up(terminal):
    session = terminal(ASYNCIO, *UNDER)
    session.child.expect_exact("waiting")
    session.interrupt()
    session.child.send("half a li")
    session.child.expect_exact("half a li")
    session.interrupt()
    assert "3 tasks" in interrupt_again(session)
    session.finish("q")


def test_idle_trio(terminal):
    session = terminal(TRIO, *UNDER)
    session.child.expect_exact("waiting")
    shown = session.interrupt()
    assert "trio run in MainThread, stopped: 2 tasks" in shown
    assert "-> await event.wait()" in session.ask("task the-child", "the-child")
    session.ask("event.set()", "the-child")
    answer = session.ask("c")
    assert "end" in answer
    assert "Traceback" not in answer
    session.finish("q")


SLEEPS = """
import threading, time
threading.Timer(0.1, print, ["waiting"]).start()
time.sleep(100)
"""


def test_a_program_without_tasks(terminal):
    session = terminal(SLEEPS, *UNDER)
    session.child.expect_exact("waiting")
    shown = session.interrupt()
    assert "-> time.sleep(100)" in shown
    assert "No task" not in shown
    session.finish("q")


THREADED = """
import queue, threading
from concurrent.futures import ThreadPoolExecutor

pool = ThreadPoolExecutor(2)
pool.submit(int).result()
lock = threading.Lock()
lock.acquire()

def work():
    lock.acquire()

threading.Thread(target=work, name="worker", daemon=True).start()
threading.Timer(0.1, print, ["waiting"]).start()

def serve():
    requests = queue.Queue()
    requests.get()

serve()
"""


def test_a_program_with_threads(terminal):
    session = terminal(THREADED, *UNDER)
    session.child.expect_exact("waiting")
    shown = session.interrupt()
    assert re.search(
        r"\d+ worker +(waiting: Lock.acquire\(\)|running), daemon +work:\d+ app.py", shown
    )
    assert "1 more thread is idle or in a library: 'threads' shows it" in shown
    # The innermost frame of the user's is selected.
    assert "-> requests.get()" in shown
    assert session.ask("p requests.qsize()") == "0\n"
    where = session.ask("where")
    assert re.search(r"> +\d+ ╠ serve in __main__", where)
    assert "-> serve()" in session.ask("up")
    session.ask("lock.release()")
    session.ask("down")
    session.ask("requests.put(1)")
    assert "--Return--" in session.ask("n")
    session.finish("q")


IN_A_CIRCLE = """
import threading, time

first, second = threading.Lock(), threading.Lock()

def work(one, other, number):
    with one:
        print("holds", number)
        time.sleep(0.2)
        with other:
            pass

threads = [threading.Thread(target=work, args=locks, name=f"worker-{locks[2]}", daemon=True)
           for locks in ((first, second, 1), (second, first, 2))]
for thread in threads:
    thread.start()
time.sleep(0.5)
print("waiting")
for thread in threads:
    thread.join()
"""


def test_threads_that_wait_for_each_other(terminal):
    session = terminal(IN_A_CIRCLE, *UNDER, columns=80)
    session.child.expect_exact("waiting")
    shown = session.interrupt()
    assert re.search(r"2 worker-1 +waiting: Lock.acquire\(\), held by 3", shown)
    assert re.search(r"3 worker-2 +waiting: Lock.acquire\(\), held by 2", shown)
    session.finish("q")


BUSY = "n = 0\nprint('waiting')\nwhile n >= 0:\n    n += 1\nprint('left')\n"


def test_a_busy_program(terminal):
    session = terminal(BUSY, *UNDER)
    session.child.expect_exact("waiting")
    session.interrupt()
    # To a line's beginning: it may have stopped between `n += 1`'s look at n and its store.
    session.ask("n")
    session.ask("n = -10")
    answer = session.ask("n")
    assert "app.py(" in answer
    if "left" not in answer:
        answer += session.ask("c")
    assert "left" in answer
    session.finish("q")


QUIT = """
import sys

async def child(number):
    try:
        if number == 1:
            breakpoint()
        await sleep(100)
    finally:
        print("cleaned up", number)

KIND = sys.argv[1]
if KIND.startswith("anyio"):
    import anyio
    sleep = anyio.sleep
    async def main():
        async with anyio.create_task_group() as group:
            for number in range(2):
                group.start_soon(child, number)
    anyio.run(main, backend=KIND.partition("-")[2])
elif KIND == "trio":
    import trio
    sleep = trio.sleep
    async def main():
        async with trio.open_nursery() as outer:
            async with trio.open_nursery() as nursery:
                for number in range(2):
                    nursery.start_soon(child, number)
    trio.run(main)
else:
    import asyncio
    sleep = asyncio.sleep
    async def main():
        await asyncio.gather(child(0), child(1))
    asyncio.run(main())
print("not reached")
"""


# More kinds are in tests/pdb/program/test_quitting.py, without a terminal.
@pytest.mark.parametrize("kind", ["gather", "anyio-asyncio", "anyio-trio", "trio"])
def test_quit_is_quiet(terminal, kind):
    session = terminal(QUIT, "app.py", kind, PYTHONBREAKPOINT="stackscope_pdb.set_trace")
    session.expect_prompt()
    if sys.version_info >= (3, 14):
        session.enter("q")
        session.child.expect_exact("Quit anyway? [y/n] ")
        session.enter("n")
        session.expect_prompt()
        session.enter("q")
        session.child.expect_exact("Quit anyway? [y/n] ")
        left = session.finish("y")
    else:
        left = session.finish("q")
    words = set(left.split())
    assert words <= {"cleaned", "up", "0", "1"}
    assert session.child.exitstatus == 1


LOCKED = """
import threading

locks = [threading.Lock(), threading.Lock()]
both = threading.Barrier(2)

def work(first, second):
    with first:
        both.wait()
        with second:
            pass

def start(name, *locks):
    threading.Thread(target=work, args=locks, name=name, daemon=True).start()

start("one", *locks)
start("two", *reversed(locks))
threading.Timer(0.2, print, ["waiting"]).start()
threading.Event().wait()
"""


@pytest.mark.skipif(
    sys.implementation.name == "pypy" or not getattr(sys, "_is_gil_enabled", lambda: True)(),
    reason="there is no telling what a thread waits for",
)
def test_who_holds_the_locks_of_threads(terminal):
    session = terminal(LOCKED, *UNDER)
    session.child.expect_exact("waiting")
    shown = session.interrupt()
    numbers = dict(re.findall(r"(\d+) (one|two) ", shown))
    numbers = {name: number for number, name in numbers.items()}
    for name, other in (("one", "two"), ("two", "one")):
        (row,) = [line for line in shown.splitlines() if f" {name} " in line]
        assert f"waiting: Lock.acquire(), held by {numbers[other]}" in row
    assert f"waiting for each other: {numbers['one']} > {numbers['two']} > " in shown
    session.finish("q")


SERVER = """
import asyncio, signal, sys, time

KIND = sys.argv[1]
stopping = []

def stop(*args):
    stopping.append(args)
    print("shutting down")

async def serve():
    if KIND == "loop":
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop)
    print("waiting")
    while not stopping:
        await asyncio.sleep(0.05)

if KIND in ("signal", "asyncio"):
    before = signal.signal(signal.SIGINT, stop)
if KIND == "signal":
    print("waiting")
    while not stopping:
        time.sleep(0.05)
else:
    asyncio.run(serve())
if KIND in ("signal", "asyncio"):
    assert signal.signal(signal.SIGINT, before) is stop
    assert before is signal.default_int_handler
print("all ended")
"""


@pytest.mark.parametrize("kind", ["signal", "asyncio", "loop"])
def test_a_program_with_a_handler_of_its_own(terminal, kind):
    """As servers have, which would shut down. The prompt opens, and the program has it if told."""
    session = terminal(SERVER, *UNDER, kind)
    session.child.expect_exact("waiting")
    for _ in range(2):
        shown = session.interrupt()
        assert "('continue' goes on; 'interrupt' leaves Ctrl-C to it)" in shown
        session.interrupt()  # at the prompt that gives up a line, and nothing else
        session.ask("import threading; threading.Timer(0.3, print, ['later']).start()")
        session.enter("c")
        session.child.expect_exact("later")
        assert "shutting down" not in session.child.before
    session.interrupt()
    shown = session.ask("interrupt")
    assert shown.startswith("shutting down\nall ended\n")
    assert "Traceback" not in shown
    session.finish("q")
    assert session.child.exitstatus == 0


def test_a_program_without_a_handler(terminal):
    session = terminal(SLEEPS, *UNDER)
    session.child.expect_exact("waiting")
    assert "Program interrupted. ('continue' goes on)\n" in session.interrupt()
    assert "The program has no handler for Ctrl-C." in session.ask("interrupt")
    assert "'interrupt' takes no argument" in session.ask("interrupt now")
    session.finish("q")


SIGNALLED = """
import os, signal, threading, time

seen = []
signal.signal(signal.SIGINT, lambda *args: seen.append(args))
threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT]).start()
while not seen:
    time.sleep(0.05)
print("by its own handler")
"""


def test_without_a_terminal_signals_are_the_programs(tmp_path):
    (tmp_path / "app.py").write_text(SIGNALLED, encoding="utf-8")
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *UNDER]
    shown = subprocess.run(
        command, cwd=tmp_path, env=env, input="q\n", stdout=subprocess.PIPE, encoding="utf-8"
    ).stdout
    assert "by its own handler" in shown
    assert "interrupted" not in shown


MANY = textwrap.dedent(
    """
    import asyncio, threading, time
    from stackscope_pdb.program import patience

    patience.SECONDS_IN_SILENCE = -1
    told = patience.Patience._show

    def wait_for_user(self, line):
        told(self, line)
        while not self.is_enough:
            time.sleep(0.01)

    patience.Patience._show = wait_for_user

    async def main():
        workers = [asyncio.ensure_future(asyncio.sleep(1000)) for _ in range(200)]
        await asyncio.sleep(0)
        print("here")
        breakpoint()
        print("in a thread")
        await asyncio.get_running_loop().run_in_executor(None, breakpoint)

    asyncio.run(main())
    """
)


@pytest.mark.parametrize("kind", ["prompt_toolkit", "readline"])
def test_ctrl_c_ends_a_look_at_all_tasks(terminal, kind):
    """In the main thread, and in another one."""
    session = terminal(MANY, *UNDER, STACKSCOPE_PDB_PROMPT=kind)
    child = session.child
    for place in ("here\r\n", "in a thread\r\n"):
        child.expect_exact(place)
        child.expect_exact("(stackscope_pdb)")
        session.enter("tasks")
        child.expect_exact("Looking at all tasks")
        child.sendintr()
        child.expect_exact("Incomplete: Ctrl-C has ended the search after")
        assert "KeyboardInterrupt" not in child.before
        child.expect_exact("(stackscope_pdb)")
        assert "KeyboardInterrupt" not in child.before
        session.enter("continue")
