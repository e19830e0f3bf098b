"""The debugger in tests whose output is captured, in a real terminal."""

from __future__ import annotations

import sys

import pytest

from tests.helpers.rows import IN_TURN
from tests.pytest_plugin.conftest import ALONE, OURS, kinds, module_of_kinds

pytest_plugins = ["pytester"]

STOPS = """
print("words before")
value = 41
WAIT(0.01)
breakpoint()
print("words between")
stackscope_pdb.set_trace(header="the header", commands=["p 'by command'"])
print("words after")
assert value == 42, "as always"
"""


HERE = "-> breakpoint()"


def test_breakpoints_under_capture(terminal):
    session = terminal(module_of_kinds(STOPS, kinds()), **OURS)
    for number, kind in enumerate(kinds()):
        banner = session.expect_prompt() if number == 0 else session.ask("continue")
        assert "PDB set_trace (IO-capturing turned off)" in banner
        assert HERE in banner
        assert "words" not in banner.replace(HERE, "")
        assert session.ask("p value") == "41\n"
        assert ("No task is alive" in session.ask("tasks")) == (kind == "plain")
        again = session.ask("c")
        assert "PDB continue (IO-capturing resumed)" in again
        assert "the header" in again
        assert "'by command'" in again
    out = session.finish("cont")
    for kind in kinds():
        report = out.partition(f"__ test_{kind} __")[2]
        assert "as always" in report
        captured = report.partition("Captured stdout call")[2].splitlines()[1:4]
        assert captured == ["words before", "words between", "words after"]
    assert f"{len(kinds())} failed" in out


def test_the_prompt_of_prompt_toolkit_under_capture(terminal):
    pytest.importorskip("prompt_toolkit")
    session = terminal(
        module_of_kinds(STOPS, kinds()), TERM="xterm-256color", PROMPT_TOOLKIT_NO_CPR="1", **OURS
    )
    for _ in kinds():
        for count in (2, 3):
            session.child.expect_exact("(stackscope_pdb)")
            session.child.send(f"p value * {count}\r")
            session.child.expect_exact(f"{41 * count}")
            session.child.expect_exact("(stackscope_pdb)")
            session.child.send("c\r")
            session.child.expect_exact("IO-capturing resumed")
    session.child.expect_exact(f"{len(kinds())} failed")
    out = session.plain(session.child.before)
    assert out.count("\nwords before\nwords between\nwords after\n") == len(kinds())


FAILS = """
print("words before")
value = 41
WAIT(0.01)
assert value == 42, "as always"
"""


def test_post_mortem(terminal):
    module = module_of_kinds(FAILS, kinds())
    session = terminal(module, "--pdb", "--pdbcls=stackscope_pdb:Pdb")
    for number, kind in enumerate(kinds()):
        banner = session.expect_prompt() if number == 0 else session.ask("c")
        assert "words before" in banner.partition("captured stdout")[2]
        if kind == "trio":  # there the assertion fails inside of a group
            assert "AssertionError: as always" in banner
            assert "(in a group: 'exceptions 0' goes to that)" in banner
        assert '-> assert value == 42, "as always"' in banner
        assert session.ask("p value") == "41\n"
        where = session.ask("where")
        assert f"test_{kind} in test_module at test_module.py" in where
        assert "_pytest.runner" not in where
        assert len(where.splitlines()) < 12
        assert "_pytest" not in session.ask("up")
    assert f"{len(kinds())} failed" in session.finish("c")


RAISED_BY_PYTEST = """
import pytest

def check(value):
    __tracebackhide__ = True
    if value != 1:
        pytest.fail("not 1")

def test_by_a_function_that_hides():
    check(2)

def test_by_pytest_itself():
    with pytest.raises(KeyError):
        pass
"""


def test_post_mortem_of_what_pytest_raises(terminal):
    session = terminal(RAISED_BY_PYTEST, "--pdb", "--pdbcls=stackscope_pdb:Pdb")
    assert "-> check(2)" in session.expect_prompt()
    for place in ("test_by_a_function_that_hides", "test_by_pytest_itself"):
        where = session.ask("where")
        assert f"{place} in test_module at test_module.py" in where
        assert "_pytest.runner" not in where
        assert len(where.splitlines()) == 4
        assert "_pytest" not in session.ask("up")
        if place != "test_by_pytest_itself":
            assert "test_by_pytest_itself()" in session.ask("c")
    assert "2 failed" in session.finish("c")


def test_the_class_at_pytest_own_breakpoints(terminal):
    source = "def test_it():\n    value = 1\n    breakpoint()\n    more = 2\n    breakpoint()\n"
    session = terminal(source, *ALONE, "--pdbcls=stackscope_pdb:Pdb")
    session.expect_prompt()
    assert session.ask("value = 5") == ""
    session.ask("n")
    session.child.sendline("debug value + 1")
    session.child.expect_exact("((stackscope_pdb)) ")
    session.child.sendline("c")
    session.expect_prompt()
    assert session.ask("p value") == "5\n"
    assert "IO-capturing resumed" in session.ask("cont")
    assert "1 passed" in session.finish("c")


QUITS = {
    "plain": "breakpoint()",
    "asyncio": "await asyncio.gather(child())",
    "trio": "async with trio.open_nursery() as group:\n    group.start_soon(child)",
    "anyio": "async with anyio.create_task_group() as group:\n    group.start_soon(child)",
}

CHILD = """
async def child():
    breakpoint()
    print("after")

def test_next():
    pass
"""


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind in ("trio", "anyio")])
def test_quit_in_a_group_of_tasks_ends_everything(terminal, kind):
    session = terminal(module_of_kinds(QUITS[kind], [kind]) + CHILD, **OURS)
    session.expect_prompt()
    out = session.finish("q")
    assert "Exit: Quitting debugger" in out
    assert "Traceback" not in out
    assert "1 passed" not in out
    assert session.child.exitstatus == 2


def test_a_function_that_was_imported_before_pytest_was_ready(terminal, pytester):
    pytester.makeconftest("from stackscope_pdb import set_trace")
    source = "from conftest import set_trace\ndef test_it():\n    print('words')\n    set_trace()\n"
    session = terminal(source, *ALONE, "-rP")
    assert "IO-capturing turned off" in session.expect_prompt()
    out = session.finish("c")
    assert "words" in out.partition("Captured stdout call")[2]
    assert "1 passed" in out


def test_a_breakpoint_while_tests_are_collected_and_another_class_chosen(terminal):
    source = "import stackscope_pdb\nstackscope_pdb.set_trace()\ndef test_it():\n    breakpoint()\n"
    session = terminal(source, *ALONE, "--pdbcls=pdb:Pdb")
    assert "<module>()" in session.expect_prompt()
    session.child.sendline("c")
    session.child.expect_exact("(Pdb) ")
    assert "1 passed" in session.finish("c")


AWAITS = """
async def give():
    await anyio.sleep(0)
    return "given " * 2
"""


@pytest.mark.skipif(sys.version_info < (3, 14), reason="set_trace_async came with 3.14")
def test_await_at_the_prompt(terminal):
    body = 'print("words")\nawait stackscope_pdb.set_trace_async()\nprint("after")'
    session = terminal(module_of_kinds(body, ["anyio"]) + AWAITS, "-rP")
    session.expect_prompt()
    assert "given given" in session.ask("print(await give())")
    out = session.finish("c")
    assert out.partition("Captured stdout call")[2].splitlines()[1:3] == ["words", "after"]


@IN_TURN
def test_the_clock_stops_while_somebody_debugs(terminal):
    source = "import time\ndef test_it():\n    breakpoint()\n    time.sleep(0.5)\n"
    session = terminal(source, *ALONE, "--stackscope-timeout=1", **OURS)
    session.expect_prompt()
    assert session.ask("import time; time.sleep(1.1)") == ""
    out = session.finish("c")
    assert "+++" not in out
    assert "1 passed" in out
