"""``--stackscope-timeout``: what a test that takes too long is doing."""

from __future__ import annotations

import re
import sys

from stackscope.interpreter.facts import has_gil
from stackscope.interpreter.frames.blocking import tells_locks
from tests.helpers.rows import IN_TURN
from tests.pytest_plugin.conftest import (
    ALONE,
    ALWAYS,
    KINDS,
    TELLS_WHEN_TOLD,
    kinds,
    module_of_kinds,
    run,
)

pytest_plugins = ["pytester"]

LEASE = """
from contextlib import contextmanager

@contextmanager
def lease():
    yield "leased"

"""

HANGS = """
print("captured words")
secret = lease()
with secret:
    while not was_told():
        WAIT(0.05)
assert 1 == 2, "as always"
"""

SLOW_FIXTURES = """
@pytest.fixture
def slow(was_told):
    while not was_told():
        time.sleep(0.05)

def test_fixture(slow):
    pass

@pytest.fixture
def slow_to_go(was_told):
    yield
    while not was_told():
        time.sleep(0.05)

def test_teardown(slow_to_go):
    pass

@pytest.mark.stackscope_timeout(50)
def test_quick():
    pass
"""

STUCK = """
def test_stuck(was_told):
    import threading

    def twice():
        with lock:
            with lock:
                pass

    lock = threading.Lock()
    threading.Thread(target=twice, name="twice", daemon=True).start()
    while not was_told():
        time.sleep(0.05)
"""

COUNTS = """
import threading
threads_before = threading.enumerate()

def test_counts_threads(was_told):
    assert threading.enumerate() == threads_before
    while not was_told():
        time.sleep(0.05)
    assert threading.enumerate() == threads_before
    assert threading.active_count() == len(threads_before)
"""

MAIN_STACK = {
    "plain": "test_plain in test_module at",
    "asyncio": "asyncio loop in MainThread: 1 task",
    "anyio": "asyncio loop in MainThread:",
    "trio": "trio run in MainThread: 2 tasks",
    "fixture": "slow in test_module at",
    "teardown": "slow_to_go in test_module at",
}


def told(out, name, seconds):
    """What was told of a test. It was told once."""
    head = f"\n+++ stackscope: {name} takes more than {seconds} s and is left running +++\n"
    tail = f"\n+++ end of what {name} was doing +++\n"
    assert out.count(head) == out.count(tail) == 1
    return out.partition(head)[2].partition(tail)[0]


def test_tests_that_hang_are_shown_and_go_on(pytester):
    pytester.makeconftest(TELLS_WHEN_TOLD)
    pytester.makepyfile(
        test_module=LEASE + module_of_kinds(HANGS, kinds(), "was_told") + SLOW_FIXTURES + STUCK
    )
    result = run(pytester, "--stackscope-timeout", "0.1")
    out = result.stdout.str()
    for kind in kinds():
        shown = told(out, f"test_module.py::test_{kind}", "0.1")
        assert MAIN_STACK[kind] in shown
        # Without the GIL the frames of another thread are read if they are suspended.
        has_contexts = kind != "plain" or has_gil()
        assert ("with secret:" in shown) == has_contexts
        assert ('yield "leased"' in shown) == has_contexts
        assert f"{KINDS[kind][-1]}(0.05)" in shown
        assert "thread 1 MainThread" in shown
        assert "stackscope-timeout" not in shown  # the thread that looks
        assert "pluggy" not in shown
        assert "captured words" not in shown
    for name in ("fixture", "teardown"):
        assert MAIN_STACK[name] in told(out, f"test_module.py::test_{name}", "0.1")
    shown = told(out, "test_module.py::test_stuck", "0.1")
    assert ("Deadlock: thread " in shown) == tells_locks()
    assert bool(re.search(r"^. ! thread \d+ twice", shown, re.MULTILINE)) == tells_locks()
    assert out.count("+++ stackscope: ") == len(kinds()) + 3  # the quick one is not told of
    # nothing else has changed: the tests end as they would have, and their output is there
    assert out.count("Captured stdout call") == len(kinds())
    assert out.count("\ncaptured words\n") == len(kinds())
    result.assert_outcomes(failed=len(kinds()), passed=4)


@IN_TURN
def test_without_the_extras_and_with_output_that_takes_no_signs(pytester, monkeypatch):
    """And a test that counts threads: `threading` knows nothing of the thread that looks."""
    hide = "import sys\nsys.modules['pygments'] = sys.modules['prompt_toolkit'] = None\n"
    pytester.makepyfile(without_extras=hide)
    pytester.makeconftest(TELLS_WHEN_TOLD)
    pytester.makepyfile(test_module=LEASE + module_of_kinds(HANGS, ["plain"], "was_told") + COUNTS)
    pytester.makeini("[pytest]\nstackscope_timeout = 0.1\n")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    monkeypatch.setenv("COLUMNS", "60")
    result = run(pytester, "-p", "without_extras", "--capture=sys", *ALONE)
    shown = told(result.stdout.str(), "test_module.py::test_plain", "0.1")
    assert ("with secret:" in shown) == has_gil()
    assert "time.sleep(0.05)" in shown
    assert shown.isascii()
    assert max(map(len, shown.splitlines())) <= 60
    told(result.stdout.str(), "test_module.py::test_counts_threads", "0.1")
    result.assert_outcomes(failed=1, passed=1)


REPEATS = """
import time, pytest
pytestmark = pytest.mark.stackscope_timeout(0.05, repeat=0.05)

def first(was_told):
    while "is still running" not in was_told():
        time.sleep(0.02)

def second(was_told):
    while "moved:" not in was_told():
        time.sleep(0.02)

def test_repeats(was_told):
    first(was_told)
    second(was_told)

@pytest.mark.stackscope_timeout(0)
def test_without_limit(was_told):
    time.sleep(0.3)

WRONG = ["(1, fail=1)", "('soon')", "(-1)", "(1, repeat=float('nan'))", "()", "(1, often=True)"]
mark = pytest.mark.stackscope_timeout
all_wrong = [pytest.param(name, marks=eval("mark" + name)) for name in WRONG]

@pytest.mark.parametrize("wrong", all_wrong, ids=range(len(WRONG)))
def test_wrong(wrong):
    print("has begun")
"""

COMPLAINTS = [
    "fail takes True or False, not 1",
    "seconds takes a number of seconds, not 'soon'",
    "seconds takes a number of seconds, not -1",
    "repeat takes a number of seconds, not nan",
    "the marker's arguments are wrong",
    "the marker's arguments are wrong",
]
USAGE = "write @pytest.mark.stackscope_timeout(SECONDS, fail=True) or (SECONDS, repeat=SECONDS)"


@IN_TURN
def test_the_marker_and_what_has_changed(pytester):
    pytester.makeconftest(TELLS_WHEN_TOLD)
    pytester.makepyfile(test_module=REPEATS)
    result = run(pytester, "--strict-markers", *ALONE)
    out = result.stdout.str()
    begin = (
        "+++ stackscope: test_module.py::test_repeats takes more than 0.05 s and is left running"
    )
    assert out.count(begin) == 1
    assert out.count("+++ end of what test_module.py::test_repeats was doing +++") >= 3
    assert out.count("+++ stackscope: test_module.py::test_repeats is still running after ") >= 2
    assert "1 moved, 0 new, 0 gone\n" in out
    assert "\nmoved:\n  thread 1 (MainThread)  first:" in out
    assert "test_without_limit" not in out
    for complaint in COMPLAINTS:
        assert f"stackscope_timeout: {complaint}: {USAGE}" in out
    assert "has begun" not in out
    result.assert_outcomes(passed=2, errors=len(COMPLAINTS))


def test_nothing_is_imported_before_it_is_used(pytester):
    pytester.makeini("[pytest]\nstackscope_timeout = 0.001\n")
    pytester.makepyfile(
        """
        import sys

        def test_it():
            ours = [name for name in sys.modules if name.startswith("stackscope")]
            assert sorted(ours) == [
                "stackscope_pdb", "stackscope_pdb.entry", "stackscope_pdb.entry.making",
                "stackscope_pdb.pytest_plugin", "stackscope_pdb.pytest_plugin.limits",
            ]
            import stackscope_pdb.debugger.own
            assert "pytest" not in type(stackscope_pdb.debugger.own.__loader__).__module__
        """
    )
    result = run(pytester, "--stackscope-timeout=0", *ALONE)
    assert "stackscope-0.1.0" in result.stdout.str()
    assert "+++" not in result.stdout.str()
    result.assert_outcomes(passed=1)


MANY_RUNS = """
import pytest, sys

def run(*arguments):
    return pytest.main(["-q", *OPTIONS, *arguments])

assert run("-p", "no:stackscope", "test_nothing.py") == 0
assert not [name for name in sys.modules if name.startswith("stackscope")]
from stackscope_pdb.entry.making import debugger_maker
for _ in range(2):
    assert run() == 0
    assert debugger_maker() is None
for value in ("soon", "-1", "nan"):
    assert run("--stackscope-timeout=" + value) == pytest.ExitCode.USAGE_ERROR
assert run("-p", "no:stackscope", "--stackscope-timeout=1") == pytest.ExitCode.USAGE_ERROR
assert debugger_maker() is None
print("as before")
"""


@IN_TURN
def test_after_a_run_the_package_is_as_it_was_and_values_that_make_no_sense(pytester):
    pytester.makepyfile(
        main=f"OPTIONS = {ALWAYS + ALONE}\n{MANY_RUNS}",
        test_nothing="def test_it():\n    pass\n",
        test_module="def test_it():\n    import stackscope_pdb\n    stackscope_pdb.Pdb\n",
    )
    result = pytester.run(sys.executable, "main.py", timeout=200)
    assert result.outlines[-1] == "as before"
    errors = result.stderr.str()
    for value in ("soon", "-1", "nan"):
        assert f"--stackscope-timeout takes a number of seconds, not '{value}'" in errors
    assert "unrecognized arguments: --stackscope-timeout=1" in errors
