"""`python -m tests.soak`: extract busy threads again and again."""

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
import time
from typing import List

from .check import Figures, problems
from .workers import Workers

_SWITCH_INTERVAL = 10e-6
_WORKERS = 3
#: Growth of memory blocks that is noise: the threads are never in the same state twice.
_MOST_BLOCKS = 20_000


def main() -> int:
    """Run in a process of its own, so that a crash is seen; return 0 if all went well."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--extractions", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, help="stop after so many seconds")
    parser.add_argument("--show", type=int, default=10, help="show so many problems")
    parser.add_argument("--here", action="store_true", help="run in this process")
    options = parser.parse_args()
    if not options.here:
        command = [sys.executable, "-X", "faulthandler", "-m", "tests.soak", "--here"]
        code = subprocess.call(command + sys.argv[1:])
        if code < 0:
            print(f"crashed by signal {-code}")
        return code
    return soak(options.extractions, options.seconds, options.show)


def soak(extractions: int, seconds: float, show: int) -> int:
    """Extract `extractions` times; print figures; return 0 if nothing was wrong."""
    import stackscope

    figures = Figures()
    start = last_shown = time.monotonic()
    wrong: List[str] = []
    before = 0
    sys.setswitchinterval(_SWITCH_INTERVAL)
    with Workers(_WORKERS) as workers:
        for number in range(extractions):
            if number == min(500, extractions // 4):
                gc.collect()
                before = sys.getallocatedblocks()
            thread = workers.threads[number % _WORKERS]
            begun = time.perf_counter_ns()
            stack = stackscope.extract(thread)
            ended = time.perf_counter_ns()
            found = list(problems(stack, thread.ident or 0, begun, ended, figures))
            del stack
            figures.wrong += bool(found)
            wrong.extend(found[: show - len(wrong)] if len(wrong) < show else ())
            now = time.monotonic()
            if sys.stdout.isatty() and now - last_shown > 0.5:
                last_shown = now
                print(f"\r{figures.extractions:,} extractions, {figures.wrong} wrong ", end="")
            if seconds and now - start > seconds:
                break
        gc.collect()
        growth = sys.getallocatedblocks() - before
    sys.setswitchinterval(0.005)
    for problem in wrong:
        print(problem)
    for error in workers.errors:
        print(f"a worker failed: {type(error).__name__}: {error}")
    took = time.monotonic() - start
    print(
        f"{figures}, rounds of the workers {workers.rounds}, "
        f"memory blocks {growth:+d}; {took:.1f} s"
    )
    return 1 if figures.wrong or workers.errors or growth > _MOST_BLOCKS else 0


if __name__ == "__main__":
    sys.exit(main())
