"""Some random programs, others on each version; run `python -m tests.tools.fuzz` for more.

So many probes and not so many seconds: a busy machine tries as much.
"""

from __future__ import annotations

import io
import sys
from typing import Any, List

import pytest

from tests.conftest import freeze
from tests.helpers.rows import IN_TURN

from .oracle import Figures, Oracle
from .programs import write_program
from .runner import Options, run, run_program, the_reader
from .runtime import Runtime

SEED = 1000 * sys.version_info[1]


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


@IN_TURN
def test_oracle_agrees_with_the_syntax_tree() -> None:
    figures = _run(self_check=True, probes=8_000, seed=SEED)
    assert figures.probes > figures.skipped / 2


def test_random_programs() -> None:
    figures = _run(probes=5_000, seed=SEED)
    # Nothing may be left open where no trace function and no collector is in the way.
    assert not figures.tolerated


@pytest.mark.parametrize("event", ["line", "opcode", "collection"])
def test_between_the_instructions(event: str) -> None:
    _run(probes=1_000, seed=SEED + 500, trace=event)


@IN_TURN
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
        oracle = Oracle(write_program(seed, 10), spoilt)
        Runtime(oracle).run()
        if oracle.figures.wrong:
            return
    pytest.fail("no fault was found")


def test_same_seed_same_program() -> None:
    assert write_program(5).source == write_program(5).source
    assert write_program(5).source != write_program(6).source


@IN_TURN
def test_a_program_is_repeatable() -> None:
    first, second = Figures(), Figures()
    for figures in (first, second):
        run_program(write_program(7, 15), Options(self_check=True), figures)
    assert first == second
