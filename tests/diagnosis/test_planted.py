"""Every program that was made to get stuck is found, and nothing else of it."""

from __future__ import annotations

import pytest

from tests.diagnosis import shortfalls
from tests.diagnosis.cases import PLANTED
from tests.diagnosis.table import rows


@pytest.mark.parametrize("name, runtime", rows(PLANTED))
def test_what_is_stuck_is_found(programs, name, runtime):
    """With its kind and certainty, exactly those at its heart, and where to look."""
    result = programs.run(name, runtime)
    problems = result["problems"]
    told = f"{result.get('text')}\n{result.get('stderr')}"
    known = shortfalls.known_of(name, runtime)
    if known is None:
        assert problems == [], told
    elif not known.allows(problems):
        assert problems, "all is found now: take its entry out of tests/diagnosis/shortfalls.py"
        assert problems in [[one] for one in known.says], told


def test_each_shortfall_is_of_a_row():
    names = {case.name for case in PLANTED}
    assert sorted(set(shortfalls.SHORTFALLS) - names) == []
