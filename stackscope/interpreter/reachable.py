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

import sys
import weakref
from collections import Counter
from itertools import compress, repeat
from operator import is_not, not_, sub
from types import TracebackType

from stackscope.interpreter.facts import IS_CPYTHON, has_gil
from stackscope.interpreter.finalizers import Finalizers, proxies_of
from stackscope.interpreter.heap import (
    all_but_tuples,
    in_batches,
    module_types,
    referents,
    subclasses,
    tuples_among,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import (
        Callable,
        Dict,
        Iterable,
        List,
        Mapping,
        Optional,
        Sequence,
        Set,
    )

    Progress = Optional[Callable[[float], object]]

__all__ = ["Reachable", "counts_references"]

BATCH = 2_000
"""Objects that are looked at by one call into C. Other threads wait for as long as that takes."""

MOST_REFERENCES = 20_000
"""References that are followed by one call into C."""

SHARES = (0.0, 0.4, 0.5, 1.0)
"""How far the work is done before and after counting, finding roots and following these."""

_target_of: Callable[[object], object] = weakref.ref.__call__  # type: ignore[assignment]


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
        hidden: By the id of what is closed, such as the frame of a thread: the ids of what it
            refers to beside what the collector tells, once for each reference.
        progress: Called now and then with how much of the work is done, from 0 to 1.
    """

    def __init__(
        self,
        wanted: Set[int],
        closed: Set[int],
        silent: Set[int],
        passive: Sequence[type],
        hidden: Mapping[int, Sequence[int]],
        progress: Progress = None,
    ) -> None:
        self._wanted = wanted
        self._closed = closed
        self._silent = silent
        self._hidden = hidden
        self._progress = progress
        self._modules = module_types()
        self._weak = set(map(id, subclasses(weakref.ref)))
        self._passive = set(map(id, passive))
        self._objects: List[object] = all_but_tuples()
        self._left: Dict[int, object] = {}
        """By their ids: the objects that haven't been reached. Those that aren't to be followed are
        not among them, unless they are wanted."""
        self._todo: List[object] = []
        self._tracebacks: Optional[List[object]] = []
        """Those that have been reached and are not followed so far; ``None`` once they are."""
        self._reached: List[int] = []
        self._begin()

    def open(self, objects: Iterable[object]) -> None:
        """Have objects followed that were closed: what they are part of has turned out alive."""
        for obj in objects:
            self._closed.discard(id(obj))
            self._todo.append(obj)
            self._reach_some(self._hidden.get(id(obj), ()), is_silent=False)

    def add_roots(self, objects: Sequence[object]) -> None:
        """Take objects as reached that may be referred to by what is closed alone."""
        self._reach(objects)

    def follow(self) -> List[int]:
        """Follow what is to be followed. Gives the ids of the wanted objects that were reached."""
        done = 0
        while self._todo and self._wanted:
            batch, self._todo[-BATCH:] = self._todo[-BATCH:], []
            self._follow(batch)
            done += len(batch)
            self._report(2, done)
        reached, self._reached = self._reached, []
        return reached

    def follow_what_may_come_back(self) -> List[int]:
        """Follow what isn't reached, but may run code all the same.

        That are the finalizers of garbage that the collector hasn't found as yet, and whatever has
        an object through a proxy, which doesn't tell of what it stands for.
        """
        held = self._held()
        finalizers = Finalizers()
        for number, some in in_batches(list(self._left.values()), BATCH):
            for obj in some:
                if id(obj) not in held and finalizers.has(obj):
                    self._reach([obj])
            self._report(2, number)
        reached = self.follow()
        with_proxy = [obj for obj in self._left.values() if proxies_of(obj)]
        while True:
            found = [obj for obj in with_proxy if id(obj) in self._left and self._is_proxied(obj)]
            if not found:
                return reached
            self._reach(found)
            reached += self.follow()

    def follow_tracebacks(self) -> List[int]:
        """Follow tracebacks from now on: they have frames that have ended.

        Who has an exception has what is in these, but hardly uses it.
        """
        self._todo += self._tracebacks or ()
        self._tracebacks = None
        return self.follow()

    def _is_proxied(self, obj: object) -> bool:
        """Whether something alive has a proxy of an object."""
        return any(id(proxy) not in self._left for proxy in proxies_of(obj))

    def close(self) -> None:
        """Let go of all objects. This one is among them, and would keep them otherwise."""
        self._objects.clear()
        self._left.clear()
        self._todo.clear()
        self._tracebacks = None

    # ------------------------------------------------------------------ roots

    def _begin(self) -> None:
        """Find the roots: what has more references than the objects explain."""
        objects = self._objects
        objects[:] = self._followed(objects)
        self._add_tuples()
        known = self._left
        counts: Counter[int] = Counter()
        for ids in self._hidden.values():
            counts.update(ids)
        batch: Sequence[object] = ()
        refs: Sequence[object] = ()
        for number, batch in in_batches(objects, BATCH):
            for _, refs in in_batches(referents(batch, self._modules), MOST_REFERENCES):
                counts.update(map(id, refs))
            self._report(0, number)
        refs = ()  # one more reference to each of them, which would make it a root
        # What the same calls give for an object that nothing else has.
        probe: List[object] = [[]]
        spare = dict(zip(map(id, probe), probe))
        most = _beyond(probe[:], [0])[0]
        roots: List[object] = []
        for number, batch in in_batches(objects, BATCH):
            explained = map(counts.get, map(id, batch), repeat(0))
            beyond = _beyond(batch, explained)
            roots += compress(batch, map(most.__lt__, beyond))
            self._report(1, number)
        batch = ()
        spare.clear()
        # What the collector can't tell of may be held by anybody.
        self._reached += [one for one in self._wanted if one not in known]
        self._wanted.intersection_update(known)
        for key in self._closed - self._wanted:
            known.pop(key, None)
        for _, batch in in_batches(objects, BATCH):
            passive = map(self._passive.__contains__, map(id, map(type, batch)))
            for key in list(map(id, compress(batch, passive))):
                known.pop(key, None)
        batch = ()
        known.pop(id(objects), None)
        self._reach(roots)

    def _followed(self, objects: List[object]) -> List[object]:
        """All of the objects but their own list, which is there before it is filled."""
        return list(compress(objects, map(id(objects).__ne__, map(id, objects))))

    def _add_tuples(self) -> None:
        """Take note of all objects by their ids, and find the tuples through what has them."""
        new = self._objects
        known = self._left
        tuples: List[object] = []
        while new:
            found: Dict[int, object] = {}
            for number, batch in in_batches(new, BATCH):
                known.update(zip(map(id, batch), batch))
                found.update(tuples_among(referents(batch, self._modules)))
                self._report(0, number // 2)
            new = [one for key, one in found.items() if key not in known]
            tuples += new
        self._objects += tuples

    # -------------------------------------------------------------- following

    def _follow(self, batch: List[object]) -> None:
        if self._tracebacks is not None:
            are_followed = list(map(is_not, map(type, batch), repeat(TracebackType)))
            self._tracebacks += compress(batch, map(not_, are_followed))
            batch = list(compress(batch, are_followed))
        silent = [obj for obj in batch if id(obj) in self._silent]
        if silent:
            batch = [obj for obj in batch if id(obj) not in self._silent]
            self._reach(referents(silent, self._modules), is_silent=True)
        self._reach(referents(batch, self._modules))
        for obj in compress(batch, map(self._weak.__contains__, map(id, map(type, batch)))):
            target = _target_of(obj)  # somebody may still ask for it
            if target is not None and id(target) not in self._closed:
                self._reach([target])

    def _reach(self, objects: Sequence[object], *, is_silent: bool = False) -> None:
        for _, batch in in_batches(objects, MOST_REFERENCES):
            self._reach_some(map(id, batch), is_silent=is_silent)

    def _reach_some(self, ids: Iterable[int], *, is_silent: bool) -> None:
        left = self._left
        hits = set(filter(left.__contains__, ids))
        wanted = hits & self._wanted
        if wanted:
            if is_silent:
                hits -= wanted & self._closed
                wanted -= self._closed
            self._wanted -= wanted
            self._reached += wanted
        self._todo += map(left.pop, hits - self._closed)
        for key in hits & self._closed:
            del left[key]

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
            self._report(2, len(held))
            todo += map(left.__getitem__, hits)
        return held

    def _report(self, step: int, number: int) -> None:
        if self._progress is not None:
            first, last = SHARES[step : step + 2]
            share = min(number / (len(self._objects) + 1), 1.0)
            self._progress(first + (last - first) * share)


def _beyond(batch: Sequence[object], explained: Iterable[int]) -> List[int]:
    """How many references each object has beyond those that are explained, ours among them."""
    return list(map(sub, map(sys.getrefcount, batch), explained))
