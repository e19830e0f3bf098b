"""Sessions with the debugger in a real terminal."""

from __future__ import annotations

import re
import sys
import textwrap

import pytest

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal", allow_module_level=True)

TASKS = textwrap.dedent(
    """
    import asyncio
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def lease(name):
        lock = asyncio.Lock()
        async with lock:
            yield name

    async def client(number, gate):
        secret = number * 11
        async with lease(number) as leased:
            await gate.wait()
        return secret

    async def main():
        gate = asyncio.Event()
        clients = [asyncio.ensure_future(client(n, gate)) for n in range(3)]
        for n, task in enumerate(clients):
            task.set_name("client-%d" % n)
        await asyncio.sleep(0.01)
        breakpoint()
        gate.set()
        print("secrets", await asyncio.gather(*clients))

    asyncio.run(main())
    """
)

OURS = {"PYTHONBREAKPOINT": "stackscope_pdb.set_trace"}

COLORS = re.compile(r"\x1b\[[0-9;]+m")


def test_a_session_from_breakpoint_to_the_end(terminal):
    session = terminal(TASKS, "app.py", **OURS)
    session.expect_prompt()
    table = session.ask("tasks")
    assert "asyncio loop in MainThread, stopped: 4 tasks" in table
    assert table.count("waiting: Event.wait()") == 3
    assert "-> await gate.wait()" in session.ask("task client-2", "client-2")
    assert session.ask("p secret", "client-2") == "22\n"
    assert "lease" in session.ask("where --contexts", "client-2")
    assert "async with lease(number) as leased:" in session.ask("ctx", "client-2")
    assert "-> yield name" in session.ask("ctx 1", "ctx 1")
    assert "async with lock:" in session.ask("ctx", "ctx 1")
    session.ask("task client-1", "client-1")
    assert "can't run task" in session.ask("step", "client-1")
    session.ask("secret = 5", "client-1")
    assert "main()" in session.ask("unfocus")
    session.ask("note = 1")
    session.ask("w")
    assert session.ask("p note") == "1\n"
    assert "secrets [0, 5, 22]" in session.finish("continue")
    assert session.child.exitstatus == 0


def test_tab_completes_commands_and_arguments(terminal):
    session = terminal(TASKS, "app.py", **OURS)
    session.expect_prompt()
    session.child.send("task client-\t\t")
    session.child.expect_exact("client-0")
    session.child.expect_exact("client-2")
    session.enter("1")
    session.expect_prompt("client-1")
    session.enter("where --c\t")
    assert "with lease(number)" in session.expect_prompt("client-1")
    session.enter("unfo\t")
    assert "main()" in session.expect_prompt()
    session.finish("c")


def test_colors(terminal):
    session = terminal(TASKS, "app.py", **OURS)
    session.expect_prompt()
    assert "\x1b[35m" in session.raw("tasks")
    assert "\x1b[" in session.raw("where")
    assert "\x1b[" in session.raw("ll")
    session.finish("c")


@pytest.mark.parametrize(
    "environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"PYTHON_COLORS": "0", "FORCE_COLOR": "1"}]
)
def test_no_colors(terminal, environ):
    session = terminal(TASKS, "app.py", **OURS, **environ)
    session.expect_prompt()
    for command in ("tasks", "where -c", "ll", "ctx"):
        assert not COLORS.search(session.raw(command))
    session.finish("c")


def test_redirected_output_has_no_escapes(terminal, tmp_path):
    session = terminal(
        TASKS + "\nprint('end')\n",
        "-c",
        "import subprocess, sys\n"
        "app = subprocess.Popen([sys.executable, 'app.py'], stdout=subprocess.PIPE)\n"
        "with open('out.txt', 'wb') as out:\n"
        "    out.write(app.communicate()[0])\n"
        "print('finished')\n",
        **OURS,
    )
    for line in ("tasks", "where -c", "task client-1", "ll", "c"):
        session.child.sendline(line)
    session.child.expect_exact("finished")
    text = (tmp_path / "out.txt").read_text(encoding="utf-8")
    assert "waiting: Event.wait()" in text
    assert "\x1b" not in text


def test_run_as_a_module_stops_at_the_first_line_and_at_breakpoints(terminal):
    session = terminal(TASKS, "-m", "stackscope_pdb", "app.py")
    assert "app.py(2)<module>()" in session.expect_prompt()
    assert "import asyncio" in session.ask("list")
    session.ask("c")
    assert "4 tasks" in session.ask("tasks")
    where = session.ask("where")
    assert "frames of the debugger, runpy folded" in where
    assert "<module> in __main__ at app.py:" in where
    assert "asyncio.run(main())" in where
    output = session.ask("c")
    assert "secrets [0, 11, 22]" in output
    assert "The program finished and will be restarted" in output
    session.finish("q")
    assert session.child.exitstatus == 0


def test_interrupt_at_the_prompt(terminal):
    session = terminal(TASKS, "app.py", **OURS)
    session.expect_prompt()
    session.ask("task client-1", "client-1")
    session.child.send("half a li")
    session.child.expect_exact("half a li")
    session.interrupt("client-1")
    assert session.ask("p secret", "client-1") == "11\n"
    assert "secrets [0, 11, 22]" in session.finish("c")


NO_EXTRAS = "import sys; sys.modules['pygments'] = sys.modules['prompt_toolkit'] = None\n"


def test_without_the_extras(terminal):
    session = terminal(NO_EXTRAS + TASKS, "app.py", **OURS)
    session.expect_prompt()
    assert "4 tasks" in session.ask("tasks")
    assert "-> await gate.wait()" in session.ask("task client-1", "client-1")
    assert "with lease" in session.ask("where -c", "client-1")
    assert "need Pygments: pip install pygments" in session.ask("help stackscope", "client-1")
    session.finish("c")


def test_a_style_without_the_extra(terminal):
    session = terminal(NO_EXTRAS + TASKS, "app.py", STACKSCOPE_PDB_STYLE="monokai", **OURS)
    banner = session.expect_prompt()
    assert "STACKSCOPE_PDB_STYLE=monokai needs Pygments: pip install pygments" in banner
    assert "Pygments" not in session.ask("n")
    session.finish("c")


def test_styles(terminal):
    session = terminal(TASKS, "app.py", STACKSCOPE_PDB_STYLE="monokai", **OURS)
    session.expect_prompt()
    assert "\x1b[38;5;" in session.raw("ll")
    session.finish("c")
    session = terminal(TASKS, "app.py", STACKSCOPE_PDB_STYLE="no-such-style", **OURS)
    assert "is not a style of Pygments" in session.expect_prompt().replace("\n", " ")
    session.finish("c")


THREADS = textwrap.dedent(
    """
    import asyncio, threading

    def work():
        local = "in a thread"
        breakpoint()

    def values():
        yield breakpoint()

    def callback():
        here = "in a callback"
        breakpoint()

    thread = threading.Thread(target=work, name="worker")
    thread.start()
    thread.join()
    list(values())

    async def main():
        asyncio.get_running_loop().call_soon(callback)
        await asyncio.sleep(0.01)

    asyncio.run(main())
    print("end")
    """
)


def test_breakpoints_in_a_thread_a_generator_and_a_callback(terminal):
    session = terminal(THREADS, "app.py", **OURS)
    session.expect_prompt()
    where = session.ask("where")
    assert "work in __main__ at app.py" in where
    assert "frames of threading folded" in where
    assert session.ask("tasks") == "No task is alive in this process.\n"
    session.ask("c")
    assert "values in __main__ at app.py" in session.ask("where")
    session.ask("c")
    where = session.ask("where")
    assert "callback in __main__ at app.py" in where
    assert "asyncio folded" in where
    assert "1 task" in session.ask("tasks")
    assert "end" in session.finish("c")


TRIO = textwrap.dedent(
    """
    import trio

    async def child(event):
        with trio.move_on_after(60):
            await event.wait()

    async def main():
        event = trio.Event()
        async with trio.open_nursery() as nursery:
            for number in range(2):
                nursery.start_soon(child, event, name="child-%d" % number)
            nursery.start_soon(trio.sleep, 0.1)
            await trio.testing.wait_all_tasks_blocked()
            breakpoint()
            event.set()
        print("end")

    import trio.testing
    trio.run(main)
    """
)


def test_trio(terminal):
    session = terminal(TRIO, "app.py", **OURS)
    session.expect_prompt()
    table = session.ask("tasks")
    assert "trio run in MainThread, stopped: 4 tasks" in table
    assert "async with trio.open_nursery() as nursery  # main, line " in table
    assert table.count("waiting: Event.wait()") == 2
    assert "waiting: trio.sleep()" in table
    assert "-> await event.wait()" in session.ask("task child-1", "child-1")
    assert "with trio.move_on_after(60):" in session.ask("ctx", "child-1")
    session.ask("unfocus")
    assert "1.1 ├ task " in session.ask("ctx")
    assert "-> await event.wait()" in session.ask("ctx 1.1", "child-0")
    assert "end" in session.finish("c")


ANYIO = textwrap.dedent(
    """
    import sys
    import anyio

    async def child(event):
        await event.wait()

    async def main():
        event = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(child, event, name="a-child")
            await anyio.sleep(0.01)
            breakpoint()
            event.set()
        print("end")

    anyio.run(main, backend=sys.argv[1])
    """
)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_anyio(terminal, backend):
    session = terminal(ANYIO, "app.py", backend, **OURS)
    session.expect_prompt()
    table = session.ask("tasks")
    assert "2 tasks" in table
    assert "a-child" in table
    assert "-> await event.wait()" in session.ask("task a-child", "a-child")
    assert "end" in session.finish("c")


def test_narrow_terminal(terminal):
    session = terminal(TASKS, "app.py", columns=50, **OURS)
    session.expect_prompt()
    for command in ("tasks", "where -c", "ctx"):
        lines = session.ask(command).splitlines()
        assert lines
        assert max(map(len, lines)) <= 50
    session.finish("c")


def test_terminal_without_unicode(terminal):
    session = terminal(TASKS, "app.py", PYTHONIOENCODING="ascii", **OURS)
    session.expect_prompt()
    assert session.ask("where -c").isascii()
    assert session.ask("tasks").isascii()
    assert "with lease(number)" in session.ask("task client-0", "client-0") + session.ask(
        "ctx", "client-0"
    )
    session.finish("c")
