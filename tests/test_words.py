"""Plain words: what people read has none of the phrases that make them stop and read again."""

from __future__ import annotations

import ast
import re

import pytest

from tests.helpers.repository import ROOT
from tests.helpers.rows import IN_TURN

pytestmark = IN_TURN

PACKAGES = ("stackscope", "stackscope_pdb", "stackscope_ipython")

INSTEAD = {
    r"mended": "fixed",
    r"floors": "layers",
    r"came by|comes? by": "passed, passes",
    r"so it is with": "the same goes for",
    r"is no error": "is not an error",
    r"gets? along": "works",
    r"as ever": "as usual",
    r"(?:in|out)side of(?! the one)": "inside, outside",
    r"for want of": "because there is no",
    r"are told of|is told of|be told of": "is reported, is asked",
    r"as yet": "yet",
    r"vouches?": "guarantees",
    r"so many(?! tasks)": "this many, a number of",
    r"of such(?=[.,;)])": "of these",
    r"(?<=\w), say[,)]": "for example",
    r"ha(?:s|ve) ended the look": "has ended the search",
    r"is no (?:link|number|name|JSON|class of)\b": "isn't a",
    r"stands? between two": "is between two",
    r"fits? the filter": "matches the filter",
}
"""What isn't said, as a regular expression, and what is said instead."""

FORBIDDEN = re.compile(rf"\b(?:{'|'.join(INSTEAD)})", re.IGNORECASE)


def pages():
    """What is read as text. The changelog quotes what was once said."""
    yield from (path for path in (ROOT / "docs").glob("*.rst") if path.name != "changelog.rst")
    yield from (ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"))


def texts(source):
    """All docstrings, messages and helps in some code, with their lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


BETWEEN_WORDS = re.compile(r"""(?:\\n|(?:\b[rbfRBF]{1,2})?["']+|\s)+""")
"""What may stand between two words of a text that is written as several literals."""


def may_have_some(source):
    """Whether there is such a phrase in some code, be it in a comment: to parse it takes long."""
    return FORBIDDEN.search(BETWEEN_WORDS.sub(" ", source)) is not None


def found_in(place, text):
    plain = " ".join(text.split())
    for match in FORBIDDEN.finditer(plain):
        yield f"{place}: … {plain[max(match.start() - 30, 0) : match.end() + 20]} …"


@pytest.mark.parametrize("path", sorted(pages()), ids=lambda path: path.name)
def test_pages(path):
    assert list(found_in(path.name, path.read_text(encoding="utf-8"))) == []


def found_in_code(place, source):
    if may_have_some(source):
        for line, text in texts(source):
            yield from found_in(f"{place}:{line}", text)


@pytest.mark.parametrize("package", PACKAGES)
def test_docstrings_and_messages(package):
    found = []
    for path in sorted((ROOT / package).rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        found += found_in_code(path.relative_to(ROOT), source)
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        '"""It gets along."""',
        '"""It gets\n    along."""',
        'say("it gets "\n    "along")',
        "say(f'it {name} gets '\n    rf'along{end}')",
        'say("it gets\\nalong")',
        'say("A table, say, or " + word)',
    ],
)
def test_phrases_in_code_are_found(source):
    assert len(list(found_in_code("code", source))) == 1
    assert list(found_in_code("code", f"# {source.splitlines()[0]}")) == []


@pytest.mark.parametrize("phrase", INSTEAD)
def test_what_is_said_instead_is_allowed(phrase):
    assert not FORBIDDEN.search(INSTEAD[phrase])
