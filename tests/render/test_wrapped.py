"""Lines of spans that are wrapped."""

from __future__ import annotations

import pytest

from stackscope.render.stream import width_of, wrapped

LINE = [
    ("text", "  task "),
    ("root", "2 (bank ada)"),
    ("text", " waits for Queue.put(), at "),
    ("path", "examples/bank.py"),
    ("lineno", ":98"),
    ("text", " since 日本語 came"),
]


def text_of(line):
    return "".join(text for _, text in line)


@pytest.mark.parametrize("width", range(26, 90))
def test_nothing_is_lost_and_nothing_is_too_wide(width):
    lines = list(wrapped(LINE, width))
    assert all(width_of(text_of(line)) <= width for line in lines)
    assert " ".join(text_of(line).strip() for line in lines) == text_of(LINE).strip()
    assert all(text_of(line).startswith("    ") for line in lines[1:])
    # A place is one word, although it has two kinds of spans; and so is a name with a space in it.
    assert any("2 (bank ada)" in text_of(line) for line in lines)
    assert any("examples/bank.py:98" in text_of(line) for line in lines)
    kinds = [kind for line in lines for kind, text in line if "bank.py" in text]
    assert kinds == ["path"]


def test_a_word_that_is_too_wide_stands_alone():
    lines = [text_of(line) for line in wrapped([("text", "  a" + "b" * 50 + " c")], 20)]
    assert lines == ["  a" + "b" * 50, "      c"]
