"""A sample of the sweep, fixed by its seed."""

from __future__ import annotations

import ast
import textwrap
from itertools import islice
from typing import Any, List

import pytest

_FILES = 25


def test_sample_of_the_standard_library() -> None:
    from .sweep import Figures, sample, sweep_file

    figures = Figures()
    for path in islice(sample(seed=20), _FILES):
        sweep_file(path, figures)
    assert figures.files > _FILES * 0.8
    assert figures.blocks > 10
    assert not figures.wrong, "\n".join(figures.wrong[:20])


def _items(source: str) -> List[Any]:
    from .expected import Key, scopes_of

    tree = ast.parse(textwrap.dedent(source))
    return scopes_of(tree)[Key("f", 1)][0]


def test_reference_knows_dead_code() -> None:
    source = """\
    def f():
        with a: return
        if 0:
            with b: pass
        while True:
            with c: pass
        with d: pass
    """
    assert [item.maybe_dead for item in _items(source)] == [False, True, False, True]


@pytest.mark.parametrize(
    "text, normal",
    [
        ("a", "a"),
        ("[a]", "(a,)"),
        ("(a, *b)", "(a, *b)"),
        ("x.y[0]", "x.y[0]"),
        ("f(1, 'b').c", "f(1, 'b').c"),
        ("f(k=1).c", None),
        ("d[(a := 1)]", None),
    ],
)
def test_reference_renders_targets(text: str, normal: Any) -> None:
    (item,) = _items(f"def f():\n    with m as {text}: pass\n")
    assert item.varname == normal


def test_sweep_notices_wrong_blocks() -> None:
    from stackscope.lowlevel import analyze_with_blocks

    from .sweep import Figures, compare_blocks, nested_code

    source = "def f():\n    with m as a: pass\n"
    code = list(nested_code(compile(source, "<test>", "exec")))[1]
    contexts = list(analyze_with_blocks(code).values())
    assert list(compare_blocks(_items(source), contexts, Figures())) == []
    contexts[0].start_line = 1
    assert len(list(compare_blocks(_items(source), contexts, Figures()))) == 2
    assert len(list(compare_blocks(_items(source), [], Figures()))) == 1
