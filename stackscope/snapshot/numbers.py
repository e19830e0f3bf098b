"""Numbers for tasks, threads and the like: small, stable, and never given twice in a process."""

from __future__ import annotations

import functools
import itertools
import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

__all__ = ["Numbers", "item_numbers", "natural_order", "task_numbers", "thread_numbers"]


class _Entry(weakref.ref):  # type: ignore[type-arg]
    """A weak reference that knows the number of its object."""

    __slots__ = ("number", "subject")
    number: int
    subject: Optional[str]


class Numbers:
    """Gives each object a number that no other one ever gets, without keeping the object alive.

    By identity: no object is hashed or compared. One that can't be referenced weakly gets 0.
    """

    def __init__(self) -> None:
        self._given: Dict[int, _Entry] = {}
        self._next = itertools.count(1)

    def known(self, obj: object) -> Optional[int]:
        """The number that ``obj`` already has, if it has one."""
        entry = self._given.get(id(obj))
        return entry.number if entry is not None and entry() is obj else None

    def of(self, obj: Any) -> int:
        """The number of ``obj``, a new one if need be."""
        key = id(obj)
        entry = self._given.get(key)
        if entry is not None and entry() is obj:
            return entry.number
        try:
            # No Python code is called in the end: a debugger would stop in it. Nor is anything, if
            # the id belongs to a new object already, whose entry has replaced this one.
            new = _Entry(obj, functools.partial(self._given.pop, key))
        except TypeError:
            return 0
        new.number = next(self._next)
        new.subject = None
        self._given[key] = new
        return new.number

    def set_subject(self, obj: object, subject: Optional[str]) -> None:
        """Take note of what an object that has a number is about."""
        entry = self._given.get(id(obj))
        if entry is not None and entry() is obj:
            entry.subject = subject

    def subject_of(self, obj: object) -> Optional[str]:
        """What was noted so."""
        entry = self._given.get(id(obj))
        return entry.subject if entry is not None and entry() is obj else None


task_numbers: Numbers = Numbers()
thread_numbers: Numbers = Numbers()
item_numbers: Numbers = Numbers()


def natural_order(name: str) -> List[Tuple[int, str]]:
    """A sorting key that takes digits as numbers, so that Task-2 comes before Task-10."""
    import re

    parts = re.split(r"([0-9]+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
