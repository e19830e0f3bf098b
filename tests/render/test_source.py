from __future__ import annotations

import linecache
import os
import subprocess
import sys

import pytest

from stackscope.model.stacks import Context, Frame
from stackscope.render.source import parse_with
from tests.helpers.managers import Manager

ONE_STRING = '''\
    with manager("""a
        b""") as x, \\
         other():
'''


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("with a:\n    pass\n", None),
        ("with a, b: pass\n", None),
        ("with a:  # comment (\n", None),
        ("with a, \\\n    b as c:\n", ["with a:", "with b as c:"]),
        ("async with a, \\\n    b:\n", ["async with a:", "async with b:"]),
        (
            "    with open(\n     'x',  # the file\n        mode='r',\n    ) as f:\n        pass\n",
            ["with open('x', mode='r') as f:"],
        ),
        ("with f(\n    (1,\n    ),\n) as g:\n", ["with f((1,)) as g:"]),
        ("with f(x)[\n    1,\n] as g:\n", ["with f(x)[1] as g:"]),
        ("with x in (\n   1,\n), y:\n", ["with x in (1,):", "with y:"]),
        ("with (a\n      .b()\n      .c()) as d.e[0]:\n", ["with a.b().c() as d.e[0]:"]),
        (
            "with lambda: 1, \\\n    (lambda x: x)(2) as y:\n",
            ["with lambda: 1:", "with (lambda x: x)(2) as y:"],
        ),
        ("with d[1:2], {\n   1: 2,\n} as (e, *f):\n", ["with d[1:2]:", "with {1: 2} as (e, *f):"]),
        ("with (yield\n      ) as x, (y := 3):\n", ["with (yield) as x:", "with (y := 3):"]),
        ("with f(x,\n       y) as \\\n    (a, b):\n", ["with f(x, y) as (a, b):"]),
        ("with ä(ö), ü(\n) as é:\n", ["with ä(ö):", "with ü() as é:"]),
        (ONE_STRING, ['with manager("""a\n        b""") as x:', "with other():"]),
        ("with await f(\n    1\n):\n", ["with await f(1):"]),
        ("with f'{x:{y}}', \\\n   f'{z!r:>4}':\n", ["with f'{x:{y}}':", "with f'{z!r:>4}':"]),
        # no Python, not a with statement, or one that never ends
        ("with (\n", None),
        ("with (a\n}:\n", None),
        ("with 'abc\n", None),
        ('with """abc\n', None),
        ("for x in (\n  1):\n", None),
        ("with \\\n", None),
        ("with a b(\n):\n", None),
        ("\n", None),
        ("", None),
        ("with a\x00(\n):\n", None),
        ("with (\n" * 1000, None),
    ],
)
def test_parse_with(source, expected):
    items = parse_with(source.splitlines(keepends=True))
    assert (items and [item.head for item in items]) == expected


@pytest.mark.skipif(sys.version_info < (3, 9), reason="not in the grammar")
def test_parenthesized_items():
    source = """\
        async with (
            open_db() as db,  # one
            lock,

            f(
                a,
                *b,
            ) as (c, d),
        ):
"""
    items = parse_with(source.splitlines(keepends=True))
    assert items == [
        ("async with open_db() as db:", "db"),
        ("async with lock:", None),
        ("async with f(a, *b) as (c, d):", "(c, d)"),
    ]


def test_a_long_item_is_cut():
    source = "with f(\n" + "    argument,\n" * 300 + ") as x:\n"
    (item,) = parse_with(source.splitlines(keepends=True))
    assert item.head.startswith("with f(argument, argument")
    assert item.head.endswith("... as x:")
    assert len(item.head) < 300


class Program:
    """A module in a real file, with a generator in it."""

    def __init__(self, folder, body):
        self.path = os.path.join(str(folder), "program.py")
        self.write(body)
        namespace = {"__name__": "program", "m": Manager}
        with open(self.path, encoding="utf-8") as file:
            exec(compile(file.read(), self.path, "exec"), namespace)
        self.generator = namespace["function"]()
        next(self.generator)

    def write(self, body):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write("def function():\n" + body)

    def drawn(self, *contexts):
        lines = Frame(self.generator.gi_frame, contexts=contexts).format()
        return [line.strip() for line in lines[1:]]


TWO = "    with m() as a, \\\n         m() as b, \\\n         m():\n        yield\n"


def test_items_are_chosen_by_their_order(tmp_path):
    program = Program(tmp_path, TWO)
    contexts = [Context(1, False, varname=name, start_line=2) for name in (None, None, "z")]
    assert program.drawn(*contexts) == [
        "├ with m() as a:  # _: int (line 2)",
        "├ with m() as b:  # _: int (line 2)",
        "├ with m():  # z: int (line 2)",
        "└ yield",
    ]


def test_items_are_chosen_by_their_target(tmp_path):
    program = Program(tmp_path, TWO)
    contexts = [Context(1, False, varname=name, start_line=2) for name in ("b", "a")]
    assert program.drawn(*contexts)[:2] == [
        "├ with m() as b:  # b: int (line 2)",
        "├ with m() as a:  # a: int (line 2)",
    ]


def test_more_contexts_than_items(tmp_path):
    program = Program(tmp_path, TWO)
    contexts = [Context(1, False, start_line=2) for _ in range(4)]
    assert program.drawn(*contexts)[3] == "├ with m() as a, \\  # _: int (line 2)"


def test_a_hidden_context_counts_as_an_item(tmp_path):
    program = Program(tmp_path, TWO)
    contexts = [Context(1, False, start_line=2, hide=True), Context(1, False, start_line=2)]
    assert program.drawn(*contexts) == ["├ with m() as b:  # _: int (line 2)", "└ yield"]


def test_source_that_is_no_python_any_more(tmp_path):
    program = Program(tmp_path, TWO)
    program.write("    with m( as a\n    other text\n\n        yield now\n")
    assert program.drawn(Context(1, False, start_line=2)) == [
        "├ with m( as a  # _: int (line 2)",
        "└ yield now",
    ]


def test_a_file_that_changed_is_read_again(tmp_path):
    program = Program(tmp_path, "    with m() as a:\n        yield 1\n")
    context = Context(1, False, start_line=2)
    assert program.drawn(context)[-1] == "└ yield 1"
    program.write("    with m() as something:\n        yield 22222\n")
    assert program.drawn(context) == [
        "├ with m() as something:  # _: int (line 2)",
        "└ yield 22222",
    ]
    os.remove(program.path)
    linecache.checkcache(program.path)
    assert program.drawn(context) == ["├ with <???>:  # _: int (line 2)"]


def test_tabs_and_control_characters_in_source(tmp_path):
    program = Program(tmp_path, "    with m() as a:\n        yield 1\t# \x1b[31m\u202e\n")
    assert program.drawn() == ["└ yield 1\t# \\x1b[31m\\u202e"]


@pytest.mark.skipif(sys.version_info < (3, 13), reason="the interpreter keeps no source of -c")
def test_source_given_by_the_command_line():
    code = (
        "def f():\n    yield 'here'\n"
        "from stackscope.model.stacks import Frame\n"
        "g = f(); next(g); print(Frame(g.gi_frame).linetext)"
    )
    result = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    assert result.stdout.decode().strip() == "yield 'here'"
