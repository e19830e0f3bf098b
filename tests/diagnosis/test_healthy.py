"""Of a program that goes on nothing is found, and it goes on as it would have done."""

from __future__ import annotations

import pytest

from tests.diagnosis.cases import HEALTHY
from tests.diagnosis.table import rows


@pytest.mark.parametrize("name, runtime", rows(HEALTHY))
def test_nothing_is_found(programs, name, runtime):
    result = programs.run(name, runtime)
    assert result["problems"] == [], f"{result.get('text')}\n{result.get('stderr')}"
