"""``--stackscope-timeout``: what a test that takes too long is doing."""

from __future__ import annotations

import sys

from stackscope.interpreter.facts import has_gil
from tests.pytest_plugin.conftest import ALONE, KINDS, kinds, module_of_kinds

pytest_plugins = ["pytester"]

LEASE = """
from contextlib import contextmanager

@contextmanager
def lease():
    yield "leased"

"""

LONG = 8.0 if sys.implementation.name == "pypy" else 2.0
"""Seconds: more than it takes to tell of a test, for what is told must be seen before the test goes
on."""

HANGS = f"""
print("captured words")
secret = lease()
with secret:
    WAIT({LONG})
assert 1 == 2, "as always"
"""

SLOW_FIXTURE = f"""
@pytest.fixture
def slow():
    time.sleep({LONG})

def test_fixture(slow):
    pass

def test_quick():
    pass
"""

MAIN_STACK = {
    "plain": "test_plain in test_module at",
    "asyncio": "asyncio loop in MainThread: 1 task",
    "anyio": "asyncio loop in MainThread:",
    "trio": "trio run in MainThread: 2 tasks",
    "fixture": "slow in test_module at",
}


def run(pytester, *arguments):
    return pytester.runpytest_subprocess(
        "-p", "no:cacheprovider", "-W", "ignore:The configuration option", *arguments, timeout=200
    )


def told(out, name, seconds):
    """What was told of a test. It was told once."""
    head = f"\n+++ stackscope: {name} takes more than {seconds} s and is left running +++\n"
    tail = f"\n+++ end of what {name} was doing +++\n"
    assert out.count(head) == out.count(tail) == 1
    return out.partition(head)[2].partition(tail)[0]


def test_tests_that_hang_are_shown_and_go_on(pytester):
    pytester.makepyfile(test_module=LEASE + module_of_kinds(HANGS, kinds()) + SLOW_FIXTURE)
    result = run(pytester, "--stackscope-timeout", "0.5")
    out = result.stdout.str()
    for kind in kinds():
        shown = told(out, f"test_module.py::test_{kind}", "0.5")
        assert MAIN_STACK[kind] in shown
        # Without the GIL the frames of another thread are read if they are suspended.
        has_contexts = kind != "plain" or has_gil()
        assert ("with secret:" in shown) == has_contexts
        assert ('yield "leased"' in shown) == has_contexts
        assert f"{KINDS[kind][-1]}({LONG})" in shown
        assert "thread 1 MainThread" in shown
        assert "stackscope-timeout" not in shown  # the thread that looks
        assert "pluggy" not in shown
        assert "captured words" not in shown
    assert MAIN_STACK["fixture"] in told(out, "test_module.py::test_fixture", "0.5")
    assert out.count("+++ stackscope: ") == len(kinds()) + 1  # the quick one is not told of
    # nothing else has changed: the tests end as they would have, and their output is there
    assert out.count("Captured stdout call") == len(kinds())
    assert out.count("\ncaptured words\n") == len(kinds())
    result.assert_outcomes(failed=len(kinds()), passed=2)


def test_a_test_that_counts_threads(pytester):
    """`threading` knows nothing of the thread that looks, before and after it has looked."""
    pytester.makepyfile(
        f"""
        import threading, time

        def test_it():
            assert threading.active_count() == 1
            time.sleep({LONG})
            assert threading.active_count() == 1
            assert threading.enumerate() == [threading.main_thread()]
        """
    )
    result = run(pytester, "--stackscope-timeout", "0.3", *ALONE)
    result.assert_outcomes(passed=1)
    assert result.stdout.str().count("+++ stackscope: ") == 1


def test_without_the_extras_and_with_output_that_takes_no_signs(pytester, monkeypatch):
    hide = "import sys\nsys.modules['pygments'] = sys.modules['prompt_toolkit'] = None\n"
    pytester.makepyfile(without_extras=hide)
    pytester.makepyfile(test_module=LEASE + module_of_kinds(HANGS, ["plain"]))
    pytester.makeini("[pytest]\nstackscope_timeout = 0.5\n")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    shown = told(
        run(pytester, "-p", "without_extras", "--capture=sys", *ALONE).stdout.str(),
        "test_module.py::test_plain",
        "0.5",
    )
    assert ("with secret:" in shown) == has_gil()
    assert f"time.sleep({LONG})" in shown
    assert shown.isascii()


def test_nothing_is_imported_before_it_is_used(pytester):
    pytester.makeini("[pytest]\nstackscope_timeout = 0.001\n")
    pytester.makepyfile(
        """
        import sys

        def test_it():
            ours = [name for name in sys.modules if name.startswith("stackscope")]
            assert sorted(ours) == [
                "stackscope_pdb", "stackscope_pdb.entry", "stackscope_pdb.entry.making",
                "stackscope_pdb.pytest_plugin",
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
    return pytest.main(["-q", "-p", "no:cacheprovider", *ALONE, *arguments])

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


def test_after_a_run_the_package_is_as_it_was_and_values_that_make_no_sense(pytester):
    pytester.makepyfile(
        main=f"ALONE = {ALONE}\n{MANY_RUNS}",
        test_nothing="def test_it():\n    pass\n",
        test_module="def test_it():\n    import stackscope_pdb\n    stackscope_pdb.Pdb\n",
    )
    result = pytester.run(sys.executable, "main.py", timeout=200)
    assert result.outlines[-1] == "as before"
    errors = result.stderr.str()
    for value in ("soon", "-1", "nan"):
        assert f"--stackscope-timeout takes a number of seconds, not '{value}'" in errors
    assert "unrecognized arguments: --stackscope-timeout=1" in errors
