"""Several threads that stop at once, in a terminal."""

from __future__ import annotations

import sys
import time

import pytest

from tests.terminal.test_terminal_debugger import OURS

pexpect = pytest.importorskip("pexpect")

IS_PYPY = sys.implementation.name == "pypy"

AT_ONCE = """\
import threading

start = threading.Barrier(3)
done = []

def work(number):
    start.wait()
    breakpoint()
    number += 10
    done.append(number)

threads = [threading.Thread(target=work, args=(n,), name=f"work-{n}") for n in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("all joined", sum(done))
"""


def take_turns(ask):
    """Talk to three threads that have stopped at the same breakpoint."""
    shown = ""
    while shown.count("stopped") < 3:
        shown = ask("threads")
    assert shown.count("stopped, waiting") == 2, shown
    waiting = [line.split()[1] for line in shown.splitlines() if "stopped, waiting" in line]
    (current,) = {"work-0", "work-1", "work-2"} - set(waiting)
    assert "> " in next(line for line in shown.splitlines() if current in line)
    assert current[-1] in ask("p number")
    assert "work()" in ask(f"thread {waiting[0]}", waiting[0])
    assert waiting[0][-1] in ask("p number", waiting[0])
    assert "is stopped, too" in ask("where", waiting[0])
    assert "has stopped, too" in ask("step", waiting[0])
    assert "work()" in ask("unfocus")
    seen = {current}
    for count in (1, 0):
        answer = ask("continue")
        (name,) = [name for name in waiting if f"This is thread {name} now." in answer]
        assert ("1 more thread is stopped: 'threads' lists it." in answer) == (count == 1)
        assert name[-1] in ask("p number")
        seen.add(name)
    assert seen == {"work-0", "work-1", "work-2"}


def test_one_prompt_at_a_time(terminal):
    process = terminal(AT_ONCE, "app.py", PYTHONBREAKPOINT="stackscope_pdb.set_trace")
    process.expect_prompt()
    if not process.draws_anew:
        interrupt(process)
    take_turns(process.ask)
    assert process.finish("continue") == "all joined 33\n"


LATER = """\
import threading

def work():
    breakpoint()

threads = [threading.Thread(target=work, name=f"work-{n}") for n in range(2)]
threads[0].start()
threads[0].join()
threads[1].join()
print("all joined")
"""


def test_one_that_stops_while_another_has_the_prompt_stops_at_its_line(terminal):
    """From 3.14 on, it went on to the next line: here, to the function's end."""
    process = terminal(LATER, "app.py", PYTHONBREAKPOINT="stackscope_pdb.set_trace")
    process.expect_prompt()
    process.ask("threads[1].start()")
    shown = ""
    while "stopped, waiting" not in shown:
        shown = process.ask("threads")
    answer = process.ask("continue")
    assert "This is thread work-1 now." in answer
    assert "work()\n-> breakpoint()\n" in answer
    assert "--Return--" not in answer
    assert process.finish("continue") == "all joined\n"


def interrupt(process):
    """Ctrl-C belongs to this prompt and not to the main thread, which waits for the others."""
    process.child.send("nothing")
    assert "--KeyboardInterrupt--" in process.interrupt()
    process.enter("print('beg' + 'un') or __import__('time').sleep(0.3) or 'slept'")
    process.child.expect_exact("begun")
    process.child.sendintr()
    assert "slept" in process.expect_prompt()
    process.ask("")


WHILE_TYPING = """\
import os, sys, threading, time

def second():
    while not os.path.exists("typed"):
        time.sleep(0.01)
    print("a line", "in parts")
    print("an error", file=sys.stderr)
    print("without end.", end="")
    breakpoint()

thread = threading.Thread(target=second, name="second")
thread.start()
before = sys.stdout, sys.stderr
x = 1
breakpoint()
x += 1
thread.join()
print("all joined", before == (sys.stdout, sys.stderr), "write" in vars(sys.stdout))
"""


def play_while_typing(screen, folder, prompt):
    """Another thread prints and stops while a line is typed, then Ctrl-C at its prompt."""
    view = screen(
        WHILE_TYPING,
        "app.py",
        PYTHONBREAKPOINT="stackscope_pdb.set_trace",
        STACKSCOPE_PDB_PROMPT=prompt,
    )
    view.wait_for_prompt()
    view.child.send("p x + 10")
    view.wait("p x + 10")
    (folder / "typed").touch()
    text = view.wait(lambda text: "an error" in text and text.endswith(") p x + 10"))
    assert text.endswith("\na line in parts\nan error\n(stackscope_pdb) p x + 10"), text
    view.child.send("0\r")
    text = view.wait(lambda text: "101" in text and text.endswith("(stackscope_pdb)"))
    assert "\n(stackscope_pdb) p x + 100\nwithout end.101\n" in text, text
    while "1 more thread is stopped: 'threads' lists it." not in text:
        text = view.ask("p x")
    view.child.send("continue\r")
    text = view.wait(lambda text: "second now" in text and text.endswith("(stackscope_pdb)"))
    assert "This is thread second now." in text
    view.child.send("nothing")
    view.wait("nothing")
    text = view.interrupt(lambda text: "Interrupt" in text and text.endswith("(stackscope_pdb)"))
    assert "\n--KeyboardInterrupt--\n" in text
    if not IS_PYPY:  # there nothing can be raised in another thread
        view.child.send("exec('print(2 * 21)\\nwhile True: pass')\r")
        view.wait(lambda text: "\n42\n" in text + "\n")
        view.child.sendintr()
        view.wait(lambda text: text.count("Interrupt") == 2 and text.endswith("(stackscope_pdb)"))
    view.child.send("continue\r")
    text = view.wait("all joined True False")
    assert "(Pdb)" not in text and "Traceback" not in text


def test_what_others_do_leaves_the_typed_line_alone(screen, tmp_path):
    play_while_typing(screen, tmp_path, "prompt_toolkit")


@pytest.mark.skipif(IS_PYPY, reason="its readline draws in its own way")
def test_what_others_do_leaves_the_line_of_readline_alone(screen, tmp_path):
    play_while_typing(screen, tmp_path, "readline")


LEFT = """\
import os, threading, time

threading.Thread(target=lambda: breakpoint(), name="work", daemon=True).start()
while not os.path.exists("go"):
    time.sleep(0.01)
print("main ends")
"""


def test_the_program_ends_while_a_thread_has_the_prompt(screen, tmp_path):
    termios = pytest.importorskip("termios")
    view = screen(LEFT, "app.py", PYTHONBREAKPOINT="stackscope_pdb.set_trace")
    before = termios.tcgetattr(view.child.child_fd)
    view.wait_for_prompt()
    assert termios.tcgetattr(view.child.child_fd) != before
    view.child.send("p 1")
    view.wait("p 1")
    (tmp_path / "go").touch()
    view.wait(lambda text: "main ends" in text)
    view.child.expect(pexpect.EOF)
    assert termios.tcgetattr(view.child.child_fd) == before
    view.child.close()
    assert view.child.exitstatus == 0


JOINED = """\
import threading, time

def second():
    breakpoint()
    print("a thread went on")

threads = [threading.Thread(target=second) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("main went on")
"""


@pytest.mark.skipif(IS_PYPY, reason="an interrupt that nobody catches has a status of its own")
def test_quit_ends_all_that_wait(terminal):
    """Neither the threads that wait for the prompt, nor the main one that waits for them, go on."""
    process = terminal(JOINED, "app.py", PYTHONBREAKPOINT="stackscope_pdb.set_trace")
    process.expect_prompt()
    while process.ask("threads").count("stopped") < 3:
        pass
    assert quit_at(process) == ""
    assert process.child.exitstatus == 1


STEPPING = """\
import threading, time

def work():
    for number in range(3):
        time.sleep(0.2)
        breakpoint()

threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("main went on")
"""


@pytest.mark.skipif(IS_PYPY, reason="an interrupt that nobody catches has a status of its own")
def test_quit_while_another_thread_is_about_to_stop(terminal):
    process = terminal(STEPPING, "app.py", PYTHONBREAKPOINT="stackscope_pdb.set_trace")
    process.expect_prompt()
    for line in ("next", "next", "continue"):
        process.ask(line)
    time.sleep(0.3)
    assert quit_at(process) == ""
    assert process.child.exitstatus == 1


def quit_at(process):
    """Quit, and give what is shown after that."""
    if sys.version_info < (3, 14):
        return process.finish("q")
    process.enter("q")
    process.child.expect_exact("[y/n] ")
    return process.finish("y")


IN_LINES = """\
import threading

def second():
    breakpoint()
    print("second goes on")

threading.Thread(target=second).start()
breakpoint()
print("first goes on")
"""


def test_what_a_thread_prints_as_it_goes_on_is_whole(terminal):
    process = terminal(IN_LINES, "app.py", PYTHONBREAKPOINT="stackscope_pdb.set_trace")
    process.expect_prompt()
    while "stopped, waiting" not in process.ask("threads"):
        pass
    assert " goes on\n> " in process.ask("continue")
    process.finish("continue")


JOINED_BY_MAIN = """\
import threading

def work():
    breakpoint()

def last():
    print("goes on")

breakpoint()
thread = threading.Thread(target=work)
thread.start()
thread.join()
last()
"""


def test_quit_while_the_main_thread_waits_for_the_one_that_stopped(terminal):
    session = terminal(JOINED_BY_MAIN, "app.py", **OURS)
    session.expect_prompt()
    session.ask("c")
    session.enter("q")
    if sys.version_info >= (3, 14):
        session.child.expect_exact("[y/n]")
        session.child.sendline("y")
    assert "goes on" not in session.rest()
    assert session.child.exitstatus == 1


def test_a_traced_main_thread_goes_on_after_commands_in_another_one(terminal):
    session = terminal(JOINED_BY_MAIN, "app.py", **OURS)
    session.expect_prompt()
    session.ask("b last")
    session.ask("c")
    assert session.ask("p 6 * 7") == "42\n"
    assert "last()" in session.ask("c")
    assert "goes on" in session.finish("c")


IN_A_POOL = """import asyncio, threading

go_on = threading.Event()

def slow():
    go_on.wait()
    breakpoint()
    return 2

async def ask():
    return await asyncio.get_running_loop().run_in_executor(None, slow)

async def main():
    task = asyncio.ensure_future(ask())
    task.set_name("asking")
    await asyncio.sleep(0.05)
    go_on.set()
    breakpoint()
    print("asked", await task)

asyncio.run(main())
"""


def test_a_task_whose_call_has_stopped_in_a_thread(terminal):
    """Its frames end where that thread has stopped."""
    session = terminal(IN_A_POOL, "app.py", PYTHONBREAKPOINT="stackscope_pdb.set_trace")
    session.expect_prompt()
    while "stopped, waiting" not in session.ask("threads"):
        pass
    session.ask("task asking", "asking")
    for command in ("where", "where --hidden", "where -c"):
        frames = session.ask(command, "asking")
        assert "of the debugger" not in frames
        assert "stackscope_pdb" not in frames
        # From 3.14 on it stops at the next line if the other thread has stopped at the same moment:
        # all debuggers of the process share one tool of sys.monitoring.
        assert "breakpoint()" in frames or (sys.version_info >= (3, 14) and "return 2" in frames)
    session.ask("unfocus")
    session.ask("c")
    assert "asked 2" in session.finish("c")
