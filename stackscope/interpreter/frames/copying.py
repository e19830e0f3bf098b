"""Copies memory that may not be mapped: a bad address is an answer, and not a crash.

The operating system copies, as it would from another process, and says so if it can't.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import lru_cache
from itertools import compress, starmap
from operator import attrgetter, eq
from typing import Any, Callable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

raw_bytes: Callable[[Any], bytes] = attrgetter("raw")


class Region(NamedTuple):
    """A piece of memory: its address, and its size in bytes."""

    address: int
    size: int


class _Call(NamedTuple):
    """How to have the system copy some regions, one after the other, into a buffer.

    Attributes:
        function: a function in C that keeps the GIL.
        arguments: those of each call, as objects of ctypes: nothing is left to be converted, which
            could fail near the limit of recursion.
        success: the sum of what the calls give if all is copied.
        buffer: where the copies go.
    """

    function: Any
    arguments: List[Tuple[Any, ...]]
    success: int
    buffer: Any


_Way = Callable[[Sequence[Region]], _Call]


@lru_cache(maxsize=None)
def _array(element: Any, count: int) -> Any:
    """The type of an array. Kept: a type that is dropped is garbage that refers to itself."""
    return element * count


class Copy:
    """A copy of some regions, which can be made again.

    Attributes:
        seen: the bytes of all regions, one after the other; `None` if one of them isn't mapped.
    """

    __slots__ = ("_call", "seen")

    def __init__(self, call: _Call) -> None:
        self._call = call
        self.seen: Optional[bytes] = next(self._again(), None)

    def is_unchanged(self) -> Iterator[bool]:
        """Gives `True` if the regions are, when this is asked, what they were.

        Asking makes no object that the collector tracks, so no finalizer and no other thread comes
        between the copy and the answer.
        """
        return map(eq, self._again(), (self.seen,))

    def _again(self) -> Iterator[bytes]:
        call = self._call
        # The arguments are tuples already: making one might start the collector (up to 3.11).
        sums = map(sum, (starmap(call.function, call.arguments),))
        return map(raw_bytes, compress((call.buffer,), map(eq, sums, (call.success,))))


def copy_of(regions: Sequence[Region]) -> Optional[Copy]:
    """The one function that reads memory which nobody has proven to be there.

    It may be given any addresses: the system reads, and not this process. The copy is only bytes.
    Whether they are those of an object is for the caller to prove, and they may be out of date as
    soon as another thread or a finalizer runs; see `Copy.is_unchanged`.

    Returns:
        The copy; `None` where the system offers no way to make one.
    """
    return None if _way is None else Copy(_way(regions))


def _process_vm_readv() -> _Way:
    """Linux: one call copies all (``man 2 process_vm_readv``)."""
    word = ctypes.c_size_t
    # Takes the buffer's address without asking for it, which would be an event to audit hooks.
    target = type(
        "iovec",
        (ctypes.Structure,),
        {"_fields_": [("base", ctypes.POINTER(ctypes.c_char)), ("size", word)]},
    )
    # A PyDLL keeps the GIL.
    function = ctypes.PyDLL(None).process_vm_readv
    function.restype = ctypes.c_ssize_t

    def way(regions: Sequence[Region]) -> _Call:
        total = sum(region.size for region in regions)
        buffer = _array(ctypes.c_char, total)()
        into = target(buffer, total)
        numbers = [number for region in regions for number in region]
        vectors = _array(word, len(numbers))(*numbers)
        # A child that was forked has another number.
        pid = ctypes.c_int(os.getpid())
        arguments = (pid, ctypes.byref(into), word(1), vectors, word(len(regions)), word(0))
        return _Call(function, [arguments], total, buffer)

    return way


def _mach_vm_read_overwrite() -> _Way:
    """macOS: a call for each region gives 0 (``mach/mach_vm.h``)."""
    library = ctypes.PyDLL(None)
    function = library.mach_vm_read_overwrite
    number = ctypes.c_uint64
    # What the macro mach_task_self() reads; a child that was forked has another one.
    task = ctypes.c_uint32.in_dll(library, "mach_task_self_")

    def way(regions: Sequence[Region]) -> _Call:
        count = number()
        places, buffer = _places(regions)
        calls: List[Tuple[Any, ...]] = [
            (task, number(region.address), number(region.size), place, ctypes.byref(count))
            for region, place in zip(regions, places)
        ]
        return _Call(function, calls, 0, buffer)

    return way


def _read_process_memory() -> _Way:
    """Windows: a call for each region gives 1 (``memoryapi.h``)."""
    word, pointer = ctypes.c_size_t, ctypes.c_void_p
    function = ctypes.PyDLL("kernel32").ReadProcessMemory
    this_process = pointer(-1)  # GetCurrentProcess()

    def way(regions: Sequence[Region]) -> _Call:
        places, buffer = _places(regions)
        calls: List[Tuple[Any, ...]] = [
            (this_process, pointer(region.address), place, word(region.size), None)
            for region, place in zip(regions, places)
        ]
        return _Call(function, calls, len(calls), buffer)

    return way


def _places(regions: Sequence[Region]) -> Tuple[List[Any], Any]:
    """Where the copy of each region goes in a buffer, and the buffer."""
    buffer = _array(ctypes.c_char, sum(region.size for region in regions))()
    places = []
    place = 0
    for region in regions:
        places.append(ctypes.byref(buffer, place))
        place += region.size
    return places, buffer


def _working_way() -> Optional[_Way]:
    """The way of this system, if a trial shows that it works; a sandbox may forbid it."""
    ways = {"win32": _read_process_memory, "darwin": _mach_vm_read_overwrite}
    try:
        way = ways.get(sys.platform, _process_vm_readv)()
    except (AttributeError, OSError, TypeError, ValueError):
        return None
    sample = ctypes.create_string_buffer(b"trial", 8)
    start = ctypes.addressof(sample)
    good, bad = Copy(way([Region(start, 5), Region(start + 1, 4)])), Copy(way([Region(8, 8)]))
    return way if good.seen == b"trialrial" and bad.seen is None else None


_way = _working_way()
