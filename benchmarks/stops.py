"""The cases of the debugger: what it costs at stops and between them, next to `pdb`.

Started by `python -m benchmarks`. Prints one JSON object, as `cases.py` does.
"""

from __future__ import annotations

import argparse
import io
import json
import pdb  # noqa: T100
import subprocess
import sys
import time

import stackscope_pdb

STOPS = 200
LOOPS = 30_000

# From 3.14 on that is what `python -m pdb` and `breakpoint()` use.
BACKEND = {"backend": "monitoring"} if sys.version_info >= (3, 14) else {}

FIRST_STOP = """
import io, sys, time
sys.stdin, out, sys.stdout = io.StringIO("c\\n"), sys.stdout, io.StringIO()
start = time.process_time()
import {module}
{module}.set_trace()
spent = time.process_time() - start
print(spent, file=out)
"""


def loop(count):
    for number in range(count):
        x = number  # the breakpoint
        y = x
    return y


BREAKPOINT = f"{__file__}:{loop.__code__.co_firstlineno + 2}"


def debugger(cls, *lines):
    """A debugger that gets its commands from a string."""
    made = cls(
        stdin=io.StringIO("".join(f"{line}\n" for line in lines)),
        stdout=io.StringIO(),
        readrc=False,
        **BACKEND,
    )
    made.use_rawinput = False
    return made


def seconds_per_stop(cls, stops=STOPS) -> float:
    """What one stop takes, by the processor's time: the machine may be busy with other things."""
    made = debugger(cls, f"break {BREAKPOINT}", *["c"] * (stops + 1))
    start = time.process_time()
    made.runcall(loop, stops)
    spent = time.process_time() - start
    assert made.stdin.readline() == "", "fewer stops than expected"
    made.clear_all_breaks()
    return spent / stops


def seconds_printed_by(*arguments) -> float:
    """What a new process of this interpreter prints."""
    command = [sys.executable, *arguments]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return float(run.stdout)


def seconds_per_stop_alone(module) -> float:
    """The same in a process without other debuggers.

    At each `c` the standard one sets an attribute of its class. From 3.13 on the interpreter gives
    up caching what it finds in a class, and in those derived from it, after 1,000 changes
    (MAX_VERSIONS_PER_CLASS in Objects/typeobject.c).
    """
    return seconds_printed_by(__file__, "--stops-with", module)


def seconds_after_continue(cls) -> float:
    """What a loop takes that one has stopped before, and then let go."""
    spent = 0.0

    def program():
        nonlocal spent
        start = time.process_time()
        loop(LOOPS)
        spent = time.process_time() - start

    if cls is None:
        program()
    else:
        debugger(cls, "c").runcall(program)
    return spent


def seconds_to_first_stop(module) -> float:
    """What the first stop takes in a new process."""
    return seconds_printed_by("-c", FIRST_STOP.format(module=module))


def in_turns(measure, ours, other, repeat) -> dict:
    """Samples of ours and of what it is compared with, after one warm-up each."""
    measure(ours), measure(other)
    times = {"with contexts": [], "baseline": []}
    for _ in range(repeat):
        times["with contexts"].append(measure(ours))
        times["baseline"].append(measure(other))
    return times


CASES = {
    "stop": (seconds_per_stop_alone, "stackscope_pdb", "pdb", "pdb"),
    "first-stop": (seconds_to_first_stop, "stackscope_pdb", "pdb", "pdb"),
    "continued": (seconds_after_continue, stackscope_pdb.Pdb, None, "no debugger"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=CASES, nargs="?")
    parser.add_argument("--stops-with", metavar="MODULE", help="print what a stop takes with it")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--tasks", type=int, help="(not used here)")
    args = parser.parse_args()
    if args.stops_with:
        cls = {"pdb": pdb, "stackscope_pdb": stackscope_pdb}[args.stops_with].Pdb
        seconds_per_stop(cls)
        print(seconds_per_stop(cls))
        return
    measure, ours, other, baseline = CASES[args.case]
    times = in_turns(measure, ours, other, args.repeat)
    print(json.dumps({"times": times, "baseline": baseline}))


if __name__ == "__main__":
    main()
