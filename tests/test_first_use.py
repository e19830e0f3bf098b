"""The first extraction of a process is interrupted anywhere: the next one is right.

Every trial is a child process in which nothing has been extracted yet. `first_use` of
tests/helpers makes them, and goes through the lines in strides.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.helpers.repository import ROOT
from tests.helpers.rows import share

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

TRIALS = 4


WAYS = [
    ("interrupt", "one stack"),
    ("interrupt", "everything"),
    ("memory", "everything"),
    ("reenter", "one stack"),
    ("reenter", "everything"),
]


@pytest.mark.parametrize(("kind", "what"), share(WAYS, 4))
def test_at_a_line(kind, what):
    outcomes = try_it(kind, what)
    assert set(outcomes) == {"fine"}
    assert outcomes["fine"] >= TRIALS


def test_near_the_recursion_limit():
    outcomes = try_it("recursion", "one stack")
    assert set(outcomes) == {"fine"}


@pytest.mark.skipif(not hasattr(__import__("signal"), "setitimer"), reason="needs setitimer")
@pytest.mark.parametrize("kind", ["timer that raises", "timer that extracts"])
def test_by_a_timer(kind):
    outcomes = try_it(kind, "everything")
    assert set(outcomes) == {"fine"}


def try_it(kind, what):
    trials = TRIALS * 2 if kind == "reenter" else TRIALS
    done = subprocess.run(
        [sys.executable, "-m", "tests.helpers.first_use", kind, what, str(trials)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=False,
        timeout=200,
    )
    return json.loads(done.stdout)
