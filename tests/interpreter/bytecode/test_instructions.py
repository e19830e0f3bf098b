"""Decoding of instructions and exception tables."""

from __future__ import annotations

import dis
import importlib.util
import sys
import tokenize
from pathlib import Path

import pytest

from stackscope.interpreter.bytecode.instructions import (
    decode,
    exception_table,
    from_dis,
    stack_effect,
)

from .programs import functions_in


def _sample(a, b=None):
    with a as c:
        for d in c:
            if d is b:
                continue
            e = [x + 1 for x in d]
    return e


def test_decode_agrees_with_dis():
    expected = list(dis.get_instructions(_sample))
    found = decode(_sample.__code__)
    assert [(i.offset, i.op, i.opcode, i.arg) for i in found] == [
        (i.offset, i.opname, i.opcode, i.arg) for i in expected
    ]


MISREAD = (
    # PyPy's `dis` numbers cells as CPython 3.11 does, its bytecode doesn't.
    set(dis.hasfree)
    if sys.implementation.name == "pypy"
    # That of 3.11 doesn't know what the argument of KW_NAMES stands for.
    else {dis.opmap["KW_NAMES"]}
    if sys.version_info[:2] == (3, 11)
    else set()
)


@pytest.mark.parametrize(
    "module", ["tokenize", "asyncio.base_events", "subprocess", "typing", "tarfile"]
)
def test_real_code(module: str):
    """All instructions of real modules are read as `dis` reads them."""
    spec = importlib.util.find_spec(module)
    for code in functions_in(spec.loader.get_code(module)):
        found, expected = (
            [ins._replace(value=None) if ins.opcode in MISREAD else ins for ins in some]
            for some in (decode(code), from_dis(dis.get_instructions(code)))
        )
        assert found == expected


def test_prefixes_and_long_jumps():
    """Beyond 255 names, constants and units there are prefixes, of one byte or of two."""
    # Jumps are counted in bytes or in units, of which an instruction takes more on later versions.
    count = 8500 if sys.version_info[:2] in ((3, 10), (3, 11)) else 5500
    lines = "".join(f"    n{i} = {i}.5; m.o{i}\n" for i in range(count))
    source = f"def f(m):\n  for x in m:\n    if x: continue\n{lines}"
    code = functions_in(compile(source, "", "exec"))[1]
    found = decode(code)
    assert sum(ins.op == "EXTENDED_ARG" for ins in found) > 15_000
    assert max(ins.arg or 0 for ins in found if ins.op != "EXTENDED_ARG") > 0xFFFF
    assert [i for i in found if i.opcode not in dis.hasfree] == [
        i for i in from_dis(dis.get_instructions(code)) if i.opcode not in dis.hasfree
    ]


def test_code_without_lines():
    code = compile("with a as b:\n  c", "", "exec")
    attribute = "co_linetable" if sys.version_info >= (3, 10) else "co_lnotab"
    if sys.implementation.name != "cpython":
        pytest.skip("needs CPython's line tables")
    code = code.replace(**{attribute: b""})
    assert [i.op for i in decode(code)] == [i.opname for i in dis.get_instructions(code)]


def test_jumps_have_targets():
    found = decode(_sample.__code__)
    offsets = {instruction.offset for instruction in found}
    targets = {i.target for i in found if i.target is not None}
    assert targets
    assert targets <= offsets
    assert any(i.op in ("FOR_ITER",) and i.target is not None for i in found)


@pytest.mark.skipif(sys.implementation.name == "pypy", reason="PyPy has no such instruction")
def test_the_end_of_an_async_loop_jumps_nowhere():
    async def program(items):
        async for item in items:
            pass

    [end] = [i for i in decode(program.__code__) if i.op == "END_ASYNC_FOR"]
    assert end.target is None


def test_from_dis_takes_what_dis_gives():
    assert list(from_dis(dis.get_instructions(_sample))) == decode(_sample.__code__)


@pytest.mark.parametrize("jump", [True, False])
def test_stack_effect(jump: bool):
    for instruction in decode(_sample.__code__):
        arg = instruction.arg if instruction.opcode >= dis.HAVE_ARGUMENT else None
        expected = dis.stack_effect(instruction.opcode, arg, jump=jump)
        assert stack_effect(instruction, jump) == expected
        assert stack_effect(instruction, jump) == expected  # remembered


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception tables came with 3.11")
def test_exception_table_agrees_with_dis():
    codes = functions_in(compile(Path(tokenize.__file__).read_text(encoding="utf-8"), "", "exec"))
    entries = 0
    for code in [*codes, _sample.__code__]:
        expected = dis._parse_exception_table(code)
        found = exception_table(code)
        # What dis calls an end is up to the start of the last instruction or behind it.
        assert [(e.start, e.target, e.depth, e.lasti) for e in found] == [
            (e.start, e.target, e.depth, e.lasti) for e in expected
        ]
        assert all(e.start < e.end for e in found)
        entries += len(found)
    assert entries > 20


@pytest.mark.skipif(sys.version_info >= (3, 11), reason="exception tables came with 3.11")
def test_no_exception_table():
    assert exception_table(_sample.__code__) == []
