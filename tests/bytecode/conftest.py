"""What the bytecode says is only known of CPython's."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items):
    if sys.implementation.name == "cpython":
        return
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="PyPy's own bytecode isn't analysed"))
