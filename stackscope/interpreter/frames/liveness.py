"""Whether an address is that of an object that is alive, told without touching the object.

What the collector tracks stands in a ring: in front of each object are the addresses of the next
and the previous one (``PyGC_Head`` in Include/internal/pycore_gc.h, up to 3.9
Include/internal/pycore_gc.h and Include/cpython/objimpl.h). An object is taken out of the ring
before it is freed (``_PyObject_GC_UNTRACK`` sets the first word to 0, first thing in the
``tp_dealloc`` of methods, coroutines and generators). So what both neighbours point to is there,
and if it has references, it is alive: some types call the callbacks of weak references before they
take an object out that has none any more.
All of this is read from copies that the system makes: the address may be a stale one.
"""

from __future__ import annotations

import ctypes
import gc
import struct
from itertools import chain
from operator import attrgetter, eq
from typing import Iterator, List, Optional, Sequence

from stackscope.interpreter.facts import FREE_THREADED
from stackscope.interpreter.frames.base import COROUTINES, METHODS
from stackscope.interpreter.frames.copying import Copy, Region, copy_of
from stackscope.interpreter.heap import object_at

_value = attrgetter("value")
WORD = ctypes.sizeof(ctypes.c_size_t)
# In front of an object that the collector tracks: the next one and the previous one.
_LINKS = 2 * WORD
# Their lowest bits are flags.
_FLAGS = 3
# The reference count is the last word but one of an object's header, its type the last: a debug
# build that traces references has more in front.
HEADER = object().__sizeof__()
COUNT_WORD = HEADER // WORD - 2
_NEIGHBOURS = struct.Struct("NN")
_OWN = struct.Struct("NNN")
_HEADER = struct.Struct(f"{HEADER // WORD}N")
# Which field of a type makes its instances callable: ``tp_call``, counted in words from ``tp_name``
# on (``struct _typeobject`` in Include/cpython/object.h, the same from 3.8 to 3.15).
CALLABLE = 13
# How often an address is looked at where something changes.
_TRIES = 20
# The collector knows these as long as they live.
_ALWAYS_TRACKED = METHODS | COROUTINES


class Proof:
    """What an address has shown.

    Attributes:
        in_use: whether there is an object, as far as can be told. If the collector doesn't track
            it, it may have been freed.
        type: the address of its type if the collector knows it to be alive; else 0.
    """

    __slots__ = ("_copy", "_count", "_kept", "in_use", "type")

    def __init__(
        self,
        in_use: bool,
        type_: int = 0,
        copy: Optional[Copy] = None,
        kept: object = None,
        count: Optional[ctypes.c_size_t] = None,
    ) -> None:
        self.in_use: bool = in_use
        self.type: int = type_
        self._copy = copy
        # A view, not to be read unless the object is there.
        self._count = count
        # What has to stay alive until the object has been touched.
        self._kept = kept

    def references(self) -> Iterator[int]:
        """Gives something true if there are references; to be asked right after `holds`."""
        return iter((1,)) if self._count is None else map(_value, (self._count,))

    def holds(self) -> Iterator[bool]:
        """Gives `True` if the object is still alive when this is asked.

        Asking makes no object that the collector tracks; the object may be touched before anything
        else runs. Only for an object that the collector knows (`type`).
        """
        return iter((True,)) if self._copy is None else self._copy.is_unchanged()


def all_hold(proofs: Sequence[Proof]) -> Iterator[bool]:
    """Gives `True` if all `Proof.holds`."""
    answers = chain.from_iterable([proof.holds() for proof in proofs])
    return map(eq, map(sum, (answers,)), (len(proofs),))


def look_at(address: int, trait: Optional[int] = None) -> Proof:
    """What can be said about the object at ``address``, which may be any number.

    Args:
        address: the address.
        trait: the field that the object's type has to fill. Memory that has been freed is soon
            another object's.
    """
    if FREE_THREADED:
        # There is no ring, and another thread may free an object at any time.
        return _in_heap(address)
    # What is made later goes to the end of the ring, behind this. Else an object that stands last
    # there would get another neighbour with whatever is made here. All that is made here stays: if
    # the address is free, it may be the address of that, and should not change any more.
    kept: List[object] = []
    for _ in range(_TRIES):
        proof = _look_once(address, trait, kept)
        if proof is not None:
            return proof
    # No object that is alive changes each time: it is memory that we use, too.
    return Proof(False)


def _look_once(address: int, trait: Optional[int], kept: List[object]) -> Optional[Proof]:
    """As `look_at`; `None` if it has changed meanwhile."""
    # Without the reference count, which changes with each look.
    own = [Region(address - _LINKS, _LINKS), Region(address + HEADER - WORD, WORD)]
    alone = copy_of(own)
    if alone is None:
        return _in_heap(address)
    kept += own
    kept.append(alone)
    if alone.seen is not None:
        after, before, kind = _OWN.unpack(alone.seen)
        after, before = after & ~_FLAGS, before & ~_FLAGS
        if after and before:
            regions = [*own, Region(after + WORD, WORD), Region(before, WORD)]
            ring = copy_of(regions)
            kept += (regions, ring)
            if ring is not None and ring.seen is not None:
                if not ring.seen.startswith(alone.seen):
                    return None
                # No closure here: its cell would be made before the list.
                back, forth = _NEIGHBOURS.unpack_from(ring.seen, _OWN.size)
                if back & ~_FLAGS == forth & ~_FLAGS == address - _LINKS:
                    count = ctypes.c_size_t.from_address(address + COUNT_WORD * WORD)
                    return Proof(_has(kind, trait), kind, ring, kept, count)
    # An object that the collector doesn't track, or nothing any more.
    header = copy_of([Region(address, HEADER)])
    if header is None or header.seen is None:
        return Proof(False)
    *_, count, kind = _HEADER.unpack(header.seen)
    if count > 0 and kind in _ALWAYS_TRACKED:
        return None  # it has just come to this address
    return Proof(count > 0 and _has(kind, trait))


def _has(kind: int, trait: Optional[int]) -> bool:
    """Whether the type at an address fills the field that a trait stands for."""
    if trait is None:
        return True
    field = copy_of([Region(kind + HEADER + WORD * (1 + trait), WORD)])
    return field is None or (field.seen is not None and any(field.seen))


def _in_heap(address: int) -> Proof:
    """As `look_at`: slow, but it takes a reference to nothing that the collector doesn't know."""
    found = object_at(address)
    if found is None:
        # What is frozen isn't found.
        return Proof(gc.get_freeze_count() > 0)
    return Proof(True, id(type(found)), kept=found)
