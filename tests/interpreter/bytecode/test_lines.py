"""The line of the ``with`` keyword."""

from __future__ import annotations

import importlib.machinery
import linecache
import sys
import textwrap

import pytest

from stackscope.interpreter.bytecode import analyze
from stackscope.interpreter.facts import ITEMS_HIDE_KEYWORD as AT_EXPRESSION

from .programs import functions_in

# Each item is called by the number of the line its keyword stands on.
SOURCES = {
    "one line": """
        with x2 as a, x2 as b:
            with x3 as c:
                pass
    """,
    "items on several lines": """
        with x2 as a, \\
             x2 as b, \\
             x2 as c:
            pass
    """,
    "item in its own parentheses": """
        with (
            x2
        ) as a, x2 as b:
            with (
                x5):
                pass
    """,
    "async": """
        async with x2 as a, \\
            x2 as b:
            async with x4:
                pass
    """,
    "keyword in strings and comments": """
        with x2("with", # with
            "with"), x2("with"
                        "with"), \\
            x2:
            'with'; x = "with "
            with x7: pass
    """,
    "nested statements on items": """
        with \\
            x2, \\
            x2:
            with x5, \\
                x5:
                pass
        with x8: pass
    """,
    "nothing between keyword and item": """
        with[x2][0] as a, \\
            x2:
            with(x4), x4: pass
        async  with\tx5, [x5][0]: pass
    """,
    "letters of several bytes": """
        with ä2(x='ß'), \\
            ü2 as ö:
            with x4, ö4: pass
    """,
}
if sys.version_info >= (3, 9):
    SOURCES["parentheses"] = """
        with (
            x2 as a,
            x2 as b,
        ):
            with (x6 as c,
                  x6
                  as d):
                pass
    """
if sys.version_info >= (3, 12):
    SOURCES["strings within strings"] = """
        with x2(f"{'with'} with {"with" if 1 else {"with": 1}}"), \\
            x2:
            pass
    """


def _blocks(source: str, filename: str):
    lines = textwrap.indent(textwrap.dedent(source), "    ")
    text = f"async def f():{lines}"
    for code in functions_in(compile(text, filename, "exec")):
        yield from ((code, block) for block in analyze(code).blocks)


def _text(source: str) -> str:
    return f"async def f():{textwrap.indent(textwrap.dedent(source), '    ')}"


def _expected(code, block):
    """The number in the name that is loaded first before the block is opened."""
    from stackscope.interpreter.bytecode.instructions import decode

    operations = ("LOAD_GLOBAL", "LOAD_NAME")
    names = [i.value for i in decode(code) if i.offset < block.opener and i.op in operations]
    return int(names[-1][-1])


@pytest.mark.parametrize("name", SOURCES)
def test_with_source(name: str, tmp_path):
    path = tmp_path / "program.py"
    path.write_text(_text(SOURCES[name]), encoding="utf-8")
    found = list(_blocks(SOURCES[name], str(path)))
    assert found
    for code, block in found:
        assert block.start_line == _expected(code, block)


@pytest.mark.parametrize("name", SOURCES)
def test_without_source(name: str, tmp_path):
    """From 3.13 on the bytecode tells the item's line only; before that the keyword's."""
    for code, block in _blocks(SOURCES[name], str(tmp_path / "absent.py")):
        if AT_EXPRESSION:
            assert block.start_line >= _expected(code, block)
        else:
            assert block.start_line == _expected(code, block)


@pytest.mark.parametrize(
    "content",
    ["", "x = 1\n", "\n\n'''\n", "(((((\n" * 3, "\0\0\0\n" * 9, "  with\n with\n", "with \\"],
)
def test_source_that_is_another(content: str, tmp_path):
    """A file that has changed since gives some line, and no error."""
    path = tmp_path / "program.py"
    path.write_text(content)
    for _, block in _blocks(SOURCES["items on several lines"], str(path)):
        assert block.start_line in (2, 3, 4)


def _globals(loader):
    spec = importlib.machinery.ModuleSpec("some", loader)
    return {"__name__": "some", "__loader__": loader, "__spec__": spec}


@pytest.mark.parametrize("error", [ValueError, ImportError, OSError, MemoryError])
def test_source_whose_loader_raises(error):
    class Loader:
        def get_source(self, name):
            raise error

    filename = f"/archive/{error.__name__}.py"
    linecache.lazycache(filename, _globals(Loader()))
    try:
        found = [
            block.start_line
            for _, block in _blocks(SOURCES["nested statements on items"], filename)
        ]
    finally:
        linecache.cache.pop(filename, None)
    assert len(found) == 5
    assert found[-1] == 8


def test_source_that_a_loader_gives():
    source = SOURCES["nested statements on items"]

    class Loader:
        def get_source(self, name):
            return _text(source)

    linecache.lazycache("/archive/x.py", _globals(Loader()))
    try:
        found = [block.start_line for _, block in _blocks(source, "/archive/x.py")]
    finally:
        linecache.cache.pop("/archive/x.py", None)
    assert found == [2, 2, 5, 5, 8]
