"""The bank of ``examples/``, stuck."""

from __future__ import annotations

import runpy
import sys

from tests.diagnosis.cases import deadlock, planted
from tests.helpers.repository import ROOT

EXAMPLES = str(ROOT / "examples")


def run_example(name, *arguments):
    """Run a program of ``examples/`` in this process, as its main program."""
    sys.path.insert(0, EXAMPLES)
    sys.argv[:] = [name, *arguments]
    runpy.run_path(f"{EXAMPLES}/{name}", run_name="__main__")


@planted(deadlock("bank-ada journal", "bank.py:98", "bank.py:115", certain=False), on="beside")
def bank():
    """One holds the lock and waits for room in the queue that the other would empty."""
    run_example("bank.py", "--forever")
