"""The programs in `examples/`, run as the README says, on the interpreter that runs the tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

needs_contexts = pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="contexts are found on CPython only, so far"
)

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


@needs_contexts
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


COMMANDS = ["continue", "tasks", "task bank-ada", "where --contexts", "ctx"]


@pytest.fixture(scope="module")
def shown(repository):
    """What the README's first command prints, without a terminal."""
    options = [word for command in COMMANDS for word in ("-c", command)]
    return run(repository, "-m", "stackscope_pdb", *options, "examples/bank.py")


def test_readme_gives_these_commands(repository):
    readme = (repository / "README.md").read_text(encoding="utf-8")
    options = " ".join(f"-c '{each}'" if " " in each else f"-c {each}" for each in COMMANDS)
    assert f"-m stackscope_pdb {options} examples/bank.py" in readme


def test_debugger_shows_every_task_by_name(shown):
    for client in CLIENTS:
        assert re.search(rf"^ +\d+ .*\bclient-{client} .*StreamReader.readline", shown, re.M)
        assert re.search(rf"^ +\d+ .*\bbank-{client}-reader ", shown, re.M)
    assert re.search(r"^ +\d+ .*\bjournal .*Lock.acquire", shown, re.M)
    assert re.search(r"^ +\d+ .*\bbank-ada .*Queue.put", shown, re.M)
    for client in CLIENTS[1:]:
        assert re.search(rf"^ +\d+ .*\bbank-{client} .*Lock.acquire", shown, re.M)


@needs_contexts
def test_debugger_shows_lock_timeout_and_exit_stack_in_their_frames(shown):
    where = shown[shown.index("Bank.connection in __main__") : shown.index("Queue.put in asyncio")]
    connection, transfer = where.split("Bank.transfer in __main__")
    assert "async with AsyncExitStack() as stack:" in connection
    assert "await stack.enter_async_context(" in connection
    assert "async with TaskGroup() as group:" in connection
    assert "async with timeout(TRANSFER_TIMEOUT):" in transfer
    assert "async with self.lock:" in transfer


@needs_contexts
def test_debugger_numbers_the_contexts_of_the_frame(shown):
    contexts = shown[shown.rindex("Active in transfer") :]
    assert re.search(r"^  1 async with timeout\(TRANSFER_TIMEOUT\):", contexts, re.M)
    assert re.search(r"^  2 async with self.lock:", contexts, re.M)


def test_room_in_the_queue_sets_the_service_going_again(repository):
    commands = [
        "continue",
        "task journal",
        "!self.records._maxsize = 100",
        "p self.records.get_nowait()",
        "continue",
    ]
    options = [word for command in commands for word in ("-c", command)]
    printed = run(repository, "-m", "stackscope_pdb", *options, "examples/bank.py")
    for client in ["ada: 8 of 8", "bob: 3 of 3", "cleo: 3 of 3", "dan: 3 of 3"]:
        assert f"{client} transfers" in printed
