"""Frames that are drawn once: the rule loses none, and draws nothing twice that is the same."""

from __future__ import annotations

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from stackscope.render.alike import groups_of_alike
from stackscope.render.words import MOST_RANGES, number_ranges
from stackscope.snapshot.folding import FEWEST_TIMES, LONGEST_CYCLE, repeats
from tests.helpers.rows import IN_TURN

pytestmark = IN_TURN  # the same inputs on all versions

FRAMES = {name: SimpleNamespace(f_code=name) for name in "abcde"}
"""What stands for frames: of a frame, `repeats` asks whose code it is of."""

STACKS = st.lists(
    st.tuples(st.text("abc", min_size=1, max_size=5), st.integers(1, 5)), max_size=5
).map(lambda pieces: "".join([text * times for text, times in pieces]))
"""Stacks as texts, a letter for each line, in which there is much over and over."""


@given(STACKS, st.sets(st.integers(0, 20)), st.sets(st.integers(0, 20)))
def test_repeats(stack, folded, apart):
    entries = [(FRAMES[letter], 1) for letter in stack]
    hidden = [index in folded for index in range(len(stack))]
    end = 0
    for one in repeats(entries, hidden, apart, range(len(stack))):
        assert end <= one.start < one.stop <= len(stack)
        assert one.times >= FEWEST_TIMES
        assert 1 <= one.period <= LONGEST_CYCLE
        piece = stack[one.start : one.start + one.period]
        assert stack[one.start : one.stop] == piece * one.times
        assert not hidden[one.start]
        assert apart.isdisjoint(range(one.start, one.stop))
        end = one.stop


@given(STACKS)
def test_what_stays_has_no_repeats(stack):
    entries = [(FRAMES[letter], 1) for letter in stack]
    found = repeats(entries, [False] * len(stack), (), range(len(stack)))
    covered = {index for one in found for index in range(one.start, one.stop)}
    for index in range(len(stack) - FEWEST_TIMES + 1):
        alone = [index + n not in covered for n in range(FEWEST_TIMES)]
        if all(alone):
            assert len(set(stack[index : index + FEWEST_TIMES])) > 1


@given(st.lists(st.integers(0, 4), max_size=12), st.integers(0, 4))
def test_groups_have_all_in_the_order_of_the_first_ones(keys, most_alone):
    nodes = list(enumerate(keys))
    groups = groups_of_alike(nodes, lambda node: node[1], most_alone)
    assert sorted(node for group in groups for node in group) == nodes
    assert [group[0] for group in groups] == sorted(group[0] for group in groups)
    for group in groups:
        (key,) = {key for _, key in group}
        assert len(group) == (1 if keys.count(key) <= most_alone else keys.count(key))


@given(st.sets(st.integers(1, 40)))
def test_ranges_of_numbers_name_each_once(numbers):
    *pieces, last = number_ranges(numbers).split(", ")
    read, more = [], 0
    if " more range" in last:
        assert len(pieces) == MOST_RANGES
        more = int(last.partition(" ")[0])
        assert last == ("1 more range" if more == 1 else f"{more} more ranges")
    else:
        pieces += filter(None, [last])
    for piece in pieces:
        first, _, stop = piece.partition("-")
        read += range(int(first), int(stop or first) + 1)
    left_out = sorted(numbers)[len(read) :]
    assert read + left_out == sorted(numbers)
    assert more == len([one for one in left_out if one - 1 not in numbers])
