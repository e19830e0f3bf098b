"""`python -m tests.tools.soak`: extract busy threads again and again."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import subprocess
import sys
import threading
import time
from itertools import count
from typing import Iterator, List

from stackscope.interpreter.facts import has_gil

from .check import Figures, problems
from .parallel import Lookers
from .workers import Workers

_SWITCH_INTERVAL = 10e-6
_WORKERS = 3
# : Seconds between two extractions of other threads if these look as well: each one stops them all
# without the GIL.
_PAUSE = 0.02
#: Growth of memory blocks that is noise: the threads are never in the same state twice.
_MOST_BLOCKS = 20_000
#: Megabytes of growth that are noise, too.
_MOST_MEGABYTES = 30.0
#: So many extractions there are in any case: on a loaded machine some seconds are short.
_FEWEST = 30
#: Seconds between two lines that say how far it is.
_REPORT_EVERY = 60.0

COLLECTORS = {
    "usual": "as Python does it by itself",
    "often": "with gc.set_threshold(1), so at every allocation that counts",
    "thread": "by a thread that does nothing but gc.collect()",
}


def main() -> int:
    """Run in a process of its own, so that a crash is seen; return 0 if all went well."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.soak", description=__doc__)
    parser.add_argument("--extractions", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, help="stop after so many, and a few extractions")
    parser.add_argument("--show", type=int, default=10, help="show so many problems")
    how = "; ".join(f"{name}: {words}" for name, words in COLLECTORS.items())
    parser.add_argument("--collect", choices=COLLECTORS, default="usual", help=how)
    pinned = "keep to this CPU: twice as many extractions, as the GIL needn't travel"
    parser.add_argument("--cpu", type=int, help=pinned)
    parallel = "have the busy threads look as well, each at itself; without the GIL they always do"
    parser.add_argument("--parallel", action="store_true", default=not has_gil(), help=parallel)
    parser.add_argument("--dev", action="store_true", help="run under -X dev")
    parser.add_argument("--here", action="store_true", help="run in this process")
    options = parser.parse_args()
    if not options.here:
        mode = ["-X", "dev"] if options.dev else ["-X", "faulthandler"]
        command = [sys.executable, *mode, "-m", "tests.tools.soak", "--here"]
        code = subprocess.call(command + sys.argv[1:])
        if code < 0:
            print(f"crashed by signal {-code}")
        return code
    if options.cpu is not None:
        if not hasattr(os, "sched_setaffinity"):
            parser.error("--cpu: this system can't keep a process to one CPU; leave it out")
        os.sched_setaffinity(0, [options.cpu])
    return soak(
        options.extractions, options.seconds, options.show, options.collect, options.parallel
    )


@contextlib.contextmanager
def collecting(how: str) -> Iterator[None]:
    """Have the garbage collector run as one of `COLLECTORS` says."""
    if how == "often":
        gc.set_threshold(1, 1, 1)
    over = threading.Event()

    def collect() -> None:
        while not over.is_set():
            gc.collect()

    thread = threading.Thread(target=collect, daemon=True)
    if how == "thread":
        thread.start()
    try:
        yield
    finally:
        over.set()
        if how == "thread":
            thread.join()


def megabytes() -> float:
    """What the process has in memory; 0 where that isn't known."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return 0.0


def blocks() -> int:
    """How many blocks of memory are in use; 1 where that isn't counted (PyPy)."""
    return sys.getallocatedblocks() if hasattr(sys, "getallocatedblocks") else 1


def together(own: Figures, workers: Workers) -> Figures:
    """What this thread has counted, and what the busy ones have if they look as well."""
    if not isinstance(workers, Lookers):
        return own
    total = workers.figures
    total.add(own)
    return total


def soak(extractions: int, seconds: float, show: int, collect: str, parallel: bool) -> int:
    """Extract `extractions` times; print figures; return 0 if nothing was wrong."""
    import stackscope

    stackscope.extract_since(None)  # what takes long the first time, before there are busy threads
    own = Figures()
    start = last_shown = time.monotonic()
    wrong: List[str] = []
    before = 0
    size = 0.0
    sys.setswitchinterval(_SWITCH_INTERVAL)
    crew = Lookers(_WORKERS, show) if parallel else Workers(_WORKERS)
    with collecting(collect), crew as workers:
        for number in count():
            figures = together(own, workers)
            if figures.extractions >= extractions:
                break
            if not before and figures.extractions >= min(500, extractions // 4):
                gc.collect()
                before = blocks()
                size = megabytes()
            thread = workers.threads[number % _WORKERS]
            begun = time.perf_counter_ns()
            stack = stackscope.extract(thread)
            ended = time.perf_counter_ns()
            found = list(problems(stack, thread.ident or 0, begun, ended, own))
            del stack
            own.wrong += bool(found)
            wrong.extend(found[: show - len(wrong)] if len(wrong) < show else ())
            now = time.monotonic()
            if now - last_shown > _REPORT_EVERY:
                last_shown = now
                print(f"{now - start:.0f} s: {figures}, {megabytes() - size:+.1f} MB", flush=True)
            if seconds and now - start > seconds and figures.extractions >= _FEWEST:
                break
            if parallel:
                time.sleep(_PAUSE)
    figures = together(own, workers)
    if isinstance(workers, Lookers):
        wrong += workers.wrong
    gc.collect()
    growth = blocks() - before if before else 0
    size = megabytes() - size if before else 0.0
    sys.setswitchinterval(0.005)
    for problem in wrong[:show]:
        print(problem)
    for error in workers.errors:
        print(f"a worker failed: {type(error).__name__}: {error}")
    took = time.monotonic() - start
    print(
        f"{figures}, rounds of the workers {workers.rounds}, "
        f"memory blocks {growth:+d}, {size:+.1f} MB; {took:.1f} s"
    )
    # On PyPy the compiled code grows, and the collector takes its time.
    counts = sys.implementation.name == "cpython"
    leaks = counts and (growth > _MOST_BLOCKS or size > _MOST_MEGABYTES)
    return 1 if figures.wrong or workers.errors or leaks else 0


if __name__ == "__main__":
    sys.exit(main())
