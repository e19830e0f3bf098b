"""What can be reached in the heap from what is alive, without passing through certain objects.

This is what CPython's own collector does to find garbage, in Python: references among the objects
that it knows are counted, and who has more references than these is held by the interpreter, by
code in C or by a running frame, and is a root. So modules, running frames, extensions and whatever
else are roots without being named. What nobody can tell of is taken as alive.

All that is long is done in C, for a batch of objects at a time; the interpreter's lock is given up
between two of them, so that other threads go on meanwhile. Two things must never happen:

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

from itertools import compress
from operator import not_

from stackscope.interpreter.counting import BATCH, References, counts_of, references_of_nobody
from stackscope.interpreter.facts import IS_CPYTHON, has_gil
from stackscope.interpreter.finalizers import Finalizers, proxies_of, with_weak_references
from stackscope.interpreter.heap import all_but_tuples, in_batches, referents
from stackscope.interpreter.region import Region

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Mapping, Optional, Sequence, Set

    from stackscope.interpreter.region import Progress

__all__ = ["Reachable", "counts_references"]

SHARES = (0.0, 0.4, 1.0)
"""How far the work is done before and after finding roots, and following these."""


def counts_references() -> bool:
    """Whether this interpreter counts references, so that roots can be told by the count."""
    return IS_CPYTHON and has_gil()


class Reachable(Region):
    """Follows references from the roots, among all objects of the process.

    For the arguments see `Region`.
    """

    def __init__(
        self,
        wanted: Set[int],
        closed: Set[int],
        silent: Set[int],
        passive: Sequence[type],
        hidden: Mapping[int, Sequence[int]],
        progress: Progress = None,
        told_too_often: Optional[Mapping[int, int]] = None,
    ) -> None:
        super().__init__(wanted, closed, silent, passive, hidden, progress, told_too_often)
        self._share = 0.0
        """How much of the work is done."""
        self._objects: List[object] = all_but_tuples()
        self._begin()

    def follow_what_may_come_back(self) -> List[int]:
        """Follow what isn't reached, but may run code all the same, see `Region`."""
        held = self._held()
        finalizers = Finalizers()
        for number, some in in_batches(list(self._left.values()), BATCH):
            self._reach([obj for obj in finalizers.among(some) if id(obj) not in held])
            self._report(1, number)
        reached = self.follow()
        with_proxy = self._with_proxies()
        while True:
            found = [obj for obj in with_proxy if id(obj) in self._left and self._is_proxied(obj)]
            if not found:
                return reached
            self._reach(found)
            reached += self.follow()

    def _with_proxies(self) -> List[object]:
        """The objects, not reached, that have a proxy."""
        found: List[object] = []
        for number, some in in_batches(list(self._left.values()), BATCH):
            found += filter(proxies_of, with_weak_references(some))
            self._report(1, number)
        return found

    def _is_proxied(self, obj: object) -> bool:
        """Whether something alive has a proxy of an object."""
        return any(id(proxy) not in self._left for proxy in proxies_of(obj))

    def close(self) -> None:
        """Let go of all objects. This one is among them, and would keep them otherwise."""
        self._objects.clear()
        super().close()

    # ------------------------------------------------------------------ roots

    def _begin(self) -> None:
        """Find the roots: what has more references than the objects explain."""
        roots = self._roots()
        known = self._left
        # What the collector can't tell of may be held by anybody.
        self._reached += [one for one in self._wanted if one not in known]
        self._wanted.intersection_update(known)
        for key in self._closed - self._wanted:
            known.pop(key, None)
        batch: Sequence[object] = ()
        for _, batch in in_batches(self._objects, BATCH):
            passive = map(self._passive.__contains__, map(id, map(type, batch)))
            for key in list(map(id, compress(batch, passive))):
                known.pop(key, None)
        batch = ()
        known.pop(id(self._objects), None)
        self._reach(roots)

    def _roots(self) -> List[object]:
        """Take note of all objects by their ids, and tell which are referred to from elsewhere."""
        objects = self._objects
        objects[:] = self._followed(objects)
        batch: Sequence[object] = ()
        for _, batch in in_batches(objects, BATCH):
            self._left.update(zip(map(id, batch), batch))
        batch = ()
        before = counts_of(objects)
        references = References(self._modules, self._tell_counted)
        new: List[object] = objects
        tuples: List[object] = []
        while new:
            first = len(references)
            references.collect(new, 0.0, 0.8)
            found = references.tuples(first)
            new = [one for key, one in found.items() if key not in self._left]
            self._left.update(zip(map(id, new), new))
            tuples += new
            found.clear()
        objects += tuples
        tuples.clear()
        beyond = references.beyond(objects, before, self._explained)
        most = references_of_nobody(self._modules, 1)
        return list(compress(objects, map(most.__lt__, beyond)))

    def _followed(self, objects: List[object]) -> List[object]:
        """All of the objects but what they are kept in, which is there before it is filled."""
        ours = {id(objects), id(self._left)}
        return list(compress(objects, map(not_, map(ours.__contains__, map(id, objects)))))

    # -------------------------------------------------------------- finalizers

    def _held(self) -> Set[int]:
        """The ids of the objects, not reached, that something closed leads to."""
        left = self._left
        held: Set[int] = set()
        todo = [obj for obj in self._objects if id(obj) in self._closed]
        for key in self._closed:
            held.update(filter(left.__contains__, self._hidden.get(key, ())))
        todo += map(left.__getitem__, held)
        while todo:
            batch, todo[-BATCH:] = todo[-BATCH:], []
            hits = set(filter(left.__contains__, map(id, referents(batch, self._modules))))
            hits -= held
            held |= hits
            self._report(1, len(held))
            todo += map(left.__getitem__, hits)
        return held

    def _tell_counted(self, share: float) -> None:
        self._report(0, int(share * len(self._objects)))

    def _tell_followed(self, done: int) -> None:
        self._report(1, done)

    def _report(self, step: int, number: int) -> None:
        if self._progress is not None:
            first, last = SHARES[step : step + 2]
            share = first + (last - first) * min(number / (len(self._objects) + 1), 1.0)
            self._share = max(self._share, share)  # what tuples have is counted in rounds
            self._progress(self._share)
