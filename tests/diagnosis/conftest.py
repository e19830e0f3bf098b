"""What the tests of diagnoses share."""

from __future__ import annotations

import pytest

from tests.diagnosis.process import Programs


@pytest.fixture(scope="session")
def programs():
    """A process that runs the programs of the table."""
    with Programs() as programs:
        yield programs
