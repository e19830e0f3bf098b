"""Every program that was made to get stuck is found, and nothing else of it."""

from __future__ import annotations

import pytest

from tests.diagnosis.cases import PLANTED
from tests.diagnosis.table import rows


@pytest.mark.parametrize("name, runtime", rows(PLANTED))
def test_what_is_stuck_is_found(programs, name, runtime):
    """With its kind and certainty, exactly those at its heart, and where to look."""
    result = programs.run(name, runtime)
    assert result["problems"] == [], f"{result.get('text')}\n{result.get('stderr')}"
