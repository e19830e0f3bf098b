"""What is four times as much costs about four times as much, for all that is public.

The tests take some of the programs, others on each version of Python, and few of each thing;
``nox -s growth`` takes all, with more.
"""

from __future__ import annotations

import sys

import pytest

from tests.growth import measuring, worlds
from tests.growth.measuring import what_grows_too_fast
from tests.growth.operations import with_a_snapshot, with_a_stack
from tests.helpers.rows import ALL_ROWS, IN_TURN, share

SNAPSHOTS = {
    "alike": (worlds.in_asyncio(worlds.alike), 200),
    "different": (worlds.in_asyncio(worlds.different), 120),
    "named": (worlds.in_asyncio(worlds.named), 120),
    "gathered": (worlds.in_asyncio(worlds.gathered), 200),
    "awaited by all": (worlds.in_asyncio(worlds.awaited_by_all), 50),
    "waited for by all": (worlds.in_asyncio(worlds.waited_for_by_all), 100),
    "chained": (worlds.in_asyncio(worlds.chained), 100),
    "behind a lock": (worlds.in_asyncio(worlds.behind_a_lock), 100),
    "behind a semaphore": (worlds.in_asyncio(worlds.behind_a_semaphore), 100),
    "in a queue of threads": (worlds.in_a_queue_of_threads, 20),
    "in a circle": (worlds.in_asyncio(worlds.in_a_circle), 120),
    "in circles": (worlds.in_asyncio(worlds.in_circles), 80),
    "between events": (worlds.in_asyncio(worlds.between_events), 120),
    "between queues": (worlds.in_asyncio(worlds.between_queues), 120),
    # Few have a list of their own of those who may end their waits: see `MOST_IN_LISTS`.
    "supervised": (worlds.in_asyncio(worlds.supervised), 600),
    "supervised together": (worlds.in_asyncio(worlds.supervised_together), 120),
    "in each other's turn": (worlds.in_asyncio(worlds.in_each_others_turn), 120),
    "each at its own line": (worlds.in_asyncio(worlds.each_at_its_own_line), 120),
    "in a group": (worlds.in_asyncio(worlds.in_a_group), 120),
    "nested": (worlds.in_asyncio(worlds.nested), 60),
    "in trio": (worlds.in_trio, 200),
    "nested in trio": (worlds.nested_in_trio, 30),
    "channels in trio": (worlds.channels_in_trio, 100),
    "threads": (worlds.threads, 20),
    "event loops": (worlds.event_loops, 20),
    "greenlets": (worlds.greenlets, 120),
}
"""Programs that are looked at as a whole, with the smaller of the two sizes."""

STACKS = {
    "deep chain": (worlds.deep_chain, 150),
    "recursion": (worlds.recursion, 150),
    "exit stack": (worlds.exit_stack, 300),
    "exit stacks in each other": (worlds.exit_stacks_in_each_other, 80),
    "many blocks": (worlds.many_blocks, 80),
    "causes": (worlds.causes, 150),
    "exception group": (worlds.exception_group, 200),
}
"""Programs that make one stack."""

NEEDS_GROUPS = {"in a group", "nested"}


def taken(table):
    """Those of a table that are run, as parameters."""
    found = []
    for name, (world, size) in share(table.items(), 8 if table is SNAPSHOTS else 2):
        missing = name in NEEDS_GROUPS and sys.version_info < (3, 11)
        marks = [pytest.mark.skipif(missing, reason="asyncio has no TaskGroup before 3.11")]
        size = size if ALL_ROWS else size // 2
        found.append(pytest.param(world, size, id=name, marks=marks))
    return found


@IN_TURN
@pytest.mark.parametrize("world, size", taken(SNAPSHOTS))
def test_what_is_done_with_a_snapshot(world, size):
    found = what_grows_too_fast(world, with_a_snapshot, size)
    assert found == {}


@pytest.mark.parametrize("world, size", taken(STACKS))
def test_what_is_done_with_a_stack(world, size):
    found = what_grows_too_fast(world, with_a_stack, size)
    assert found == {}


def test_a_square_is_noticed(monkeypatch):
    monkeypatch.setattr(measuring, "LOOKS", 3)

    def world(size, look):
        return look(size)

    def operations(size):
        some = list(range(size))
        return {
            "square": lambda: [other for one in some for other in some],
            "line": lambda: [one for one in some for _ in range(500)],
        }

    assert set(what_grows_too_fast(world, operations, 350)) == {"square"}
