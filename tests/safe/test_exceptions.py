"""Exceptions, functions and calls on one line, whatever their own methods do."""

from __future__ import annotations

import functools
import sys

import pytest

from stackscope.safe.text import (
    ARGUMENTS_SHOWN,
    argument_texts,
    describe_exception,
    exception_in_brief,
    name_of,
    safe_lines,
    safe_repr,
    set_reprs_enabled,
    without_reprs,
)

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup, ExceptionGroup


class Silent(Exception):
    def __str__(self):
        raise LookupError


class Interrupting(Exception):
    def __str__(self):
        raise KeyboardInterrupt

    __repr__ = __str__


class Own(Exception):
    def __repr__(self):
        return "<own>"


class OwnGroup(ExceptionGroup):
    def __repr__(self):
        return "<own group>"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("two words"), "ValueError: two words"),
        (ValueError(), "ValueError"),
        (ValueError("red\x1b[31m\nline"), r"ValueError: red\x1b[31m\nline"),
        (ValueError("a" * 500), f"ValueError: {'a' * 400}..."),
        (KeyError("name"), "KeyError: 'name'"),
        (Silent(), "Silent: (str raised LookupError)"),
    ],
)
def test_an_exception_in_one_line(error, text):
    assert describe_exception(error) == text


def test_an_interruption_is_none_of_the_exception():
    with pytest.raises(KeyboardInterrupt):
        describe_exception(Interrupting())
    with pytest.raises(KeyboardInterrupt):
        safe_repr(Interrupting())


def test_an_exception_in_brief_runs_no_code_of_its():
    assert exception_in_brief(ValueError("a\nb")) == r"ValueError: a\nb"
    assert exception_in_brief(ValueError("a" * 30), 20) == f"ValueError: {'a' * 20}..."
    assert exception_in_brief(ValueError(2, "gone")) == "ValueError: 2, 'gone'"
    assert exception_in_brief(Silent("said")).endswith("Silent: 'said'")
    assert exception_in_brief(Interrupting()).endswith("Interrupting")


def nested_groups(depth):
    error = ValueError(1)
    for level in range(depth):
        error = ExceptionGroup(f"level {level}", [error])
    return error


@pytest.mark.parametrize(
    "error",
    [
        ValueError(),
        ValueError("one", 2),
        Own(),
        OSError(2, "gone"),
        ExceptionGroup("two", [ValueError(1), Own()]),
        BaseExceptionGroup("two", [KeyboardInterrupt(), ValueError([1])]),
        OwnGroup("own", [ValueError(1)]),
        nested_groups(3),
    ],
    ids=repr,
)
def test_the_repr_of_an_exception_is_its_own(error):
    assert safe_repr(error) == repr(error)


def test_what_is_in_an_exception_spoils_only_its_place():
    assert safe_repr(ValueError(1, Silent(), 2)) == f"ValueError(1, {Silent()!r}, 2)"

    class Broken:
        def __repr__(self):
            raise LookupError

    text = safe_repr(ExceptionGroup("two", [ValueError(Broken()), ValueError(2)]))
    assert "(repr raised LookupError)" in text
    assert "ValueError(2)" in text


def test_an_exception_that_holds_itself():
    error = ValueError("outer")
    error.args = (1, error)
    assert safe_repr(error) == "ValueError(1, ValueError(...))"


def test_exceptions_in_each_other_without_end():
    text = safe_repr(nested_groups(300), 300)
    assert text.startswith("ExceptionGroup('level 299', [ExceptionGroup('level 298', [")
    assert len(text) <= 303


def test_a_long_exception_ends_where_the_room_does():
    error = ValueError(*["word"] * 1000)
    assert safe_repr(error, 200) == repr(error)[:200] + "..."


def test_nothing_of_a_list_is_shown_where_there_is_no_room():
    text = safe_repr(["a" * 198, [[1, 2], {3}]], 200)
    assert text == repr(["a" * 198, []])[:200] + "..."


class Thing:
    def method(self):
        pass

    def __repr__(self):
        return "thing"


def test_names_of_functions():
    here = "test_names_of_functions.<locals>.local"

    def local():
        pass

    assert name_of(Thing.method) == f"{__name__}.Thing.method"
    assert name_of(Thing().method) == "thing.method"
    assert name_of(local) == f"{__name__}.{here}"
    assert name_of([].append) == "[].append"
    assert name_of(len) == "builtins.len"
    assert name_of(Thing) == repr(Thing)
    assert name_of(functools.partial(len, [])) == repr(functools.partial(len, []))
    local.__module__ = None
    assert name_of(local) == here
    # A method that isn't a function's.
    odd = type(Thing().method)(functools.partial(len), [])
    assert name_of(odd) == safe_repr(odd)
    assert safe_repr(odd) == repr(odd)


def test_arguments_of_a_call():
    assert argument_texts([1, "a"], {"key": [2]}) == ["1", "'a'", "key=[2]"]
    most = [str(number) for number in range(ARGUMENTS_SHOWN)]
    assert argument_texts(range(ARGUMENTS_SHOWN), {}) == most
    assert argument_texts(range(ARGUMENTS_SHOWN + 1), {}) == [*most, "..."]
    assert argument_texts(range(ARGUMENTS_SHOWN), {"key": 1}) == [*most, "..."]
    assert argument_texts([], {f"k{n}": n for n in range(60)})[ARGUMENTS_SHOWN:] == ["..."]


def test_several_lines():
    assert safe_lines("plain") == "plain"
    assert safe_lines("one\n\ttwo\x1b[0m\r\nthree") == "one\n\ttwo\\x1b[0m\\r\nthree"


def test_nobody_is_asked_where_reprs_are_forbidden():
    set_reprs_enabled(False)
    try:
        assert describe_exception(Interrupting("said")).endswith("Interrupting: 'said'")
        assert describe_exception(Interrupting()).endswith("Interrupting")
    finally:
        set_reprs_enabled(True)
    assert without_reprs(describe_exception, ValueError([1], "a" * 500), 20) == (
        "ValueError: [1], 'aaaaaaaaaaaaaa..."
    )
