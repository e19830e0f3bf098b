"""The lock for which a thread waits, as far as the frame shows that has called its ``acquire()``.

That is a call into C: there is no frame of it. But its operands are on the caller's stack, a method
and the lock, or what ``with`` has made of these.
"""

from __future__ import annotations

import _thread
import dis
import re
import sys
from types import BuiltinMethodType, MethodDescriptorType, MethodType, MethodWrapperType

from stackscope.interpreter.bytecode.analyze import analyze_whole
from stackscope.interpreter.bytecode.instructions import decode
from stackscope.interpreter.facts import IS_CPYTHON, has_gil
from stackscope.interpreter.frames import choosing
from stackscope.interpreter.frames.base import FrameMoved
from stackscope.interpreter.frames.variables import local_values
from stackscope.safe.objects import instance_attributes, is_instance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any, Callable, FrozenSet, Mapping, Optional

    from stackscope.interpreter.bytecode import Site
    from stackscope.interpreter.frames.base import Moment

    Look = Callable[[FrameType, Moment, Mapping[int, object]], Optional[object]]

__all__ = [
    "is_of_threads",
    "lock_awaited_in",
    "may_give_up",
    "object_entered_in",
    "owner_of_rlock",
    "tells_locks",
]

TRIES = 5
"""How often to look at a frame that moves. One that waits doesn't."""

LOCK: Any = type(_thread.allocate_lock())
RLOCK: Any = _thread.RLock

UNKNOWN: Any = object()
"""In the place of a lock that can't be told."""

_TYPES = frozenset(map(id, (LOCK, RLOCK, BuiltinMethodType, MethodDescriptorType)))

_ACQUIRES = ("acquire", "acquire_lock", "__enter__", "_acquire_restore")

_ENTERS = ("SETUP_WITH", "BEFORE_WITH")
"""The operations that call ``__enter__``, up to 3.13; then it is called like anything else."""


def is_of_threads(lock: object) -> bool:
    """Whether a lock makes a whole thread wait: one of `threading` that isn't written in Python."""
    return type(lock) is LOCK or type(lock) is RLOCK


def tells_locks() -> bool:
    """Whether there is telling what lock a thread waits for, and so whether it does."""
    return choosing.reader() is not None and IS_CPYTHON and has_gil()


def lock_awaited_in(frame: FrameType, known: Mapping[int, object]) -> Optional[object]:
    """The lock that a frame is acquiring, a `threading.Lock` or `RLock`; ``None`` if there is none.

    Or the `queue.SimpleQueue` that it waits for an item of: that has no frames, either.

    Args:
        frame: The innermost frame of another thread.
        known: Objects by their ids, of which each may be the lock.

    Returns:
        The lock. `UNKNOWN` up to 3.9 if it is not among those known, nor has a name in the frame,
        unless ``with`` acquires it: the collector doesn't know it either.
    """
    return _at_moment(frame, known, _lock_at)


def _at_moment(frame: FrameType, known: Mapping[int, object], look: Look) -> Optional[object]:
    """What there is at one moment of a frame; ``None`` if the frame can't be read."""
    reader = choosing.reader()
    if reader is None or not IS_CPYTHON or not has_gil():
        return None
    for _ in range(TRIES):
        try:
            moment = reader.moment(frame, frame.f_code)
            return None if moment is None else look(frame, moment, known)
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
        _, found = moment.peek(first + sites[0].depth - 1, _types())
    elif operation.startswith("CALL"):
        found = _receiver(frame, moment, sites[0], known)
    else:
        return None
    if type(found) is BuiltinMethodType:  # the exit method, which is kept until the block is left
        found = found.__self__
    if type(found) is LOCK:
        is_locked: bool = LOCK.locked(found)  # type: ignore[attr-defined]
        return found if is_locked else None
    if _is_simple_queue(found):
        return found if type(found).empty(found) else None  # type: ignore[attr-defined]
    return found if type(found) is RLOCK or found is UNKNOWN else None


def _simple_queue() -> Any:
    """The class `queue.SimpleQueue`, if it has been imported, and is written in C."""
    return getattr(sys.modules.get("_queue"), "SimpleQueue", None)


def _is_simple_queue(obj: object) -> bool:
    return type(obj) is _simple_queue()


def _types() -> FrozenSet[int]:
    """The ids of the types of what may be on the stack while something is waited for."""
    queue = _simple_queue()
    if queue is None:
        return _TYPES
    method = type(queue().get)  # one of its own since 3.9: ``builtin_method``
    return _TYPES | {id(queue), id(method)}


def _waits(name: str, receiver: object) -> bool:
    """Whether a method with that name may wait."""
    return name in _ACQUIRES or (name == "get" and _is_simple_queue(receiver))


def _receiver(frame: FrameType, moment: Moment, site: Site, known: Mapping[int, object]) -> object:
    """What a method that acquires something is called of; ``None`` for other calls."""
    first = len(analyze_whole(frame.f_code).names)
    types, end = _types(), first + site.depth
    for slot in range(first + site.intact, end):
        _, method = moment.peek(slot, types)
        if is_instance(method, (BuiltinMethodType,)):
            receiver = method.__self__  # type: ignore[attr-defined]
            return receiver if _waits(method.__name__, receiver) else None  # type: ignore[attr-defined]
        if type(method) is MethodDescriptorType:
            place = slot + 1
            if place + 1 < end and not moment.addresses(place + 1)[place]:
                place += 1  # from 3.13 on a NULL is between a function and its arguments
            if place >= end:
                return None
            _, receiver = moment.peek(place, types)
            if not _waits(method.__name__, receiver):
                return None
            if receiver is None and any(method.__objclass__ is cls for cls in (LOCK, RLOCK)):
                address = moment.addresses(place + 1)[place]
                lock = known.get(address)
                return _named_in(frame, address) if lock is None else lock
            return receiver
    return None


def _named_in(frame: FrameType, address: int) -> object:
    """The lock at an address, if a variable of a frame has it, or an attribute of what has a name.

    Up to 3.9: the collector doesn't know locks, so that only who has it proves that it is there.
    """
    names = frame.f_code.co_names
    named = [dict.get(frame.f_globals, name) for name in names]
    for value in [*local_values(frame).values(), *named]:
        attributes = instance_attributes(value)
        for one in (value, *[attributes.get(name) for name in names]):
            if id(one) == address and is_of_threads(one):
                return one
    return UNKNOWN


def may_give_up(frame: FrameType) -> bool:
    """Whether a frame that waits in code without frames has told that code for how long, perhaps.

    That is so for any call with arguments.

    Args:
        frame: The innermost frame of another thread.
    """
    lasti = frame.f_lasti
    for instruction in decode(frame.f_code):
        if instruction.offset == lasti:
            is_call = instruction.op in ("CALL", "CALL_METHOD", "CALL_FUNCTION")
            return not (instruction.op in _ENTERS or (is_call and not instruction.arg))
    return True


FARTHEST_CALL = 12
"""How many instructions there may be from the name of a method to its call."""


def object_entered_in(frame: FrameType, known: Mapping[int, object]) -> Optional[object]:
    """What a frame that waits in code without frames is acquiring, of whatever type; else ``None``.

    Args:
        frame: The innermost frame of a greenlet that is suspended.
        known: Objects by their ids. What is none of these can't be told.
    """
    return _at_moment(frame, known, _entered_at)


def _entered_at(frame: FrameType, moment: Moment, known: Mapping[int, object]) -> Optional[object]:
    analysis = analyze_whole(frame.f_code)
    sites = analysis.at(moment.lasti)
    if len(sites) != 1:
        return None
    site = sites[0]
    operation = dis.opname[frame.f_code.co_code[moment.lasti]]
    first = len(analysis.names)
    if operation in _ENTERS:
        slots = [first + site.depth - 1]
    elif operation in ("CALL", "CALL_METHOD") and _calls_acquire(frame.f_code, moment.lasti):
        slots = list(range(first + site.intact, first + site.depth))[:2]
    else:
        return None
    addresses = moment.addresses(max(slots, default=-1) + 1)
    for slot in slots:
        # What is in a slot that is no longer in use may be gone, but what is known is not.
        if addresses[slot] in known:
            return known[addresses[slot]]
        _, method = moment.peek(slot, _METHODS)
        owner: object = getattr(method, "__self__", None)
        if owner is not None and id(owner) in known:
            return owner
    return None


_METHODS = frozenset(map(id, (BuiltinMethodType, MethodType, MethodWrapperType)))


def _calls_acquire(code: CodeType, lasti: int) -> bool:
    """Whether a call is one of ``acquire()`` or of ``__enter__()``."""
    before = [ins for ins in decode(code) if ins.offset < lasti][-FARTHEST_CALL:]
    for ins in reversed(before):
        if ins.op in ("LOAD_METHOD", "LOAD_ATTR"):
            return ins.value in _ACQUIRES
        if ins.op == "LOAD_SPECIAL":
            return ins.value == "__enter__"
        if ins.op.startswith("CALL"):
            return False
    return False


def owner_of_rlock(lock: object) -> Optional[int]:
    """The number of the thread that has an `RLock`; ``None`` if it has none, or is none."""
    if type(lock) is not RLOCK:
        return None
    found = re.search(r" owner=(-?[0-9]+) ", RLOCK.__repr__(lock))
    return int(found.group(1)) if found is not None and found.group(1) != "0" else None
