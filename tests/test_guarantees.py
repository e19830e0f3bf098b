"""The page of guarantees names tests; all of them exist."""

from __future__ import annotations

import ast
import re

from tests.helpers.rows import IN_TURN

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@IN_TURN
def test_every_test_that_is_named_exists(repository):
    page = (repository / "docs" / "guarantees.rst").read_text(encoding="utf-8")
    named = set(re.findall(r"``(tests/[\w/]+\.py)::(\w+)``", page))
    assert len(named) > 20
    for path, name in sorted(named):
        module = ast.parse((repository / path).read_text(encoding="utf-8"))
        functions = [node.name for node in module.body if isinstance(node, FUNCTIONS)]
        assert name in functions, f"{path} has no {name}"


def test_every_promise_names_a_test(repository):
    page = (repository / "docs" / "guarantees.rst").read_text(encoding="utf-8")
    tables = re.findall(r"\.\. list-table::.*?(?=\n\S)", page, re.DOTALL)
    rows = [row for table in tables for row in table.split("\n   * - ")[2:]]
    assert len(rows) > 15
    for row in rows:
        title, *cells = row.split("\n     - ")
        for cell in cells:
            assert "[#]_" in cell, title


def test_every_footnote_names_a_test(repository):
    page = (repository / "docs" / "guarantees.rst").read_text(encoding="utf-8")
    footnotes = re.findall(r"^\.\. \[#\] (.*)$", page, re.MULTILINE)
    assert len(footnotes) == page.count("[#]_")
    assert all(re.fullmatch(r"(``tests/[\w/:.]+``(, )?)+", note) for note in footnotes)
