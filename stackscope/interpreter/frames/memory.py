"""Reading the memory of a frame that may move on at any time.

Another thread can take over between any two bytecode instructions of ours, and then what was a
live slot may hold a stale pointer. So each reading is *one* call into C: a chain of iterators that
checks that the frame still stands where it stood, and only then takes the words. While C code runs
the GIL stays where it is. Nothing in the chain between the check and the last word allocates an
object that the garbage collector tracks, so no finalizer runs there either.

If the check fails nothing is taken: a result that is too short says that the frame has moved.
"""

from __future__ import annotations

import ctypes
from itertools import chain, compress, repeat
from operator import add, and_, attrgetter, contains, eq, getitem, mul, rshift
from typing import Any, FrozenSet, Iterable, Iterator, List, Sequence, Tuple

from stackscope.interpreter.facts import FREE_THREADED
from stackscope.interpreter.frames.base import METHODS, FrameMoved, Moment
from stackscope.interpreter.heap import object_at

# Arrays are only views: this is an upper limit of an index, not a size.
_LIMIT = 1 << 20

_Words = ctypes.c_size_t * _LIMIT
_Objects = ctypes.py_object * _LIMIT
WORD = ctypes.sizeof(ctypes.c_size_t)

last_instruction = attrgetter("f_lasti")
raw_bytes = attrgetter("raw")


#: A view of memory at an address as an array of words. Reads nothing yet.
words_at = _Words.from_address

#: A view of memory at an address as an array of object pointers. Reads nothing yet. Subscribing
#: it gives a new reference; for NULL it raises `ValueError`.
objects_at = _Objects.from_address

#: What an iterator of iterators gives, one after the other.
flatten = chain.from_iterable


def bytes_at(address: int, size: int) -> Any:
    """A view of memory whose ``raw`` is a copy of it."""
    return (ctypes.c_char * size).from_address(address)


def take(view: Any, slots: Iterable[Any]) -> Iterator[Any]:
    """The elements of ``view`` at ``slots``, each when it is asked for."""
    return map(getitem, repeat(view), slots)


def if_equal(data: Iterable[Any], value: Iterable[Any], expected: object) -> Iterator[Any]:
    """The one element of ``data``, if ``value``, which is asked for just then, is ``expected``."""
    return compress(data, map(eq, value, (expected,)))


_SHIFT = WORD.bit_length() - 1


#: All memory, as words, C ints and object pointers: an index is an address divided by their size.
HAS_MEMORY = WORD == 8
_TOP = 1 << 47 if HAS_MEMORY else 0
INT = ctypes.sizeof(ctypes.c_int)
MEMORY: Any = (ctypes.c_size_t * (_TOP // WORD)).from_address(0)
INTS: Any = (ctypes.c_int * (_TOP // INT)).from_address(0)
OBJECTS: Any = (ctypes.py_object * (_TOP // WORD)).from_address(0)


class MemoryMoment(Moment):
    """A moment whose slots are an array in memory.

    Attributes:
        localsplus: the address of the first slot.
    """

    __slots__ = ("localsplus",)

    localsplus: int

    def guarded(self, slots: Sequence[int]) -> Iterator[int]:
        """The slots, if the frame is still where it was when they are first asked for."""
        raise NotImplementedError

    def check(self) -> None:
        # Any frame has one slot at least, if only for its value stack.
        self.pointers((0,))

    def objects(self, slots: Sequence[int]) -> List[object]:
        try:
            found = list(take(objects_at(self.localsplus), self.guarded(slots)))
        except ValueError:
            raise FrameMoved from None
        if len(found) != len(slots):
            raise FrameMoved
        return found

    def nullable(self, slots: Sequence[int]) -> List[object]:
        addresses = self.pointers(slots)
        filled = iter(self.objects([s for s, address in zip(slots, addresses) if address]))
        return [next(filled) if address else None for address in addresses]

    def addresses(self, count: int) -> List[int]:
        return self.pointers(range(count))

    def pointers(self, slots: Sequence[int]) -> List[int]:
        """The addresses in slots, 0 for what is no object."""
        found = list(take(words_at(self.localsplus), self.guarded(slots)))
        if len(found) != len(slots):
            raise FrameMoved
        return found

    def peek(self, slot: int, types: FrozenSet[int]) -> Tuple[bool, object]:
        if self.depth >= 0:
            if slot >= self.depth:
                return False, None
            [value] = self.nullable((slot,))
            return True, value if id(type(value)) in types else None
        # A stale slot may hold the address of what is gone, or of what has come in its place.
        # Memory of objects stays mapped; what has references and one of these types is an object.
        if not all(self.pointers((slot,))):
            return False, None
        found = list(take(objects_at(self.localsplus), self.alive((slot,), types)))
        if found:
            return True, found[0]
        count = list(self.counts(self.guarded((slot,))))
        if not count:
            raise FrameMoved
        return count[0] > 0, None

    def exits(self, slots: Sequence[int]) -> List[object]:
        if self.depth >= 0 or not all(self.pointers(slots)):
            return self.objects(slots)
        found: List[object] = list(take(objects_at(self.localsplus), self.alive(slots, METHODS)))
        if len(found) == len(slots):
            return found
        found = []
        for slot in slots:
            in_use, method = self.peek(slot, METHODS)
            if not in_use:
                break
            found.append(method)
        return found

    def tracked(self, slot: int) -> object:
        [address] = self.pointers((slot,))
        # Slow, but it takes a reference to nothing that the collector doesn't know to be alive.
        return object_at(address)

    def alive(self, slots: Sequence[int], types: FrozenSet[int]) -> Iterator[int]:
        """Those of ``slots`` that hold an object with references and of one of the types."""
        counts = self.counts(iter(slots))
        of_type = take(MEMORY, map(add, self.blocks(iter(slots)), repeat(_TYPE_WORD)))
        return compress(
            self.guarded(slots), map(mul, counts, map(contains, repeat(types), of_type))
        )

    def counts(self, slots: Iterator[int]) -> Iterator[int]:
        """For the objects in ``slots``: something that is 0 if nobody refers to it."""
        words = take(_COUNTS, map(add, self.blocks(slots), repeat(_COUNT_WORD)))
        return map(and_, words, repeat(_COUNT_BITS))

    def blocks(self, slots: Iterator[int]) -> Iterator[int]:
        """The addresses of the objects in ``slots``, in words."""
        return map(rshift, take(words_at(self.localsplus), slots), repeat(_SHIFT))


# The reference count is the last word but one of an object's header, its type the last: a debug
# build that traces references has more in front.
_COUNT_WORD = object().__sizeof__() // WORD - 2
_TYPE_WORD = _COUNT_WORD + 1
_COUNTS, _COUNT_BITS = MEMORY, -1
if FREE_THREADED:
    # There are two counts, for the thread that owns the object and for all others: the last half of
    # a word and the next word, whose lowest two bits are flags (``struct _object`` in
    # Include/object.h of 3.13). What is read are the first and the lower half of the second.
    _COUNTS = (ctypes.c_size_t * (_TOP // WORD - 1)).from_address(WORD // 2)
    _COUNT_WORD -= 1
    _COUNT_BITS = ~(3 << 32)
