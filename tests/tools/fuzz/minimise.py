"""Shrinks a failing program: statements are blanked as long as it still fails.

Lines keep their numbers, so what the program knows about its blocks stays true.
"""

from __future__ import annotations

import ast
import dataclasses
import time
import warnings
from typing import Iterator, List, Optional, Tuple

from .oracle import Figures
from .programs import Program, write_program
from .runner import Options, Outcome, describe, run, run_program

_MOST_SECONDS = 60.0


def first_failure_minimised(options: Options) -> Optional[str]:
    """Run until a program fails; describe it, shrunk. None if none fails."""
    failures: List[Outcome] = []

    class _Found(Exception):
        pass

    def found(outcome: Outcome) -> None:
        failures.append(outcome)
        raise _Found

    try:
        run(options, on_failure=found)
    except _Found:
        return describe(minimise(write_program(failures[0].program.seed, options.size), options))
    return None


def minimise(program: Program, options: Options) -> Outcome:
    """Shrink a program that fails.

    Args:
        program: The program; it must fail under `options`.
        options: How to run it.

    Returns:
        The outcome of the smallest program found.
    """
    deadline = time.monotonic() + _MOST_SECONDS
    best = run_program(program, options, Figures())
    shrunk = True
    while shrunk and time.monotonic() < deadline:
        shrunk = False
        for source in _smaller(best.program.source):
            if time.monotonic() > deadline:
                break
            outcome = _try(dataclasses.replace(program, source=source), options)
            if outcome is not None:
                best = outcome
                shrunk = True
                break
    return best


def _try(program: Program, options: Options) -> Optional[Outcome]:
    """Run a candidate; give its outcome if it fails by mismatches alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(program.source, program.filename, "exec")
        except SyntaxError:
            return None
    outcome = run_program(program, options, Figures())
    return outcome if outcome.mismatches and not outcome.unexpected else None


def _smaller(source: str) -> Iterator[str]:
    """Sources with one statement fewer, the biggest statement first."""
    lines = source.split("\n")
    spans = sorted(_spans(source), key=lambda span: span[0] - span[1])
    for first, last in spans:
        old = lines[first - 1 : last]
        text = old[0].lstrip()
        if text in ("pass", "t = begin()"):
            continue
        new = [old[0][: len(old[0]) - len(text)] + "pass"] + [""] * (last - first)
        yield "\n".join(lines[: first - 1] + new + lines[last:])
    for first, last in spans:
        unwrapped = _unwrapped(lines, first, last)
        if unwrapped is not None:
            yield unwrapped


def _unwrapped(lines: List[str], first: int, last: int) -> Optional[str]:
    """The source with a one-line header replaced by `if 1:`."""
    header = lines[first - 1]
    text = header.lstrip()
    if not text.startswith(("with ", "async with ", "for ", "while ")) or not text.endswith(":"):
        return None
    if any(line.strip().startswith(("else:", "break", "continue")) for line in lines[first:last]):
        return None
    new = header[: len(header) - len(text)] + "if 1:"
    return "\n".join([*lines[: first - 1], new, *lines[first:]])


def _spans(source: str) -> List[Tuple[int, int]]:
    """First and last line of every statement that has its lines to itself."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt):
            first = node.lineno
            for decorator in getattr(node, "decorator_list", ()):
                first = min(first, decorator.lineno)
            found.append((first, node.end_lineno or first))
    return found
