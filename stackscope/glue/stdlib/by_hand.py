"""Awaitables and iterators that somebody has written by hand, around others.

What ``await`` works on is an iterator. One that the interpreter or a library has made is known by
its type. Any other one usually holds the one that it gets its items from; if there is only one such
thing in it that is suspended, the stack goes on there.
"""

from __future__ import annotations

import gc
from types import AsyncGeneratorType, CoroutineType, GeneratorType

from stackscope.extraction.extraction import (
    current_extraction,
    implementation,
    looked_up_once,
    set_iterator_unwrapper,
)
from stackscope.extraction.hooks import unwrap_stackitem
from stackscope.glue.stdlib.builtins import type_of_coroutine_wrapper
from stackscope.interpreter.facts import FREE_THREADED
from stackscope.safe.objects import class_attribute, instance_attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Set, Tuple

MOST_INSIDE = 50
"""How many objects in one are looked at."""

SUSPENDABLE = (CoroutineType, GeneratorType, AsyncGeneratorType)


def unwrap_iterator(iterator: object) -> object:
    """What an iterator of an unknown type iterates over, as far as what it holds tells."""
    if FREE_THREADED:  # others may run, and change it
        return None
    held = _held_by(iterator)
    known, unknown = _iterators_in(held)
    suspended = [one for one in known if type(one) in SUSPENDABLE]
    for group in (suspended, known, unknown):
        if group:
            return group[0] if len(group) == 1 and not _leads_back(group[0], iterator) else None
    return None


def _held_by(obj: object) -> List[object]:
    """What an object refers to: by its attributes, slots, or fields in C."""
    return [*instance_attributes(obj).values(), *gc.get_referents(obj)][:MOST_INSIDE]


def _iterators_in(objects: List[object]) -> Tuple[List[object], List[object]]:
    """The iterators that may be what others wait for: those of known types, and other ones.

    What is only a way to a coroutine, as its ``__await__()`` gives, stands for that.
    """
    known: Dict[int, object] = {}
    unknown: Dict[int, object] = {}
    for obj in objects:
        cls = type(obj)
        if cls in SUSPENDABLE:
            if _is_suspended(obj):
                known[id(obj)] = obj
        elif cls is WRAPPER:
            for one in gc.get_referents(obj):
                if type(one) in SUSPENDABLE and _is_suspended(one):
                    known[id(one)] = one
        elif cls is not type and class_attribute(cls, "__next__") is not None:
            kind = unknown if implementation(unwrap_stackitem, cls) is None else known
            kind[id(obj)] = obj
    return list(known.values()), list(unknown.values())


WRAPPER = type_of_coroutine_wrapper()
"""The type of what ``coroutine.__await__()`` gives."""


def _is_suspended(obj: Any) -> bool:
    """Whether a coroutine or generator has begun, and waits."""
    if type(obj) is CoroutineType:
        return not obj.cr_running and obj.cr_await is not None
    if type(obj) is GeneratorType:
        frame = None if obj.gi_running else obj.gi_frame
        return frame is not None and frame.f_lasti >= 0
    return obj.ag_await is not None


def _leads_back(obj: Any, iterator: object) -> bool:
    """Whether something awaits the iterator, or is a part of the stack already."""
    if type(obj) is CoroutineType and obj.cr_await is iterator:
        return True
    if type(obj) is GeneratorType and obj.gi_yieldfrom is iterator:
        return True
    extraction = current_extraction()
    chain = None if extraction is None else extraction.chain
    stack = None if chain is None else chain[1]
    if stack is None:
        return False
    known = looked_up_once(_nothing_passed)
    done, passed = known.setdefault(id(stack), (0, set()))
    frames = stack.frames
    passed.update([id(frame.origin) for frame in frames[done:]])
    known[id(stack)] = (len(frames), passed)
    is_back = id(obj) in passed
    passed.add(id(obj))
    return is_back


def _nothing_passed() -> Dict[int, Tuple[int, Set[int]]]:
    """What the stacks of an extraction have passed so far: by id, how many frames, and what."""
    return {}


def install() -> None:
    """Register what is known about iterators of unknown types."""
    set_iterator_unwrapper(unwrap_iterator)
