"""Looking leaves no trace: nothing is kept, nothing warns, no hook runs, anywhere."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import stackscope
from stackscope.interpreter.facts import FREE_THREADED
from tests.helpers.repository import ROOT
from tests.tools import references

ENVIRONMENT = {**os.environ, "PYTHONIOENCODING": "utf-8"}


def run(*arguments):
    """Run Python in development mode, with warnings as errors (but one); gives what it prints."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-W", "ignore:Without the GIL", *arguments],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


# ---------------------------------------------------------------------------- nothing is kept alive

REFERENCES = pytest.mark.skipif(
    not hasattr(sys, "getrefcount"), reason="PyPy doesn't count references"
)


@REFERENCES
def test_nothing_is_kept():
    """Of all kinds of stack items, and of all of `extract_all`."""
    assert run("-m", "tests.tools.references", "--rounds", "20") == "20 rounds: nothing is kept\n"


@REFERENCES
def test_that_test_can_fail():
    manager = references.Manager()
    kept = []

    def keep(item):
        kept.append(stackscope.extract(item))

    def refer(item):
        kept.append(item)

    found = list(references.growth([manager], refer, 3))
    assert "Manager: +3 references" in found
    with references.suspended(manager) as items:
        found = list(references.growth(items[:1], keep, 3))
    assert any(problem.endswith(" objects of type Stack") for problem in found)


# ------------------------------------------------------------------------------------ from anywhere

PLACES = {
    "signal handler",
    "finalizer",
    "finalizer run by the collector",
    "weakref callback",
    "gc callback",
    "trace function",
    "profile function",
    "audit hook",
    "excepthook",
    "unraisablehook",
    "thread excepthook",
    "atexit",
}
if not FREE_THREADED:
    PLACES |= {"module teardown"}
if hasattr(os, "fork"):
    PLACES |= {"fork", "fork from a thread"}
if sys.version_info >= (3, 12):
    PLACES |= {"monitoring callback"}


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="counts on CPython's finalizers")
def test_works_from_anywhere():
    """Each place says what it has found: its caller, inside of a `with`."""
    lines = run("-m", "tests.tools.places").splitlines()
    assert sorted(lines) == sorted(f"{place}: ok" for place in PLACES)


# ------------------------------------------------------------------------------ no hook, no warning

QUIET = """
import asyncio, gc, sys, warnings
import stackscope

calls = []
hooks = (calls.append, calls.append)
sys.set_asyncgen_hooks(*hooks)
unraisable = []
sys.unraisablehook = unraisable.append

async def agen():
    yield 1

def look(item):
    stackscope.extract(item, recurse_child_tasks=True).format()

for make in (
    agen,
    lambda: agen().asend(None),
    lambda: agen().athrow(ValueError),
    lambda: agen().aclose(),
):
    item = make()
    started = len(calls)
    look(item)
    assert len(calls) == started, "the hooks for new async generators ran"
    assert sys.get_asyncgen_hooks() == hooks
    if hasattr(item, "close"):
        item.close()
    elif sys.version_info >= (3, 13) and not hasattr(item, "ag_frame"):
        item.close()
    del item
sys.set_asyncgen_hooks(None, None)

async def main():
    asyncio.get_running_loop().slow_callback_duration = 1e6
    generator = agen()
    await generator.asend(None)
    hooks = sys.get_asyncgen_hooks()
    task = asyncio.ensure_future(asyncio.sleep(0))
    look(task)
    look(generator)
    stackscope.extract_all().format()
    assert sys.get_asyncgen_hooks() == hooks
    await task
    await generator.aclose()

asyncio.run(main())
gc.collect()
assert not unraisable, unraisable
assert "trio" not in sys.modules
print("quiet")
"""

TRIO = """
import sys, threading, trio

ran = []
codes = {trio.run.__code__, trio.lowlevel.start_guest_run.__code__}

def profile(frame, event, arg):
    if event == "call" and frame.f_code in codes:
        ran.append(frame)

sys.setprofile(profile)
import stackscope

def generate():
    yield

generator = generate()
next(generator)
stackscope.extract(generator).format()
stackscope.extract_all().format()
stackscope.extract(threading.current_thread()).format()
sys.setprofile(None)
assert not ran
assert sys.modules["stackscope.glue.trio.scopes"]
print("quiet")
"""


def test_no_hook_of_async_generators_runs_and_nothing_warns():
    assert run("-c", QUIET) == "quiet\n"


def test_trio_is_not_run():
    pytest.importorskip("trio", reason="trio isn't installed here")
    assert run("-c", TRIO) == "quiet\n"


AUDIT = """
import sys, threading
import stackscope, tests.tools.references as references

manager = references.Manager()
with references.suspended(manager) as items, references.thread_that_waits(manager) as threads:
    items += threads

    def look():
        for item in items:
            references.bare(item)
        references.everything(manager)

    look()
    seen = set()
    watching = True
    sys.addaudithook(lambda event, arguments: watching and seen.add(event))
    look()
    watching = False
print(*sorted(seen))
"""

AUDITED = {
    "builtins.id",
    "ctypes.PyObj_FromPtr",
    "ctypes.cdata",
    "gc.get_objects",
    "gc.get_referents",
    "gc.get_referrers",
    "object.__getattr__",
    "sys._current_frames",
    "sys._getframe",
}
"""What an extraction tells audit hooks, as docs/how_it_works.rst says."""

AUDITED_WITHOUT_GIL = {"time.sleep"}
"""The same, where there may be no GIL."""


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="PyPy has other events")
def test_audit_events():
    events = set(run("-c", AUDIT).split())
    assert events <= (AUDITED | AUDITED_WITHOUT_GIL if FREE_THREADED else AUDITED)
    text = (ROOT / "docs" / "how_it_works.rst").read_text(encoding="utf-8")
    assert all(f"``{event}``" in text for event in AUDITED | AUDITED_WITHOUT_GIL)
