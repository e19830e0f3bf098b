"""Random programs within a few seconds; run `python -m tests.tools.fuzz` for more."""

from __future__ import annotations

import io
from typing import Any, List

import pytest

from tests.conftest import freeze

from .oracle import Figures, Oracle
from .programs import write_program
from .runner import Options, run, run_program, the_reader
from .runtime import Runtime


@pytest.fixture(scope="module", autouse=True)
def frozen_again():
    """Each run ends with nothing frozen."""
    yield
    freeze()


def _run(**options: Any) -> Figures:
    out = io.StringIO()
    figures = run(Options(**options), out)
    assert figures.programs
    assert not figures.wrong, out.getvalue()
    assert not figures.unexpected, out.getvalue()
    assert not figures.side_effects, out.getvalue()
    return figures


def test_oracle_agrees_with_the_syntax_tree() -> None:
    figures = _run(self_check=True, seconds=1.0, probes=1_000_000, seed=1)
    assert figures.probes > figures.skipped / 2


def test_random_programs() -> None:
    figures = _run(seconds=3.0, probes=20_000, seed=1000)
    assert figures.probes > 500
    # Nothing may be left open where no trace function and no collector is in the way.
    assert not figures.tolerated


@pytest.mark.parametrize("event", ["line", "opcode", "collection"])
def test_between_the_instructions(event: str) -> None:
    figures = _run(seconds=1.5, probes=10_000, seed=2000, trace=event)
    assert figures.probes > 200


@pytest.mark.parametrize("what", ["drop", "swap", "line", "name", "exiting"])
def test_a_wrong_answer_is_noticed(what: str) -> None:
    """The oracle finds fault with each kind of wrong answer."""
    read = the_reader()

    def spoilt(*args: Any) -> List[Any]:
        contexts = read(*args)
        if what == "drop":
            return contexts[:-1]
        if what == "swap":
            return contexts[::-1]
        for context in contexts:
            if what == "line":
                context.start_line += 1
            elif what == "name":
                context.varname = "wrong"
            else:
                context.is_exiting = not context.is_exiting
        return contexts

    for seed in range(3000, 3050):
        oracle = Oracle(write_program(seed), spoilt)
        Runtime(oracle).run()
        if oracle.figures.wrong:
            return
    pytest.fail("no fault was found")


def test_same_seed_same_program() -> None:
    assert write_program(5).source == write_program(5).source
    assert write_program(5).source != write_program(6).source


def test_a_program_is_repeatable() -> None:
    first, second = Figures(), Figures()
    for figures in (first, second):
        run_program(write_program(7), Options(self_check=True), figures)
    assert first == second
