"""What each version of Python takes a part of: rows of long tables, sizes, and whole tests.

``STACKSCOPE_ALL_ROWS=1`` runs all. So do ``nox -s all_rows``, ``diagnosis`` and ``growth``. Each
version takes another part: eight that follow each other take all of them together.
"""

from __future__ import annotations

import os
import sys
import zlib

import pytest

ALL_ROWS = bool(os.environ.get("STACKSCOPE_ALL_ROWS"))

VERSIONS = 8
"""How many versions of CPython are tested."""


IN_TURN = pytest.mark.in_turn
"""For tests that tell the same on all versions: each version takes a third of them.

They measure, or read the source, or try what no version does otherwise.
"""

TURNS = {8: 0, 9: 1, 10: 2, 11: 0, 12: 1, 13: 2, 14: 0, 15: 2}
"""Which third, by minor version. Those on which coverage is measured take all three together."""


def is_its_turn(name: str) -> bool:
    """Whether this interpreter takes a test that is marked by `IN_TURN`.

    Args:
        name: The test's name with its folders and its parameters.
    """
    if ALL_ROWS:
        return True
    if sys.implementation.name == "pypy":
        return False
    minor = sys.version_info[1]
    return zlib.crc32(name.encode()) % 3 == TURNS.get(minor, minor % 3)


def share(rows, parts=VERSIONS):
    """The rows that are tried on this interpreter: one part of them, or all.

    Args:
        rows: All rows.
        parts: How many parts there are, no more than versions.
    """
    assert parts <= VERSIONS
    return list(rows) if ALL_ROWS else list(rows)[sys.version_info[1] % parts :: parts]
