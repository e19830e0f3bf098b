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
from operator import attrgetter, eq, getitem
from typing import Any, Iterable, Iterator

# Arrays are only views: this is an upper limit of an index, not a size.
_LIMIT = 1 << 20

_Words = ctypes.c_size_t * _LIMIT
_Objects = ctypes.py_object * _LIMIT
WORD = ctypes.sizeof(ctypes.c_size_t)

last_instruction = attrgetter("f_lasti")
raw_bytes = attrgetter("raw")


class FrameMoved(Exception):
    """The frame has moved on while it was being read."""


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
