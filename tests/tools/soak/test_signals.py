"""A short run of `tests.tools.soak.signals`."""

from __future__ import annotations

import sys

import pytest

from tests.tools.soak.signals import WORK, run


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals that Windows doesn't have")
@pytest.mark.parametrize("work", WORK)
def test_signals(work):
    outcome = run(work, 0.6)
    assert outcome.is_good, outcome
    assert outcome.signals > 60 or work == "exit"
