"""Frames of CPython 3.8, 3.9 and 3.10: the value stack is part of the frame object.

Evidence: ``struct _frame`` in Include/frameobject.h (3.8) and Include/cpython/frameobject.h (3.9,
3.10); ``co_nlocals`` locals, the cells, the free variables, then the value stack.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from types import CodeType, FrameType
from typing import Any, FrozenSet, Iterator, List, Optional, Sequence, Set, Tuple

from stackscope.interpreter.bytecode import CodeAnalysis, Exiting, Live, Site
from stackscope.interpreter.bytecode.blocks import IN_FINALLY
from stackscope.interpreter.facts import CLEANUP_TAKES_EXIT
from stackscope.interpreter.frames.base import METHODS, Moment, Reader
from stackscope.interpreter.frames.copying import raw_bytes
from stackscope.interpreter.frames.liveness import WORD
from stackscope.interpreter.frames.memory import (
    HAS_MEMORY,
    NO_LIMIT,
    MemoryMoment,
    bytes_at,
    flatten,
    if_equal,
    objects_and_words,
    objects_at,
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


# What says where a frame stands, up to its slots. Up to 3.9 it begins with the top of the stack,
# which is kept while the frame is suspended or its trace function runs, and else NULL.
_MOMENT = _offset("f_lasti" if sys.version_info >= (3, 10) else "f_stacktop")
_LASTI = _offset("f_lasti") - _MOMENT
_STATE = _offset("f_state") - _MOMENT
_BLOCKS = _offset("f_blockstack") - _MOMENT
_MOMENT_SIZE = _offset("f_localsplus") - _MOMENT
_VALUESTACK = _offset("f_valuestack") // WORD
_LOCALS = _offset("f_localsplus")
_NAMESPACE = _offset("f_locals") // WORD
_NUMBERS = struct.Struct("iii")
_STACKTOP = struct.Struct("N")
_ENTRIES = [struct.Struct("iii" * count) for count in range(21)]
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


def _fits(expected: Entries, entries: Entries) -> bool:
    """Whether a block stack is as it must be."""
    return expected == entries or bool(_ways(expected, entries))


def _ways(expected: Entries, entries: Entries) -> Set[int]:
    """By how many slots the value stack may be higher than expected (3.8); see `Site.handlers`.

    Nothing if the block stack doesn't fit.
    """
    # How many of the entries are accounted for, and by how much they are higher than expected.
    ways = {(0, 0)}
    for handler, level in expected:
        found = set()
        for count, higher in ways:
            there = entries[count] if count < len(entries) else None
            if handler == IN_FINALLY:
                # NULL or a return address; the same above a value; or an exception.
                found |= {(count, higher), (count, higher + 1)}
                if there == (-1, level + higher):
                    found.add((count + 1, higher + 5))
            elif there == (handler, level + higher):
                found.add((count + 1, higher))
        ways = found
    return {higher for count, higher in ways if count == len(entries)}


def _common(sites: List[Site]) -> Optional[Site]:
    """What sites that differ in the slots of a block being left have in common."""
    first = min(sites, key=lambda site: site.intact)
    if all((site.live, site.exiting) == (first.live, first.exiting) for site in sites):
        return first
    exiting = first.exiting
    if exiting is None or any(
        site.live != first.live or site.exiting is None or site.exiting.block is not exiting.block
        for site in sites
    ):
        return None
    return first._replace(exiting=Exiting(exiting.block, -1, -1, -1))


def entries_of(seen: bytes, count: int) -> Entries:
    """The lowest entries of a block stack, by the bytes of a moment."""
    numbers = _ENTRIES[count].unpack_from(seen, _BLOCKS)
    handlers = [
        -1 if kind == _EXCEPT_HANDLER else handler * _UNIT
        for kind, handler in zip(numbers[::3], numbers[1::3])
    ]
    return tuple(zip(handlers, numbers[2::3]))


class _Moment(MemoryMoment):
    __slots__ = ("frame", "view", "seen", "iblock", "variables")

    def __init__(self, frame: FrameType, view: Any, seen: bytes) -> None:
        lasti, _, self.iblock = _NUMBERS.unpack_from(seen, _LASTI)
        self.lasti = lasti * _UNIT
        self.depth = -1
        self.limit = NO_LIMIT
        self.newer: Optional[FrozenSet[int]] = None
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
        fitting = [site for site in sites if _fits(site.handlers, entries)] or [
            # WITH_CLEANUP_START (3.8) lowers the level of the exception's entry before it calls.
            site
            for site in sites
            if _fits(_lowered(site.handlers), entries)
        ]
        for offset in () if fitting else self.next_offsets(sites):
            fitting = [site for site in analysis.at(offset) if _fits(site.handlers, entries)]
            if fitting:
                break
        return self.one_of(fitting) if fitting else self.unwinding(sites)

    def next_offsets(self, sites: Tuple[Site, ...]) -> Iterator[int]:
        """Where the frame may be if not at ``f_lasti``.

        At the next instruction, or in a handler if its exception is the last on the block stack.
        That of a ``finally`` body around it may be the last as well.
        """
        yield self.lasti + 2
        *outer, last = self.entries(self.iblock) or [(0, 0)]
        if last[0] < 0:
            for site in sites:
                for index, (handler, level) in reversed(list(enumerate(site.handlers))):
                    ways = _ways(site.handlers[:index], tuple(outer))
                    if handler >= 0 and last[1] in {level + higher for higher in ways}:
                        yield handler

    def one_of(self, sites: List[Site]) -> Optional[Site]:
        """One of several sites that fit the block stack, with its slots as they are."""
        sites = [self.with_exit(self.placed(site)) for site in sites]
        return sites[0] if len(sites) == 1 else _common(sites)

    def placed(self, site: Site) -> Site:
        """A site with the slots that its blocks have on the way that led there (3.8)."""
        if all(handler.offset != IN_FINALLY for handler in site.handlers):
            return site
        levels = dict(self.entries(self.iblock))
        ways = self.ways(site)
        higher = min(ways)
        live = tuple(
            item._replace(
                slot=item.slot
                + levels.get(item.block.handler, item.block.level + higher)
                - item.block.level
            )
            for item in site.live
        )
        exiting = site.exiting
        if exiting is not None and exiting.awaitable >= 0:
            awaitable = exiting.awaitable + higher if len(ways) == 1 else -1
            exiting = exiting._replace(awaitable=awaitable)
        return site._replace(
            live=live,
            exiting=exiting,
            depth=site.depth + higher,
            intact=site.intact + higher,
            reads=tuple(self.variables + item.slot for item in live),
            used=self.variables + site.intact + higher,
        )

    def with_exit(self, site: Site) -> Site:
        """A site with the slot of the exit callable, if a trace function runs before it is called.

        WITH_CLEANUP_START (3.8) finds it below NULL, or below an exception of six values.
        """
        exiting = site.exiting
        if exiting is None or exiting.slot >= 0 or exiting.awaitable >= 0:
            return site
        if not self.seen[_STATE] or self.kept_depth() != site.depth:
            return site
        last = site.handlers[-1:]
        is_raised = bool(last) and last[0].offset == -1 and last[0].level == exiting.block.level
        return site._replace(exiting=exiting._replace(slot=site.depth - (7 if is_raised else 2)))

    def ways(self, site: Site) -> Set[int]:
        """By how many slots the value stack may be higher than a site that fits says (3.8)."""
        entries = self.entries(self.iblock)
        ways = _ways(site.handlers, entries) or _ways(_lowered(site.handlers), entries)
        if len(ways) > 1:
            # A block that is being left has been taken off by POP_BLOCK, but is still to be seen
            # above the last one: no other is put there until the exit is done.
            past = dict(self.entries(min(self.iblock + 1, 20))[self.iblock :])
            blocks = [item.block for item in (*site.live, site.exiting) if item is not None]
            for block in blocks:
                is_off = block.handler in past and block.handler not in dict(entries)
                if is_off and self.lasti >= block.body:
                    return {past[block.handler] - block.level}
            used = site.depth if self.seen[_STATE] else site.intact
            ways = ways & {self.kept_depth() - used} or ways
        return ways

    def entries(self, count: int) -> Entries:
        """The lowest entries of the block stack: handler (-1 for an exception) and level."""
        return entries_of(self.seen, count)

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

    def kept_depth(self) -> int:
        """How deep the value stack is, if the frame is suspended or its trace function runs (3.8).

        Else -1.
        """
        if not CLEANUP_TAKES_EXIT:
            return -1
        [top] = _STACKTOP.unpack_from(self.seen)
        return (top - words_at(id(self.frame))[_VALUESTACK]) // WORD if top else -1

    def guarded(self, slots: Sequence[int]) -> Iterator[int]:
        return flatten(if_equal((iter(slots),), map(raw_bytes, (self.view,)), self.seen))


class BlockStackReader(Reader):
    """Reads frames of 3.8 to 3.10."""

    def moment(self, frame: FrameType, code: CodeType) -> Optional[Moment]:
        view = bytes_at(id(frame) + _MOMENT, _MOMENT_SIZE)
        seen = view.raw
        if not self._alive(seen):
            return None
        return _Moment(frame, view, seen)

    def at_rest(
        self, frame: FrameType, analysis: CodeAnalysis
    ) -> Optional[Tuple[Site, List[object], Sequence[int]]]:
        view = bytes_at(id(frame) + _MOMENT, _MOMENT_SIZE)
        seen = view.raw
        lasti, _, count = _NUMBERS.unpack_from(seen, _LASTI)
        if not HAS_MEMORY or lasti < 0 or not self._alive(seen):
            return None
        entries = entries_of(seen, count)
        sites = [site for site in analysis.at(lasti * _UNIT) if site.handlers == entries]
        if len(sites) != 1:
            return None
        # The exit callable is below the level of its block's entry, and so in its place as long as
        # that is there: what unwinds takes an entry off first (``exception_unwind`` in
        # Python/ceval.c), and so does what leaves a block (POP_BLOCK).
        site = sites[0]
        first = (id(frame) + _LOCALS) // WORD
        slots: List[Any] = [first + slot for slot in site.reads]
        guarded = flatten(if_equal((iter(slots),), map(raw_bytes, (view,)), seen))
        variables = None
        if site.nameless and analysis.in_slots:
            slots += [first + slot for slot in analysis.cells]
            variables = slice(first, first + len(analysis.names))
        return (site, *objects_and_words(guarded, slots, variables))

    def proves(self, frame: FrameType) -> bool:
        code = frame.f_code
        variables = code.co_nlocals + len(code.co_cellvars) + len(code.co_freevars)
        value_stack = words_at(id(frame))[_VALUESTACK]
        return bool(value_stack == id(frame) + _LOCALS + variables * WORD)

    def is_alive(self, frame: FrameType) -> bool:
        return self._alive(bytes_at(id(frame) + _MOMENT, _MOMENT_SIZE).raw)

    @staticmethod
    def _alive(seen: bytes) -> bool:
        if sys.version_info >= (3, 10):
            return seen[_STATE] in _ALIVE
        # f_executing; or suspended, with its stack top kept.
        return seen[_STATE] != 0 or any(_STACKTOP.unpack_from(seen))

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
