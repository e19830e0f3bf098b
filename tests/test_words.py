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
    r"\w+, say[,)]": "for example",
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


def texts():
    """All docstrings, messages and helps in the code, with their places."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value


def found_in(place, text):
    plain = " ".join(text.split())
    for match in FORBIDDEN.finditer(plain):
        yield f"{place}: … {plain[max(match.start() - 30, 0) : match.end() + 20]} …"


@pytest.mark.parametrize("path", sorted(pages()), ids=lambda path: path.name)
def test_pages(path):
    assert list(found_in(path.name, path.read_text(encoding="utf-8"))) == []


def test_docstrings_and_messages():
    assert [line for place, text in texts() for line in found_in(place, text)] == []


@pytest.mark.parametrize("phrase", INSTEAD)
def test_what_is_said_instead_is_allowed(phrase):
    assert not FORBIDDEN.search(INSTEAD[phrase])
