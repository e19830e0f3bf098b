"""Measures this library and prints ratios: machines differ, and so do their moods.

    python -m benchmarks [--peer-python PATH] [--tasks N] [--repeat N] [CASE ...]

Every case is compared with what the standard library does on the same frames, in the same process
and in turns; those of the debugger with `pdb`, and a snapshot of all tasks with one of a hundredth
of them. With `--peer-python`, the interpreter of an environment that has another library named
`stackscope`, the cases run there as well, in turns with ours.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
DEBUGGER_CASES = ["stop", "first-stop", "continued"]
SNAPSHOT_CASES = [
    "growth-alike",
    "growth-of-200-functions",
    "growth-gathered",
    "growth-chained",
    "stops",
]
CASES = ["chain", "recursion", "asyncio", "trio", "import", *SNAPSHOT_CASES, *DEBUGGER_CASES]
TITLES = {
    "chain": "coroutine chain, 21 frames, 2 `with` each",
    "recursion": "running recursion, 100 frames, 2 `with` each",
    "asyncio": "asyncio tasks, per task",
    "trio": "tree of trio tasks, per task",
    "import": "import stackscope",
    "growth-alike": "extract_all, per task, alike",
    "growth-of-200-functions": "extract_all, per task, of 200 functions",
    "growth-gathered": "extract_all, per task, all but one gathered",
    "growth-chained": "extract_all, per task, each awaiting the next",
    "stops": "longest stop of other threads, extract_all",
    "stop": "a stop at a breakpoint, and `c`",
    "first-stop": "the first stop of a process, imports included",
    "continued": "a program after `c`, without breakpoints",
}
IMPORT = """
import time; start = time.perf_counter(); import stackscope; print(time.perf_counter() - start)
"""


class Side:
    """One of the two libraries: an interpreter, and where it finds `stackscope`."""

    def __init__(self, name: str, python: str, path: Path | None, bytecode: Path) -> None:
        self.name = name
        self.python = python
        # Bytecode files are kept, as they are for whoever uses the library, but not here.
        self.environ = {
            **os.environ,
            "PYTHONPATH": str(path or ""),
            "PYTHONPYCACHEPREFIX": str(bytecode),
            "PYTHONDONTWRITEBYTECODE": "",
        }
        self.results: dict[str, list[dict]] = {case: [] for case in CASES}

    def measure(self, case: str, args: argparse.Namespace) -> None:
        """Run a case once in a fresh process; keep what it says."""
        if case == "import":
            # A cold start each time; the first one has to write bytecode files.
            self.run("-c", IMPORT)
            times = [float(self.run("-c", IMPORT)) for _ in range(args.repeat)]
            self.results[case].append({"times": {"with contexts": times}})
            return
        if case in [*DEBUGGER_CASES, *SNAPSHOT_CASES] and self.name != "ours":
            return  # the other library has neither a debugger nor snapshots
        file = "stops.py" if case in DEBUGGER_CASES else "cases.py"
        script = str(ROOT / "benchmarks" / file)
        options = [f"--repeat={args.repeat}", f"--tasks={args.tasks}"]
        self.results[case].append(json.loads(self.run(script, case, *options)))

    def run(self, *command: str) -> str:
        """What this side's interpreter prints."""
        whole = [self.python, *command]
        # Not in the repository's folder: `-c` would import our library for the peer as well.
        result = subprocess.run(
            whole,
            env=self.environ,
            cwd=Path(sys.prefix),
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            sys.exit(f"{self.name}: {' '.join(whole)} failed:\n{result.stderr}")
        return result.stdout

    def seconds(self, case: str, what: str = "with contexts") -> float | None:
        """The median of all samples."""
        samples = [
            value for result in self.results[case] for value in result["times"].get(what, [])
        ]
        return median(samples) if samples else None


def microseconds(seconds: float | None) -> str:
    """For the table: nothing, if there is nothing."""
    return "" if seconds is None else f"{seconds * 1e6:,.1f} µs"


def ratio(seconds: float | None, other: float | None, form: str) -> str:
    """For the table: how often `other` goes into `seconds`."""
    return "" if seconds is None or other is None else form.format(seconds / other)


def rows(case: str, ours: Side, peer: Side | None):
    """The rows of a case: one with contexts, and one without where that was measured."""
    base = ours.seconds(case, "baseline")
    for what in ["with contexts", "without contexts"]:
        seconds = ours.seconds(case, what)
        if seconds is None:
            continue
        theirs = peer.seconds(case, what) if peer else None
        title = TITLES[case] + ("" if what == "with contexts" else ", no contexts")
        result = ours.results[case][0]
        name = result.get("baseline", "")
        complete = result.get("complete", True)
        yield (
            title,
            microseconds(seconds) + ("" if complete else " (INCOMPLETE)"),
            ratio(seconds, base, "{:.2f}× " + name),
            microseconds(theirs),
            ratio(seconds, theirs, "{:.3f}×"),
            ratio(theirs, seconds, "{:.1f}×"),
        )


def print_table(table) -> None:
    """Print rows with aligned columns."""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths))
        print("  ".join(cells).rstrip())


def measure(ours: Side, peer: Side | None, args: argparse.Namespace) -> list:
    """Run all cases on both sides, in turns; gives the table."""
    table = [("case", "ours", "against the standard library", "peer", "ours/peer", "peer/ours")]
    for case in args.cases:
        for _ in range(args.rounds):
            for side in filter(None, [ours, peer]):
                side.measure(case, args)
        table.extend(rows(case, ours, peer))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {CASES} (default: all)")
    parser.add_argument("--peer-python", metavar="PATH", help="compare with the library there")
    parser.add_argument("--tasks", type=int, default=10_000, help="(default: %(default)s)")
    parser.add_argument("--repeat", type=int, default=5, help="samples of each (default: 5)")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each (default: 3)")
    args = parser.parse_args()
    if unknown := set(args.cases) - set(CASES):
        parser.error(f"unknown cases {sorted(unknown)} (known: {CASES})")

    cases = args.cases or list(CASES)
    if "trio" in cases and not importlib.util.find_spec("trio"):
        cases.remove("trio")
        print("trio is not installed: its case is left out")
    args.cases = cases
    with tempfile.TemporaryDirectory() as folder:
        ours = Side("ours", sys.executable, ROOT, Path(folder, "ours"))
        peer = None
        if args.peer_python:
            peer = Side("peer", args.peer_python, None, Path(folder, "peer"))
        table = measure(ours, peer, args)
    print(f"Python {sys.version.split()[0]}, medians of {args.rounds} × {args.repeat} samples")
    print_table(table)


if __name__ == "__main__":
    main()
