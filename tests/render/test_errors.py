"""The errors of extractions as lines of text."""

from __future__ import annotations

import sys
import traceback

import pytest

from stackscope.render.errors import LONGEST_CHAIN, MOST_MEMBERS, error_in_brief, error_lines
from stackscope.safe.text import without_reprs

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


class Group(ExceptionGroup):
    """A group of errors."""


class Mute(Exception):
    def __str__(self):
        raise LookupError("no words")


def raised(exception, cause=None):
    try:
        raise exception from cause
    except type(exception) as exc:
        return exc


@pytest.mark.parametrize(
    "error",
    [
        raised(ValueError("one line")),
        raised(ValueError("two\nlines")),
        raised(ValueError()),
        raised(KeyError("key"), raised(OSError(2, "no such file"))),
        UnicodeDecodeError("utf-8", b"x", 0, 1, "why not"),
        Mute(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_as_traceback_writes_it(error):
    expected = "".join(traceback.TracebackException.from_exception(error).format()).splitlines()
    found = error_lines(error)
    if type(error) is Mute:
        assert found == [f"{__name__}.Mute: (str raised LookupError)"]
        return
    heads = ("Traceback", "    ~", "    ^")
    plain = [line for line in expected if not line.startswith(heads) and set(line) - set(" ^~")]
    assert [line for line in found if line] == plain


def test_notes():
    error = ValueError("words")
    error.__notes__ = ["first", 17, "second\nand its end"]
    assert error_lines(error) == ["ValueError: words", "first", "second", "and its end"]


def test_of_a_long_chain_the_last_ones():
    error = None
    for number in range(LONGEST_CHAIN + 5):
        error, older = ValueError(f"number {number}"), error
        error.__cause__ = older
    lines = error_lines(error)
    assert lines[0] == "..."
    shown = [line for line in lines if line.startswith("ValueError")]
    assert shown == [f"ValueError: number {n}" for n in range(5, LONGEST_CHAIN + 5)]


def test_a_chain_that_is_a_circle():
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__context__ = second, first
    shown = [line for line in error_lines(first) if line.startswith("ValueError")]
    assert shown == ["ValueError: second", "ValueError: first"]


@pytest.mark.parametrize("count", [1, MOST_MEMBERS, MOST_MEMBERS + 2])
def test_of_a_large_group_the_first_ones(count):
    lines = error_lines(Group("several", [KeyError(n) for n in range(count)]))
    assert f"---------------- 1 of {count} ----------------" in lines
    assert len([line for line in lines if "KeyError" in line]) == min(count, MOST_MEMBERS)
    assert (lines[-1] == "... and 2 more") is (count > MOST_MEMBERS)


def test_groups_in_groups_and_what_was_told_of():
    same = KeyError("twice")
    group = Group("inner", [same, same])
    assert [line.strip() for line in error_lines(group)].count("KeyError, as above") == 1
    for _ in range(7):
        group = Group("outer", [group])
    text = "\n".join(error_lines(group))
    assert "... with 1 more inside" in text
    assert "twice" not in text


def test_where_no_code_may_run():
    class Talks(Exception):
        def __str__(self):
            raise AssertionError("it was asked")

    error = Talks("words")
    assert without_reprs(error_lines, error) == ["Talks: 'words'"]
    assert error_in_brief(error) == "Talks: 'words'"
    assert error_in_brief(ValueError("a\nb")) == "ValueError: a\\nb"


def test_an_error_is_told_in_one_line_where_no_room_is_left(monkeypatch):
    def fail(*args):
        raise RecursionError

    monkeypatch.setattr("stackscope.render.errors._lines", fail)
    assert error_lines(raised(ValueError("said"))) == ["ValueError: said"]


def test_an_interruption_is_none_of_the_error():
    class Interrupting(Exception):
        def __str__(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        error_lines(raised(Interrupting()))


def test_notes_that_are_no_text():
    error = raised(ValueError("said"))
    error.__notes__ = ["one\ntwo", 3, "four"]
    assert error_lines(error)[-4:] == ["ValueError: said", "one", "two", "four"]
    error.__notes__ = "no list"
    assert error_lines(error)[-1] == "ValueError: said"
