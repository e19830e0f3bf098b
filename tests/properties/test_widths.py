"""What is cut to a width fits, and is a part of what it was."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stackscope.render.columns import Row, Table, forms_of_name
from stackscope.render.stream import beginning, cut_line, end, padded, width_of, wrapped
from stackscope.render.waits import StateParts
from stackscope.render.words import shortened
from stackscope.safe.text import cut, safe_line, safe_text
from tests.helpers.rows import IN_TURN
from tests.properties.texts import texts

pytestmark = IN_TURN  # the same inputs on all versions

WIDTHS = st.integers(0, 20)
LINES = st.lists(st.tuples(st.sampled_from(["text", "note", "source"]), texts()), max_size=5)


class Paper:
    """A terminal of some width."""

    ellipsis, times = "…", "×"

    def __init__(self, width):
        self.width = width


def text_of(line):
    return "".join([text for _, text in line])


@given(texts(), texts())
def test_widths_add_up(text, other):
    assert width_of(text + other) == width_of(text) + width_of(other)
    assert 0 <= width_of(text) <= 2 * len(text)


@given(texts(12), WIDTHS)
def test_beginnings_and_ends(text, width):
    first, last = beginning(text, width), end(text, width)
    assert text.startswith(first)
    assert text.endswith(last)
    assert max(width_of(first), width_of(last)) <= width
    if width_of(text) <= width:
        assert first == last == text
    else:  # only a wide character leaves a column empty
        assert min(width_of(first), width_of(last)) >= width - 1


@given(texts(12), WIDTHS)
def test_what_is_shortened_has_both_ends(text, width):
    short = shortened(text, width, "…")
    assert width_of(short) <= max(width, 1)
    if width_of(text) <= width:
        assert short == text
    else:
        first, _, last = short.partition("…")
        assert text.startswith(first)
        assert text.endswith(last)


@given(texts(), WIDTHS)
def test_padding(text, width):
    assert padded(text, width).rstrip(" ") == text.rstrip(" ")
    assert width_of(padded(text, width)) == max(width, width_of(text))


@given(LINES, WIDTHS)
def test_a_line_that_is_cut(line, width):
    found = cut_line(line, width, "…")
    assert width_of(text_of(found)) <= max(width, 1)
    if width_of(text_of(line)) <= width:
        assert found == line
    else:
        assert found[-1] == ("note", "…")
        assert text_of(line).startswith(text_of(found[:-1]))


@given(LINES, WIDTHS)
def test_a_line_that_is_wrapped_loses_nothing(line, width):
    found = list(wrapped(line, width))
    margin = " " * (len(text_of(line)) - len(text_of(line).lstrip(" ")) + 4)
    first, *others = map(text_of, found)
    assert all(one.startswith(margin) for one in others)
    assert " ".join([first, *others]).split() == text_of(line).split()
    assert not any(one.endswith(" ") for one in [first, *others][:-1])
    for one in map(text_of, found):
        if width_of(one.rstrip()) > width:  # one word is longer than that
            assert len(one.split()) == 1


@given(texts(12), st.integers(0, 12))
def test_text_of_strangers_is_one_printable_line(text, limit):
    for safe in (safe_text(text), safe_line(text).replace("\t", "")):
        assert safe.isprintable()
        safe.encode("utf-8")
    assert safe_text(safe_text(text)) == safe_text(text)
    assert len(cut(text, limit)) <= max(len(text), limit + len("..."))


NAMES = st.text("abcdefgh._-0123456789客", min_size=1, max_size=40)
STATES = st.builds(
    StateParts,
    st.sampled_from(["running", "ready", "waiting", "cancelling"]),
    st.sampled_from(["", "Lock.acquire()", "Event.wait()"]) | NAMES,
    st.sampled_from(["", "9.5 s left", "1.4 s overdue"]),
    st.sampled_from(["", "held by 8", "held by 7, 12"]),
    st.sampled_from(["", "daemon"]),
)


@st.composite
def rows(draw):
    name = draw(NAMES)
    count = draw(st.sampled_from([1, 1, 1, 2, 30]))
    names = [name] if count == 1 else [f"{name}-{n}" for n in range(count)]
    return Row(
        str(draw(st.integers(1, 200))),
        forms_of_name(names, Paper(0)),
        draw(STATES),
        (draw(NAMES), f":{draw(st.integers(1, 3000))} app.py"),
        draw(st.sampled_from(["", "await gate.wait()", "async with self.lock: await send(text)"])),
        tree=draw(st.sampled_from(["", "  ├ ", "  │   ├ "])),
        is_current=draw(st.booleans()),
        is_stuck=draw(st.booleans()),
    )


@given(st.lists(rows(), min_size=1, max_size=12), st.integers(72, 200))
def test_a_table_shows_what_matters_in_every_row(some, width):
    table = Table(some, Paper(width))
    for row in some:
        line = text_of(table.line(row))
        before, place, _ = line.partition(row.place[1])
        assert place
        assert width_of(before + place) <= width
        assert row.state.holders in before
        assert row.state.state in before
        assert row.number in before
        assert ("!" in before[:2]) is row.is_stuck
