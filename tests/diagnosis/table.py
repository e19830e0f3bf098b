"""The rows of the table, for pytest."""

from __future__ import annotations

import importlib.util

import pytest

from tests.diagnosis import cases

cases.load_all()


def rows(some):
    """Names and runtimes of some programs, marked where one can't run here, and why."""
    return [
        pytest.param(case.name, runtime, id=f"{case.name}-{runtime}", marks=marks_of(case, runtime))
        for case in some
        for runtime in case.runtimes
    ]


def marks_of(case, runtime):
    library = cases.LIBRARIES.get(runtime)
    reason = case.skip
    if library is not None and importlib.util.find_spec(library) is None:
        reason = f"{library} is not installed"
    return [] if reason is None else [pytest.mark.skip(reason=reason)]
