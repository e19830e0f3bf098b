"""The table of options: how a line is read, and what is said of it."""

from __future__ import annotations

import re

import pytest

from stackscope_ipython.errors import Refused
from stackscope_ipython.options import OPTIONS, help_text, options_of, parse
from tests.helpers.repository import ROOT


@pytest.mark.parametrize(
    ("line", "expression", "values"),
    [
        ("", "", {}),
        ("task", "task", {}),
        ("--hidden task", "task", {"hidden": True}),
        ("task --hidden --no-contexts", "task", {"hidden": True, "contexts": False}),
        ('d["a --b"] --flat', 'd["a --b"]', {"flat": True}),
        ("f(a, -o)", "f(a, -o)", {}),
        ("x -1", "x -1", {}),
        ("-- --x", "--x", {}),
        ("task -o kept", "task", {"out": "kept"}),
        ("--out kept", "", {"out": "kept"}),
        ("--watch", "", {"watch": 1.0}),
        ("--watch 0.5", "", {"watch": 0.5}),
        ("--watch=2 --all", "", {"watch": 2.0, "all": True}),
        ("--filter 'two words'", "", {"filter": "two words"}),
        ("--filter state:waiting", "", {"filter": "state:waiting"}),
        ('--json "a file" x', "x", {"json": "a file"}),
    ],
)
def test_a_line(line, expression, values):
    request = parse(line, "line")
    assert (request.expression, request.values) == (expression, values)


@pytest.mark.parametrize(
    ("line", "where", "words"),
    [
        ("--bogus", "line", "There is no option --bogus. There are: --all, "),
        ("x --bogus", "line", "There is no option --bogus"),
        ("-z", "line", "There is no option -z"),
        ("--after 1", "line", "There is no option --after"),
        ("--last", "cell", "There is no option --last"),
        ("--after", "cell", "--after needs a number of seconds above 0."),
        ("--after x", "cell", "--after needs a number of seconds above 0."),
        ("--after 0", "cell", "--after needs a number of seconds above 0."),
        ("--after nan", "cell", "--after needs a number of seconds above 0."),
        ("--every 1", "cell", "--every needs --after"),
        ("task", "cell", "'%%stackscope' takes only options: 'task' isn't one."),
        ("--html", "line", "--html needs a value: --html FILE."),
        ("--html --json", "line", "--html needs a value: --html FILE."),
        ("--all=1", "line", "--all has no value."),
        ("--last task", "line", "Give either --last or task, not both."),
        ("--last --why", "line", "Give either --last or --why, not both."),
        ("--children", "line", "--children is about a stack"),
        ("task --filter x", "line", "--filter is about all tasks"),
        ("--watch -o x", "line", "--watch has no result that --out could keep."),
    ],
)
def test_what_makes_no_sense(line, where, words):
    with pytest.raises(Refused) as caught:
        parse(line, where)
    assert words in str(caught.value)


@pytest.mark.parametrize("where", ["line", "cell"])
def test_the_help_names_all_options_and_fits_a_terminal(where):
    text = help_text(where)
    for option in options_of(where):
        assert option.usage in text
    assert max(map(len, text.splitlines())) < 80


def test_the_documentation_has_the_table():
    page = (ROOT / "docs" / "ipython.rst").read_text(encoding="utf-8")
    assert ".. stackscope-options:: line" in page
    assert ".. stackscope-options:: cell" in page
    known = {name for option in OPTIONS for name in option.names}
    assert set(re.findall(r"%stackscope[^`\n]*?(--[a-z-]+)", page)) <= known
