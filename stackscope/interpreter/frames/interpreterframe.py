"""Frames of CPython 3.11 and later: a frame object points to an interpreter frame.

The interpreter frame lies on the thread's data stack, in its generator, or, once it has ended, in
the frame object itself. Evidence: ``_PyInterpreterFrame`` in Include/internal/pycore_frame.h (3.11
to 3.13) and pycore_interpframe_structs.h (3.14+); ``take_ownership`` in Python/frame.c.

From 3.13 on the interpreter publishes the layout of its structures in ``_PyRuntime``
(``_Py_DebugOffsets``). From 3.14 on the slots are tagged pointers (pycore_stackref.h).
"""

from __future__ import annotations

import _ctypes
import ctypes
import gc
import sys
from itertools import compress, repeat
from operator import and_, eq, getitem
from sys import getrefcount
from types import CodeType, FrameType
from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Type,
    TypeVar,
)

from stackscope.interpreter.bytecode import CodeAnalysis, Site
from stackscope.interpreter.facts import CO_ANY_GENERATOR, HAS_EXCEPTION_TABLE, slot_names
from stackscope.interpreter.frames.base import COROUTINES, FrameMoved, Moment, Reader
from stackscope.interpreter.frames.liveness import COUNT_WORD, WORD
from stackscope.interpreter.frames.memory import (
    HAS_MEMORY,
    INT,
    INTS,
    MEMORY,
    NO_LIMIT,
    OBJECTS,
    MemoryMoment,
    flatten,
    if_equal,
    last_instruction,
    objects_and_words,
    objects_at,
    take,
    words_at,
)
from stackscope.interpreter.resumable import frame_of


class FrameLayout(NamedTuple):
    """Where things are in an interpreter frame, in bytes.

    Attributes:
        previous: the interpreter frame of the caller.
        executable: the code object.
        depth: how much of the value stack is in use: ``stacktop``, or from 3.14 on a pointer.
        localsplus: the first local variable.
        tags: the bits of a slot that are no part of the pointer.
    """

    previous: int
    executable: int
    depth: int
    localsplus: int
    tags: int


# Number of the first interpreter_frame field in _Py_DebugOffsets, counted in 64-bit words.
_OFFSET_TABLE = {(3, 13): 28, (3, 14): 31, (3, 15): 39}
# Its fields: size, previous, executable, instr_ptr, localsplus, owner, and from 3.14 stackpointer.
_TABLE_FIELDS = 7


def find_layout() -> Optional[FrameLayout]:
    """The layout of the running interpreter, or `None` if nobody has seen it yet."""
    version = sys.version_info[:2]
    if version == (3, 11):
        # Four pointers, f_code, three pointers, int, bool, char.
        return FrameLayout(6 * WORD, 4 * WORD, 8 * WORD, 9 * WORD, 0) if WORD == 8 else None
    if version == (3, 12):
        # f_code, seven pointers, int, uint16, char.
        return FrameLayout(WORD, 0, 8 * WORD, 9 * WORD, 0) if WORD == 8 else None
    if version not in _OFFSET_TABLE:
        return None
    return _published_layout(_OFFSET_TABLE[version])


def _published_layout(start: int) -> Optional[FrameLayout]:
    header = ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime")
    numbers = (ctypes.c_uint64 * (start + _TABLE_FIELDS)).from_address(ctypes.addressof(header))
    if bytes(numbers)[:8] != b"xdebugpy" or numbers[1] != sys.hexversion:
        return None
    free_threaded = numbers[2]
    size, previous, executable, instr_ptr, localsplus, owner, stackpointer = numbers[start:]
    plausible = executable < owner < localsplus <= size <= 1024 and localsplus % WORD == 0
    # Other builds without the GIL tag the references in slots in ways that nobody has tried here.
    if not plausible or (free_threaded and sys.version_info >= (3, 14)):
        return None
    if sys.version_info < (3, 14):
        # int stacktop follows instr_ptr (3.13: pycore_frame.h).
        return FrameLayout(previous, executable, instr_ptr + WORD, localsplus, 0)
    return FrameLayout(previous, executable, stackpointer, localsplus, _TAGS)


# f_locals of an interpreter frame, in words.
_NAMESPACE = 3 if sys.version_info < (3, 12) else 5
# Its function, which it keeps alive (``f_func``, later ``f_funcobj``).
_FUNCTION = 0 if sys.version_info < (3, 12) else 2

# The frame object: its header, f_back, f_frame.
_HEADER = object().__sizeof__() + WORD
# The interpreter frame of a frame that has ended follows some more fields of the frame object.
_OWN_DATA = 256


def _find_generator_offset() -> int:
    """How far behind the start of a generator its interpreter frame is (``gi_iframe``)."""
    generator: Any = (number for number in range(0))
    return int(words_at(id(generator.gi_frame) + _HEADER)[0]) - id(generator)


_GENERATOR = _find_generator_offset() if HAS_EXCEPTION_TABLE else 0

# Untagged slots hold what `getitem` of an array of objects makes a reference to. For tagged ones
# the pointer is an integer first. (A prototype of our own: ctypes.pythonapi's is everybody's.)
_new_reference = (
    ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p)(("Py_NewRef", ctypes.pythonapi))
    if sys.version_info >= (3, 14) and sys.implementation.name == "cpython"
    else None
)
# The same as ctypes' own helper, three times as fast; tried by the self-test.
_pointer_to_object = _new_reference and getattr(_ctypes, "PyObj_FromPtr", _new_reference)
_TAGS = 3
_NO_TAGS = repeat(~_TAGS)
_ZERO = (0,)
_MEMORY_ONCE, _INTS_ONCE, _OBJECTS_ONCE = (MEMORY,), (INTS,), (OBJECTS,)
_WORDS = repeat(MEMORY)
# A slot tagged with both bits is an integer (Py_INT_TAG).
_INT_TAG = 3


LONGEST_DELEGATION = 100
"""How many generators are looked through, each of which goes on with the next one."""


class _Moment(MemoryMoment):
    __slots__ = ("frame", "head", "base", "layout", "depth_word")

    def __init__(self, frame: FrameType, head: Any, base: int, layout: FrameLayout) -> None:
        self.lasti: int = frame.f_lasti
        self.frame: FrameType = frame
        self.head: Any = head
        self.base: int = base
        self.localsplus: int = base + layout.localsplus
        self.layout: FrameLayout = layout
        self.limit = NO_LIMIT
        self.newer: Optional[FrozenSet[int]] = None
        # Only a view so far; it is read behind the first check.
        depth_word = list(
            take(words_at(base + layout.depth), if_equal((0,), take(head, (0,)), base))
        )
        if not depth_word:
            raise FrameMoved
        self.depth_word: Any = depth_word[0]
        if layout.tags:
            self.depth = (self.depth_word - base - layout.localsplus) // WORD
        else:
            # int stacktop: -1 while the frame works on its stack.
            self.depth: int = (self.depth_word & 0xFFFFFFFF ^ 0x80000000) - 0x80000000

    def note_finalizer(self, callee: FrameType, address: int, awaited: int) -> None:
        code = self.frame.f_code
        first_slot = len(slot_names(code))
        slots = range(first_slot, first_slot + code.co_stacksize)
        if callee.f_code.co_flags & CO_ANY_GENERATOR:
            address, count = self._generator_of(callee)
            # While it is finalized it has one reference (``PyObject_CallFinalizerFromDealloc``). So
            # has one that a loop or an ``await`` goes on with; then no block above it is active.
            if count != 1:
                is_own = not address or address in self.pointers(slots)
                address = 0 if is_own else self._dropped_around(callee, slots)
        if address:
            self.note_dropped(address, slots, awaited)

    def note_newer(self, used: Callable[[], FrozenSet[int]]) -> None:
        if self.limit == NO_LIMIT:
            self.newer = used()

    def references(self, slots: Sequence[int]) -> List[int]:
        return list(filter(None, [*self._function(), *self.pointers(slots)]))

    def _function(self) -> List[int]:
        """The word that tells the function of the frame, unless the collector tells it."""
        if self.frame.f_code.co_flags & CO_ANY_GENERATOR:
            return []
        return list(take(words_at(self.base), self.guarded((_FUNCTION,))))

    def _dropped_around(self, callee: FrameType, slots: Sequence[int]) -> int:
        """The address of a generator in ``slots`` that is being dropped, and closes ``callee``.

        That is what a generator goes on with. It is closed first, and its frame is then called by
        the one that drops (``gen_close`` in Objects/genobject.c, 3.11 to 3.13).
        """
        _, found = self._proven(slots, COROUTINES)
        while found:
            _, item = found.popitem()
            # Of these, one is its own, one is `item`, and one the argument.
            if getrefcount(item) == 3 and _goes_on_with(item, callee):
                return id(item)
        return 0

    def _generator_of(self, frame: FrameType) -> Tuple[int, int]:
        """The address of the generator that ``frame`` is embedded in, and its reference count.

        Both are 0 if it has ended.
        """
        head = words_at(id(frame) + _HEADER)
        base = head[0]
        if 0 <= base - id(frame) < _OWN_DATA:
            return 0, 0
        generator = base - _GENERATOR
        count = words_at(generator + COUNT_WORD * WORD)
        # As long as the frame is embedded, so long the generator is there.
        counts = list(take(count, if_equal((0,), take(head, (0,)), base)))
        return (generator, counts[0]) if counts else (0, 0)

    def guarded(self, slots: Sequence[int]) -> Iterator[int]:
        """The slots, if the frame is at its instruction and its data are where they were.

        A generator's frame keeps its instruction when it is deallocated, but not its place. A frame
        that unwinds may have set its instruction back (RERAISE), but not its depth.
        """
        here = compress(
            (iter(slots),), map(eq, map(last_instruction, (self.frame,)), (self.lasti,))
        )
        there = compress(here, map(eq, map(getitem, (self.head,), (0,)), (self.base,)))
        depth = (words_at(self.base + self.layout.depth),)
        return flatten(compress(there, map(eq, map(getitem, depth, (0,)), (self.depth_word,))))


def _goes_on_with(generator: object, frame: FrameType) -> bool:
    """Whether ``frame`` is what a generator goes on with, directly or not."""
    todo = [generator]
    for _ in range(LONGEST_DELEGATION):
        if not todo:
            break
        for one in gc.get_referents(todo.pop()):
            if id(type(one)) in COROUTINES:
                if frame_of(one) is frame:
                    return True
                todo.append(one)
    return False


class _TaggedMoment(_Moment):
    """3.14 and later: what is in the slots is no plain pointer."""

    __slots__ = ()

    def calls(self, callee: FrameType) -> bool:
        # Between it and a frame that was called from C there is one that stands for the C code
        # (``FRAME_OWNED_BY_INTERPRETER``).
        head = words_at(id(callee) + _HEADER)
        base = head[0]
        previous = words_at(base + self.layout.previous)
        found = list(take(previous, if_equal((0,), take(head, (0,)), base)))
        return found == [self.base]

    def objects(self, slots: Sequence[int]) -> List[object]:
        assert _pointer_to_object is not None
        words = take(words_at(self.localsplus), self.guarded(slots))
        found = list(map(_pointer_to_object, filter(None, map(and_, words, _NO_TAGS))))
        if len(found) != len(slots):
            raise FrameMoved
        return found

    def references(self, slots: Sequence[int]) -> List[int]:
        words = [*self._function(), *super().pointers(slots)]
        # A tagged one is borrowed: something else keeps the object alive.
        return [word for word in words if word and not word & _TAGS]

    def pointers(self, slots: Sequence[int]) -> List[int]:
        return [
            0 if word & _TAGS == _INT_TAG else word & ~_TAGS for word in super().pointers(slots)
        ]


class HeldMoment(_Moment):
    """The frame of a suspended generator that another thread may resume, as there is no GIL.

    Attributes:
        held: what the generator refers to, by address.
    """

    __slots__ = ("held",)

    held: Dict[int, object]

    def objects(self, slots: Sequence[int]) -> List[object]:
        addresses = self.pointers(slots)
        try:
            found = [self.held[address] for address in addresses]
        except KeyError:
            raise FrameMoved from None
        if self.pointers(slots) != addresses:
            raise FrameMoved
        return found


M = TypeVar("M", bound=_Moment)


class InterpreterFrameReader(Reader):
    """Reads frames of 3.11 and later."""

    def __init__(self, layout: FrameLayout) -> None:
        self.layout = layout
        self.localsplus: int = layout.localsplus
        self.depth: int = layout.depth

    def moment(self, frame: FrameType, code: CodeType) -> Optional[Moment]:
        return self.moment_of(_TaggedMoment if self.layout.tags else _Moment, frame)

    def moment_of(self, kind: Type[M], frame: FrameType) -> Optional[M]:
        """As `moment`, as an object of the given class."""
        head = words_at(id(frame) + _HEADER)
        base = head[0]
        if 0 <= base - id(frame) < _OWN_DATA:
            return None
        return kind(frame, head, base, self.layout)

    def at_rest(
        self, frame: FrameType, analysis: CodeAnalysis
    ) -> Optional[Tuple[Site, List[object], Sequence[int]]]:
        if not HAS_MEMORY:
            return None
        head = (id(frame) + _HEADER) // WORD
        base = MEMORY[head]
        if 0 <= base - id(frame) < _OWN_DATA:
            return None
        lasti = frame.f_lasti
        sites = analysis.sites[lasti >> 1] if lasti >= 0 else ()
        if len(sites) != 1:
            return None
        site = sites[0]
        first = (base + self.localsplus) // WORD
        slots: List[Any] = [first + slot for slot in site.reads]
        # The slots of the variables, if a block without a name may have its manager there.
        variables = None
        if site.nameless and analysis.in_slots:
            slots += [first + slot for slot in analysis.cells]
            variables = slice(first, first + len(analysis.names))
        there = compress((iter(slots),), map(eq, map(getitem, _MEMORY_ONCE, (head,)), (base,)))
        # As in Moment.guarded, with the depth that is to be expected here.
        here = compress(there, map(eq, map(last_instruction, (frame,)), (lasti,)))
        if _pointer_to_object is None:
            depth = map(getitem, _INTS_ONCE, ((base + self.depth) // INT,))
            guarded = flatten(compress(here, map(eq, depth, (site.used,))))
            return (site, *objects_and_words(guarded, slots, variables))
        depth = map(getitem, _MEMORY_ONCE, ((base + self.depth) // WORD,))
        top = base + self.localsplus + site.used * WORD
        guarded = flatten(compress(here, map(eq, depth, (top,))))
        words = map(and_, map(getitem, _WORDS, guarded), _NO_TAGS)
        found = list(map(_pointer_to_object, filter(None, words)))
        if variables is None or not found:
            return site, found, ()
        # They are compared with the addresses of objects that we hold: stale ones do no harm.
        window: Tuple[Any, ...] = (variables,)
        there = compress(window, map(eq, map(getitem, _MEMORY_ONCE, (head,)), (base,)))
        held = list(map(getitem, _MEMORY_ONCE, there))
        return (site, found, held[0]) if held else None

    def at_rest_here(
        self, frame: FrameType, analysis: CodeAnalysis
    ) -> Optional[Tuple[Site, List[object], Sequence[int]]]:
        if not HAS_MEMORY:
            return None
        base = MEMORY[(id(frame) + _HEADER) // WORD]
        lasti = frame.f_lasti
        sites = analysis.sites[lasti >> 1] if lasti >= 0 else ()
        if len(sites) != 1 or 0 <= base - id(frame) < _OWN_DATA:
            return None
        site = sites[0]
        localsplus = base + self.localsplus
        first = localsplus // WORD
        reads = site.reads
        variables: Sequence[int] = ()
        if site.nameless and analysis.in_slots:
            reads += analysis.cells
            variables = MEMORY[first : first + len(analysis.names)]
        # As in `at_rest`: the depth tells whether the instruction still is at work.
        if _pointer_to_object is None:
            if INTS[(base + self.depth) // INT] != site.used:
                return None
            try:
                return site, [OBJECTS[first + slot] for slot in reads], variables
            except ValueError:  # there is none
                return None
        if MEMORY[(base + self.depth) // WORD] != localsplus + site.used * WORD:
            return None
        words = [MEMORY[first + slot] & ~_TAGS for slot in reads]
        return site, [_pointer_to_object(word) for word in words if word], variables

    def proves(self, frame: FrameType) -> bool:
        # The code object is where the layout says.
        base = words_at(id(frame) + _HEADER)[0]
        executable = words_at(base + self.layout.executable)[0]
        return bool(executable & ~self.layout.tags == id(frame.f_code))

    def is_alive(self, frame: FrameType) -> bool:
        return not 0 <= words_at(id(frame) + _HEADER)[0] - id(frame) < _OWN_DATA

    def local(self, frame: FrameType, index: int) -> Tuple[bool, object]:
        return self._object(frame, self.layout.localsplus, index)

    def namespace(self, frame: FrameType) -> Optional[object]:
        return self._object(frame, 0, _NAMESPACE)[1]

    @staticmethod
    def _object(frame: FrameType, offset: int, index: int) -> Tuple[bool, object]:
        """An object in a frame whose slots are not tagged, or in a field that isn't."""
        if HAS_MEMORY:
            return _object_in_memory((id(frame) + _HEADER) // WORD, offset // WORD + index)
        head = words_at(id(frame) + _HEADER)
        for _ in range(100):
            base = head[0]
            view = objects_at(base + offset)
            try:
                found = list(take(view, if_equal((index,), take(head, (0,)), base)))
            except ValueError:
                return False, None
            if found:
                return True, found[0]
        return False, None


def _object_in_memory(head: int, index: int) -> Tuple[bool, object]:
    """An object in a frame.

    Args:
        head: Where its address is, as an index of `MEMORY`.
        index: How many words behind that address the object is.
    """
    for _ in range(100):
        base = MEMORY[head]
        there = compress(
            (base // WORD + index,), map(eq, map(getitem, _MEMORY_ONCE, (head,)), (base,))
        )
        try:
            found = list(map(getitem, _OBJECTS_ONCE, there))
        except ValueError:
            return False, None
        if found:
            return True, found[0]
    return False, None
