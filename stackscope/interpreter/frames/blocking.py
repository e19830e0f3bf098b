"""The lock for which a thread waits, as far as the frame shows that has called its ``acquire()``.

That is a call into C: there is no frame of it. But its operands are on the caller's stack, a method
and the lock, or what ``with`` has made of these.
"""

from __future__ import annotations

import _thread
import dis
import re
from types import BuiltinMethodType, MethodDescriptorType

from stackscope.interpreter.bytecode.analyze import analyze_whole
from stackscope.interpreter.facts import IS_CPYTHON, has_gil
from stackscope.interpreter.frames import choosing
from stackscope.interpreter.frames.base import FrameMoved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Mapping, Optional

    from stackscope.interpreter.bytecode import Site
    from stackscope.interpreter.frames.base import Moment

__all__ = ["lock_awaited_in", "owner_of_rlock"]

TRIES = 5
"""How often to look at a frame that moves. One that waits doesn't."""

LOCK: Any = type(_thread.allocate_lock())
RLOCK: Any = _thread.RLock

UNKNOWN: Any = object()
"""In the place of a lock that can't be told."""

_TYPES = frozenset(map(id, (LOCK, RLOCK, BuiltinMethodType, MethodDescriptorType)))

_ACQUIRES = ("acquire", "acquire_lock", "__enter__")

_ENTERS = ("SETUP_WITH", "BEFORE_WITH")
"""The operations that call ``__enter__``, up to 3.13; then it is called like anything else."""


def lock_awaited_in(frame: FrameType, known: Mapping[int, object]) -> Optional[object]:
    """The lock that a frame is acquiring, a `threading.Lock` or `RLock`; ``None`` if there is none.

    Args:
        frame: The innermost frame of another thread.
        known: Objects by their ids, of which each may be the lock.

    Returns:
        The lock. `UNKNOWN` up to 3.9 if it is not among those known, unless ``with`` acquires it:
        the collector doesn't know it either.
    """
    reader = choosing.reader()
    if reader is None or not IS_CPYTHON or not has_gil():
        return None
    for _ in range(TRIES):
        try:
            moment = reader.moment(frame, frame.f_code)
            return None if moment is None else _lock_at(frame, moment, known)
        except FrameMoved:
            continue
    return None


def _lock_at(frame: FrameType, moment: Moment, known: Mapping[int, object]) -> Optional[object]:
    analysis = analyze_whole(frame.f_code)
    sites = analysis.at(moment.lasti)
    if len(sites) != 1:
        return None
    operation = dis.opname[frame.f_code.co_code[moment.lasti]]
    first = len(analysis.names)
    if operation in _ENTERS:
        _, found = moment.peek(first + sites[0].depth - 1, _TYPES)
    elif operation.startswith("CALL"):
        found = _receiver(moment, first, sites[0], known)
    else:
        return None
    if type(found) is BuiltinMethodType:  # the exit method, which is kept until the block is left
        found = found.__self__
    if type(found) is LOCK:
        is_locked: bool = LOCK.locked(found)  # type: ignore[attr-defined]
        return found if is_locked else None
    return found if type(found) is RLOCK or found is UNKNOWN else None


def _receiver(moment: Moment, first: int, site: Site, known: Mapping[int, object]) -> object:
    """What a method that acquires something is called of; ``None`` for other calls."""
    for slot in range(first + site.intact, first + site.depth):
        _, method = moment.peek(slot, _TYPES)
        if type(method) is BuiltinMethodType:
            return method.__self__ if method.__name__ in _ACQUIRES else None
        if type(method) is MethodDescriptorType:
            if method.__name__ not in _ACQUIRES or slot + 1 == first + site.depth:
                return None
            _, receiver = moment.peek(slot + 1, _TYPES)
            if receiver is None and any(method.__objclass__ is cls for cls in (LOCK, RLOCK)):
                address = moment.addresses(slot + 2)[slot + 1]
                return known.get(address, UNKNOWN)
            return receiver
    return None


def owner_of_rlock(lock: object) -> Optional[int]:
    """The number of the thread that has an `RLock`; ``None`` if it has none, or is none."""
    if type(lock) is not RLOCK:
        return None
    found = re.search(r" owner=(-?[0-9]+) ", RLOCK.__repr__(lock))
    return int(found.group(1)) if found is not None and found.group(1) != "0" else None
