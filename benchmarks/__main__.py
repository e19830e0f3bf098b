"""Measures this library and prints ratios: machines differ, and so do their moods.

    python -m benchmarks [--peer-python PATH] [--tasks N] [--repeat N] [--json FILE] [CASE ...]

Every case is compared with what the standard library does on the same frames, in the same process
and in turns; those of the debugger with `pdb`, and a snapshot of all tasks with one of a hundredth
of them. With `--peer-python`, the interpreter of an environment that has another library named
`stackscope`, the cases run there as well, in turns with ours; where it answers otherwise, its times
are not compared. `benchmarks.page` makes a page of the documentation from what `--json` writes.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
DEBUGGER_CASES = ["prompt", "answer", "stop", "step", "piped", "first-stop", "continued"]
SNAPSHOT_CASES = [
    "growth-alike",
    "growth-of-200-functions",
    "growth-gathered",
    "growth-chained",
    "stops",
    "first-dump",
]
COMMON_CASES = ["chain", "text", "recursion", "asyncio", "trio"]
COMMON_CASES += ["first-look", "blocks", "exit-stack", "import"]
CASES = [*COMMON_CASES, *SNAPSHOT_CASES, *DEBUGGER_CASES]
NEEDS = {"trio": "trio", "prompt": "ipdb", "answer": "ipdb"}
"""What has to be installed for a case."""

TITLES = {
    "chain": "coroutine chain, 21 frames, 2 `with` each",
    "text": "the same chain as text",
    "first-look": "first look at a function of 30 lines",
    "blocks": "first look at a function with 500 `with` blocks",
    "exit-stack": "an `ExitStack` of 10,000 managers",
    "recursion": "running recursion, 100 frames, 2 `with` each",
    "asyncio": "asyncio tasks, per task",
    "trio": "tree of trio tasks, per task",
    "import": "import stackscope",
    "growth-alike": "extract_all, per task, alike",
    "growth-of-200-functions": "extract_all, per task, of 200 functions",
    "growth-gathered": "extract_all, per task, all but one gathered",
    "growth-chained": "extract_all, per task, each awaiting the next",
    "stops": "longest stop of other threads, extract_all",
    "first-dump": "first dump of 1,000 tasks of 600 functions",
    "prompt": "`breakpoint()` until the prompt, in a new process",
    "answer": "the same until a line that is typed then is answered",
    "step": "a `step` to the next line",
    "piped": "3,000 times `step` from a pipe, the whole process",
    "stop": "a stop at a breakpoint, and `c`",
    "first-stop": "the first stop without a terminal, in a new process",
    "continued": "a program after `c`, without breakpoints",
}
IMPORT = """
import time; start = time.process_time(); import stackscope; print(time.process_time() - start)
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
        if case not in COMMON_CASES and self.name != "ours":
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


def answers_alike(case: str, ours: Side, peer: Side) -> bool:
    """Whether the other library finds the same, as far as the case says."""
    mine, theirs = (side.results[case][0].get("answer") for side in (ours, peer))
    return mine == theirs


def rows(case: str, ours: Side, peer: Side | None):
    """The figures of a case: one row with contexts, and one without where that was measured."""
    for what in ["with contexts", "without contexts"]:
        seconds = ours.seconds(case, what)
        if seconds is None:
            continue
        result = ours.results[case][0]
        theirs = peer.seconds(case, what) if peer else None
        if theirs is not None and what == "with contexts" and not answers_alike(case, ours, peer):
            theirs = "another answer"
        yield {
            "case": case if what == "with contexts" else f"{case}, no contexts",
            "title": TITLES[case] + ("" if what == "with contexts" else ", no contexts"),
            "seconds": seconds,
            "complete": result.get("complete", True),
            "baseline": result.get("baseline", ""),
            "baseline seconds": ours.seconds(case, "baseline"),
            "peer seconds": theirs,
        }


def microseconds(seconds: object) -> str:
    """For the table: nothing, if there is nothing."""
    return f"{seconds * 1e6:,.1f} µs" if isinstance(seconds, float) else str(seconds or "")


def ratio(seconds: object, other: object, form: str) -> str:
    """For the table: how often `other` goes into `seconds`."""
    both = isinstance(seconds, float) and isinstance(other, float)
    return form.format(seconds / other) if both else ""


def cells(row: dict) -> tuple:
    """A row of figures as text."""
    seconds, theirs = row["seconds"], row["peer seconds"]
    return (
        row["title"],
        microseconds(seconds) + ("" if row["complete"] else " (INCOMPLETE)"),
        ratio(seconds, row["baseline seconds"], "{:.2f}× " + row["baseline"]),
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
    """Run all cases on both sides, in turns; gives their rows."""
    found = []
    for case in args.cases:
        for _ in range(args.rounds):
            for side in filter(None, [ours, peer]):
                side.measure(case, args)
        found.extend(rows(case, ours, peer))
        print(f"{case}: done", file=sys.stderr, flush=True)
    return found


def write_json(path: str, found: list, peer: Side | None, args: argparse.Namespace) -> None:
    """Write what was measured, and where."""
    versions = {name: version_of(name) for name in ["trio", "ipdb"]}
    if peer is not None:
        versions["peer"] = peer.results[args.cases[0]][0].get("version")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    told = {
        "python": sys.version.split()[0],
        "implementation": sys.implementation.name,
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "load": load,
        "date": time.strftime("%Y-%m-%d"),
        "tasks": args.tasks,
        "samples": f"{args.rounds} × {args.repeat}",
        "versions": versions,
        "rows": found,
    }
    Path(path).write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def version_of(name: str) -> str | None:
    """The version of a library here."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {CASES} (default: all)")
    parser.add_argument("--peer-python", metavar="PATH", help="compare with the library there")
    parser.add_argument("--tasks", type=int, default=10_000, help="(default: %(default)s)")
    parser.add_argument("--repeat", type=int, default=5, help="samples of each (default: 5)")
    parser.add_argument("--json", metavar="FILE", help="also write what was found to this file")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each (default: 3)")
    args = parser.parse_args()
    if unknown := set(args.cases) - set(CASES):
        parser.error(f"unknown cases {sorted(unknown)} (known: {CASES})")

    cases = args.cases or list(CASES)
    for case, library in NEEDS.items():
        if case in cases and not importlib.util.find_spec(library):
            cases.remove(case)
            print(f"{library} is not installed: the case {case!r} is left out")
    args.cases = cases
    with tempfile.TemporaryDirectory() as folder:
        ours = Side("ours", sys.executable, ROOT, Path(folder, "ours"))
        peer = None
        if args.peer_python:
            peer = Side("peer", args.peer_python, None, Path(folder, "peer"))
        found = measure(ours, peer, args)
        if args.json:
            write_json(args.json, found, peer, args)
    print(f"Python {sys.version.split()[0]}, medians of {args.rounds} × {args.repeat} samples")
    titles = ("case", "ours", "against the standard library", "peer", "ours/peer", "peer/ours")
    print_table([titles, *map(cells, found)])


if __name__ == "__main__":
    main()
