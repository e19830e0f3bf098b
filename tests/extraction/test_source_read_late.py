"""No source is read while something is extracted, whatever the interpreter tells of lines."""

from __future__ import annotations

import contextlib
import linecache

import pytest

from stackscope import Context, extract
from stackscope.interpreter.facts import ITEMS_HIDE_KEYWORD

SOURCE = """\
import contextlib, types

class Manager:
    def __enter__(self):
        return self
    def __exit__(self, *exc):
        return None

@types.coroutine
def pause():
    yield

async def suspended():
    with Manager() as a, \\
            Manager() as b:
        await pause()

def generator():
    with Manager() as a, \\
            Manager() as b:
        yield

def with_a_stack():
    with Manager(), \\
            contextlib.ExitStack() as stack:
        stack.enter_context(Manager())
        yield

def failing():
    with Manager() as a, \\
            Manager() as b:
        raise KeyError
"""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(SOURCE, encoding="utf-8")
    space = {"__name__": "program"}
    exec(compile(SOURCE, str(path), "exec"), space)
    yield space, str(path)
    linecache.checkcache()


def begun(program, name):
    made = program[name]()
    made.send(None)
    return made


def error_of(function):
    try:
        function()
    except KeyError as exc:
        return exc


@pytest.mark.parametrize("name", ["suspended", "generator", "with_a_stack", "failing"])
def test_it_is_read_when_the_line_is_asked_for(program, name):
    space, path = program
    item = error_of(space[name]) if name == "failing" else begun(space, name)
    stack = extract(item)
    assert path not in linecache.cache
    contexts = [one for frame in stack.frames for one in frame.contexts]
    line = SOURCE[: SOURCE.index("    with", SOURCE.index(f"def {name}"))].count("\n") + 1
    assert [context.start_line for context in contexts] == [line, line]
    assert (path in linecache.cache) == ITEMS_HIDE_KEYWORD
    children = [child for context in contexts for child in context.children]
    assert len(children) == (name == "with_a_stack")
    assert all(child.start_line == line for child in children)
    if name != "failing":
        with contextlib.suppress(StopIteration):
            item.send(None)


def test_a_line_that_was_given_counts(program):
    made = begun(program[0], "generator")
    first, second = extract(made).frames[0].contexts
    first.start_line = 1
    assert first.start_line == 1
    assert second.start_line == 19
    assert Context(1, False).start_line is None
    assert Context(1, False, start_line=3).start_line == 3
    made.close()


def test_without_its_source_an_item_has_its_own_line(tmp_path):
    space = {"__name__": "program"}
    exec(compile(SOURCE, str(tmp_path / "missing.py"), "exec"), space)
    made = begun(space, "generator")
    lines = [context.start_line for context in extract(made).frames[0].contexts]
    assert lines == ([19, 20] if ITEMS_HIDE_KEYWORD else [19, 19])
    made.close()
