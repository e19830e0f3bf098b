"""Whether to run all rows of long tables, and all sizes; else each run takes a part of them.

``STACKSCOPE_ALL_ROWS=1`` runs all. So do ``nox -s all_rows``, ``diagnosis`` and ``growth``. Each
version of Python takes another part: eight that follow each other take all of them together.
"""

from __future__ import annotations

import os
import sys

import pytest

ALL_ROWS = bool(os.environ.get("STACKSCOPE_ALL_ROWS"))

VERSIONS = 8
"""How many versions of CPython are tested."""


HERE_AS_ON_OTHERS = pytest.mark.skipif(
    not ALL_ROWS and sys.version_info[1] not in (8, 12, 15),
    reason="reads the source, or measures, and does so on 3.8, 3.12 and 3.15",
)
"""For tests that tell the same on all versions. Some have to run where the syntax is the oldest."""


def share(rows, parts=VERSIONS):
    """The rows that are tried on this interpreter: one part of them, or all.

    Args:
        rows: All rows.
        parts: How many parts there are, no more than versions.
    """
    assert parts <= VERSIONS
    return list(rows) if ALL_ROWS else list(rows)[sys.version_info[1] % parts :: parts]
