"""What all tests share."""

from __future__ import annotations

import compileall
import contextlib
import faulthandler
import gc
import os
import signal
import sys
from pathlib import Path

import pytest
import pytest_rerunfailures as rerunfailures

from tests.helpers.measured import keep_what_was_measured
from tests.helpers.repository import ROOT
from tests.helpers.rows import is_its_turn

try:
    from _pytest.assertion import rewrite
    from _pytest.assertion.rewrite import assertstate_key
except ImportError:
    rewrite = None

LONGEST = 240
"""After so many seconds a test is taken for hung."""


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder with this repository's files."""
    return ROOT


stderr = pytest.StashKey[int]()
"""Where stacks of tests that hang are written to: what was there before pytest captured it."""


asked = pytest.StashKey["rerunfailures.ClientStatusDB"]()
"""What asks the first process how often a test has failed."""


def pytest_configure(config: pytest.Config) -> None:
    """Let programs in terminals be interrupted, also when the tests run in the background.

    A shell has such processes ignore ``SIGINT``, and they hand that down.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Each process, and each program that a test starts, would compile all that it imports anew.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if not hasattr(config, "workerinput"):  # the other processes start when this is done
        compile_packages()
    else:
        rewrite_share(config)
    with config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        config.stash[stderr] = os.dup(2)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Keep pytest-rerunfailures from asking the first process, twice for each test.

    An answer takes 40 ms. It asks only to run a test again that has crashed the interpreter, and a
    crash is never excused here. What replaces it is what a run in one process has.
    """
    config = session.config
    database = getattr(config, "failures_db", None)
    if isinstance(database, rerunfailures.ClientStatusDB):
        config.failures_db = rerunfailures.StatusDB()
        # Once its connection is closed, the first process would read from it for ever.
        config.stash[asked] = database


def keep_what_is_set_up(item: pytest.Item) -> None:
    """Before a test is run again: forget that it was set up, and nothing else."""
    item.session._setupstate.stack.pop(item, None)


def leave_tearing_down_to_pytest(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """What takes the place of a hook that throws away what else would have to be torn down."""


if sys.version_info < (3, 9):
    # The last pytest-rerunfailures for 3.8 (14.0) forgets all that is set up when a test is run
    # again, such as a kernel for a whole module. Nobody ever ends it, and other tests fail.
    rerunfailures._remove_failed_setup_state_from_session = keep_what_is_set_up
    rerunfailures.pytest_runtest_teardown.__code__ = leave_tearing_down_to_pytest.__code__


@pytest.hookimpl(hookwrapper=True)
def pytest_collection(session: pytest.Session):
    """Keep the collector from looking at the libraries that are imported meanwhile: they stay."""
    gc.disable()
    yield
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what this interpreter doesn't take: see `IN_TURN`."""
    reason = "other versions take it: STACKSCOPE_ALL_ROWS=1 runs it here"
    for item in items:
        if item.get_closest_marker("in_turn") and not is_its_turn(item.nodeid):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """More than there are cores, since tests wait for programs; not many: each imports all."""
    return (os.cpu_count() or 1) * 2


def compile_packages() -> None:
    """Keep the programs that tests start from compiling our modules, all at the same time."""
    for name in ("stackscope", "stackscope_pdb", "stackscope_ipython"):
        compileall.compile_dir(ROOT / name, quiet=2)


def rewrite_share(config: pytest.Config) -> None:
    """Let pytest prepare the assertions of some modules with tests, while others prepare others.

    Each process imports all tests, all at the same time. So each would prepare every module that
    has changed, or all of them in a fresh clone, which takes longer than all else before the first
    test. If pytest has changed inside, they do so.
    """
    state = config.stash.get(assertstate_key, None) if rewrite is not None else None
    if state is None or config.getoption("assertmode") != "rewrite":
        return
    own = int(config.workerinput["workerid"][2:])
    paths = sorted((ROOT / "tests").rglob("test_*.py"))
    with contextlib.suppress(AttributeError, TypeError):
        for path in paths[own :: config.workerinput["workercount"]]:
            folder = rewrite.get_cache_dir(path)
            cached = folder / (path.stem + rewrite.PYC_TAIL)
            if rewrite._read_pyc(path, cached) is None and rewrite.try_makedirs(folder):
                seen, code = rewrite._rewrite_test(path, config)
                rewrite._write_pyc(state, code, seen, cached)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None):
    """Let a test that hangs show where, and end its process; the other tests go on."""
    faulthandler.dump_traceback_later(LONGEST, exit=True, file=item.config.stash[stderr])
    tracer = sys.gettrace()
    yield
    faulthandler.cancel_dump_traceback_later()
    if sys.gettrace() is not tracer:  # or nothing were measured after a test that traces
        sys.settrace(tracer)
    if nextitem is not None and nextitem.path != item.path and has_many_objects():
        freeze()


def pytest_terminal_summary(terminalreporter) -> None:
    """Show why a test was run again: it may be a fault that comes now and then."""
    for report in terminalreporter.getreports("rerun"):
        terminalreporter.section(f"failed, and was run again: {report.nodeid}", sep="_")
        report.toterminal(terminalreporter._tw)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process of pytest-xdist may be ended before it keeps what it has measured."""
    keep_what_was_measured()


MOST_OBJECTS = 50_000
"""With so many objects that aren't frozen, what searches all of them takes noticeably longer."""


def has_many_objects() -> bool:
    """Whether the tests since the last `freeze` have left many objects behind."""
    return hasattr(gc, "freeze") and len(gc.get_objects()) > MOST_OBJECTS


def freeze() -> None:
    """Keep the collector, and searches of the heap, from looking at the libraries each time.

    All tests together import some thirty of them: a third of a million objects. What the tests of
    one file import or leave behind is frozen when they are over: in a long run, the tests of dumps
    took many times as long as alone.
    """
    if hasattr(gc, "freeze"):  # PyPy has none
        gc.collect()
        gc.freeze()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Do so when all of them are imported. Garbage among them is too little to look for it."""
    if hasattr(gc, "freeze"):
        gc.freeze()


@pytest.fixture
def unfrozen():
    """Nothing is frozen while the test runs, unless it does that itself."""
    if not hasattr(gc, "freeze"):
        yield
        return
    unfreeze()
    yield
    unfreeze()
    freeze()


def unfreeze() -> None:
    """As `gc.unfreeze`, and what was counted of frozen objects is forgotten."""
    from stackscope.interpreter import heap

    gc.unfreeze()
    heap._counted = None
