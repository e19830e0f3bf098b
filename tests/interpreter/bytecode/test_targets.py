"""Assignment targets in normal form."""

from __future__ import annotations

import sys

import pytest

from stackscope.interpreter.bytecode import analyze
from stackscope.interpreter.bytecode.instructions import decode
from stackscope.interpreter.bytecode.targets import Target, describe

from .programs import functions_in

# The target as written, and in normal form; `None` if it can't be written back.
TARGETS = [
    ("a", "a"),
    ("(a)", "a"),
    ("ns.foo", "ns.foo"),
    ("ns.foo.bar", "ns.foo.bar"),
    ("dct['one']", "dct['one']"),
    ('dct["it\'s"]', 'dct["it\'s"]'),
    ("dct[0]", "dct[0]"),
    ("dct[255]", "dct[255]"),
    ("dct[256]", "dct[256]"),
    ("dct[-1]", "dct[-1]"),
    ("dct[1.5]", "dct[1.5]"),
    ("dct[1j]", "dct[1j]"),
    ("dct[...]", "dct[...]"),
    ("dct[None]", "dct[None]"),
    ("dct[True, False]", "dct[(True, False)]"),
    ("dct[b'x']", "dct[b'x']"),
    ("dct[()]", "dct[()]"),
    ("dct[1, 'a']", "dct[(1, 'a')]"),
    ("dct[(1, (2, 3))]", "dct[(1, (2, 3))]"),
    ("dct[ns]", "dct[ns]"),
    ("dct[ns.a][b]", "dct[ns.a][b]"),
    ("dct[dct[ns]].x", "dct[dct[ns]].x"),
    ("dct[ns,]", "dct[(ns,)]"),
    ("dct[ns, 1]", "dct[(ns, 1)]"),
    ("dct[1:2]", "dct[1:2]"),
    ("dct[:]", "dct[:]"),
    ("dct[ns:]", "dct[ns:]"),
    ("dct[:ns.x]", "dct[:ns.x]"),
    ("dct[::2]", "dct[::2]"),
    ("dct[1:ns:3]", "dct[1:ns:3]"),
    ("dct[1:2].x", "dct[1:2].x"),
    ("dct[ns:b].x", "dct[ns:b].x"),
    ("dct[ns:b:2].x", "dct[ns:b:2].x"),
    ("dct[1:2, 3]", "dct[1:2, 3]"),
    ("dct[ns:b, 3, ::2]", "dct[ns:b, 3, ::2]"),
    ("dct[ns:b,]", "dct[ns:b,]"),
    ("fn().foo", "fn().foo"),
    ("fn(1, ns).foo", "fn(1, ns).foo"),
    ("fn(fn(None), 'x').foo", "fn(fn(None), 'x').foo"),
    ("ns.fn(1)[2]", "ns.fn(1)[2]"),
    ("ns.a.fn().b", "ns.a.fn().b"),
    ("locals()['ns'].bar", "locals()['ns'].bar"),
    ("fn()()[0]", "fn()()[0]"),
    ("'text'.foo", "'text'.foo"),
    ("(1).foo", "(1).foo"),
    ("(a, b)", "(a, b)"),
    ("[a, b]", "(a, b)"),
    ("(c,)", "(c,)"),
    ("[c]", "(c,)"),
    ("()", "()"),
    ("[]", "()"),
    ("(first, *rest, last)", "(first, *rest, last)"),
    ("(*rest,)", "(*rest,)"),
    ("[*rest, last]", "(*rest, last)"),
    ("(a, (b, c), d)", "(a, (b, c), d)"),
    ("(a, [b, *c])", "(a, (b, *c))"),
    ("(a, ns.foo, dct['x'])", "(a, ns.foo, dct['x'])"),
    ("(ns.x, *ns.y)", "(ns.x, *ns.y)"),
    ("(a, b, c)", "(a, b, c)"),
    ("(a, a)", "(a, a)"),
    ("(a, fn(b).c)", "(a, fn(b).c)"),
    ("(a, dct[a])", "(a, dct[a])"),
    # No faithful way back.
    ("fn(x=1).foo", None),
    ("fn(*ns).foo", None),
    ("fn(**ns).foo", None),
    ("dct[(x := 1)]", None),
    ("dct[ns + 1]", None),
    ("dct[-ns]", None),
    ("dct[not ns]", None),
    ("dct[ns < 1]", None),
    ("dct[ns if a else b]", None),
    ("dct[a or b]", None),
    ("dct[[a]]", None),
    ("dct[{1: a}]", None),
    ("dct[{1, a}]", None),
    ("dct[f'{a}']", None),
    ("dct[lambda: 1]", None),
    ("dct[[x for x in a]]", None),
    ("(a, dct[ns + 1])", None),
    ("(a + b).foo", None),
    ("[1, a][0].foo", None),
]

SCOPES = {
    "function": "def f(cm, ns, dct, fn, b):\n  a = 1\n  with cm as {}:\n    pass\n",
    "module": "with cm as {}:\n  pass\n",
    "class": "class C:\n  with cm as {}:\n    pass\n",
    "globals": "def f(cm):\n  global a, b, c, ns, dct, rest\n  with cm as {}:\n    pass\n",
    "cells": (
        "def f(cm, ns, dct, fn, b):\n  a = c = rest = 1\n  with cm as {}:\n    pass\n"
        "  def g():\n    return a, b, c, ns, dct, rest\n"
    ),
    "free": (
        "def f(cm, ns, dct, fn, b):\n  a = c = rest = 1\n  def g(cm):\n"
        "    nonlocal a, b, c, ns, dct, rest\n    with cm as {}:\n      pass\n"
    ),
    "class with free variables": (
        "def f(cm, ns, dct, fn, b):\n  a = c = rest = 1\n"
        "  class C:\n    with cm as {}:\n      pass\n"
    ),
    "async": "async def f(cm, ns, dct, fn, b):\n  a = 1\n  async with cm as {}:\n    pass\n",
}


def _block_of(source: str):
    codes = functions_in(compile(source, "", "exec"))
    [block] = [block for code in codes for block in analyze(code).blocks]
    return block


@pytest.mark.parametrize("scope", SCOPES)
def test_target(scope: str):
    for target, expected in TARGETS:
        if scope == "class with free variables" and ":=" in target:
            continue  # allowed, but binds elsewhere
        block = _block_of(SCOPES[scope].format(target))
        assert (target, block.has_target, block.varname) == (target, True, expected)


@pytest.mark.parametrize("scope", SCOPES)
def test_normal_form_means_the_same(scope: str):
    """The normal form, used as a target, has itself as its normal form."""
    for _, normal in TARGETS:
        if normal is not None:
            assert _block_of(SCOPES[scope].format(normal)).varname == normal


@pytest.mark.parametrize("scope", SCOPES)
def test_no_target(scope: str):
    block = _block_of(SCOPES[scope].replace(" as {}", ""))
    assert not block.has_target
    assert block.varname is None


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("body", ["a", "a.b", "a = 1", "(a, b)", "a[0] = 1", "pass", "...", "fn()"])
def test_what_follows_is_no_target(scope: str, body: str):
    source = SCOPES[scope].replace(" as {}", "").replace("pass", body)
    block = _block_of(source)
    assert (block.has_target, block.varname) == (False, None)


def test_several_items_each_have_theirs():
    source = "def f(x):\n  with x as a, x, x as (b, c), x as d.e: pass\n"
    code = functions_in(compile(source, "", "exec"))[1]
    assert [block.varname for block in analyze(code).blocks] == ["a", None, "(b, c)", "d.e"]


def test_many_names():
    """Beyond 255 names and constants instructions have an EXTENDED_ARG before them."""
    filler = "".join(f"  n{i} = {i}.5; m.o{i}\n" for i in range(300))
    source = f"def f(x, m):\n{filler}  with x as (n299, m.last['key'], *n298): pass\n"
    code = functions_in(compile(source, "", "exec"))[1]
    [block] = analyze(code).blocks
    assert block.varname == "(n299, m.last['key'], *n298)"


def test_optimised_code():
    code = compile("with x as a.b[0]: pass\n", "", "exec", optimize=2)
    assert [block.varname for block in analyze(code).blocks] == ["a.b[0]"]


def test_end_of_the_code():
    assert describe([]) == Target(None, False)
    assert describe(decode(compile("pass", "", "exec"))[99:]) == Target(None, False)


@pytest.mark.skipif(sys.version_info < (3, 9), reason="a parenthesised list of items")
def test_parentheses_around_the_items():
    source = "def f(x):\n  with (x as a, x as b.c,): pass\n"
    code = functions_in(compile(source, "", "exec"))[1]
    assert [block.varname for block in analyze(code).blocks] == ["a", "b.c"]
