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
from itertools import chain, compress, repeat, takewhile
from operator import and_, attrgetter, eq, getitem
from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Optional,
    Sequence,
    Tuple,
)

from stackscope.interpreter.frames.base import METHODS, FrameMoved, Moment
from stackscope.interpreter.frames.liveness import CALLABLE, WORD, Proof, all_hold, look_at

# Arrays are only views: this is an upper limit of an index, not a size.
NO_LIMIT = 1 << 20

_Words = ctypes.c_size_t * NO_LIMIT
_Objects = ctypes.py_object * NO_LIMIT

last_instruction: Callable[[Any], int] = attrgetter("f_lasti")

#: A view of memory at an address as an array of words. Reads nothing yet.
words_at: Callable[[int], Any] = _Words.from_address

#: A view of memory at an address as an array of object pointers. Reads nothing yet. Subscribing
#: it gives a new reference; for NULL it raises `ValueError`.
objects_at: Callable[[int], Any] = _Objects.from_address

#: What an iterator of iterators gives, one after the other.
flatten: Callable[[Iterable[Iterable[int]]], Iterator[int]] = chain.from_iterable


def bytes_at(address: int, size: int) -> Any:
    """A view of memory whose ``raw`` is a copy of it."""
    return (ctypes.c_char * size).from_address(address)


def take(view: Any, slots: Iterable[Any]) -> Iterator[Any]:
    """The elements of ``view`` at ``slots``, each when it is asked for."""
    return map(getitem, repeat(view), slots)


def if_equal(data: Iterable[Any], value: Iterable[Any], expected: object) -> Iterator[Any]:
    """The one element of ``data``, if ``value``, which is asked for just then, is ``expected``."""
    return compress(data, map(eq, value, (expected,)))


#: All memory, as words, C ints and object pointers: an index is an address divided by their size.
HAS_MEMORY = WORD == 8
_TOP = 1 << 47 if HAS_MEMORY else 0
INT = ctypes.sizeof(ctypes.c_int)
MEMORY: Any = (ctypes.c_size_t * (_TOP // WORD)).from_address(0)
INTS: Any = (ctypes.c_int * (_TOP // INT)).from_address(0)
OBJECTS: Any = (ctypes.py_object * (_TOP // WORD)).from_address(0)


_OBJECTS = repeat(OBJECTS)


def objects_and_words(
    guarded: Iterator[Any], places: List[Any], words: Optional[slice]
) -> Tuple[List[object], Sequence[int]]:
    """Objects and words of all memory, read by one call into C.

    Args:
        guarded: gives ``places``, if it is safe to read there.
        places: where the objects are, as indices of `OBJECTS`.
        words: where the words are, as indices of `MEMORY`; none are read if it is `None`.

    Returns:
        Nothing of both if a place is empty.
    """
    try:
        return _objects_and_words(guarded, places, words)
    except ValueError:
        return [], ()


def _objects_and_words(
    guarded: Iterator[Any], places: List[Any], words: Optional[slice]
) -> Tuple[List[object], Sequence[int]]:
    if words is None:
        return list(map(getitem, _OBJECTS, guarded)), ()
    # The words last: up to 3.11 the collector may come, and so let other threads run, for the list
    # that they are put into.
    views = chain(repeat(OBJECTS, len(places)), (MEMORY,))
    places.append(words)
    found: List[Any] = list(map(getitem, views, guarded))
    return found[:-1], found[-1] if found else ()


# How often a slot is looked at whose object comes and goes. In one of a hundred looks the collector
# or another thread changes the neighbours of an object that is alive.
_CHANCES = 10


class MemoryMoment(Moment):
    """A moment whose slots are an array in memory.

    Attributes:
        localsplus: the address of the first slot.
        limit: the first slot that is known to be out of use.
        newer: the addresses of what newer frames have in use, if this one may be unwinding.
    """

    __slots__ = ("localsplus", "limit", "newer")

    localsplus: int
    limit: int
    newer: Optional[FrozenSet[int]]

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
        if self.depth < 0:
            _, found = self._proven(slots)
            return [found.get(slot) for slot in slots]
        # An exception may have taken the stack down further than the instruction says.
        in_use = [slot for slot in slots if slot < self.depth]
        addresses = self.pointers(in_use) + [0] * (len(slots) - len(in_use))
        filled = iter(self.objects([s for s, address in zip(slots, addresses) if address]))
        return [next(filled) if address else None for address in addresses]

    def addresses(self, count: int) -> List[int]:
        return self.pointers(range(count))

    def references(self, slots: Sequence[int]) -> List[int]:
        return list(filter(None, self.pointers(slots)))

    def pointers(self, slots: Sequence[int]) -> List[int]:
        """The addresses in slots, 0 for what is no object."""
        found = list(take(words_at(self.localsplus), self.guarded(slots)))
        if len(found) != len(slots):
            raise FrameMoved
        return found

    def may_use(self, slot: int) -> bool:
        return slot < self.limit

    def note_dropped(self, address: int, slots: Sequence[int], awaited: int) -> None:
        """An object that nobody refers to any more is being dropped: is it from one of ``slots``?

        No slot that is in use refers to it, so what is in use ends below the first that does.
        """
        for slot, word in zip(slots, self.pointers(slots)):
            if word == address:
                self.limit = NO_LIMIT if slot == awaited else slot
                return

    def peek(self, slot: int, types: FrozenSet[int]) -> Tuple[bool, object]:
        if self.depth >= 0:
            if slot >= self.depth:
                return False, None
            [value] = self.nullable((slot,))
            return True, value if id(type(value)) in types else None
        if slot >= self.limit:
            return False, None
        trait = CALLABLE if types is METHODS else None
        [in_use], found = self._proven((slot,), types, trait)
        if trait and self._is_newer(found.get(slot)):
            return False, None
        return in_use, found.get(slot)

    def exits(self, slots: Sequence[int]) -> List[object]:
        if self.depth >= 0:
            return self.objects(slots)
        slots = [slot for slot in slots if slot < self.limit]
        in_use, found = self._proven(slots, METHODS, CALLABLE)
        exits = [found.get(slot) for slot, _ in zip(slots, takewhile(bool, in_use))]
        return list(takewhile(lambda method: not self._is_newer(method), exits))

    def _is_newer(self, method: object) -> bool:
        """Whether a method is one that a newer frame uses, and the slot that has it is stale.

        The method that a block calls in the end is its own; another one has come to its address.
        """
        return method is not None and self.newer is not None and id(method) in self.newer

    def tracked(self, slot: int) -> object:
        _, found = self._proven((slot,) if slot < self.limit else ())
        return found.get(slot)

    def _proven(
        self,
        slots: Sequence[int],
        types: FrozenSet[int] = frozenset(),
        trait: Optional[int] = None,
    ) -> Tuple[List[bool], Dict[int, object]]:
        """What slots hold that may no longer be in use: addresses of what may be gone.

        Returns:
            Whether each slot is in use, and by slot the objects that are alive: those of these
            types, or of any if none are given.
        """
        failures = dict.fromkeys(slots, 0)
        for _ in range(_CHANCES * (len(slots) + 1)):
            addresses = dict(zip(slots, self.pointers(slots)))
            proofs = {
                slot: Proof(False) if failures[slot] == _CHANCES else look_at(address, trait)
                for slot, address in addresses.items()
            }
            wanted = [
                slot
                for slot, proof in proofs.items()
                if proof.type and (not types or proof.type in types)
            ]
            # One call into C again: they are alive, the frame stands, these are the addresses.
            hold = all_hold([proofs[slot] for slot in wanted])
            slots_again = flatten(compress((self.guarded(wanted),), hold))
            words = take(words_at(self.localsplus), slots_again)
            same = map(eq, words, [addresses[slot] for slot in wanted])
            counts = flatten([proofs[slot].references() for slot in wanted])
            alive = compress(wanted, map(and_, same, map(bool, counts)))
            found = list(take(objects_at(self.localsplus), alive))
            if len(found) == len(wanted) and self.pointers(slots) == list(addresses.values()):
                break
            # The collector or another thread may have come between, but not that often. What always
            # comes and goes while the frame stands is of our own making, at an address that is
            # free.
            for slot in wanted:
                proof = proofs[slot]
                failures[slot] += not (any(proof.holds()) and any(proof.references()))
        else:
            raise FrameMoved
        if trait and self.newer is not None:
            # Memory that is free may look like an object that the collector doesn't track.
            in_use = [proof.in_use and proof.type != 0 for proof in proofs.values()]
        else:
            in_use = [proof.in_use or proof.type in types for proof in proofs.values()]
        return in_use, dict(zip(wanted, found))
