"""Measures what a diagnosis costs, as multiples of a collection of the same heap.

    python -m benchmarks.diagnosis [--repeat N] [--rst] [CASE ...]

A case is a name and a number, such as ``lost:1000000`` or ``gathered:10000``; each runs in a
process of its own. Times are the processor's, so that other processes don't count.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import stackscope
from benchmarks.cases import longest_stop

ROOT = Path(__file__).resolve().parent.parent

OBJECTS = (100_000, 1_000_000, 5_000_000)
TASKS = (1_000, 10_000, 100_000)
CASES = [
    *[f"{name}:{count}" for name in ("lost", "found") for count in OBJECTS],
    *[f"{name}:{count}" for name in ("alike", "gathered", "chained") for count in TASKS],
    *[f"{name}:{count}" for name in ("queues", "all-lost") for count in TASKS[:2]],
    *[f"trio:{count}" for count in TASKS[:2]],
]
TITLES = {
    "lost": "{} objects, one task that nobody can wake",
    "found": "{} objects, one task that waits for an event in a module",
    "alike": "{} tasks that wait for one event",
    "gathered": "{} tasks, all but one gathered by that",
    "chained": "{} tasks, each awaiting the next",
    "queues": "{} tasks, each with a queue of its own in a dictionary",
    "all-lost": "{} tasks that nobody can wake",
    "trio": "{} tasks of trio that wait for one event",
}


class Plain:
    """An object with an attribute."""

    def __init__(self, number):
        self.numbers = [number]


HEAP = []
KNOWN = []
"""What can be reached from a module: objects that only are there, and what tasks wait for."""


def heap_of(count):
    """So many objects that the collector knows, in a list."""
    before = len(gc.get_objects())
    while len(gc.get_objects()) - before < count:
        HEAP.extend([Plain(number) for number in range(count // 10)])


def tasks_lost(count):
    heap_of(count)
    return [asyncio.ensure_future(asyncio.Event().wait())]


def tasks_found(count):
    heap_of(count)
    KNOWN.append(asyncio.Event())
    return [asyncio.ensure_future(KNOWN[0].wait())]


def tasks_alike(count):
    KNOWN.append(asyncio.Event())
    return [asyncio.ensure_future(KNOWN[0].wait()) for _ in range(count)]


def tasks_gathered(count):
    async def gathers():
        await asyncio.gather(*tasks_alike(count - 1))

    return [asyncio.ensure_future(gathers())]


def tasks_chained(count):
    async def awaits(task):
        await task

    tasks = tasks_alike(1)
    while len(tasks) < count:
        tasks.append(asyncio.ensure_future(awaits(tasks[-1])))
    return tasks


def tasks_with_queues(count):
    KNOWN.append({number: asyncio.Queue() for number in range(count)})
    return [asyncio.ensure_future(queue.get()) for queue in KNOWN[0].values()]


def tasks_all_lost(count):
    return [asyncio.ensure_future(asyncio.Event().wait()) for _ in range(count)]


ON_ASYNCIO = {
    "lost": tasks_lost,
    "found": tasks_found,
    "alike": tasks_alike,
    "gathered": tasks_gathered,
    "chained": tasks_chained,
    "queues": tasks_with_queues,
    "all-lost": tasks_all_lost,
}


def measured(repeat) -> dict:
    """What diagnoses of this process cost."""
    stackscope.diagnose()
    gc.collect()
    times = {"collection": [], "snapshot": [], "diagnosis": [], "stop": []}
    before = peak()
    for _ in range(repeat):
        times["collection"].append(seconds(gc.collect))
        times["snapshot"].append(seconds(stackscope.extract_all))
        times["diagnosis"].append(seconds(stackscope.diagnose))
    memory = peak() - before
    for _ in range(repeat):
        times["stop"].append(longest_stop(stackscope.diagnose))
    # The shortest: what else runs on the machine only adds to it.
    shortest = {name: min(samples) for name, samples in times.items()}
    return {**shortest, "stop": median(times["stop"]), "memory": memory}


def seconds(function) -> float:
    """Seconds of the processor that a call takes."""
    start = time.thread_time()
    function()
    return time.thread_time() - start


def peak() -> float:
    """The most memory this process has had so far, in bytes."""
    try:
        import resource
    except ImportError:  # on Windows
        return 0.0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def run_here(case, repeat) -> dict:
    """Measure a case in this process."""
    name, _, count = case.partition(":")
    if name == "trio":
        return run_trio(int(count), repeat)

    async def main():
        tasks = ON_ASYNCIO[name](int(count))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        result = measured(repeat)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return result

    return asyncio.run(main())


def run_trio(count, repeat) -> dict:
    import trio
    import trio.testing

    async def main():
        KNOWN.append(trio.Event())
        async with trio.open_nursery() as nursery:
            for _ in range(count):
                nursery.start_soon(KNOWN[0].wait)
            await trio.testing.wait_all_tasks_blocked()
            result = measured(repeat)
            nursery.cancel_scope.cancel()
        return result

    return trio.run(main)


def row(case, result) -> list:
    name, _, count = case.partition(":")
    collection = result["collection"]
    return [
        TITLES[name].format(f"{int(count):,}"),
        f"{collection * 1e3:,.0f} ms",
        f"{result['snapshot'] / collection:.1f}",
        f"{result['diagnosis'] / collection:.1f}",
        f"{result['stop'] * 1e3:,.0f} ms",
        f"{result['memory'] / 1e6:,.0f} MB",
    ]


HEAD = ["", "collection", "snapshot", "diagnosis", "longest stop", "memory"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.diagnosis", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {CASES} (default: all)")
    parser.add_argument("--repeat", type=int, default=3, help="(default: %(default)s)")
    parser.add_argument("--rst", action="store_true", help="rows for the documentation")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.here:
        print(json.dumps(run_here(args.cases[0], args.repeat)))
        return
    print(f"Python {sys.version.split()[0]}; snapshot and diagnosis in collections")
    print_row(HEAD, args.rst)
    for case in args.cases or CASES:
        print_row(row(case, in_a_process(case, args.repeat)), args.rst)


def print_row(cells, is_rst) -> None:
    widths = (64, 10, 8, 9, 12, 9)
    padded = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths))
    print("   * - " + "\n     - ".join(cells) if is_rst else padded, flush=True)


def in_a_process(case, repeat) -> dict:
    command = [sys.executable, "-m", "benchmarks.diagnosis", case, "--here", f"--repeat={repeat}"]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
