"""What ``gc.freeze()`` hides is found, or its absence is said."""

from __future__ import annotations

import asyncio
import gc

import pytest

from stackscope import extract_all

pytestmark = pytest.mark.skipif(not hasattr(gc, "freeze"), reason="has no gc.freeze()")


@pytest.fixture
def frozen(unfrozen):
    """A function that freezes. Its effect ends with the test."""
    return gc.freeze


def test_a_loop_that_rests(frozen):
    loop = asyncio.new_event_loop()
    task = loop.create_task(asyncio.sleep(1000))
    loop.call_soon(loop.stop)
    loop.run_forever()
    before = extract_all()
    frozen()
    after = extract_all()
    try:
        assert before.frozen == 0
        assert "gc.freeze()" not in str(before)
        assert any(node.task is task for node in before.tasks())
        is_found = any(node.task is task for node in after.tasks())
        assert is_found or "gc.freeze()" in str(after)
        assert is_found or after.frozen > 0
    finally:
        gc.unfreeze()
        task.cancel()
        loop.run_until_complete(asyncio.wait([task]))
        loop.close()


def test_a_greenlet(frozen):
    greenlet = pytest.importorskip("greenlet")
    waiting = greenlet.greenlet(lambda: greenlet.getcurrent().parent.switch())
    waiting.switch()
    assert any(node.item is waiting for node in extract_all().items)
    frozen()
    snapshot = extract_all()
    is_found = any(node.item is waiting for node in snapshot.items)
    assert is_found or "greenlets and resting event loops among these may be missing" in str(
        snapshot
    )
    gc.unfreeze()
    waiting.switch()


def test_what_runs_is_found_all_the_same(frozen):
    async def main():
        task = asyncio.ensure_future(asyncio.sleep(1000))
        await asyncio.sleep(0)
        frozen()
        snapshot = extract_all()
        task.cancel()
        return task, snapshot

    task, snapshot = asyncio.run(main())
    assert any(node.task is task for node in snapshot.tasks())
    assert gc.get_freeze_count() > 0
