"""A second of the soak; run `python -m tests.tools.soak` for more."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from tests.helpers.repository import ROOT

LIMITS = ["--extractions", "100000", "--seconds", "1"]
if sys.implementation.name == "pypy":  # whose threads leave each other little time
    LIMITS = ["--extractions", "60", "--seconds", "60"]


def test_busy_threads() -> None:
    """In a process of its own, which must survive."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-m", "tests.tools.soak", "--here"] + LIMITS,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    figures = re.search(r"extractions (\d+).*?, frames (\d+), contexts (\d+)", done.stdout)
    assert figures is not None, done.stdout
    assert all(int(count) > 10 for count in figures.groups()), done.stdout
