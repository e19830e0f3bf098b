"""The cases of the debugger: what it costs at stops and between them, next to `pdb`.

Started by `python -m benchmarks`. Prints one JSON object, as `cases.py` does.
"""

from __future__ import annotations

import argparse
import functools
import io
import json
import os
import pdb  # noqa: T100
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import stackscope_pdb

STOPS = 200
STEPS = 3000
LOOPS = 30_000

# From 3.14 on that is what `python -m pdb` and `breakpoint()` use.
BACKEND = {"backend": "monitoring"} if sys.version_info >= (3, 14) else {}

PROMPTS = (b"(stackscope_pdb)", b"ipdb>")
"""What debuggers show in a terminal when they are ready."""

QUESTION, ANSWER = b"p 6543 * 7\r", b"45801"
"""What is typed at a prompt, and what is shown then."""

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


def stepped(count):
    for number in range(count):
        x = number
    return x


def seconds_per_step(cls, steps=STEPS) -> float:
    """What a `step` takes from one line to the next."""
    made = debugger(cls, *["step"] * steps, "continue")
    start = time.process_time()
    made.runcall(stepped, steps)
    spent = time.process_time() - start
    assert made.stdin.readline() == "", "fewer steps than expected"
    return spent / steps


def seconds_printed_by(*arguments) -> float:
    """What a new process of this interpreter prints."""
    command = [sys.executable, *arguments]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return float(run.stdout)


def seconds_alone(measure, module) -> float:
    """What one of the above says in a process without other debuggers.

    At each `c` the standard one sets an attribute of its class. From 3.13 on the interpreter gives
    up caching what it finds in a class, and in those derived from it, after 1,000 changes
    (MAX_VERSIONS_PER_CLASS in Objects/typeobject.c).
    """
    return seconds_printed_by(__file__, measure, "--with", module)


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


def seconds_to_prompt(function, *, and_answer=False) -> float:
    """What a process needs until `breakpoint()` shows its prompt in a terminal.

    Args:
        function: What `breakpoint()` calls.
        and_answer: Whether a line is typed then, and it is until that has been answered.
    """
    import pty

    environ = {**os.environ, "PYTHONBREAKPOINT": function, "TERM": "xterm"}
    program = [sys.executable, str(Path(__file__).with_name("stopping.py"))]
    child, terminal = pty.fork()
    if not child:
        os.execve(program[0], program, environ)  # noqa: S606
    see_in_terminal(terminal, PROMPTS)
    if and_answer:
        os.write(terminal, QUESTION)
        see_in_terminal(terminal, [ANSWER])
    spent = seconds_of_process(child)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(terminal)
    return spent


def see_in_terminal(terminal, wanted) -> None:
    """Read what a program writes until it is one of some texts."""
    seen = b""
    while not any(text in seen for text in wanted):
        if not select.select([terminal], [], [], 60)[0]:
            sys.exit(f"none of {wanted} within a minute: {seen!r}")
        if b"\x1b[6n" in seen:  # where the cursor is
            os.write(terminal, b"\x1b[1;1R")
            seen = seen.replace(b"\x1b[6n", b"")
        seen += os.read(terminal, 10_000)


def seconds_with_piped_steps(function) -> float:
    """What a whole process takes that stops, and gets `step` over and over from a pipe."""
    import resource

    program = [sys.executable, str(Path(__file__).with_name("stepping.py"))]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run(
        program,
        input=b"step\n" * STEPS + b"continue\n",
        env={**os.environ, "PYTHONBREAKPOINT": function},
        stdout=subprocess.PIPE,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert run.stdout.count(b"-> ") > STEPS, "fewer steps than expected"
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def seconds_of_process(pid) -> float:
    """The processor's time that another process has taken so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def in_turns(measure, ours, other, repeat) -> dict:
    """Samples of ours and of what it is compared with, after one warm-up each."""
    measure(ours), measure(other)
    times = {"with contexts": [], "baseline": []}
    for _ in range(repeat):
        times["with contexts"].append(measure(ours))
        times["baseline"].append(measure(other))
    return times


CASES = {
    "stop": (functools.partial(seconds_alone, "stop"), "stackscope_pdb", "pdb", "pdb"),
    "step": (functools.partial(seconds_alone, "step"), "stackscope_pdb", "pdb", "pdb"),
    "prompt": (seconds_to_prompt, "stackscope_pdb.set_trace", "ipdb.set_trace", "ipdb"),
    "answer": (
        functools.partial(seconds_to_prompt, and_answer=True),
        "stackscope_pdb.set_trace",
        "ipdb.set_trace",
        "ipdb",
    ),
    "piped": (seconds_with_piped_steps, "stackscope_pdb.set_trace", "pdb.set_trace", "pdb"),
    "first-stop": (seconds_to_first_stop, "stackscope_pdb", "pdb", "pdb"),
    "continued": (seconds_after_continue, stackscope_pdb.Pdb, None, "no debugger"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--with", dest="module", metavar="MODULE", help="print what it takes there")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--tasks", type=int, help="(not used here)")
    args = parser.parse_args()
    if args.module:
        cls = {"pdb": pdb, "stackscope_pdb": stackscope_pdb}[args.module].Pdb
        one = {"stop": seconds_per_stop, "step": seconds_per_step}[args.case]
        one(cls)
        print(one(cls))
        return
    measure, ours, other, baseline = CASES[args.case]
    times = in_turns(measure, ours, other, args.repeat)
    print(json.dumps({"times": times, "baseline": baseline}))


if __name__ == "__main__":
    main()
