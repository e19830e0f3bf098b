"""What can be reached in the heap from what is alive, without passing through certain objects.

This is what CPython's own collector does to find garbage, in Python: references among the objects
that it knows are counted, and who has more references than these is held by the interpreter, by
code in C or by a running frame, and is a root. So modules, running frames, extensions and whatever
else are roots without being named. What nobody can tell of is taken as alive.

The interpreter's lock is given up between any two instructions of the long loops, so other threads
go on meanwhile. Two things must never happen:

- A list of all objects must not live while another thread runs, up to 3.13, because of the tuples
  that it may be making (see `stackscope.interpreter.heap`). So exact tuples are left out within the
  call that makes the list, and found through what holds them: one under construction is held by
  nothing.
- A module is never asked for its referents: 3.12's ``_asyncio`` tells of dead objects of a free
  list (``module_traverse`` in Modules/_asynciomodule.c), and to take a reference to one of them and
  let go of it puts it on that list twice. Its ``__dict__`` is followed; what else it has is a root
  by the count of its references.
"""

from __future__ import annotations

import gc
import sys
import weakref
from itertools import compress
from operator import sub
from types import AsyncGeneratorType, CoroutineType, GeneratorType, ModuleType

from stackscope.interpreter.facts import IS_CPYTHON, has_gil
from stackscope.interpreter.heap import all_but_tuples, subclasses
from stackscope.safe.objects import class_attribute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, Iterable, List, Optional, Sequence, Set

    Progress = Optional[Callable[[float], object]]

__all__ = ["Reachable", "counts_references"]

CHUNK = 20_000
"""Objects that are looked at between two reports of progress."""

SHARES = (0.0, 0.45, 0.5, 1.0)
"""How far the work is done before and after counting, finding roots and following these."""

RESUMABLE = (AsyncGeneratorType, CoroutineType, GeneratorType)
"""The types of what the collector closes."""

_target_of: Callable[[object], object] = weakref.ref.__call__


def counts_references() -> bool:
    """Whether this interpreter counts references, so that roots can be told by the count."""
    return IS_CPYTHON and has_gil()


class Reachable:
    """Follows references from the roots.

    Args:
        wanted: The ids of the objects that it is to be told of whether they are reached.
        closed: The ids of the objects that aren't followed until `open` is called for them.
        silent: The ids of the objects whose references to what is both wanted and closed don't
            count.
        passive: The types of what is not followed at all, because it is part of the search itself.
        progress: Called now and then with how much of the work is done, from 0 to 1.
    """

    def __init__(
        self,
        wanted: Set[int],
        closed: Set[int],
        silent: Set[int],
        passive: Sequence[type],
        progress: Progress = None,
    ) -> None:
        self._wanted = wanted
        self._closed = closed
        self._silent = silent
        self._progress = progress
        self._finalized: Dict[int, bool] = {}
        self._modules = set(map(id, subclasses(ModuleType)))
        self._weak = set(map(id, subclasses(weakref.ref)))
        self._passive = set(map(id, passive))
        self._objects: List[object] = all_but_tuples()
        self._index: Dict[int, int] = {}
        self._live = bytearray()
        self._todo: List[object] = []
        self._reached: List[int] = []
        self._find_roots(self._count())
        # What the collector can't tell of may be held by anybody.
        self._reached += [one for one in wanted if one not in self._index]
        wanted.intersection_update(self._index)

    def open(self, objects: Iterable[object]) -> None:
        """Have objects followed that were closed: what they are part of has turned out alive."""
        for obj in objects:
            self._closed.discard(id(obj))
            self._todo.append(obj)

    def follow(self) -> List[int]:
        """Follow what is to be followed. Gives the ids of the wanted objects that were reached."""
        done = 0
        while self._todo and self._wanted:
            for _ in range(CHUNK):
                if not self._todo:
                    break
                self._follow(self._todo.pop())
            done += CHUNK
            self._report(2, done)
        reached, self._reached = self._reached, []
        return reached

    def follow_what_may_come_back(self) -> List[int]:
        """Follow what isn't reached, but may run code all the same.

        That are the finalizers of garbage that the collector hasn't found as yet, and whatever has
        an object through a proxy, which doesn't tell of what it stands for.
        """
        held = self._held()
        for place, obj in enumerate(self._objects):
            if not self._live[place] and not held[place] and self._has_finalizer(obj):
                self._reach(obj, None)
        for place, obj in enumerate(self._objects):
            if not self._live[place] and weakref.getweakrefcount(obj):
                refs = weakref.getweakrefs(obj)
                if any(type(one) is proxy for one in refs for proxy in weakref.ProxyTypes):
                    self._reach(obj, None)
        return self.follow()

    def close(self) -> None:
        """Let go of all objects. This one is among them, and would keep them otherwise."""
        self._objects.clear()
        self._todo.clear()

    def _held(self) -> bytearray:
        """A mark for each object that something closed leads to."""
        held = bytearray(len(self._objects))
        get, live = self._index.get, self._live
        todo = [obj for obj in self._objects if id(obj) in self._closed]
        while todo:
            for one in self._referents(todo.pop()):
                place = get(id(one))
                if place is not None and not held[place]:
                    held[place] = 1
                    if not live[place] or id(one) in self._closed:
                        todo.append(one)
        return held

    def _has_finalizer(self, obj: object) -> bool:
        cls = type(obj)
        known = self._finalized.get(id(cls))
        if known is None:
            known = any(cls is one for one in RESUMABLE) or class_attribute(cls, "__del__") is not None
            self._finalized[id(cls)] = known
        return known

    # ------------------------------------------------------------------ roots

    def _count(self) -> List[int]:
        """How many references each object has from others. The tuples are found on the way."""
        objects = self._objects
        index = self._index
        index.update(zip(map(id, objects), range(len(objects))))
        counts = [0] * len(objects)
        get, referents = index.get, self._referents
        for number, obj in enumerate(objects):  # which grows meanwhile
            if obj is objects:  # the list is there before it is filled
                continue
            for one in referents(obj):
                place = get(id(one))
                if place is not None:
                    counts[place] += 1
                elif type(one) is tuple:
                    index[id(one)] = len(objects)
                    objects.append(one)
                    counts.append(1)
            if not number % CHUNK:
                self._report(0, number)
        return counts

    def _find_roots(self, counts: List[int]) -> None:
        objects = self._objects
        self._live = live = bytearray(len(objects))
        closed, passive = self._closed, self._passive
        for place, obj in enumerate(objects):
            # All that is closed or passive is never followed; what is wanted has to be seen.
            if obj is objects or id(type(obj)) in passive or (id(obj) in closed and id(obj) not in self._wanted):
                live[place] = 1
        del obj
        # What the same calls give for an object that nothing else has.
        probe: List[object] = [[]]
        most = self._left_of(probe[:1], [0])[0]
        for start in range(0, len(objects), CHUNK):
            chunk = objects[start : start + CHUNK]
            left = self._left_of(chunk, counts[start : start + CHUNK])
            for obj in compress(chunk, map(most.__lt__, left)):
                self._reach(obj, None)
            self._report(1, start)

    @staticmethod
    def _left_of(objects: List[object], counts: List[int]) -> List[int]:
        """How many references each object has beyond those that are counted, and ours."""
        return list(map(sub, map(sys.getrefcount, objects), counts))

    # -------------------------------------------------------------- following

    def _referents(self, obj: object) -> Sequence[object]:
        if id(type(obj)) in self._modules:
            return (ModuleType.__getattribute__(obj, "__dict__"),)  # type: ignore[arg-type]
        return gc.get_referents(obj)

    def _follow(self, obj: object) -> None:
        for one in self._referents(obj):
            self._reach(one, obj)
        if id(type(obj)) in self._weak:
            target = _target_of(obj)  # somebody may still ask for it
            if target is not None and id(target) not in self._closed:
                self._reach(target, obj)

    def _reach(self, obj: object, source: object) -> None:
        place = self._index.get(id(obj))
        if place is None:
            if id(obj) in self._wanted:  # one that the collector doesn't know
                self._wanted.discard(id(obj))
                self._reached.append(id(obj))
            return
        if self._live[place]:
            return
        if id(obj) in self._wanted:
            if id(obj) in self._closed and source is not None and id(source) in self._silent:
                return
            self._wanted.discard(id(obj))
            self._reached.append(id(obj))
        self._live[place] = 1
        if id(obj) not in self._closed:
            self._todo.append(obj)

    def _report(self, step: int, number: int) -> None:
        if self._progress is not None:
            first, last = SHARES[step : step + 2]
            share = min(number / (len(self._objects) + 1), 1.0)
            self._progress(first + (last - first) * share)
