"""Drawing, writing and reading back make much at once: the collector waits until that is done."""

from __future__ import annotations

import asyncio
import gc

import pytest

import stackscope
from stackscope.interpreter.collector import HAS_THRESHOLDS

pytestmark = pytest.mark.skipif(not HAS_THRESHOLDS, reason="PyPy's collector works in small steps")

TASKS = 300


@pytest.fixture(scope="module")
def looks():
    """Two snapshots of many different tasks, and a diagnosis."""

    async def wait(seconds):
        await asyncio.sleep(seconds)

    async def main():
        tasks = [asyncio.ensure_future(wait(1000 + number)) for number in range(TASKS)]
        await asyncio.sleep(0)
        looks = stackscope.extract_all(), stackscope.extract_all(), stackscope.diagnose()
        for task in tasks:
            task.cancel()
        return looks

    return asyncio.run(main())


def collections_during(operation):
    """How many collections begin by themselves during a call, at a low threshold."""
    counted = []

    def count(phase, info):
        if phase == "start":
            counted.append(info["generation"])

    before = gc.get_threshold()
    gc.set_threshold(50, *before[1:])
    gc.callbacks.append(count)
    try:
        kept = operation()
        return len(counted), kept
    finally:
        gc.callbacks.remove(count)
        gc.set_threshold(*before)


OPERATIONS = {
    "str": lambda earlier, later, diagnosis: str(later),
    "whole": lambda earlier, later, diagnosis: later.format(fold=False, max_alike=None),
    "HTML": lambda earlier, later, diagnosis: later.to_html(),
    "JSON": lambda earlier, later, diagnosis: later.to_json(),
    "JSON read": lambda earlier, later, diagnosis: stackscope.Snapshot.from_json(later.to_json()),
    "filter": lambda earlier, later, diagnosis: later.filter("wait"),
    "since": lambda earlier, later, diagnosis: later.since(earlier),
    "diff": lambda earlier, later, diagnosis: str(earlier.diff(later)),
    "diagnosis": lambda earlier, later, diagnosis: str(diagnosis),
    "diagnosis as JSON": lambda earlier, later, diagnosis: diagnosis.to_json(),
    "diagnosis as HTML": lambda earlier, later, diagnosis: diagnosis.to_html(),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_collection_begins(looks, name):
    assert collections_during(lambda: [[] for _ in range(1000)])[0] > 5  # they are counted
    OPERATIONS[name](*looks)  # what is imported or kept at first
    # Between two calls of ours it is the program's turn: a collection may begin there.
    calls = 2 if name in {"JSON read", "diff"} else 1
    assert collections_during(lambda: OPERATIONS[name](*looks))[0] <= calls
