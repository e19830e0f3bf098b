"""Makes the page of the documentation about speed: from what `python -m benchmarks --json` wrote.

python -m benchmarks.page          # writes docs/performance.rst
"""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "performance.rst"

HEAD = """\
.. Made by `python -m benchmarks.page` from benchmarks/results: change it there.

Performance
===========

What looking costs: next to what the standard library does on the same frames, next to version
{peer} of the published library of the same name, and, for the debugger, next to ``pdb`` and
``ipdb``. Ratios count here. Each is of figures that were measured in turns, in one run on one
machine, by the processor's time. Below 1 this project is faster; where it is slower stands in bold.

"""

OF_PEER = """\
Next to the published library
-----------------------------

How many times as long this library takes. Nothing is compared where the other one gives another
answer: on 3.14 and later it finds no context managers.

"""

OF_STANDARD = """\
Next to the standard library and other debuggers
------------------------------------------------

How many times as long it takes as what stands in the second column. Most of that finds out less:
``StackSummary`` and ``extract_stack`` know no context managers, and what ``pdb`` leaves out at a
stop, such as turns of threads and colours, takes time.

"""

ABSOLUTE = """\
Times
-----

In microseconds: medians. They are of one machine, and say little of another.

"""

REASONS = """\
Where it is slower, and why
---------------------------

- **A step of the debugger**: some 65 functions of Python run for it, and 30 in ``pdb``, whose
  own these include. The others see to it that threads stop one after the other, that Ctrl-C
  comes through, that what the program prints stands on lines of its own, and that frames of
  libraries are passed over. A whole stop costs up to one and a half times as much as in ``pdb``.
- **100,000 tasks that await each other**, next to 1,000: under the profiler no function takes
  longer for each task. What is left is likely memory that the processor's caches can't hold.
- **The text of a stack**: it is drawn line by line as it is asked for, in which names of the
  program can't bring escape sequences, and with bounds for everything. Making one string at once
  is faster.
- **The contexts of a running stack, and of a chain of coroutines**, next to functions of the
  standard library that don't look for any: see the rows "no contexts" for the part that both do.
- **The first look at a function** on 3.8 and 3.9: their bytecode doesn't say where blocks end;
  it is run through symbolically. It is kept, as long as the function is there.
- **An** ``ExitStack`` **of 10,000 managers**: each entry has a record of its own, with a
  description that is made when it is drawn.
- **asyncio tasks on 3.8**: of the time for 10,000 stacks that are all kept, two fifths are the
  collector's, which walks what is kept again and again.
- **The import**: a third of it is ``functools`` and ``collections``, which any program that uses
  asyncio imports anyway.

"""

MANY = """\
With {tasks:,} tasks
-------------------

Seconds of the processor, and in brackets the milliseconds for which no other thread could run, at
most. All tasks wait for one event. Ctrl-C ends each of the debugger's commands, which say how far
they have come.

"""

TAIL = """\
To measure it again::

    python -m benchmarks --json FILE                 # on this interpreter
    python -m benchmarks --peer-python PATH          # beside the other library, which is there
    python -m benchmarks.many --json FILE            # with very many tasks

How the cost of each operation grows with the number of tasks, threads, frames or managers is a
test: ``nox -s growth`` fails if four times as many cost more than six times as much.
"""


def runs() -> dict:
    """What was measured, by the version of Python: later files replace the rows of others."""
    found: dict = {}
    for path in sorted(RESULTS.glob("*.json")):
        run = json.loads(path.read_text(encoding="utf-8"))
        if "many" in run:
            continue
        version = version_of(run["python"])
        known = found.setdefault(version, {"rows": {}, "runs": []})
        known["rows"].update((row["case"], row) for row in run["rows"])
        known["runs"].append(run)
    return dict(sorted(found.items()))


def ratio(row: dict | None, other: str) -> str:
    """How many times as long ours takes; in bold if that is longer."""
    if row is None or row[other] is None:
        return ""
    if not isinstance(row[other], float):
        return row[other]
    value = row["seconds"] / row[other]
    text = f"{value:.1f}" if value >= 1 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"
    return f"**{text}**" if value > 1 else text


def table(titles: list, rows: list) -> str:
    """A table in the markup of the documentation."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [titles, *rows]:
        for index, cell in enumerate(row):
            lines.append(f"   {'* -' if not index else '  -'} {cell}".rstrip())
    return "\n".join([*lines, "", ""])


def all_cases(versions: dict) -> list:
    """The cases in the order in which they were measured, with their titles."""
    found = {}
    for known in versions.values():
        for case, row in known["rows"].items():
            found.setdefault(case, markup(row["title"]))
    return list(found.items())


def markup(text: str) -> str:
    """Code as the documentation marks it."""
    return text.replace("`", "``")


def against_peer(versions: dict) -> str:
    """The ratios to the other library."""
    rows = []
    for case, title in all_cases(versions):
        cells = [ratio(known["rows"].get(case), "peer seconds") for known in versions.values()]
        if any(cells):
            rows.append([title, *cells])
    return table(["", *map(name_of, versions)], rows)


def against_standard(versions: dict) -> str:
    """The ratios to what the standard library or another debugger does."""
    rows = []
    for case, title in all_cases(versions):
        found = [known["rows"].get(case) for known in versions.values()]
        names = dict.fromkeys(row["baseline"] for row in found if row and row["baseline"])
        for name in names:
            own = [row if row and row["baseline"] == name else None for row in found]
            rows.append([title, name, *(ratio(row, "baseline seconds") for row in own)])
    return table(["", "next to", *map(name_of, versions)], rows)


def absolute(versions: dict) -> str:
    """The times themselves."""
    rows = []
    for case, title in all_cases(versions):
        found = [known["rows"].get(case) for known in versions.values()]
        rows.append([title, *(f"{row['seconds'] * 1e6:,.0f}" if row else "" for row in found)])
    return table(["", *map(name_of, versions)], rows)


def with_many_tasks() -> str:
    """What was measured with very many tasks, if that was."""
    texts = [path.read_text(encoding="utf-8") for path in RESULTS.glob("many-*.json")]
    if not texts:
        return ""
    runs = sorted(map(json.loads, texts), key=lambda run: version_of(run["python"]))
    columns: list = []
    for runtime in ("asyncio", "trio"):
        columns += [(run, runtime) for run in runs if runtime in run["many"]]
    rows = []
    for index, row in enumerate(columns[0][0]["many"][columns[0][1]]):
        cells = [in_seconds(run["many"][runtime][index]) for run, runtime in columns]
        rows.append([row["title"], *cells])
    titles = [f"{runtime}, {name_of(version_of(run['python']))}" for run, runtime in columns]
    return MANY.format(tasks=runs[0]["tasks"]) + table(["", *titles], rows)


def in_seconds(row: dict) -> str:
    """``1.2 (30)``."""
    stop = row.get("longest stop")
    return f"{row['seconds']:.1f}" + ("" if stop is None else f" ({stop * 1000:.0f})")


def version_of(text: str) -> tuple:
    """Of ``3.12.1``: 3 and 12."""
    return tuple(map(int, text.split(".")[:2]))


def name_of(version: tuple) -> str:
    """``3.12``."""
    return ".".join(map(str, version))


def conditions(versions: dict) -> str:
    """Where and when it was measured, by version of Python."""
    lines = []
    for known in versions.values():
        run = max(known["runs"], key=lambda one: len(one["rows"]))
        more = {f"{one['tasks']:,}" for one in known["runs"]} - {f"{run['tasks']:,}"}
        dates = sorted({one["date"] for one in known["runs"]})
        parts = [
            f"{run['python']} on {run['system']}, {run['processors']} processors",
            f"measured {', '.join(dates)}",
            f"{run['samples']} samples, {run['tasks']:,} tasks"
            + (f" ({', '.join(sorted(more))} where they are compared)" if more else ""),
        ]
        loads = [one["load"] for one in known["runs"] if one["load"] is not None]
        if loads:
            parts.append(f"load of the machine {max(loads):.0f} at the end")
        lines.append(f"- {'; '.join(parts)};")
    return "Python, machine and date:\n\n" + "\n".join(lines)[:-1] + ".\n\n"


def page() -> str:
    """The whole page."""
    versions = runs()
    everything = [run["versions"] for known in versions.values() for run in known["runs"]]
    peers = sorted({each["peer"] for each in everything if each.get("peer")})
    parts = [HEAD.format(peer=", ".join(peers)), conditions(versions)]
    parts += [OF_PEER, against_peer(versions), OF_STANDARD, against_standard(versions)]
    parts += [REASONS, with_many_tasks(), ABSOLUTE, absolute(versions), TAIL]
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
