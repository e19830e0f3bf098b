"""What front ends call files, and whether HTML is made for them."""

from __future__ import annotations

import json

import pytest

import stackscope
from stackscope.render import front_ends

CELL = "/tmp/kernel_1/123.py"


def in_cell():
    yield 1


@pytest.fixture
def generator(monkeypatch):
    """A generator of a cell, in a process in which a front end knows that cell."""
    monkeypatch.setattr(front_ends, "_front_ends", {})
    tells = {"html": True}
    front_ends.register_front_end("broken", _broken, _broken)
    front_ends.register_front_end("mine", {CELL: "In [7]"}.get, lambda: tells["html"])
    namespace = {"__name__": "__main__"}
    exec(compile("def cell():\n    yield 1\n", CELL, "exec"), namespace)
    generator = namespace["cell"]()
    next(generator)
    generator_and_tells = generator, tells
    return generator_and_tells


def _broken(*_args):
    raise RuntimeError


def test_a_cell_is_called_by_its_name_in_text_html_and_json(generator):
    stack = stackscope.extract(generator[0])
    assert "cell in __main__ at In [7]:2" in str(stack)
    assert "In [7]" in stack.to_html()
    assert CELL not in stack.to_html()
    assert stack.frames[0].filename == CELL
    (code,) = json.loads(stack.to_json())["codes"]
    assert (code["file"], code["file_name"]) == (CELL, "In [7]")
    saved = stackscope.Stack.from_json(stack.to_json())
    front_ends._front_ends.clear()
    assert "In [7]:2" in str(saved)
    assert stackscope.Stack.from_json(saved.to_json()).to_json() == saved.to_json()
    assert f"{CELL}:2" in str(stack)


def test_html_is_made_where_it_is_shown_or_asked_for(generator):
    stack = stackscope.extract(generator[0])
    assert set(stack._repr_mimebundle_()) == {"text/plain", "text/html"}
    generator[1]["html"] = False
    front_ends._front_ends.pop("broken")
    assert set(stack._repr_mimebundle_()) == {"text/plain"}
    assert "text/html" in stack._repr_mimebundle_(include=["text/html"])
    generator[1]["html"] = None  # it isn't running
    assert "text/html" in stack._repr_mimebundle_()
    assert "text/html" not in stack._repr_mimebundle_(exclude=["text/html"])


def test_lists_are_printed_as_trees():
    pretty = pytest.importorskip("IPython.lib.pretty").pretty
    generator = in_cell()
    next(generator)
    stack = stackscope.extract(generator)
    text = pretty([stack, stack.frames[0]])
    lines = text.split("\n")
    assert lines[0].startswith("[stackscope.Stack")
    assert lines[1].startswith(" ╠ in_cell in ")
    assert "Frame(" not in text
    assert pretty(stack) == str(stack).rstrip("\n")
    node = next(one for one in stackscope.extract_all().threads if one.is_here)
    assert "thread" in pretty({"here": node})
    assert "<ThreadNode" not in pretty({"here": node})


def test_the_text_of_a_list_is_bounded():
    pretty = pytest.importorskip("IPython.lib.pretty").pretty

    def deep(n):
        if n:
            yield from deep(n - 1)
        else:
            yield

    generator = deep(600)
    next(generator)
    lines = pretty([stackscope.extract(generator)]).split("\n")
    assert len(lines) < 450
    assert "more lines" in lines[-1]
