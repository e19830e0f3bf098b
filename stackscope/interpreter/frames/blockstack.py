"""Frames of CPython 3.8, 3.9 and 3.10: the value stack is part of the frame object.

Evidence: ``struct _frame`` in Include/frameobject.h (3.8) and Include/cpython/frameobject.h (3.9,
3.10); ``co_nlocals`` locals, the cells, the free variables, then the value stack.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from types import CodeType, FrameType
from typing import Any, Iterator, List, Optional, Sequence, Tuple

from stackscope.interpreter.bytecode import CodeAnalysis, Exiting, Live, Site
from stackscope.interpreter.facts import CLEANUP_TAKES_EXIT
from stackscope.interpreter.frames.base import METHODS, Moment, Reader
from stackscope.interpreter.frames.memory import (
    WORD,
    MemoryMoment,
    bytes_at,
    flatten,
    if_equal,
    objects_at,
    raw_bytes,
    words_at,
)

_POINTERS = ["f_back", "f_code", "f_builtins", "f_globals", "f_locals", "f_valuestack"]


class _Block(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("handler", ctypes.c_int), ("level", ctypes.c_int)]


_TRACE: List[Tuple[str, Any]] = (
    [("f_trace", ctypes.c_void_p), ("f_stackdepth", ctypes.c_int)]
    if sys.version_info >= (3, 10)
    else [("f_stacktop", ctypes.c_void_p), ("f_trace", ctypes.c_void_p)]
)
_FIELDS: List[Tuple[str, Any]] = [
    # A debug build has a longer object header, which object() has too.
    ("head", ctypes.c_char * object().__sizeof__()),
    ("ob_size", ctypes.c_ssize_t),
    *((name, ctypes.c_void_p) for name in _POINTERS),
    *_TRACE,
    ("f_trace_lines", ctypes.c_char),
    ("f_trace_opcodes", ctypes.c_char),
    ("f_gen", ctypes.c_void_p),
    ("f_lasti", ctypes.c_int),
    ("f_lineno", ctypes.c_int),
    ("f_iblock", ctypes.c_int),
    # f_executing up to 3.9.
    ("f_state", ctypes.c_byte),
    ("f_blockstack", _Block * 20),
    ("f_localsplus", ctypes.c_void_p * 1),
]


class _Frame(ctypes.Structure):
    _fields_ = _FIELDS


def _offset(name: str) -> int:
    return int(getattr(_Frame, name).offset)


_LASTI = _offset("f_lasti")
_STATE = _offset("f_state") - _LASTI
_BLOCKS = _offset("f_blockstack") - _LASTI
_MOMENT_SIZE = _offset("f_localsplus") - _LASTI
_VALUESTACK = _offset("f_valuestack") // WORD
_LOCALS = _offset("f_localsplus")
_NAMESPACE = _offset("f_locals") // WORD
_NUMBERS = struct.Struct("iii")
_ENTRIES = [struct.Struct("iii" * count) for count in range(21)]
_STACKTOP = _offset("f_stacktop") // WORD if sys.version_info < (3, 10) else -1
# Instructions are counted in bytes up to 3.9, in code units after that.
_UNIT = 2 if sys.version_info >= (3, 10) else 1
# Type of a block that stands for an exception being handled (Include/opcode.h). From 3.10 on its
# handler is where the exception came from.
_EXCEPT_HANDLER = 257
# FRAME_SUSPENDED, FRAME_EXECUTING and FRAME_UNWINDING of 3.10, as unsigned bytes.
_ALIVE = (255, 0, 2)

# What WITH_CLEANUP_START finds on an otherwise empty stack if there is no exception.
_EXIT_AND_NULL = 2

Entries = Tuple[Tuple[int, int], ...]


def _lowered(handlers: Entries) -> Entries:
    return (*handlers[:-1], *((offset, level - 1) for offset, level in handlers[-1:]))


def _common(sites: List[Site]) -> Optional[Site]:
    """What sites that differ in the slots of a block being left have in common."""
    first = sites[0]
    if all((site.live, site.exiting) == (first.live, first.exiting) for site in sites):
        return first
    exiting = first.exiting
    if exiting is None or any(
        site.live != first.live or site.exiting is None or site.exiting.block is not exiting.block
        for site in sites
    ):
        return None
    return first._replace(exiting=Exiting(exiting.block, -1, -1, -1))


class _Moment(MemoryMoment):
    __slots__ = ("frame", "view", "seen", "iblock", "variables")

    def __init__(self, frame: FrameType, view: Any, seen: bytes) -> None:
        lasti, _, self.iblock = _NUMBERS.unpack_from(seen)
        self.lasti = lasti * _UNIT
        self.depth = -1
        self.localsplus = id(frame) + _LOCALS
        self.variables = (words_at(id(frame))[_VALUESTACK] - self.localsplus) // WORD
        self.frame = frame
        self.view = view
        self.seen = seen

    def pick(self, analysis: CodeAnalysis) -> Optional[Site]:
        """The site whose block stack is the frame's.

        ``f_lasti`` may be that of the instruction before: a thread gives the GIL away, or handles a
        signal, after one instruction and before it notes the next one. Or the frame is unwinding:
        RERAISE has set ``f_lasti`` back to where the exception came from, or what is being dropped
        from the stack runs a finalizer.
        """
        sites = analysis.at(self.lasti)
        entries = self.entries(self.iblock)
        fitting = [site for site in sites if site.handlers == entries] or [
            # WITH_CLEANUP_START (3.8) lowers the level of the exception's entry before it calls.
            site
            for site in sites
            if _lowered(site.handlers) == entries
        ]
        for offset in () if fitting else self.next_offsets(sites):
            fitting = [site for site in analysis.at(offset) if site.handlers == entries]
            if fitting:
                break
        return self.one_of(fitting) if fitting else self.unwinding(sites)

    def next_offsets(self, sites: Tuple[Site, ...]) -> Iterator[int]:
        """Where the frame may be if not at ``f_lasti``.

        At the next instruction, or in a handler if an exception is the last on the block stack.
        """
        yield self.lasti + 2
        entries = self.entries(self.iblock)
        if entries and entries[-1][0] < 0:
            for site in sites:
                for handler, _ in reversed(site.handlers):
                    yield handler

    def one_of(self, sites: List[Site]) -> Optional[Site]:
        """One of several sites with the same block stack."""
        if len(sites) == 1:
            return sites[0]
        # 3.8: a finally body may be entered at several depths. What yields takes one value off.
        depth = self.suspended_depth()
        if depth >= 0:
            sites = [site for site in sites if site.intact == depth]
        return _common(sites) if sites else None

    def entries(self, count: int) -> Entries:
        """The lowest entries of the block stack: handler (-1 for an exception) and level."""
        numbers = _ENTRIES[count].unpack_from(self.seen, _BLOCKS)
        handlers = [
            -1 if kind == _EXCEPT_HANDLER else handler * _UNIT
            for kind, handler in zip(numbers[::3], numbers[1::3])
        ]
        return tuple(zip(handlers, numbers[2::3]))

    def unwinding(self, sites: Tuple[Site, ...]) -> Optional[Site]:
        """What is active by the block stack and the entry that has just been taken off it."""
        if not sites:
            return None
        blocks = {live.block.handler: live.block for site in sites for live in site.live}
        live = []
        for handler, level in self.entries(min(self.iblock + 1, 20)):
            slot = level - 1
            if handler in blocks and self.peek(self.variables + slot, METHODS)[0]:
                live.append(Live(blocks[handler], slot, -1))
        return sites[0]._replace(live=tuple(live), exiting=None)

    def may_unwind(self, site: Site) -> bool:
        # Where the exit method is off the stack, an exception would have taken an entry off the
        # block stack, which fits `site`; or, without one, the stack is empty, so that nothing is
        # dropped that could run code.
        return not CLEANUP_TAKES_EXIT or not (site.handlers or site.depth == _EXIT_AND_NULL)

    def suspended_depth(self) -> int:
        """How deep the value stack of a suspended frame is (3.8); -1 if it runs."""
        words = words_at(id(self.frame))
        top = words[_STACKTOP] if _STACKTOP >= 0 else 0
        return (top - words[_VALUESTACK]) // WORD if top else -1

    def guarded(self, slots: Sequence[int]) -> Iterator[int]:
        return flatten(if_equal((iter(slots),), map(raw_bytes, (self.view,)), self.seen))


class BlockStackReader(Reader):
    """Reads frames of 3.8 to 3.10."""

    def moment(self, frame: FrameType, code: CodeType) -> Optional[Moment]:
        view = bytes_at(id(frame) + _LASTI, _MOMENT_SIZE)
        seen = view.raw
        if not self._alive(frame, seen[_STATE]):
            return None
        return _Moment(frame, view, seen)

    def proves(self, frame: FrameType) -> bool:
        code = frame.f_code
        variables = code.co_nlocals + len(code.co_cellvars) + len(code.co_freevars)
        value_stack = words_at(id(frame))[_VALUESTACK]
        return bool(value_stack == id(frame) + _LOCALS + variables * WORD)

    def is_alive(self, frame: FrameType) -> bool:
        return self._alive(frame, bytes_at(id(frame) + _LASTI, _MOMENT_SIZE).raw[_STATE])

    @staticmethod
    def _alive(frame: FrameType, state: int) -> bool:
        if sys.version_info >= (3, 10):
            return state in _ALIVE
        # f_executing; or suspended, with its stack top kept.
        return state != 0 or words_at(id(frame))[_STACKTOP] != 0

    def local(self, frame: FrameType, index: int) -> Tuple[bool, object]:
        # The slot is the frame object's own: it holds a reference, or NULL.
        try:
            return True, objects_at(id(frame) + _LOCALS)[index]
        except ValueError:
            return False, None

    def namespace(self, frame: FrameType) -> Optional[object]:
        try:
            found: object = objects_at(id(frame))[_NAMESPACE]
        except ValueError:
            return None
        return found
