"""Runs programs until the wanted number of probes is reached, and reports."""

from __future__ import annotations

import gc
import random
import sys
import time
from dataclasses import dataclass, field
from typing import Any, Callable, List, Optional, TextIO

from .oracle import Figures, Mismatch, Oracle, Reader, SelfCheck
from .programs import Program, write_program
from .runtime import Runtime


@dataclass
class Options:
    """What to run."""

    probes: int = 10_000
    seed: int = 1
    size: int = 40
    seconds: Optional[float] = None
    programs: Optional[int] = None
    trace: str = "off"
    self_check: bool = False
    show: int = 3


@dataclass
class Outcome:
    """What came of one program."""

    program: Program
    mismatches: List[Mismatch] = field(default_factory=list)
    unexpected: List[BaseException] = field(default_factory=list)
    touched: List[str] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        """Whether nothing at all was wrong."""
        return not (self.mismatches or self.unexpected or self.touched)


def the_reader() -> Reader:
    """The function that is tested."""
    from stackscope.lowlevel import contexts_active_in_frame

    return contexts_active_in_frame


def run_program(program: Program, options: Options, figures: Figures) -> Outcome:
    """Run one program to its end and compare all along."""
    oracle = Oracle(program, lambda *_: [], figures)
    oracle.reader = SelfCheck(oracle) if options.self_check else the_reader()
    with_source = bool(program.seed % 2)
    oracle.with_source = with_source
    runtime = Runtime(oracle, with_source=with_source)
    if options.trace == "off":
        runtime.run()
    elif options.trace == "collection":
        from .collecting import Collections

        with Collections(runtime):
            runtime.run()
    else:
        from .tracing import Tracer

        with Tracer(oracle, options.trace, random.Random(program.seed)):
            runtime.run()
    figures.programs += 1
    return Outcome(program, oracle.mismatches, runtime.unexpected, runtime.touched)


def run(
    options: Options,
    out: TextIO = sys.stdout,
    on_failure: Optional[Callable[[Outcome], Any]] = None,
) -> Figures:
    """Run programs with seeds from `options.seed` on until a bound is reached.

    Args:
        options: The bounds: probes, seconds, number of programs.
        out: Where the progress line and the first failures go.
        on_failure: Called with every outcome that isn't right.
    """
    figures = Figures()
    start = last_shown = time.monotonic()
    seed = options.seed
    shown = 0
    gc_was_enabled = gc.isenabled()
    # Collections at random moments would make a seed mean different things in different runs.
    gc.disable()
    gc.collect()
    if hasattr(gc, "freeze"):  # CPython
        gc.freeze()
    try:
        while figures.probes < options.probes:
            outcome = run_program(write_program(seed, options.size), options, figures)
            if not outcome.is_right:
                if shown < options.show:
                    out.write(describe(outcome))
                shown += 1
                if on_failure is not None:
                    on_failure(outcome)
            seed += 1
            now = time.monotonic()
            if out.isatty() and now - last_shown > 0.5:
                last_shown = now
                rate = figures.probes / (now - start)
                out.write(f"\r{figures.probes:,} probes, {rate:,.0f}/s, {figures.wrong} wrong ")
                out.flush()
            if options.programs is not None and figures.programs >= options.programs:
                break
            if options.seconds is not None and now - start > options.seconds:
                break
    finally:
        if hasattr(gc, "unfreeze"):
            gc.unfreeze()
        if gc_was_enabled:
            gc.enable()
    return figures


def describe(outcome: Outcome) -> str:
    """A failure for a reader: the program with the line marked, expected and got."""
    program = outcome.program
    version = ".".join(map(str, sys.version_info[:3]))
    lines = [f"---- seed {program.seed} on {version}"]
    marked = {m.lineno for m in outcome.mismatches[:1]}
    for number, text in enumerate(program.source.splitlines(), 1):
        if text.strip():
            lines.append(f"{'>>' if number in marked else '  '} {number:3} {text[:200]}")
    lines += [str(mismatch) for mismatch in outcome.mismatches[:2]]
    if len(outcome.mismatches) > 2:
        lines.append(f"and {len(outcome.mismatches) - 2} more mismatches")
    lines += [f"unexpected {type(e).__name__}: {e}" for e in outcome.unexpected[:3]]
    lines += [f"side effect: {what}" for what in outcome.touched[:3]]
    return "\n".join(lines) + "\n"
