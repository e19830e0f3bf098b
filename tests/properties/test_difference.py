"""Two snapshots: each task is in one of them, or in both, and is told of once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stackscope import Snapshot
from stackscope.model.saved import SavedCode, SavedFrame
from stackscope.model.snapshot import ItemNode, LoopNode, TaskNode, ThreadNode, key_of, nodes_of
from stackscope.model.stacks import Frame, Stack
from tests.helpers.rows import IN_TURN

pytestmark = IN_TURN  # the same inputs on all versions

CODE = SavedCode("app.py", "f", None, "", "", 0, False, "", {}, {})

PLACES = st.dictionaries(
    st.tuples(st.sampled_from(["task", "thread", "greenlet"]), st.integers(1, 5)),
    st.lists(st.integers(1, 2), max_size=2),
)
"""What is where: by kind and number the lines that its frames are at."""


def snapshot(places, moment, is_nested):
    """A snapshot in which all stand at their places, the tasks below the first one or beside it."""
    made = {"task": [], "thread": [], "greenlet": []}
    for (kind, number), lines in sorted(places.items()):
        stack = Stack(None, [Frame(SavedFrame(CODE, line, None, {}), line) for line in lines])
        if kind == "task":
            node = TaskNode(None, number, f"t{number}", "waiting", stack, None, [])
        elif kind == "thread":
            node = ThreadNode(None, number, f"t{number}", False, stack)
        else:
            node = ItemNode(kind, None, number, f"g{number}", "suspended", stack, None, [])
        made[kind].append(node)
    tasks = made["task"]
    if is_nested and tasks:
        tasks[0].children, tasks = tasks[1:], tasks[:1]
    loop = LoopNode(None, "asyncio", None, True, False, tasks)
    return Snapshot([loop], made["thread"], made["greenlet"], taken_at=moment)


@given(PLACES, PLACES, st.booleans(), st.booleans())
def test_a_difference_tells_of_each_once(before, after, was_nested, is_nested):
    earlier, later = snapshot(before, 10.0, was_nested), snapshot(after, 12.5, is_nested)
    found = earlier.diff(later)
    assert keys(found.gone) == sorted(set(before) - set(after))
    assert keys(found.new) == sorted(set(after) - set(before))
    both = set(before) & set(after)
    assert keys(found.same) == sorted(key for key in both if before[key] == after[key])
    assert keys(new for _, new in found.moved) == sorted(both - set(keys(found.same)))
    assert all(key_of(old) == key_of(new) for old, new in found.moved)
    assert found.seconds == 2.5
    assert all(line.endswith("\n") for line in found.format(width=60))


@given(PLACES, PLACES, st.booleans())
def test_what_was_there_says_so(before, after, is_nested):
    later = snapshot(after, 12.5, is_nested)
    found = later.since(snapshot(before, 10.0, is_nested))
    assert {key_of(node): node.was_here for node in nodes_of(found)} == {
        key: before[key] == lines if key in before else None for key, lines in after.items()
    }
    assert [key_of(node) for node in nodes_of(found)] == [key_of(node) for node in nodes_of(later)]
    assert {node.was_here for node in nodes_of(later)} <= {None}
    assert found.compared_to == 10.0


@given(PLACES, PLACES)
def test_it_is_the_same_of_saved_ones(before, after):
    pair = [snapshot(before, 10.0, False), snapshot(after, 12.5, True)]
    read = [Snapshot.from_json(one.to_json()) for one in pair]
    assert pair[0].diff(pair[1]).format() == read[0].diff(read[1]).format()


def keys(nodes):
    return sorted(map(key_of, nodes))
