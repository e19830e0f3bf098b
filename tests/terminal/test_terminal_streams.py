"""Where a prompt is if the program's input and output are for something else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.repository import ROOT

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal", allow_module_level=True)

OURS = {"PYTHONBREAKPOINT": "stackscope_pdb.set_trace"}

CHILD = """
import multiprocessing, sys

def work(number):
    breakpoint()
    print("worked", number, flush=True)

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    process = context.Process(target=work, args=(3,))
    process.start()
    process.join()
    print("status", process.exitcode)
"""

DATA = """
import contextlib, io, subprocess, sys
child = subprocess.Popen(
    [sys.executable, "-c", '''
import contextlib, io, os, sys
total = 0
for line in sys.stdin:
    total += int(line)
    breakpoint()
text = io.StringIO()
with contextlib.redirect_stdout(text):
    print("hidden")
    breakpoint()
    print("hidden, too")
os.dup2(os.open("out.txt", os.O_CREAT | os.O_WRONLY), 1)
breakpoint()
print("in the file", total)
'''],
    stdin=open("data.txt"),
)
child.wait()
print("status", child.returncode)
"""

FORK = """
import os
child = os.fork()
who = "child" if child == 0 else "parent"
breakpoint()
if child:
    os.waitpid(child, 0)
    print("end")
"""


@pytest.fixture
def elsewhere(terminal):
    """As ``terminal``, where the prompt is read plainly, for `input` reads something else."""

    def start(*arguments, **kwargs):
        session = terminal(*arguments, **kwargs)
        session.draws_anew = False
        return session

    return start


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_prompts_at_the_terminal(elsewhere, method):
    session = elsewhere(CHILD, "app.py", method, **OURS)
    assert "work()" in session.expect_prompt()
    assert "3\n" in session.ask("p number")
    left = session.finish("c")
    assert "worked 3" in left
    assert "status 0" in left


def test_data_and_redirected_output(elsewhere, tmp_path):
    (tmp_path / "data.txt").write_text("1\n20\n")
    session = elsewhere(DATA, "app.py", **OURS)
    for total in ("1", "21"):
        session.expect_prompt()
        assert f"{total}\n" in session.ask("p total")
        session.child.sendline("c")
    session.expect_prompt()
    assert "'hidden\\n'" in session.ask("p text.getvalue()")
    session.ask("c")
    assert "21\n" in session.ask("p total")
    assert "status 0" in session.finish("c")
    assert (tmp_path / "out.txt").read_text() == "in the file 21\n"


def wait_until_it_waits(process):
    """Wait until a process waits for a lock of a file; where nothing tells, for a while."""
    locks = Path("/proc/locks")
    if not locks.exists():
        time.sleep(3)
        return
    deadline = time.monotonic() + 30
    while not re.search(rf"-> FLOCK .* {process} ", locks.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_two_processes_take_turns(terminal):
    session = terminal(FORK, "app.py", **OURS)
    assert "This is" not in session.expect_prompt()
    first = session.ask("p who").strip()
    other = session.ask("p child or os.getppid()").strip()
    wait_until_it_waits(other)
    session.enter("c")
    shown = session.expect_prompt()
    number = session.ask("p os.getpid()").strip()
    assert number == other
    assert f"This is process {number} now, which " in shown
    assert {first, session.ask("p who").strip()} == {"'child'", "'parent'"}
    assert "end" in session.finish("c")


FORKED = """
import os
breakpoint()
child = os.fork()
who = "child" if child == 0 else "parent"
if child:
    os.waitpid(child, 0)
breakpoint()
"""


def test_a_child_that_was_forked_says_so(terminal):
    session = terminal(FORKED, "app.py", **OURS)
    session.expect_prompt()
    parent = session.ask("p os.getpid()").strip()
    shown = session.ask("c")
    child = session.ask("p os.getpid()").strip()
    assert f"This is process {child} now, which {parent} has started.\n" in shown
    assert "This is" not in session.ask("p who")
    assert "This is thread" not in session.ask("c")
    assert "'parent'" in session.ask("p who")
    session.finish("c")


def test_the_terminal_is_no_file_left_open(elsewhere, tmp_path):
    (tmp_path / "data.txt").write_text("1\n20\n")
    session = elsewhere(DATA.replace('"-c"', '"-Walways", "-c"'), "app.py", **OURS)
    session.expect_prompt()
    session.child.sendline("c")
    for _ in range(2):
        session.ask("c")
    assert (
        "ResourceWarning: unclosed file <_io.TextIOWrapper name='/dev/tty'"
        not in session.finish("c")
    )


def test_a_prompt_of_prompt_toolkit_elsewhere(screen):
    session = screen(CHILD, "app.py", "spawn", **OURS)
    session.wait_for_prompt()
    assert session.ask("p number").endswith("3")
    session.child.send("c\r")
    session.wait(lambda text: "status 0" in text)


def run(folder, *arguments, **kwargs):
    others = {name: os.environ[name] for name in os.environ if name != "PYTEST_XDIST_WORKER"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=str(folder),
        env={**others, "PYTHONPATH": str(ROOT), **OURS},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=60,
        start_new_session=True,  # without a terminal
        **kwargs,
    )


def test_a_child_without_terminal_goes_on(tmp_path):
    (tmp_path / "app.py").write_text(CHILD)
    process = run(tmp_path, "app.py", "spawn", stdin=subprocess.DEVNULL)
    assert "can't prompt, for its input is /dev/null and it has no terminal" in process.stdout
    assert "worked 3\nstatus 0\n" in process.stdout
    assert "stackscope_pdb) " not in process.stdout


def test_commands_and_their_end_without_terminal(tmp_path):
    (tmp_path / "app.py").write_text("number = 3\nbreakpoint()\nprint('not reached')\nnumber = 4\n")
    process = run(tmp_path, "app.py", input="p number + 1\n")
    lines = process.stdout.splitlines()
    assert "(stackscope_pdb) 4" in lines
    assert lines[-1] == "End of input: the program ends here."
    assert process.returncode == 1
    process = run(tmp_path, "-m", "stackscope_pdb", "app.py", stdin=subprocess.DEVNULL)
    assert process.stdout.splitlines()[-1] == "End of input: the program ends here."
    assert process.returncode == 0


CLOSED = """
import os, sys
if sys.argv[1] == "none":
    sys.stdin = None
else:
    sys.stdin.close()
try:
    breakpoint()
    print("not reached")
finally:
    print("exit")
"""


@pytest.mark.parametrize("how", ["none", "closed"])
@pytest.mark.parametrize("way_in", [(), ("-m", "stackscope_pdb", "-c", "c")])
def test_an_input_that_cannot_be_read_has_ended(tmp_path, how, way_in):
    (tmp_path / "app.py").write_text(CLOSED)
    process = run(tmp_path, *way_in, "app.py", how)
    assert process.stdout.splitlines()[-2:] == ["End of input: the program ends here.", "exit"]
    assert "failed" not in process.stdout
    assert process.returncode == (0 if way_in else 1)
