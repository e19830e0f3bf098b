"""The programs in `examples/`, run as the README says, on the interpreter that runs the tests."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
import textwrap
from xml.etree import ElementTree as ET

import pytest

from tests.helpers.repository import ROOT
from tests.helpers.rows import share

# The example of the documentation, to the character; but for the path.
TREE = """\
stackscope.Stack (most recent call last):
╠ call_example in __main__ at /path/example.py:28
║ └ yield from example()
╠ example in __main__ at /path/example.py:25
║ ├ with outer_context():  # _: _GeneratorContextManager (line 24)
║ │ ╠ outer_context in __main__ at /path/example.py:21
║ │ ║ ├ with inner_context() as inner:  # inner: _GeneratorContextManager (line 20)
║ │ ║ │ ╠ inner_context in __main__ at /path/example.py:16
║ │ ║ │ ║ ├ with stack:  # stack: ExitStack (line 13)
║ │ ║ │ ║ ├── stack.enter_context(null_context(...))  # stack[0]: _GeneratorContextManager
║ │ ║ │ ║ │   ╠ null_context in __main__ at /path/example.py:5
║ │ ║ │ ║ │   ║ └ yield
║ │ ║ │ ║ ├── stack.callback(__main__.some_cb, 10, 'hi', answer=42)  # stack[1]: function
║ │ ║ │ ║ └ yield "inner"
║ │ ║ └ yield "outer"
║ └ yield
"""
CLIENTS = ["ada", "bob", "cleo", "dan"]


def run(repository, *arguments, **environ):
    """Run this interpreter without a terminal and without input; gives what it prints."""
    process = subprocess.run(
        [sys.executable, *arguments],
        cwd=str(repository),
        env={
            **os.environ,
            "PYTHONPATH": str(repository),
            "PYTHONIOENCODING": "utf-8",
            "NO_COLOR": "1",
            **environ,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=120,
    )
    assert process.returncode == 0, process.stdout
    return process.stdout


def blocks_of_frameworks():
    """What docs/frameworks.rst shows of each program, by its name."""
    text = (ROOT / "docs" / "frameworks.rst").read_text(encoding="utf-8")
    found = re.findall(
        r"``examples/frameworks/(\w+)\.py``.*?\.\. code-block:: session\n\n((?:   [^\n]*\n)+)",
        text,
        re.S,
    )
    assert len(found) >= 6
    return {name: textwrap.dedent(block).splitlines() for name, block in found}


def without_numbers(line):
    """A row without what differs from run to run, and without the source line at its end."""
    row, file, _ = line.partition(".py")
    return re.sub(r" +", " ", re.sub(r"\d+(\.\d+)?", "N", row + file)).strip()


@pytest.mark.parametrize("name", share(sorted(blocks_of_frameworks()), 3))
def test_what_is_said_of_frameworks_is_so(repository, name):
    """The rows that name the culprit are those of the documentation, on all interpreters."""
    if name == "gevent_stuck":
        pytest.importorskip("gevent", reason="PyPy would have to compile gevent")
    shown = [without_numbers(line) for line in run_quietly(repository, name).splitlines()]
    rows = [line for line in blocks_of_frameworks()[name] if re.search(CULPRIT, line)]
    assert rows
    for row in rows:
        assert without_numbers(row) in shown


CULPRIT = r"held by|waiting for each other|in thread|asyncio\.sleep"


def run_quietly(repository, name):
    """What one of these programs prints, without the warnings of the framework."""
    return run(repository, "-W", "ignore", f"examples/frameworks/{name}.py")


def test_tree_is_exact(repository):
    path = str(repository / "examples" / "example.py")
    printed = run(repository, path)
    assert printed.replace(path, "/path/example.py") == TREE


def test_service_gets_stuck_and_ends_by_itself(repository):
    printed = run(repository, "examples/bank.py", PYTHONBREAKPOINT="0")
    assert "No transfer was finished for 1 s." in printed
    assert "ada: 7 of 8 transfers" in printed


def test_service_can_be_fixed(repository):
    printed = run(repository, "examples/bank.py", "--fixed")
    assert printed.splitlines() == [
        "ada: 8 of 8 transfers",
        "bob: 3 of 3 transfers",
        "cleo: 3 of 3 transfers",
        "dan: 3 of 3 transfers",
    ]


COMMANDS = ["continue", "tasks", "why", "task bank-ada", "where --contexts", "ctx"]


@pytest.fixture(scope="module")
def shown(repository):
    """What the README's first command prints, without a terminal."""
    options = [word for command in COMMANDS for word in ("-c", command)]
    program = ["examples/bank.py", "--patient"]
    return run(repository, "-m", "stackscope", "debug", *options, *program)


def test_readme_gives_these_commands(repository):
    readme = (repository / "README.md").read_text(encoding="utf-8")
    options = " ".join(f"-c '{each}'" if " " in each else f"-c {each}" for each in COMMANDS)
    assert f".venv/bin/stackscope debug {options} examples/bank.py --patient" in readme


def test_debugger_shows_every_task_by_name(shown):
    for client in CLIENTS:
        assert re.search(rf"^[! ]+\d+ .*\bclient-{client} .*StreamReader.readline", shown, re.M)
        # Where two columns are missing, the middle of the name gives way.
        assert re.search(rf"^[! ]+\d+ .*\bbank-({client}-|{client[0]}…)reader ", shown, re.M)
    assert re.search(r"^! +\d+ .*\bjournal .*Lock.acquire", shown, re.M)
    assert re.search(r"^! +\d+ .*\bbank-ada .*Queue.put", shown, re.M)
    for client in CLIENTS[1:]:
        assert re.search(rf"^[! ]+\d+ .*\bbank-{client} .*Lock.acquire", shown, re.M)


def test_nothing_that_matters_is_cut_at_80_columns(shown):
    table = shown[shown.index("asyncio loop") : shown.index("task ")].splitlines()
    rows = [line for line in table if re.match(r"[>!] *\d|  +\d", line)]
    assert len(rows) == 15
    assert max(map(len, rows)) <= 80
    assert all(re.search(r"\w:\d+ bank\.py$", line) for line in rows)
    [number] = [line.split()[1] for line in rows if " bank-ada " in line]
    held = [line for line in rows if "Lock.acquire" in line]
    assert [f", held by {number} " in line for line in held] == [True] * 4
    [running] = [line for line in rows if line.startswith(">")]
    assert "running" in running
    assert " watch:" in running


def test_debugger_names_the_culprits(shown):
    finding = shown[shown.index("stuck: ") :]
    assert re.search(r"^Likely deadlock: .*\(journal\)", finding, re.M)
    assert re.search(r"^Likely deadlock: .*\(bank-ada\)", finding, re.M)


def test_debugger_shows_lock_timeout_and_exit_stack_in_their_frames(shown):
    where = shown[shown.index("Bank.connection in __main__") : shown.index("Queue.put in asyncio")]
    connection, transfer = where.split("Bank.transfer in __main__")
    assert "async with AsyncExitStack() as stack:" in connection
    assert "await stack.enter_async_context(" in connection
    assert "async with TaskGroup() as group:" in connection
    assert "async with timeout(TRANSFER_TIMEOUT):" in transfer
    assert "async with self.lock:" in transfer


def test_debugger_numbers_the_contexts_of_the_frame(shown):
    contexts = shown[shown.rindex("Active in transfer") :]
    assert re.search(r"^  1 async with timeout\(TRANSFER_TIMEOUT\):", contexts, re.M)
    assert re.search(r"^  2 async with self.lock:", contexts, re.M)


def text_of_picture(path):
    """The lines of text of an SVG made by docs/terminal_picture.py."""
    picture = runpy.run_path(str(ROOT / "docs" / "terminal_picture.py"))
    lines = []
    for text in ET.parse(path).iter("{http://www.w3.org/2000/svg}text"):
        line = ""
        for span in text:
            column = (float(span.get("x")) - picture["MARGIN"]) / picture["CHARACTER"]
            line = line.ljust(round(column)) + span.text
        lines.append(line)
    return lines


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the example has its own task groups there")
def test_picture_of_the_readme_is_so():
    picture = runpy.run_path(str(ROOT / "docs" / "terminal_picture.py"))
    lines = picture["session"](NO_COLOR="1")
    printed = [picture["SGR"].sub("", line).rstrip() for line in lines]
    printed = [line for line in printed if not line.startswith("Searching all objects")]
    drawn = text_of_picture(picture["PICTURE"])
    end = drawn.index("(stackscope_pdb) why") + 2
    assert drawn[:end] == printed[:end]
    assert drawn[-2].strip() in (line.strip() for line in printed)  # a line to look at


def test_room_in_the_queue_sets_the_service_going_again(repository):
    commands = [
        "continue",
        "task journal",
        "!self.records._maxsize = 100",
        "p self.records.get_nowait()",
        "continue",
    ]
    options = [word for command in commands for word in ("-c", command)]
    printed = run(repository, "-m", "stackscope_pdb", *options, "examples/bank.py", "--patient")
    for client in ["ada: 8 of 8", "bob: 3 of 3", "cleo: 3 of 3", "dan: 3 of 3"]:
        assert f"{client} transfers" in printed


RUNTIMES = """\
asyncio loop in MainThread: 4 tasks
├ task 1 (Task-1): running
│ ║ ├ with ThreadPoolExecutor(1, "pool") as pool:  # pool: ThreadPoolExecutor
│ ║ ├ async with anyio.create_task_group() as group:  # group: TaskGroup
│ ║ ├── task 2 (holder): waiting for anyio.sleep(): T s left
│ ║ │   ║ ├ async with lock:  # lock: Lock
│ ║ ├── task 3 (wants-the-lock): waiting for Lock.acquire(): 1 waiter, held by task 2 (holder)
├ task 4 (computing): waiting for a call in thread pool_0
│ ╠ in_the_pool in __main__
│ ╠ compute in __main__
trio run in trio-thread: 3 tasks
├ task 5 (__main__.start_trio.<locals>.main): waiting for Event.wait(): 1 waiter
│ ║ ├ async with trio.open_nursery() as nursery:  # nursery: Nursery
│ ║ ├── task 6 (trio-receiver): waiting for MemoryReceiveChannel.receive(): 0 of 1 items, 1 waiter, 1 sender
│ ║ ├── task 7 (trio-sleeper): waiting for trio.sleep(): T s left
3 threads:
├ thread 1 MainThread (takes this snapshot), in task 1 (Task-1)
├ thread 2 pool_0: waiting for Event.wait(): 1 waiter, in task 4 (computing)
├ thread 3 trio-thread
1 greenlet:
├ greenlet 1 ping in MainThread: suspended
│ ╠ ping in __main__
"""
"""What of the output of `examples/runtimes.py` is the same everywhere."""


def essentials(text):
    """The lines of a snapshot that tell who owns what, without what differs from place to place."""
    kept = []
    for line in text.partition("\n\n")[2].splitlines():
        words = line.lstrip("│║ ├╠─")
        is_title = re.match(
            r"(task|thread|greenlet) \d|(asyncio loop|trio run) in|\d+ \w+:$", words
        )
        is_context = re.search(r"\bwith .*(Group|nursery|pool|lock)\b", words) and "(line" in words
        is_frame = re.match(r"(in_the_pool|compute|ping) in", words)
        if is_title or is_context or is_frame:
            line = re.sub(r" \(line \d+\)|,? at .*:\d+$", "", line)
            line = re.sub(r"\d+\.\d s left", "T s left", line)
            kept.append(line.replace("pool_0 (daemon):", "pool_0:"))  # as they are in 3.8
    return "".join(line + "\n" for line in kept)


def test_runtimes(repository):
    """asyncio in the main thread, trio in another, a pool, anyio's groups, greenlets."""
    for name in ("trio", "anyio", "greenlet"):
        pytest.importorskip(name)
    text = run(repository, "examples/runtimes.py")
    assert essentials(text) == RUNTIMES


def test_crew(repository):
    lines = run(repository, "examples/lunch.py").splitlines()
    assert re.match(r"yard in .+: 3 tasks$", lines[0])
    words = [re.sub(", at .*", "", line.lstrip("│║ ├╠─")) for line in lines]
    context = 'with Crew(yard, "kitchen") as kitchen:  # kitchen: Crew (line 23), crew kitchen'
    titles = [line for line in words if line == context or line.startswith("task ")]
    assert titles == [
        "task 1 (lunch): running",
        context,
        "task 2 (tap): ready",
        "task 3 (washing-up): waiting for crew.wait_for(): water",
    ]
    assert not any(" _park in" in line for line in lines)
