"""Programs of ``examples/`` that aren't stuck."""

from __future__ import annotations

import importlib
import sys
import threading

from tests.diagnosis.cases import healthy
from tests.diagnosis.planted.examples import EXAMPLES, run_example


@healthy(on="beside")
def bank(look):
    """As it should be; looked at all the time."""

    def looks():
        while not over.is_set():
            look()
        look.and_end()

    over = threading.Event()
    thread = threading.Thread(target=looks, name="looks")
    thread.start()
    run_example("bank.py", "--fixed")
    over.set()
    thread.join()


@healthy(on="threads")
def lunch(look):
    """A library of its own, with its own glue."""
    sys.path.insert(0, EXAMPLES)
    importlib.import_module("lunch").run(look)
