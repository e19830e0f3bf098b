"""Where very many may end a wait, the diagnosis is the same as where there are few."""

from __future__ import annotations

import asyncio

import pytest

import stackscope
from stackscope.interpreter.reachable import counts_references
from stackscope.snapshot import helpers
from tests.growth import worlds
from tests.helpers.rows import HERE_AS_ON_OTHERS

pytestmark = pytest.mark.skipif(not counts_references(), reason="the heap isn't searched")

FEW, MANY = 20, 600


def found_in(make, size):
    """What is found of some tasks: the kind, whether it is certain, and how many of each."""

    async def main():
        tasks = make(size, asyncio.Event().wait)
        for _ in range(3):
            await asyncio.sleep(0)
        diagnosis = stackscope.diagnose()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        of_these = set(map(id, tasks))
        return [
            (one.kind, one.certain, len(one.nodes), len(one.behind))
            for one in diagnosis.findings
            if any(id(getattr(node, "task", None)) in of_these for node in one.nodes)
        ]

    return asyncio.run(main())


def times_as_many(found):
    times = MANY // FEW
    return [
        (kind, certain, heart * times, behind * times) for kind, certain, heart, behind in found
    ]


@HERE_AS_ON_OTHERS
@pytest.mark.parametrize(
    "make",
    [
        worlds.between_events,
        worlds.between_queues,
        worlds.supervised,
        worlds.supervised_together,
        worlds.in_each_others_turn,
    ],
)
def test_many_are_told_as_few_are(make):
    few = found_in(make, FEW)
    assert few
    assert found_in(make, MANY) == times_as_many(few)


def test_a_node_is_not_said_to_end_its_own_wait():
    async def main():
        tasks = worlds.supervised(FEW, None)
        for _ in range(3):
            await asyncio.sleep(0)
        diagnosis = stackscope.diagnose()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return diagnosis.graph.edges

    edges = asyncio.run(main())
    assert edges
    assert not any(edge.node is target for edge in edges for target in edge.targets)


def test_two_sets_that_have_nothing_in_common_are_found():
    apart = helpers._are_two_apart
    assert apart([frozenset([1]), frozenset([2])])
    assert not apart([frozenset([1]), frozenset([1, 2])])
    assert not apart([frozenset(), frozenset([1])])
    assert not apart([])
