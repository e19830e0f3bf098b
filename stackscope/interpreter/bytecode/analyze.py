"""`analyze`: one dataflow pass per code object, remembered."""

from __future__ import annotations

import functools
import weakref
from types import CodeType
from typing import Any, Dict, Optional, Tuple

from stackscope.interpreter.bytecode.blocks import NO_BLOCKS, CodeAnalysis
from stackscope.interpreter.bytecode.flow import Flow, Generation
from stackscope.interpreter.bytecode.instructions import Decoder
from stackscope.interpreter.bytecode.lines import KeywordLines, lines_at
from stackscope.interpreter.bytecode.sites import Sites
from stackscope.interpreter.bytecode.targets import describe
from stackscope.interpreter.facts import (
    BYTECODE_IS_KNOWN,
    CO_OPTIMIZED,
    FINALLY_IS_SUBROUTINE,
    HAS_EXCEPTION_TABLE,
    IS_PYPY,
    ITEMS_HIDE_KEYWORD,
    LOADS_SPECIAL,
    slot_names,
)


def current_generation() -> Generation:
    """The generation of the running interpreter; the newest known for a newer one."""
    if IS_PYPY:
        from stackscope.interpreter.bytecode.pypy import PyPy

        return PyPy()
    if not HAS_EXCEPTION_TABLE:
        from stackscope.interpreter.bytecode.blockstack import BlockStack, Subroutines

        return Subroutines() if FINALLY_IS_SUBROUTINE else BlockStack()
    from stackscope.interpreter.bytecode.exceptiontable import ExceptionTable, LoadSpecial

    return LoadSpecial() if LOADS_SPECIAL else ExceptionTable()


GENERATION = current_generation()

# Keyed by id, because code objects compare and hash by value, slowly. The weak reference shows
# that the id still means the same object, and takes the entry away with it.
_known: Dict[int, Tuple[weakref.ref[CodeType], CodeAnalysis]] = {}


def analyze(code: CodeType, namespace: Optional[Dict[str, Any]] = None) -> CodeAnalysis:
    """The ``with`` blocks of ``code`` and where each is active. Cheap after the first time.

    Args:
        code: The code.
        namespace: The globals of its module, which lead to the source if that is in a zip file.
    """
    known = _known.get(id(code))
    if known is not None and known[0]() is code:
        return known[1]
    analysis = _analyze(code, namespace)
    key = id(code)
    # No Python code: a debugger would stop in it.
    _known[key] = (weakref.ref(code, functools.partial(_known.pop, key)), analysis)
    return analysis


def _may_have_blocks(code: CodeType) -> bool:
    operations = code.co_code[::2]
    return any(opener in operations for opener in _OPENERS)


def _opener_numbers() -> Tuple[int, ...]:
    if not BYTECODE_IS_KNOWN:
        return ()  # nobody has tried what holds of its bytecode
    import dis

    return tuple(dis.opmap[name] for name in GENERATION.openers if name in dis.opmap)


_OPENERS = _opener_numbers()


_whole: Dict[int, Tuple[weakref.ref[CodeType], CodeAnalysis]] = {}


def analyze_whole(code: CodeType) -> CodeAnalysis:
    """As `analyze`, but also for code without blocks."""
    analysis = analyze(code)
    if analysis is not NO_BLOCKS:
        return analysis
    known = _whole.get(id(code))
    if known is not None and known[0]() is code:
        return known[1]
    analysis = _run(code, None)
    key = id(code)
    _whole[key] = (weakref.ref(code, lambda _, key=key: _whole.pop(key, None)), analysis)  # type: ignore[misc]
    return analysis


def _analyze(code: CodeType, namespace: Optional[Dict[str, Any]]) -> CodeAnalysis:
    if not _may_have_blocks(code):
        return NO_BLOCKS
    return _run(code, namespace)


def _run(code: CodeType, namespace: Optional[Dict[str, Any]]) -> CodeAnalysis:
    decoder = Decoder(code)
    flow = Flow(code, decoder.units, GENERATION)
    flow.run()
    blocks = sorted(flow.blocks.values(), key=lambda block: block.opener)
    for block, line in zip(blocks, lines_at(code, [block.opener for block in blocks])):
        block.line = line
        if 0 <= block.body < decoder.units.size:
            target = describe(decoder.instructions(block.body))
            block.varname, block.has_target = target
    if ITEMS_HIDE_KEYWORD and blocks:
        keywords = KeywordLines(code, [block.line for block in blocks], namespace)
        for block in blocks:
            block.keywords = keywords
    names = slot_names(code)
    in_slots = bool(code.co_flags & CO_OPTIMIZED)
    # Up to 3.10 an argument has a slot of its own besides, in front, which is empty.
    slots = {name: slot for slot, name in enumerate(names)}
    in_cells = [*code.co_cellvars, *code.co_freevars] if in_slots else []
    cells = tuple(sorted(slots[name] for name in in_cells))
    return CodeAnalysis(blocks, Sites(flow, len(names)), names, in_slots, cells)
