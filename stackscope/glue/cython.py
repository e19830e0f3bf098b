"""Cython: coroutines, generators and async generators that are no frames of Python's.

Such a coroutine has no frame; but the stack goes on with what it awaits, if that has frames. If it
has none, the coroutine is the leaf of the stack, and is described by its name.
"""

from __future__ import annotations

import gc
import sys
from types import AsyncGeneratorType, CoroutineType, GeneratorType

from stackscope.extraction.hooks import unwrap_stackitem
from stackscope.extraction.walk import Leaf
from stackscope.glue.stdlib.by_hand import WRAPPER
from stackscope.safe.objects import class_attribute
from stackscope.snapshot.waits import describe_leaf, describe_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, Tuple

    from stackscope.model.waiting import Waiting

AWAITED = {
    "coroutine": "cr_await",
    "iterable_coroutine": "cr_await",
    "generator": "gi_yieldfrom",
    "async_generator": "ag_await",
}
"""By the name of a type: the attribute that tells what it waits for."""

WRAPPERS = ("async_generator_asend", "async_generator_athrow", "coroutine_wrapper")
"""The types that are only ways to one of those."""

LONGEST_WAY = 1000
"""How many objects without frames that await each other are passed."""

_types: Dict[int, Tuple[type, str]] = {}
"""The types of all versions of Cython, by their ids, and what they are called."""


def unwrap(item: Any) -> object:
    """A coroutine or the like: what it awaits, if there are frames on that way."""
    awaited = _next(item)
    return awaited if awaited is not None and _has_frames(awaited) else Leaf(item)


def _next(item: Any) -> object:
    """What something of Cython's waits for; ``None`` if it waits for nothing."""
    name = _types[id(type(item))][1]
    if name in AWAITED:
        descriptor: Any = class_attribute(type(item), AWAITED[name])
        return None if descriptor is None else descriptor.__get__(item)
    for referent in gc.get_referents(item):
        if id(type(referent)) in _types:
            return referent
    return None


def _end_of(item: object) -> object:
    """The first thing that an item of Cython's leads to that isn't one itself."""
    for _ in range(LONGEST_WAY):
        if item is None or id(type(item)) not in _types:
            break
        item = _next(item)
    return item


def _has_frames(item: object) -> bool:
    """Whether a stack goes on where something is awaited."""
    end = _end_of(item)
    if type(end) in (CoroutineType, GeneratorType, AsyncGeneratorType, WRAPPER):
        return True
    asyncio_stacks = sys.modules.get("stackscope.glue.asyncio.stacks")
    if asyncio_stacks is None or end is None:
        return False
    found = asyncio_stacks.unwrap_future_iterator(end)
    return type(found) is list


def describe(item: Any, waiting: Waiting) -> None:
    """The name of the function, and the task or call that it awaits."""
    named = item
    while id(type(named)) in _types and _types[id(type(named))][1] in WRAPPERS:
        named = _next(named)
    name = None if named is None else getattr(named, "__qualname__", None)
    waiting.call = f"{name}()" if type(name) is str else ""
    for referent in gc.get_referents(_end_of(item)):
        inner = describe_object(referent) if type(referent) is not type else None
        if inner is not None and (inner.call or inner.tasks or inner.thread):
            waiting.inner, waiting.tasks = inner, inner.tasks


def _types_of_cython() -> Iterator[Tuple[str, type]]:
    """One module for each of its versions holds them."""
    for name, module in list(sys.modules.items()):
        if name.startswith("_cython_"):
            for attribute, value in list(vars(module).items()):
                type_name = attribute.rpartition(".")[2]
                if isinstance(value, type) and (type_name in AWAITED or type_name in WRAPPERS):
                    yield type_name, value


def install() -> None:
    """Register what is known about the types of all versions of Cython that are in use."""
    for name, cls in _types_of_cython():
        _types[id(cls)] = (cls, name)
        unwrap_stackitem.register(cls, unwrap)
        describe_leaf.register(cls, describe)
