"""What may still run code though nothing alive has it: finalizers, what proxies stand for."""

from __future__ import annotations

import weakref
from itertools import compress
from types import AsyncGeneratorType, CoroutineType, GeneratorType

from stackscope.safe.objects import class_attribute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Sequence

__all__ = ["Finalizers", "proxies_of", "with_weak_references"]

RESUMABLE = (AsyncGeneratorType, CoroutineType, GeneratorType)
"""The types of what the collector closes."""


class Finalizers:
    """Tells which objects have a finalizer. It remembers that by type."""

    def __init__(self) -> None:
        self._known: Dict[int, bool] = {}

    def has(self, obj: object) -> bool:
        """Whether code of an object runs when it is dropped."""
        cls = type(obj)
        known = self._known.get(id(cls))
        if known is None:
            is_resumable = any(cls is one for one in RESUMABLE)
            known = is_resumable or class_attribute(cls, "__del__") is not None
            self._known[id(cls)] = known
        return known

    def among(self, objects: Sequence[object]) -> List[object]:
        """Those of some objects that have a finalizer."""
        types = list(map(type, objects))
        for cls, obj in zip(types, objects):
            if id(cls) not in self._known:
                self.has(obj)
        return list(compress(objects, map(self._known.__getitem__, map(id, types))))


def with_weak_references(objects: Sequence[object]) -> List[object]:
    """Those of some objects that are referred to weakly."""
    return list(compress(objects, map(weakref.getweakrefcount, objects)))


def proxies_of(obj: object) -> List[object]:
    """The proxies that stand for an object, which don't tell the collector so."""
    if not weakref.getweakrefcount(obj):
        return []
    return [one for one in weakref.getweakrefs(obj) if _is_proxy(one)]


def _is_proxy(reference: object) -> bool:
    return any(type(reference) is one for one in weakref.ProxyTypes)
