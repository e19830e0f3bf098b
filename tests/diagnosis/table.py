"""The rows of the table, for pytest.

All rows take minutes. So each interpreter runs a part of them: the same rows everywhere, further
ones by its version and platform, the first one of each file, and all that are hostile.
``STACKSCOPE_ALL_ROWS=1`` runs all, and so does ``nox -s diagnosis``.
"""

from __future__ import annotations

import importlib.util
import sys

import pytest

from tests.diagnosis import cases
from tests.helpers.rows import ALL_ROWS

cases.load_all()

PARTS = 24
"""One of so many parts of the rows is run everywhere, and another one on this interpreter."""

PLATFORMS = ("linux", "darwin", "win32")

OWN_PART = 1 + (
    sys.version_info[1] + (PLATFORMS.index(sys.platform) if sys.platform in PLATFORMS else 0)
) % (PARTS - 1)


def rows(some):
    """Names and runtimes of some programs, marked where one can't run here, and why."""
    every = [(case, runtime) for case in some for runtime in case.runtimes]
    modules = set()
    chosen = []
    for number, (case, runtime) in enumerate(every):
        is_first = case.module not in modules
        modules.add(case.module)
        if ALL_ROWS or is_first or number % PARTS in (0, OWN_PART) or ".hostile." in case.module:
            chosen.append((case, runtime))
    return [
        pytest.param(case.name, runtime, id=f"{case.name}-{runtime}", marks=marks_of(case, runtime))
        for case, runtime in chosen
    ]


def marks_of(case, runtime):
    library = cases.LIBRARIES.get(runtime)
    reason = case.skip
    if library is not None and importlib.util.find_spec(library) is None:
        reason = f"{library} is not installed"
    return [] if reason is None else [pytest.mark.skip(reason=reason)]
