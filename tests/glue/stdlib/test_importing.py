"""Threads that wait for an import that another thread is at."""

from __future__ import annotations

import importlib
import sys
import threading
import time

import pytest

import stackscope
from stackscope.interpreter.facts import IS_PYPY

MODULE = """
import sys
begun, leave = sys.events_of_imports
begun.set()
leave.wait(10)
"""


@pytest.fixture
def slow_module(tmp_path, monkeypatch):
    """Two events: a module's import has begun; it may end."""
    (tmp_path / "slowly_imported.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    events = threading.Event(), threading.Event()
    monkeypatch.setattr(sys, "events_of_imports", events, raising=False)
    yield events
    events[1].set()
    sys.modules.pop("slowly_imported", None)


def by_statement():
    import slowly_imported  # noqa: F401


def by_function():
    importlib.import_module("slowly_imported")


@pytest.mark.skipif(IS_PYPY, reason="nothing is told there of the locks of imports")
@pytest.mark.parametrize(
    ("function", "words"),
    [(by_statement, "import slowly_imported"), (by_function, "importlib.import_module()")],
)
def test_who_is_importing_the_same(slow_module, function, words):
    begun, leave = slow_module
    threads = [threading.Thread(target=function, name=which) for which in ("imports", "waits")]
    threads[0].start()
    assert begun.wait(10)
    threads[1].start()
    node = None
    for _ in range(100):
        found = {one.name: one for one in stackscope.extract_all().threads}
        node = found["waits"]
        if node.waiting is not None and node.waiting.holders:
            break
        time.sleep(0.05)
    leave.set()
    for thread in threads:
        thread.join()
    assert node.waiting.holders == threads[:1]
    assert not node.waiting.holders_are_likely
    assert str(node.waiting).startswith(f"{words}: held by thread")
