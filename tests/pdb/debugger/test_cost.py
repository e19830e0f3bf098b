"""What a stop costs, compared with the standard debugger; nothing between stops."""

from __future__ import annotations

import pdb  # noqa: T100
import sys

from benchmarks.stops import debugger, seconds_per_stop
from stackscope_pdb import Pdb


def test_a_stop_costs_little_more_than_a_standard_one():
    # It is 2 to 3; `python -m benchmarks stop` measures it. This finds what makes it far more.
    best = {Pdb: 1.0, pdb.Pdb: 1.0}
    for _ in range(4):
        for cls, seconds in best.items():
            best[cls] = min(seconds, seconds_per_stop(cls, 40))
    assert best[Pdb] < 6 * best[pdb.Pdb]


def test_without_breakpoints_nothing_is_traced_after_continue():
    seen = []

    def program():
        def inner():
            seen.append(sys._getframe().f_trace)

        inner()
        seen.extend([sys.gettrace(), sys._getframe().f_trace])
        if sys.version_info >= (3, 14):
            seen.append(sys.monitoring.get_tool(sys.monitoring.DEBUGGER_ID) and "monitored")

    tracer = sys.gettrace()
    try:
        debugger(Pdb, "c").runcall(program)
    finally:
        sys.settrace(tracer)  # that of a tool which measures the tests
    assert not any(seen)
