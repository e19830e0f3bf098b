"""`p`, `pp`, `args`, `retval`, `display` and bare expressions, where no terminal is."""

from __future__ import annotations

import pprint

import pytest


def big():
    return [0] * 3_000_000


class Broken:
    def __repr__(self):
        raise ValueError("no \x1b[31m repr")


def stop(session, big, small, *rest, **named):
    broken = Broken()
    table = {"b": [1] * 30, "a": "x" * 60}
    text = "x" * 50_000
    session.stop()
    small = broken
    return small, table, text, rest, named


SMALL = {"b": ("two", [1])}


def replies(scripted, *lines):
    session = scripted(*lines, "c")
    stop(session, big(), SMALL, 1, key=2)
    return session.replies


@pytest.mark.parametrize("line", ["p small", "small", "pp small", "p --whole small"])
def test_what_is_small_is_shown_as_the_standard_debugger_does(scripted, line):
    assert replies(scripted, line)[0] == repr(SMALL)


def test_what_is_wide_is_so_too(scripted):
    table = {"b": [1] * 30, "a": "x" * 60}
    found = replies(scripted, "p table", "pp table", "table")
    assert found[0] == found[2] == repr(table)
    assert found[1] == pprint.pformat(table)


@pytest.mark.parametrize("line", ["p big", "pp big", "big", "args", "display big"])
def test_what_is_large_is_cut(scripted, line):
    reply = replies(scripted, line)[0]
    assert len(reply) < 5_000
    assert "… 2,999,900 more" in reply
    assert reply.endswith(" shows all of it.")


def test_what_was_typed_says_how_to_see_all(scripted):
    long = "p big + big[:100] + small['b'][1] + []"
    found = replies(scripted, "p big", "pp big[1:]", long, "big", "for _ in range(1): big")
    hints = [reply.rpartition("\n")[2] for reply in found[:5]]
    assert hints == [
        "'p --whole big' shows all of it.",
        "'pp --whole big[1:]' shows all of it.",
        "'p --whole EXPRESSION' shows all of it.",
        "'p --whole big' shows all of it.",
        "'p --whole EXPRESSION' shows all of it.",
    ]


def test_all_of_it(scripted):
    found = replies(scripted, "p --whole text", "pp --whole text + 'y'", "text")
    assert found[0] == repr("x" * 50_000)
    assert found[1] == pprint.pformat("x" * 50_000 + "y")
    assert "' … 46,000 more characters\n" in found[2]


def test_one_that_fails(scripted):
    found = replies(scripted, "p broken", "broken", "p --whole broken", "pp [broken]", "args")
    assert found[:4] == ["*** ValueError: no  repr"] * 4
    assert "rest = (1,)\nnamed = {'key': 2}" in found[4]


def test_one_that_fails_among_others(scripted):
    found = replies(scripted, "display broken", "display", "!small = broken", "args")
    assert found[0] == "display broken: *** repr(broken) failed: ValueError: no  repr ***"
    assert found[1].endswith("broken: *** repr(broken) failed: ValueError: no  repr ***")
    assert "small = *** repr(small) failed: ValueError: no  repr ***\nrest = (1,)" in found[3]


def test_what_has_changed_is_cut_too(scripted):
    session = scripted("display text", "!text = text + 'y'", "n", "c")

    stop(session, big(), SMALL)
    line = next(line for line in session.output.split("\n") if "[old: " in line)
    assert line.startswith("display text: 'xxx")
    assert line.count("more characters") == 2


def give(session, value):
    session.stop()
    return value


@pytest.mark.parametrize("command", ["retval", "rv"])
def test_the_value_that_a_function_returns(scripted, command):
    session = scripted("return", command, "c")
    give(session, big())
    assert "… 2,999,900 more]" in session.replies[1]
    session = scripted(command, "return", command, "c")
    give(session, SMALL)
    assert session.replies[0] == "*** Not yet returned!"
    assert session.replies[2] == repr(SMALL)


def test_nothing_is_kept(scripted):
    import gc
    import weakref

    class Thing:
        pass

    def run():
        thing = Thing()
        session = scripted("p thing", "[thing] * 5", "args", "display [thing]", "undisplay", "c")
        give(session, [thing] * 200)
        return session, weakref.ref(thing)

    session, reference = run()
    gc.collect()
    assert reference() is None
    assert session.output
