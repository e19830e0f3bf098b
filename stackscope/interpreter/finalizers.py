"""What may still run code though nothing alive has it: finalizers, what proxies stand for."""

from __future__ import annotations

import weakref
from types import AsyncGeneratorType, CoroutineType, GeneratorType

from stackscope.safe.objects import class_attribute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List

__all__ = ["Finalizers", "proxies_of"]

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


def proxies_of(obj: object) -> List[object]:
    """The proxies that stand for an object, which don't tell the collector so."""
    if not weakref.getweakrefcount(obj):
        return []
    return [one for one in weakref.getweakrefs(obj) if _is_proxy(one)]


def _is_proxy(reference: object) -> bool:
    return any(type(reference) is one for one in weakref.ProxyTypes)
