"""Ctrl-C while a program waits, and `quit` in event loops."""

from __future__ import annotations

import sys
import textwrap
import time

import pytest

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal", allow_module_level=True)

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
        print("waiting")
        print("secrets", await asyncio.gather(*clients))

    asyncio.run(main())
    """
)

TRIO = textwrap.dedent(
    """
    import trio

    async def child(event):
        await event.wait()

    async def main():
        event = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child, event, name="the-child")
            print("waiting")
        print("end")

    trio.run(main)
    """
)

UNDER = ("-m", "stackscope_pdb", "-c", "continue", "app.py")


def interrupt(session):
    time.sleep(0.1)  # until the loop sleeps
    session.child.sendintr()
    return session.expect_prompt()


def test_an_idle_loop(terminal):
    session = terminal(ASYNCIO, *UNDER)
    session.child.expect_exact("waiting")
    shown = interrupt(session)
    assert "Program interrupted." in shown
    assert "asyncio loop in MainThread, stopped: 3 tasks" in shown
    assert shown.count("waiting: Event.wait()") == 2
    assert "-> await gate.wait()" in session.ask("task client-1", "client-1")
    assert session.ask("p secret", "client-1") == "11\n"
    session.ask("secret = 5", "client-1")
    session.child.sendline("continue")
    shown = interrupt(session)
    assert "3 tasks" in shown
    session.ask("task client-1", "client-1")
    session.ask("gate.set()", "client-1")
    assert "return secret" not in session.ask("next")
    assert "cleaned up" in session.ask("n")
    answer = session.ask("c")
    assert "secrets [0, 5]" in answer
    session.finish("q")
    assert session.child.exitstatus == 0


def test_quit_while_idle(terminal):
    session = terminal(ASYNCIO, *UNDER)
    session.child.expect_exact("waiting")
    interrupt(session)
    left = session.finish("q")
    assert sorted(left.split("\n")[1:-1]) == ["cleaned up 0", "cleaned up 1"]
    assert session.child.exitstatus == 0


def test_half_a_line_is_given_up(terminal):
    session = terminal(ASYNCIO, *UNDER)
    session.child.expect_exact("waiting")
    interrupt(session)
    session.child.send("half a li")
    session.child.expect_exact("half a li")
    interrupt(session)
    session.child.sendline("c")
    assert "3 tasks" in interrupt(session)
    session.finish("q")


def test_idle_trio(terminal):
    session = terminal(TRIO, *UNDER)
    session.child.expect_exact("waiting")
    shown = interrupt(session)
    assert "trio run in MainThread, stopped: 2 tasks" in shown
    assert "-> await event.wait()" in session.ask("task the-child", "the-child")
    session.ask("event.set()", "the-child")
    answer = session.ask("c")
    assert "end" in answer
    assert "Traceback" not in answer
    session.finish("q")


def test_a_program_without_tasks(terminal):
    session = terminal("import time\nprint('waiting')\ntime.sleep(100)\n", *UNDER)
    session.child.expect_exact("waiting")
    shown = interrupt(session)
    assert "-> time.sleep(100)" in shown
    assert "No task" not in shown
    session.finish("q")


BUSY = "print('waiting')\nn = 0\nwhile n >= 0:\n    n += 1\nprint('left')\n"


def test_a_busy_program(terminal):
    session = terminal(BUSY, *UNDER)
    session.child.expect_exact("waiting")
    interrupt(session)
    session.ask("n = -10")
    answer = session.ask("n") + session.ask("n") + session.ask("n")
    assert "app.py(" in answer
    assert "left" in answer + session.ask("c")
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
        loop = asyncio.get_running_loop()
        if KIND == "callback":
            loop.call_soon(lambda: breakpoint())
            await child(0)
        elif KIND == "taskgroup":
            async with asyncio.TaskGroup() as group:
                for number in range(2):
                    group.create_task(child(number))
        elif KIND == "background":
            kept = [asyncio.ensure_future(child(number)) for number in range(2)]
            await sleep(100)
        else:
            await asyncio.gather(child(0), child(1))
    asyncio.run(main())
print("not reached")
"""

KINDS = ["gather", "background", "callback", "anyio-asyncio", "anyio-trio", "trio"]
KINDS += ["taskgroup"] if sys.version_info >= (3, 11) else []


@pytest.mark.parametrize("kind", KINDS)
def test_quit_is_quiet(terminal, kind):
    session = terminal(QUIT, "app.py", kind, PYTHONBREAKPOINT="stackscope_pdb.set_trace")
    session.expect_prompt()
    session.child.sendline("q")
    if sys.version_info >= (3, 14):
        session.child.expect_exact("Quit anyway? [y/n] ")
        session.child.sendline("n")
        session.expect_prompt()
        session.child.sendline("q")
        session.child.expect_exact("Quit anyway? [y/n] ")
        left = session.finish("y")
    else:
        left = session.finish("q")
    words = set(left.split())
    assert words <= {"q", "y", "cleaned", "up", "0", "1"}
    assert session.child.exitstatus == 1
