"""`quit` runs every exit once, innermost first, and nothing is said of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from tests.helpers.repository import ROOT
from tests.helpers.rows import share

pytest.importorskip("trio")
pytest.importorskip("anyio")

if sys.platform == "win32":
    pytest.skip("forks", allow_module_level=True)

PROGRAM = os.path.join(os.path.dirname(__file__), "quitting_program.py")

QUIT = ["q", "y"] if sys.version_info >= (3, 14) else ["q"]

NOISE = re.compile(
    r"\(stackscope_pdb\) |Quitting pdb will kill the process. Quit anyway\? \[y/n\] "
)
PLACES = re.compile(
    r"^(> .*|-> .*|--Return--|--Call--|Internal StopIteration.*|\w*(Error|Stop\w+).*)$"
)

LEAVING = range(1 + (sys.version_info >= (3, 10)) + (sys.version_info >= (3, 13)))
"""As far as the end of the block, where the program would wait."""

WHATS = ("enter", "exit")

CASES = {
    # what is run, and how often `next` and `step` go on before `quit`
    "blocks": ([1, 2, 3, 4, 5, 7, 8, 10], [3, 12, 20, 40]),
    "finals": (range(4), []),
    "in_an_exit": ([0, 1], []),
    "passing": ([1, 2, 3], [3]),
    "generator": ([0, 1], [2]),
    "finalizer": ([0, 1], []),
    "swallowed": ([0], []),
    "gather": ([0, 2], [2]),
    "background": ([0], []),
    "by_hand": ([0], []),
    "callback": ([0, 2], []),
    "done_callback": ([0], []),
    "forever": ([0], []),
    "logged_task": ([0], []),
    "to_thread": ([0], []),
    "executor": ([0], []),
    "thread": ([0], []),
    "joined": ([0], []),
    "loop_in_main": ([0], []),
    "trio_in_main": ([0], []),
    "blocked": ([0], []),
    "nursery": (LEAVING, []),
    "trio_thread": ([0], []),
    "any_group": (LEAVING, []),
    "task_group": (LEAVING, []),
    "eager": ([0], []),
}
if sys.implementation.name == "pypy":
    # There a trace function can't tell a handler's first line from others, and an interrupt that
    # nobody catches gives a status of its own.
    for name in ("passing", "generator", "executor", "thread", "joined"):
        del CASES[name]

# Before 3.9, an interrupted join() of a pool's thread may wait for ever (bpo-45274).
SINCE = {"executor": (3, 9), "to_thread": (3, 9), "task_group": (3, 11), "eager": (3, 12)}


def cases():
    for name, (nexts, steps) in CASES.items():
        if sys.version_info >= SINCE.get(name, (3, 8)):
            for count in nexts:
                yield name, ["n"] * count + QUIT
            for count in steps:
                yield name, ["s"] * count + QUIT


def run(cases):
    process = subprocess.run(
        [sys.executable, PROGRAM, json.dumps(cases)],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONBREAKPOINT": "stackscope_pdb.set_trace",
            "NO_COLOR": "1",
        },
        stdout=subprocess.PIPE,
        encoding="utf-8",
        timeout=220,  # a busy machine takes a minute
    )
    return [json.loads(line) for line in process.stdout.splitlines()]


def faults(commands, text, status):
    if text.count("(stackscope_pdb) ") < len([line for line in commands if line != "y"]):
        return  # the program has ended before
    if '-> print("not reached' in text or "-> sys.exit(0)" in text:
        return  # and was left by the steps
    text = NOISE.sub("", text)
    entered, left = (sorted(re.findall(rf"{what} (\w+)$", text, re.M)) for what in WHATS)
    if entered != left:
        yield f"entered {entered}, left {left}"
    lines = re.sub(r"(enter|exit) \w+$", "", text, flags=re.M).splitlines()
    others = [line for line in lines if line and not PLACES.match(line)]
    if others:
        yield "says " + "\n".join(others[:8])
    if status != 256:
        yield f"status {status}"


def test_every_exit_once_and_nothing_said():
    asked = share(list(cases()), 3)
    answers = run(asked)
    assert len(answers) == len(asked)
    found = [
        f"{name} {' '.join(commands)}: {fault}"
        for (name, commands), answer in zip(asked, answers)
        for fault in faults(commands, *answer)
    ]
    assert not found, "\n".join(found)
