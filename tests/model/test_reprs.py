"""What the parts of a snapshot and of a diagnosis look like in an interpreter: short, one line."""

from __future__ import annotations

import asyncio
import sys

import pytest

import stackscope


async def waits_for(others, held=None):
    await asyncio.sleep(0)
    await asyncio.wait(others)


async def fails():
    raise ValueError


@pytest.mark.skipif(
    sys.implementation.name != "cpython",
    reason="tasks that have failed are found, and deadlocks proved, by CPython's collector",
)
def test_a_deadlock():
    async def main():
        others = []
        failed = asyncio.ensure_future(fails())
        one = asyncio.ensure_future(waits_for(others, failed))  # or it were forgotten from 3.14 on
        others.append(asyncio.ensure_future(waits_for([one])))
        one.set_name("one")
        others[0].set_name("other")
        failed.set_name("failed")
        for _ in range(5):
            await asyncio.sleep(0)
        snapshot = stackscope.extract_all()
        diagnosis = stackscope.diagnose(snapshot)
        for task in (one, *others):
            task.cancel()
        await asyncio.wait([one, *others, failed])
        assert failed.exception() is not None
        return snapshot, diagnosis

    snapshot, diagnosis = asyncio.run(main())
    [loop] = snapshot.loops
    assert repr(loop) == "<LoopNode of asyncio in MainThread>"
    [failed] = loop.failed
    assert repr(failed) == f"<FailedTask {failed.number} 'failed'>"
    [here] = [node for node in snapshot.threads if node.is_here]
    assert repr(here) == f"<ThreadNode {here.number} 'MainThread'>"
    [finding] = diagnosis.findings
    one, other = finding.nodes
    assert repr(one) == f"<TaskNode {one.number} 'one' waiting>"
    assert repr(finding) == f"<Finding 'deadlock' certain: [{one!r}, {other!r}]>"
    assert repr(diagnosis) == "<Diagnosis with 1 findings>"
    assert repr(diagnosis.graph) == "<Graph of 2 nodes and 2 edges>"
    assert repr(diagnosis.graph.edges[0]) == f"<Edge from {one!r} to 1 nodes>"
