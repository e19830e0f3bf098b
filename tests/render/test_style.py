from __future__ import annotations

import io
import os
import re
import sys

import pytest

from stackscope.render.drawing import Layout, draw
from stackscope.render.nodes import StackNode, View
from stackscope.render.stack import stack_block
from stackscope.render.stream import wants_color
from stackscope.render.style import PALETTE, STYLES, styled
from tests.render.scenes import SCENES


def lines_of(stack):
    layout = Layout()
    return list(draw(stack_block(StackNode(stack, View()), layout), layout))


@pytest.mark.parametrize("name", SCENES)
def test_colours_change_nothing_but_colours(name):
    stack = SCENES[name]()
    lines = lines_of(stack)
    assert {kind for line in lines for kind, _ in line} <= set(STYLES)
    assert ["".join(text for _, text in line) + "\n" for line in lines] == stack.format()
    coloured = [styled(line) + "\n" for line in lines]
    assert [re.sub("\x1b\\[[0-9;]*m", "", line) for line in coloured] == stack.format()


def test_styles_are_legible_on_dark_and_light():
    codes = {code for style in PALETTE.values() for code in style.split(";") if code}
    # no background, no bright colours, and neither black, yellow, dark blue nor white
    assert codes <= {"1", "2", "31", "32", "35", "36"}


def test_styled():
    assert styled([("func", "f"), ("module", "m"), ("guide", "")]) == "\x1b[1;36mf\x1b[0mm"
    assert styled([("func", "f")], {}) == "f"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("environ", "for_file", "for_terminal"),
    [
        ({}, False, True),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": "xterm"}, False, True),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True, True),
        ({"FORCE_COLOR": ""}, False, True),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, False, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
        ({"PYTHON_COLORS": "1", "NO_COLOR": "1", "TERM": "dumb"}, True, True),
        ({"PYTHON_COLORS": "0", "FORCE_COLOR": "1"}, False, False),
        ({"PYTHON_COLORS": "yes"}, False, True),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="depends on the console")
def test_wants_color(environ, for_file, for_terminal):
    assert wants_color(io.StringIO(), environ) is for_file
    assert wants_color(Terminal(), environ) is for_terminal


def test_streams_that_are_none(monkeypatch):
    closed = io.StringIO()
    closed.close()
    assert wants_color(closed, {}) is False
    assert wants_color(object(), {}) is False
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert wants_color(None, {"NO_COLOR": "1"}) is False
    monkeypatch.setattr(sys, "stdout", None)
    assert wants_color(None, {}) is False


def test_the_environment_is_that_of_the_process(monkeypatch):
    monkeypatch.setenv("PYTHON_COLORS", "1")
    assert wants_color(io.StringIO()) is True
    monkeypatch.setenv("PYTHON_COLORS", "0")
    assert wants_color(Terminal()) is False
