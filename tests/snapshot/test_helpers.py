"""Where very many may end a wait, the diagnosis is the same as where there are few."""

from __future__ import annotations

import asyncio

import pytest

import stackscope
from stackscope.interpreter.reachable import counts_references
from stackscope.snapshot import helpers
from tests.growth import worlds
from tests.helpers.rows import IN_TURN

pytestmark = pytest.mark.skipif(not counts_references(), reason="the heap isn't searched")

FEW, MANY = 20, 300


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


@IN_TURN
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


# --------------------------------------------------------------------------- nodes by hand


def node(number):
    return stackscope.TaskNode(
        object(), number, "", "waiting", stackscope.Stack(None, []), None, []
    )


def left_of(nodes, needed_by, users, waiting, steps=None, **options):
    """The numbers of those who are left for each node that waits."""
    by_id = {id(nodes[number]): [nodes[one] for one in some] for number, some in needed_by.items()}
    found = helpers.Helpers({}, by_id, 0)
    if steps is not None:
        found._steps = steps
    shared = helpers.Users([nodes[one] for one in users], [nodes[users[0]]])
    of_each = {id(nodes[number]): shared for number in waiting}
    given = found.among(of_each, [nodes[number] for number in waiting], **options)
    return {
        number: [one.number for one in given[id(nodes[number])].all]
        for number in waiting
        if id(nodes[number]) in given
    }


def test_who_is_left():
    nodes = [node(number) for number in range(5)]
    # 1 needs 0 to end, and 2 needs 1 to end.
    needed_by = {0: [1], 1: [2]}
    assert left_of(nodes, needed_by, [0, 1, 2, 3], [0]) == {0: [3]}
    assert left_of(nodes, needed_by, [0, 1, 2, 3], [1]) == {1: [0, 3]}
    assert left_of(nodes, needed_by, [0, 1, 2, 3], [4]) == {4: [0, 1, 2, 3]}
    assert left_of(nodes, needed_by, [0, 1], [0]) == {}  # nobody is
    assert left_of(nodes, needed_by, [0, 1], [0], and_later=True) == {0: [1]}


def test_nobody_is_said_to_be_left_where_that_takes_too_long():
    nodes = [node(number) for number in range(5)]
    for steps in (0, 1, 2):
        assert left_of(nodes, {0: [1], 1: [2]}, [0, 3], [0], steps=steps) == {}
    assert left_of(nodes, {0: [1], 1: [2]}, [0, 3], [0], steps=4) == {0: [3]}


def test_few_lists_where_many_wait(monkeypatch):
    """Either two of them lead to each other anyway, or only those get one that need none."""
    monkeypatch.setattr(helpers, "MOST_IN_LISTS", 0)
    monkeypatch.setattr(helpers, "TIMES_AS_MANY", 0)
    nodes = [node(number) for number in range(5)]
    everybody = [0, 1, 2]
    assert left_of(nodes, {}, everybody, [0, 1], steps=99) == {0: everybody, 1: everybody}
    needed_by = {0: [1], 1: [0]}
    assert left_of(nodes, needed_by, everybody, [0, 1, 4], steps=99) == {4: everybody}
