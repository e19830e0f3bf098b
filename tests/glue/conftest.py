from __future__ import annotations

import gc

import pytest


@pytest.fixture
def nothing_left():
    """What old libraries leave open is collected before the next test, which would be blamed."""
    yield
    gc.collect()
