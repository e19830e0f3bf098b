"""The time that an analysis takes is in proportion to the code."""

from __future__ import annotations

import gc
import linecache
import sys
import time

import pytest

from stackscope.interpreter.bytecode import analyze
from stackscope.interpreter.bytecode.instructions import decode
from stackscope.interpreter.bytecode.keepers import find_keepers

from .programs import functions_in

# What comes first, what is repeated, what comes last. In the middle, {0} is the number.
SHAPES = {
    "blocks": ("", " with cm as x{0}:\n  a({0})\n", ""),
    "items on lines of their own": ("", " with cm(1), \\\n   cm(\n    2) as x:\n  a({0})\n", ""),
    "handlers": (
        "",
        " try:\n  with cm: a({0})\n except ValueError as e: a()\n finally:\n  with cm: a()\n",
        "",
    ),
    "branches": (
        " with cm:\n  if a == -1: pass\n",
        "  elif a == {0}:\n   with cm: return a({0})\n",
        "",
    ),
    "ways out": (
        " for i in a:\n  with cm:\n   try:\n",
        "    if a({0}): return a({0})\n    elif a: continue\n    else: break\n",
        "   finally:\n    a()\n",
    ),
    "straight lines": (" with cm:\n", "  x = a.b({0}.5) + {0}\n" * 5, ""),
    "a large display": (" with cm:\n  x = [\n", "   a(),\n" * 10, "  ]\n"),
    "a large dictionary": (" with cm:\n  x = {{\n", "   a(): a({0}),\n" * 5, "  }}\n"),
    "a target of many": (" with cm as (\n", "   x{0},\n" * 5, "  ): a()\n"),
    "asynchronous": ("", " async with cm as x: await a({0})\n", ""),
    "nested": ("", " with cm:\n  with cm:\n   while a:\n    with cm: break\n", ""),
}
TIMES = 4
LIMIT = 9  # The quotient is 4 if the time is linear, 16 if it is quadratic.


def _code(shape, count):
    first, middle, last = SHAPES[shape]
    source = "async def f(cm, a):\n" + first.format()
    source += "".join(middle.format(number) for number in range(count)) + last.format()
    filename = f"<{shape} {count}>"
    linecache.cache[filename] = len(source), None, source.splitlines(True), filename
    return functions_in(compile(source, filename, "exec"))[1]


def _seconds(function, *args):
    """The shortest time of several."""
    found = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(2):
            start = time.process_time()
            function(*args)
            found.append(time.process_time() - start)
    finally:
        gc.enable()
    return min(found)


def _is_linear(function, shape, count):
    """Whether ``function`` takes about `TIMES` as long for code that is as much longer."""
    function(_code(shape, count))  # and what is made at the first time
    for _ in range(3):  # a busy machine may slow one of them down
        few = _seconds(function, _code(shape, count))
        if _seconds(function, _code(shape, TIMES * count)) < LIMIT * max(few, 0.001):
            return True
    return False


def _analyze_anew(code):
    analysis = analyze(code.replace(co_name=f"{code.co_name}_"))
    assert analysis.blocks
    return analysis


@pytest.mark.parametrize("shape", SHAPES)
def test_analysis(shape):
    assert _is_linear(_analyze_anew, shape, 20)


@pytest.mark.parametrize("shape", ["branches", "ways out"])
def test_instructions(shape):
    assert _is_linear(decode, shape, 80)


@pytest.mark.parametrize("shape", ["blocks", "branches"])
def test_keepers(shape):
    def find(code):
        analysis = analyze(code)
        analysis.keepers.clear()
        offsets = range(len(code.co_code) - 2, 0, -2)
        [site, *_] = next(sites for sites in map(analysis.at, offsets) if sites and sites[0].live)
        find_keepers(code, analysis, site, True)

    assert _is_linear(find, shape, 30)


@pytest.mark.skipif(sys.version_info >= (3, 9), reason="later ones copy the body for each way")
def test_finally_within_finally():
    """Its sites are not multiplied by the ways into each of them."""
    lines = ["def f(cm, a):", " with cm:"]
    for depth in range(16):
        lines += [
            "  " + " " * depth + line
            for line in ("try:", " if a == 1: return a()", " if a: return [a]", "finally:")
        ]
    lines.append("  " + " " * 16 + "with cm as x: a()")
    [code] = functions_in(compile("\n".join(lines), "", "exec"))[1:]
    analysis = analyze(code)
    assert [block.varname for block in analysis.blocks] == [None, "x"]
    assert max(len(analysis.at(offset)) for offset in range(0, len(code.co_code), 2)) <= 2
