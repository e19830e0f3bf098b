"""``--stackscope-timeout-fail`` and the marker: tests that take too long are interrupted."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from tests.helpers.rows import IN_TURN
from tests.pytest_plugin.conftest import (
    ALONE,
    ALWAYS,
    TELLS_WHEN_TOLD,
    kinds,
    module_of_kinds,
    run,
)

pytest_plugins = ["pytester"]

FAIL = "@pytest.mark.stackscope_timeout(0.2, fail=True)"

HANGS = """
print("words before")
try:
    WAIT(200)
finally:
    print("cleaned up")
"""

MORE = """
import threading, unittest

soon = pytest.mark.stackscope_timeout(0.2, fail=True)

@soon
def test_lock():
    lock = threading.Lock()
    with lock, lock:
        pass

@soon
def test_goes_on():
    try:
        time.sleep(200)
    except BaseException:
        pass

@soon
def test_fails_otherwise():
    try:
        time.sleep(200)
    except BaseException:
        raise ValueError("otherwise")

@pytest.fixture
def slow():
    time.sleep(200)

@soon
def test_setup(slow):
    pass

@pytest.fixture
def noisy():
    yield
    print("noisy was torn down")

@pytest.fixture
def slow_to_go():
    yield
    time.sleep(200)

@soon
def test_teardown(noisy, slow_to_go):
    pass

@soon
def test_both(noisy, slow_to_go):
    time.sleep(200)

@soon
class TestCase(unittest.TestCase):
    def tearDown(self):
        print("tearDown was called")

    def test_in_case(self):
        time.sleep(200)

class TestAsyncCase(unittest.IsolatedAsyncioTestCase):
    @soon
    async def test_in_async_case(self):
        await asyncio.sleep(200)

def test_next():
    time.sleep(0.5)
"""

ASYNC_TEARDOWN = """
@pytest.fixture
async def slow_loop(noisy):
    yield
    await asyncio.sleep(200)

@soon
@pytest.mark.anyio
async def test_loop_teardown(slow_loop):
    pass
"""

FAILED = ["lock", "goes_on", "fails_otherwise", "both", "in_case", "in_async_case"]
MESSAGE = "Failed: takes more than 0.2 s (stackscope_timeout)"
SECTION = " What the test was doing after 0.2 s (stackscope) "


def report(out, title):
    """What the report says of one test, whose title is drawn as a line."""
    assert f"_ {title} _" in out
    return out.partition(f"_ {title} _")[2].partition("\n____")[0]


def test_tests_that_take_too_long_are_failed_and_the_others_run(pytester):
    has_anyio = importlib.util.find_spec("anyio") is not None
    source = module_of_kinds(HANGS, kinds(), mark=FAIL) + MORE
    pytester.makepyfile(test_module=source + (ASYNC_TEARDOWN if has_anyio else ""))
    result = run(pytester, "--strict-markers")
    out = result.stdout.str()
    for kind in kinds():
        said = report(out, f"test_{kind}")
        assert MESSAGE in said
        assert "(200)" in said.partition(SECTION)[2]
        assert "words before\n" in said
        if kind != "asyncio" or sys.version_info >= (3, 11):  # nobody cancels it before
            assert "words before\ncleaned up\n" in said
    for name in ("test_lock", "ERROR at setup of test_setup", "TestCase.test_in_case"):
        assert MESSAGE in report(out, name)
        assert SECTION in report(out, name)
    assert "(stackscope_timeout), and went on when it was interrupted" in report(
        out, "test_goes_on"
    )
    assert "ValueError: otherwise" in report(out, "test_fails_otherwise")
    assert "tearDown was called" in report(out, "TestCase.test_in_case")
    assert MESSAGE in report(out, "TestAsyncCase.test_in_async_case")
    torn_down = ["teardown", "both", *["loop_teardown"][:has_anyio]]
    for name in torn_down:  # what takes too long there keeps nothing else from being torn down
        said = report(out, f"ERROR at teardown of test_{name}")
        assert MESSAGE in said
        assert "noisy was torn down" in said
    result.assert_outcomes(
        failed=len(kinds()) + len(FAILED), errors=1 + len(torn_down), passed=len(torn_down)
    )


SLOW_REPORTS = """
import time, pytest

@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    time.sleep(1.5)
    yield
"""

QUICK_TO_GO = """
import time, pytest

@pytest.fixture
def quick_to_go():
    yield

def test_it(quick_to_go):
    time.sleep(200)
"""


def test_a_slow_report_does_not_take_the_time_of_the_teardown(pytester):
    pytester.makeconftest(SLOW_REPORTS)
    pytester.makepyfile(test_module=QUICK_TO_GO)
    result = run(pytester, *ALONE, "--stackscope-timeout=0.5", "--stackscope-timeout-fail")
    result.assert_outcomes(failed=1)
    said = report(result.stdout.str(), "test_it")
    assert said.count("What the test was doing") == 1
    assert "(200)" in said.partition("What the test was doing")[2]


NEVER_ENDS = """
import time

def test_it():
    while True:
        try:
            time.sleep(0.05)
        except BaseException:
            pass

def test_next():
    pass
"""

IMPATIENT = """
from stackscope_pdb.pytest_plugin import watch
watch.SHORTEST_GRACE = watch.LONGEST_GRACE = 0.1
"""


def test_a_test_that_can_not_be_interrupted_ends_the_run(pytester):
    pytester.makeconftest(IMPATIENT)
    pytester.makepyfile(test_module=NEVER_ENDS)
    pytester.makeini("[pytest]\nstackscope_timeout = 0.1\nstackscope_timeout_fail = true\n")
    result = run(pytester, *ALONE)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    out = result.stdout.str()
    assert "+++ stackscope: test_module.py::test_it can't be interrupted: the run is ended" in out
    assert "test_it in test_module at test_module.py" in out


SLEEPS = """
import time

def test_it():
    time.sleep(200)
"""


@IN_TURN
def test_the_dump_is_in_the_report_of_xdist(pytester, monkeypatch):
    pytest.importorskip("xdist")
    monkeypatch.setenv("COLUMNS", "90")
    pytester.makepyfile(test_module=SLEEPS)
    result = run(
        pytester, *ALONE, "-n", "1", "--stackscope-timeout=0.2", "--stackscope-timeout-fail"
    )
    said = report(result.stdout.str(), "test_it")
    assert MESSAGE in said
    assert "test_it in test_module at test_module.py" in said.partition(SECTION)[2]
    result.assert_outcomes(failed=1)


IN_A_THREAD = """
import sys, threading, pytest
codes = []
arguments = ["--stackscope-timeout=0.1", "--stackscope-timeout-fail"]
thread = threading.Thread(target=lambda: codes.append(pytest.main([*arguments, *sys.argv[1:]])))
thread.start()
thread.join()
assert codes == [0]
"""


GOES_ON = """
import time

def test_it(was_told):
    while not was_told():
        time.sleep(0.05)
"""


@IN_TURN
def test_out_of_the_main_thread(pytester):
    pytester.makeconftest(TELLS_WHEN_TOLD)
    pytester.makepyfile(main=IN_A_THREAD, test_module=GOES_ON)
    result = pytester.run(sys.executable, "main.py", *ALWAYS, *ALONE, timeout=200)
    assert result.ret == 0
    left = "takes more than 0.1 s and is left running, for only the main thread can be interrupted"
    assert left in result.stdout.str()
