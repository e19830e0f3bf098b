"""The prompt of prompt_toolkit, in a terminal with a screen."""

from __future__ import annotations

import json
import sys
import textwrap

import pytest

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal", allow_module_level=True)

from tests.helpers.rows import IN_TURN
from tests.terminal.test_terminal_debugger import OURS, TASKS, TRIO


def test_trio(screen):
    seen = screen(TRIO, "app.py", **OURS)
    seen.wait_for_prompt()
    assert "4 tasks" in seen.ask("tasks")
    assert "-> await event.wait()" in seen.ask("task child-1", "child-1")
    seen.child.send("c\r")
    seen.wait("end")


@IN_TURN
def test_menu_and_arguments(screen):
    seen = screen(TASKS, "app.py", **OURS)
    seen.wait_for_prompt()
    seen.child.send("task cli\t")
    seen.wait(lambda text: "client-0" in text and "client-2" in text)
    seen.child.send("\t\t\r")  # the second one
    seen.wait(lambda text: "-> await gate.wait()" in text)
    seen.wait_for_prompt("client-1")
    seen.child.send("where --c\t")
    seen.wait("where --contexts")
    seen.child.send("\r")
    seen.wait(lambda text: "with lease(number)" in text)
    seen.child.send("unfo\t\r")
    seen.wait_for_prompt()
    seen.child.send("gate.is_\t")
    seen.wait("gate.is_set")
    seen.child.send("()\r")
    seen.wait(lambda text: "False" in text)
    seen.child.send("c\r")
    seen.wait("secrets [0, 11, 22]")


@IN_TURN
def test_suggestions(screen):
    seen = screen(TASKS, "app.py", **OURS)
    seen.wait_for_prompt()
    assert seen.ask("p 40 + 2") == "42"
    seen.child.send("p 4")
    seen.wait(lambda text: text.split("\n")[-1].rstrip().endswith("p 40 + 2"))
    seen.child.send("\x1b[C - 1\r")  # the right arrow
    seen.wait(lambda text: "\n41\n" in text)
    seen.wait_for_prompt()
    seen.child.send("c\r")
    seen.wait("secrets [0, 11, 22]")


@IN_TURN
def test_what_stands_at_the_right(screen):
    seen = screen(TASKS, "app.py", STACKSCOPE_PDB_RPROMPT="1", **OURS)
    seen.wait(lambda text: text.split("\n")[-1].endswith(" main   1 thread"))
    seen.child.send("p 40 + 2\r")
    # It is gone from lines that were typed.
    seen.wait(lambda text: "\n42\n" in text and text.endswith(" main   1 thread"))
    assert seen.text.count("1 thread") == 1
    seen.child.send("c\r")
    seen.wait("secrets [0, 11, 22]")


@IN_TURN
def test_several_lines(screen):
    seen = screen(TASKS, "app.py", **OURS)
    seen.wait_for_prompt()
    seen.child.send("for n in range(3):\r")
    seen.wait(lambda text: "..." in text.split("\n")[-1])
    seen.child.send("print('number', n)\r\r")
    seen.wait(lambda text: "number 2" in text)
    seen.wait_for_prompt()
    assert seen.ask("total = sum([1, 2])") == ""
    seen.child.send("(total +\r4)\r")
    seen.wait(lambda text: "\n7\n" in text)
    seen.child.send("c\r")
    seen.wait("secrets [0, 11, 22]")


def test_keys_that_end_a_line(screen):
    seen = screen(TASKS, "app.py", **OURS)
    seen.wait_for_prompt()
    seen.child.send("half a li")
    seen.wait("half a li")
    seen.child.send("\x03")
    seen.wait(lambda text: "--KeyboardInterrupt--" in text)
    seen.wait_for_prompt()
    assert seen.ask("p 6 * 7") == "42"
    seen.child.send("\x04")
    if sys.version_info >= (3, 14):
        seen.wait("Quit anyway? [y/n]")
        seen.child.send("y\r")
    seen.child.expect(__import__("pexpect").EOF)
    assert "Traceback" not in seen.child.before


@IN_TURN
def test_history_is_kept(screen, tmp_path):
    environ = {**OURS, "XDG_STATE_HOME": str(tmp_path / "state")}
    seen = screen(TASKS, "app.py", **environ)
    seen.wait_for_prompt()
    seen.ask("p 'remember me'")
    seen.child.send("\x1b[A")
    seen.wait("p 'remember me'")
    seen.child.send("\x03")
    seen.wait_for_prompt()
    seen.child.send("c\r")
    seen.wait("secrets [0, 11, 22]")
    if sys.platform.startswith("linux"):
        path = tmp_path / "state" / "stackscope" / "pdb_history"
        entries = [json.loads(line) for line in path.read_text().splitlines()]
        assert entries == ["p 'remember me'", "c"]
        assert path.stat().st_mode & 0o077 == 0
    seen = screen(TASKS, "app.py", **environ)
    seen.wait_for_prompt()
    seen.child.send("\x1b[A\x1b[A")
    seen.wait("p 'remember me'")
    seen.child.send("\x15c\r")
    seen.wait("secrets [0, 11, 22]")


def test_history_and_keys_of_readline(terminal, tmp_path):
    path = tmp_path / "history"
    path.write_text(json.dumps("p 'from before'") + "\n")
    program = (
        "import readline\nreadline.add_history('of the program')\nbreakpoint()\n"
        "n = readline.get_current_history_length()\n"
        "print([readline.get_history_item(i + 1) for i in range(n)])\n"
    )
    environ = {"STACKSCOPE_PDB_HISTORY": str(path), "STACKSCOPE_PDB_KEYS": "vi"}
    session = terminal(program, "app.py", **environ, **OURS)
    session.expect_prompt()
    assert "'from before'\n" in session.ask("\x1bOA")
    if sys.implementation.name == "cpython":  # PyPy's readline has no keys like those of vi
        assert "42\n" in session.ask("wrong\x1bccp 6 * 7")
    session.ask("p 6 * 7")
    assert "['of the program']" in session.finish("c")
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert entries == ["p 'from before'", "p 6 * 7", "c"]


@IN_TURN
def test_vi_keys(screen, tmp_path):
    inputrc = tmp_path / "inputrc"
    inputrc.write_text("set editing-mode vi\n")
    seen = screen(TASKS, "app.py", INPUTRC=str(inputrc), **OURS)
    seen.wait_for_prompt()
    seen.child.send("wrong")
    seen.wait("wrong")
    column = seen.screen.cursor.x
    seen.child.send("\x1b")
    # It was more than the beginning of a key.
    seen.wait(lambda _: seen.screen.cursor.x == column - 1)
    seen.child.send("ccp 5 + 1\r")
    seen.wait(lambda text: "\n6\n" in text)
    seen.child.send("c\r")
    seen.wait("secrets [0, 11, 22]")


@IN_TURN
def test_colors_while_typing_and_none_if_unwanted(screen):
    seen = screen(TASKS, "app.py", **OURS)
    seen.wait_for_prompt()

    def colors():
        row = seen.screen.buffer[seen.screen.cursor.y]
        return {row[column].fg for column in range(17, 30)}

    seen.child.send("x = 'text'")
    seen.wait(lambda text: text.endswith("x = 'text'") and "green" in colors())
    seen.child.send("\x15c\r")
    seen.wait("secrets [0, 11, 22]")
    seen = screen(TASKS, "app.py", NO_COLOR="1", **OURS)
    seen.wait_for_prompt()
    seen.child.send("x = 'text'")
    seen.wait("x = 'text'")
    assert colors() == {"default"}
    seen.child.send("\x15c\r")
    seen.wait("secrets [0, 11, 22]")


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"STACKSCOPE_PDB_PROMPT": "plain"}])
def test_other_prompts_where_that_one_is_unwanted(screen, environ):
    seen = screen(TASKS, "app.py", **OURS, **environ)
    seen.wait_for_prompt()
    seen.child.send("p 40 + 2\r")
    seen.wait(lambda text: "\n42\n" in text)
    assert "\x1b[?2004h" not in str(seen.child.before)
    seen.child.send("c\r")
    seen.wait("secrets [0, 11, 22]")


ELSEWHERE = textwrap.dedent(
    """
    import asyncio, atexit, threading

    def work():
        local = "in a thread"
        breakpoint()

    def at_exit():
        local = "at exit"
        breakpoint()

    atexit.register(at_exit)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    async def main():
        asyncio.get_running_loop().call_soon(callback)
        await asyncio.sleep(0.01)
        await asyncio.gather(other(1), other(2))

    async def other(n):
        await asyncio.sleep(0.01)
        print("other", n)

    def callback():
        local = "in a callback"
        breakpoint()

    asyncio.run(main())
    """
)


def test_in_a_thread_a_callback_and_at_exit(screen):
    seen = screen(ELSEWHERE, "app.py", **OURS)
    for place in ("in a thread", "in a callback", "at exit"):
        seen.wait_for_prompt()
        seen.child.send("p local\r")
        seen.wait(lambda text, place=place: f"'{place}'" in text)
        seen.wait_for_prompt()
        seen.child.send("c\r")
        seen.wait(lambda text: not text.endswith("(stackscope_pdb) c"))
    seen.wait(lambda text: "other 2" in text)


def test_interrupt_of_an_idle_loop(screen):
    from tests.terminal.test_terminal_interrupt import ASYNCIO, UNDER

    seen = screen(ASYNCIO, *UNDER)
    seen.wait("waiting")
    seen.interrupt(lambda text: "3 tasks" in text)
    seen.wait_for_prompt()
    seen.ask("task client-1", "client-1")
    seen.ask("gate.set()", "client-1")
    assert '-> print("cleaned up", number)' in seen.ask("next")
    seen.child.send("c\r")
    seen.wait(lambda text: "secrets [0, 11]" in text)
    seen.wait_for_prompt()
    seen.child.send("q\r")


def test_post_mortem(screen):
    seen = screen(
        "def f(n):\n    return 1 / n\nf(0)\n", "-m", "stackscope_pdb", "-c", "c", "app.py"
    )
    seen.wait_for_prompt()
    assert seen.ask("p n") == "0"
    seen.child.send("q\r")
