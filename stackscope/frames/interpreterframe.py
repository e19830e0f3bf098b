"""Frames of CPython 3.11 and later: a frame object points to an interpreter frame.

The interpreter frame lies on the thread's data stack, in its generator, or, once it has ended, in
the frame object itself. Evidence: ``_PyInterpreterFrame`` in Include/internal/pycore_frame.h (3.11
to 3.13) and pycore_interpframe_structs.h (3.14+); ``take_ownership`` in Python/frame.c.

From 3.13 on the interpreter publishes the layout of its structures in ``_PyRuntime``
(``_Py_DebugOffsets``). From 3.14 on the slots are tagged pointers (pycore_stackref.h).
"""

from __future__ import annotations

import ctypes
import sys
from itertools import compress, repeat
from operator import add, and_, contains, eq, getitem, mul, rshift
from types import BuiltinMethodType, CodeType, FrameType, MethodType, MethodWrapperType
from typing import Any, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from stackscope.frames.base import Moment, Reader
from stackscope.frames.memory import (
    WORD,
    FrameMoved,
    flatten,
    if_equal,
    last_instruction,
    objects_at,
    take,
    words_at,
)


class Layout(NamedTuple):
    """Where things are in an interpreter frame, in bytes.

    Attributes:
        executable: the code object.
        depth: how much of the value stack is in use: ``stacktop``, or from 3.14 on a pointer.
        localsplus: the first local variable.
        tags: the bits of a slot that are no part of the pointer.
    """

    executable: int
    depth: int
    localsplus: int
    tags: int


# Number of the first interpreter_frame field in _Py_DebugOffsets, counted in 64-bit words.
_OFFSET_TABLE = {(3, 13): 28, (3, 14): 31, (3, 15): 39}
# Its fields: size, previous, executable, instr_ptr, localsplus, owner, and from 3.14 stackpointer.
_TABLE_FIELDS = 7


def find_layout() -> Optional[Layout]:
    """The layout of the running interpreter, or `None` if nobody has seen it yet."""
    version = sys.version_info[:2]
    if version == (3, 11):
        # Four pointers, f_code, three pointers, int, bool, char.
        return Layout(4 * WORD, 8 * WORD, 9 * WORD, 0) if WORD == 8 else None
    if version == (3, 12):
        # f_code, seven pointers, int, uint16, char.
        return Layout(0, 8 * WORD, 9 * WORD, 0) if WORD == 8 else None
    if version not in _OFFSET_TABLE:
        return None
    return _published_layout(_OFFSET_TABLE[version])


def _published_layout(start: int) -> Optional[Layout]:
    header = ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime")
    numbers = (ctypes.c_uint64 * (start + _TABLE_FIELDS)).from_address(ctypes.addressof(header))
    if bytes(numbers)[:8] != b"xdebugpy" or numbers[1] != sys.hexversion:
        return None
    free_threaded = numbers[2]
    size, _, executable, instr_ptr, localsplus, owner, stackpointer = numbers[start:]
    plausible = executable < owner < localsplus <= size <= 1024 and localsplus % WORD == 0
    if free_threaded or not plausible:
        return None
    if sys.version_info < (3, 14):
        # int stacktop follows instr_ptr (3.13: pycore_frame.h).
        return Layout(executable, instr_ptr + WORD, localsplus, 0)
    return Layout(executable, stackpointer, localsplus, 3)


# The frame object: its header, f_back, f_frame.
_HEADER = object().__sizeof__() + WORD
# The interpreter frame of a frame that has ended follows some more fields of the frame object.
_OWN_DATA = 256

# Untagged slots hold what `getitem` of an array of objects makes a reference to. For tagged ones
# the pointer is an integer first. (A prototype of our own: ctypes.pythonapi's is everybody's.)
_new_reference = (
    ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p)(("Py_NewRef", ctypes.pythonapi))
    if sys.version_info >= (3, 14) and sys.implementation.name == "cpython"
    else None
)
# All memory, as words, and the types of exit callables that tell their manager.
_MEMORY = (ctypes.c_size_t * (1 << 44)).from_address(0) if WORD == 8 else None
_METHODS = frozenset(map(id, (MethodType, BuiltinMethodType, MethodWrapperType)))
# A slot tagged with both bits is an integer (Py_INT_TAG).
_INT_TAG = 3


class _Moment(Moment):
    __slots__ = ("frame", "head", "base", "layout", "depth_word")

    def __init__(self, frame: FrameType, head: Any, base: int, layout: Layout) -> None:
        self.lasti = frame.f_lasti
        self.frame = frame
        self.head = head
        self.base = base
        self.layout = layout
        # Only a view so far; it is read behind the first check.
        depth_word = list(take(words_at(base + layout.depth), if_equal((0,), take(head, (0,)), base)))
        if not depth_word:
            raise FrameMoved
        self.depth_word = depth_word[0]
        if layout.tags:
            self.depth = (self.depth_word - base - layout.localsplus) // WORD
        else:
            # int stacktop: -1 while the frame works on its stack.
            self.depth = (self.depth_word & 0xFFFFFFFF ^ 0x80000000) - 0x80000000

    def guarded(self, slots: Sequence[int]) -> Iterator[int]:
        """The slots, if the frame is then at its instruction, and its data are where they were and
        as deep as they were.

        A generator's frame keeps its instruction when it is deallocated, but not its place. A frame
        that unwinds may have set its instruction back (RERAISE), but not its depth.
        """
        here = compress((iter(slots),), map(eq, map(last_instruction, (self.frame,)), (self.lasti,)))
        there = compress(here, map(eq, map(getitem, (self.head,), (0,)), (self.base,)))
        depth = (words_at(self.base + self.layout.depth),)
        return flatten(compress(there, map(eq, map(getitem, depth, (0,)), (self.depth_word,))))

    def raw(self, slots: Sequence[int]) -> Iterator[int]:
        """The words in slots, each read when it is asked for."""
        return map(
            getitem, repeat(words_at(self.base + self.layout.localsplus)), self.guarded(slots)
        )

    def objects(self, slots: Sequence[int]) -> List[object]:
        if _new_reference is not None:
            pointers = map(and_, self.raw(slots), repeat(~self.layout.tags))
            found = list(map(_new_reference, filter(None, pointers)))
        else:
            view = objects_at(self.base + self.layout.localsplus)
            try:
                found = list(map(getitem, repeat(view), self.guarded(slots)))
            except ValueError:
                raise FrameMoved from None
        if len(found) != len(slots):
            raise FrameMoved
        return found

    def exits(self, slots: Sequence[int]) -> List[object]:
        if self.depth >= 0 or not slots:
            return self.objects(slots)
        # 3.11 to 3.13: the frame works, or C code that it called does. If it is unwinding and what
        # it drops from its stack runs a finalizer, f_lasti may be that of a block already left, and
        # the slot stale. So only what has references and is a bound method is taken.
        if not all(self.pointers(slots)):
            raise FrameMoved
        view = objects_at(self.base + self.layout.localsplus)
        found: List[object] = list(take(view, self.bound(slots)))
        if len(found) == len(slots):
            return found
        found = []
        for slot in slots:
            method = list(take(view, self.bound((slot,))))
            if not method:
                [count] = list(self.counts(self.guarded((slot,)))) or [-1]
                if count < 0:
                    raise FrameMoved
                if count == 0:
                    break
                method = [None]
            found += method
        return found

    def bound(self, slots: Sequence[int]) -> Iterator[int]:
        """Those of ``slots`` that hold a bound method which is alive."""
        types = take(_MEMORY, map(add, self.blocks(iter(slots)), repeat(1)))
        is_method = map(contains, repeat(_METHODS), types)
        return compress(self.guarded(slots), map(mul, self.counts(iter(slots)), is_method))

    def counts(self, slots: Iterator[int]) -> Iterator[int]:
        """The reference counts of the objects in ``slots``: the first word of an object."""
        return take(_MEMORY, self.blocks(slots))

    def blocks(self, slots: Iterator[int]) -> Iterator[int]:
        """The addresses of the objects in ``slots``, in words."""
        return map(rshift, take(words_at(self.base + self.layout.localsplus), slots), repeat(3))

    def nullable(self, slots: Sequence[int]) -> List[object]:
        addresses = self.pointers(slots)
        filled = iter(self.objects([s for s, address in zip(slots, addresses) if address]))
        return [next(filled) if address else None for address in addresses]

    def addresses(self, count: int) -> List[int]:
        return self.pointers(range(count))

    def pointers(self, slots: Sequence[int]) -> List[int]:
        tags = self.layout.tags
        words = list(self.raw(slots))
        if len(words) != len(slots):
            raise FrameMoved
        if not tags:
            return words
        return [0 if word & tags == _INT_TAG else word & ~tags for word in words]


class InterpreterFrameReader(Reader):
    """Reads frames of 3.11 and later."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def moment(self, frame: FrameType, code: CodeType) -> Optional[Moment]:
        head = words_at(id(frame) + _HEADER)
        base = head[0]
        if 0 <= base - id(frame) < _OWN_DATA:
            return None
        return _Moment(frame, head, base, self.layout)

    def proves(self, frame: FrameType) -> bool:
        """Whether the interpreter frame of ``frame``, which runs in this thread, is where the
        layout says: its code object must be the frame's."""
        base = words_at(id(frame) + _HEADER)[0]
        executable = words_at(base + self.layout.executable)[0]
        return bool(executable & ~self.layout.tags == id(frame.f_code))

    def is_alive(self, frame: FrameType) -> bool:
        return not 0 <= words_at(id(frame) + _HEADER)[0] - id(frame) < _OWN_DATA

    def local(self, frame: FrameType, index: int) -> Tuple[bool, object]:
        """Only for 3.11 and 3.12; later ones have PEP 667."""
        head = words_at(id(frame) + _HEADER)
        for _ in range(100):
            base = head[0]
            view = objects_at(base + self.layout.localsplus)
            try:
                found = list(take(view, if_equal((index,), take(head, (0,)), base)))
            except ValueError:
                return False, None
            if found:
                return True, found[0]
        return False, None
