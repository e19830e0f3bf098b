"""What leads to certain objects: from these back to what is alive, and no further than needed.

It answers the question of `stackscope.interpreter.reachable`, with the same roots, from the other
end. The collector tells in one call what refers to a few objects: that takes a fraction of a
collection, and nothing else of the heap is looked at. An object that has more references than these
explain is a root. In most programs little leads to what a task waits for: a future, the queue that
has it, the frames that have the queue. Where it is more, `BackToRoots` gives up, and the whole heap
has to be followed.

Tuples and modules need the same care as there.
"""

from __future__ import annotations

import sys
import weakref
from collections import Counter
from itertools import compress, repeat
from operator import sub
from types import TracebackType

from stackscope.interpreter.facts import TASKS_TELL_ALL
from stackscope.interpreter.finalizers import Finalizers, proxies_of
from stackscope.interpreter.heap import (
    frozen_objects,
    holders_of_tuples,
    in_batches,
    known_among,
    module_types,
    namespaces_of_modules,
    referents,
    referrers_but_tuples,
    tuples_among,
)
from stackscope.safe.objects import is_instance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import (
        AbstractSet,
        Dict,
        Iterable,
        Iterator,
        List,
        Mapping,
        Optional,
        Sequence,
        Set,
        Tuple,
    )

    from stackscope.interpreter.region import Progress


__all__ = ["BackToRoots"]

AT_ONCE = 16
"""Objects whose referrers are asked for in one call. Its time grows with their number."""

MOST_CALLS = 30
"""The number of calls that take about half as long as following the whole heap."""

CALLS_TO_TRY = 10
"""The number of calls after which the rest has to be within reach."""

MOST_REFERENCES = 1_000_000
"""The same for references of what refers to the objects."""

MOST_FOR_EACH_NEAR = 10
"""How many more there may be for each object that is near: as many may refer to one of them."""

DEEPEST_TUPLES = 3
"""How many tuples inside each other are followed; what is deeper is taken as alive."""

REFERENCES_AT_ONCE = 20_000
"""References that are looked at by one call into C."""

SOURCES_AT_ONCE = 2_000
"""Objects that are asked for their references in one call into C."""

REFERENCES_OF_A_CALL = 20
"""The number of references that takes as long as asking for them."""


class BackToRoots:
    """Follows references backwards, until it is known which objects something alive leads to.

    Args:
        wanted: The objects of which it is asked whether they are reached.
        tasks: Those of the closed objects that the collector may not tell of as referrers: a task
            of asyncio in C hides the callbacks that it has as a future (``TaskObj_traverse`` in
            Modules/_asynciomodule.c drops what ``FutureObj_traverse`` returns, up to 3.11).
        closed: The ids of the objects that lead nowhere until `open` is called for them.
        silent: The ids of the objects whose references to what is both wanted and closed don't
            count.
        passive: The types of what leads nowhere, because it is part of the search itself.
        progress: Called now and then with how much of the work is done, from 0 to 1.
        near: Objects that whoever asks has by their ids. That is no reference of the program.
        held: The ids of those of these that something closed leads to. Whoever asks finds out by
            itself whether they are alive, and which of the wanted ones they lead to then.
        ours: The ids of those of these that are part of the search.

    Attributes:
        has_given_up: Whether it would take longer than to follow the whole heap.
    """

    def __init__(
        self,
        wanted: Iterable[object],
        tasks: Iterable[object],
        closed: Set[int],
        silent: Set[int],
        passive: Sequence[type],
        progress: Progress = None,
        near: Optional[Mapping[int, object]] = None,
        held: AbstractSet[int] = frozenset(),
        ours: AbstractSet[int] = frozenset(),
    ) -> None:
        self.has_given_up: bool = False
        self._near: Mapping[int, object] = {} if near is None else near
        self._held_nearby = held
        self._ours = ours
        self._most_references = MOST_REFERENCES + MOST_FOR_EACH_NEAR * len(self._near)
        self._closed = closed
        self._silent = silent
        self._passive = set(map(id, passive))
        self._progress = progress
        self._modules = module_types()
        self._objects: Dict[int, object] = {}
        """By their ids: what leads to the wanted ones, and these."""
        self._leads: Dict[int, Set[int]] = {}
        """By the id of an object: the ids of those of them that live if it does."""
        self._refers: Dict[int, Set[int]] = {}
        """By the id of an object: the ids of those of them that it refers to."""
        self._hidden: Dict[int, List[int]] = {}
        """By the id of an object: the ids of the tasks that refer to it."""
        for task in () if TASKS_TELL_ALL else tasks:
            for key in map(id, referents([task], self._modules)):
                self._hidden.setdefault(key, []).append(id(task))
        self._held_by_closed: Set[int] = set()
        """The ids of those that something closed refers to."""
        self._proxies: Optional[List[Tuple[object, Set[int]]]] = []
        """Those that were found and are not followed so far, with what they lead to; ``None`` once
        they are."""
        self._tracebacks: Optional[List[Tuple[object, Set[int]]]] = []
        """The same of tracebacks."""
        self._live = namespaces_of_modules()
        self._reached: List[int] = []
        self._calls = self._references = 0
        for obj in wanted:
            self._objects[id(obj)] = obj
        self._all_wanted = frozenset(self._objects)
        self._wanted = set(self._objects)
        self._todo = list(self._objects)
        self._done: Set[int] = set()
        if frozen_objects():
            self._take_as_live(self._wanted - known_among(self._wanted))
        self._most = self._references_of_ours()

    def open(self, objects: Iterable[object]) -> None:
        """Say that something is alive."""
        opened = list(objects)
        live = list(map(id, opened))
        self._closed.difference_update(live)
        silent = [obj for obj in opened if id(obj) in self._silent]
        for obj in silent:
            live += self._that_count(obj, self._known_among(referents([obj], self._modules)))
        if silent:
            opened = [obj for obj in opened if id(obj) not in self._silent]
        for _, batch in in_batches(opened, SOURCES_AT_ONCE):
            live += self._known_among(referents(batch, self._modules))
        self._take_as_live(live)

    def take_as_live(self, keys: Iterable[int]) -> None:
        """Say by the ids of objects that they are alive."""
        self._take_as_live(keys)

    def add_roots(self, objects: Sequence[object]) -> None:
        """Take objects as reached that may be referred to by what is closed alone."""
        self._take_as_live(map(id, objects))

    def follow(self) -> List[int]:
        """Go back from all that isn't known to be alive.

        Returns:
            The ids of the wanted objects that were reached since this was asked before.
        """
        while self.go_on():
            pass
        return self.reached()

    def go_on(self) -> bool:
        """Go back from some that aren't known to be alive. Gives whether there were any."""
        if not self._wanted or self.has_given_up:
            return False
        batch: List[int] = []
        while self._todo and len(batch) < AT_ONCE:
            key = self._todo.pop()
            if key not in self._done and not self._is_settled(key):
                self._done.add(key)
                batch.append(key)
        if batch:
            self._go_back_from(batch)
        return bool(batch)

    def reached(self) -> List[int]:
        """The ids of the wanted objects that were reached since this was asked before."""
        reached, self._reached = self._reached, []
        return reached

    def follow_what_may_come_back(self) -> List[int]:
        """Reach what isn't reached, but may run code all the same.

        See `stackscope.interpreter.reachable.Reachable.follow_what_may_come_back`.
        """
        if self.has_given_up:
            return []  # not all is known that has them
        held = self._held()
        finalizers = Finalizers()
        for key in [key for key in self._objects if not self._is_settled(key)]:
            if key not in held and finalizers.has(self._objects[key]):
                self._take_as_live([key])
        reached = self.follow()
        proxies, self._proxies = self._proxies, None
        self._lead_all(proxies)
        return reached + self.follow()

    def follow_tracebacks(self) -> List[int]:
        """Follow tracebacks from now on.

        See `stackscope.interpreter.reachable.Reachable.follow_tracebacks`.
        """
        tracebacks, self._tracebacks = self._tracebacks, None
        self._lead_all(tracebacks)
        return self.follow()

    def close(self) -> None:
        """Let go of all objects."""
        self._objects.clear()
        self._todo.clear()
        self._proxies = self._tracebacks = None

    # ---------------------------------------------------------------- a batch

    def _go_back_from(self, batch: Sequence[int]) -> None:
        """Find out what refers to some objects, and which of them are roots."""
        counts: Counter[int] = Counter()
        tuples = self._add_referrers(batch, counts)
        for depth in range(1, DEEPEST_TUPLES + 1):
            if tuples and any(self._beyond(batch, counts)):
                tuples -= self._add_tuples(batch, counts, tuples, depth)
        self._add_weak(batch)
        self._take_as_live(list(compress(batch, self._beyond(batch, counts))))
        left = MOST_CALLS - self._calls
        if left <= 0 or self._references > self._most_references:
            self.has_given_up = True
        if self._calls >= CALLS_TO_TRY and len(self._wanted) > left * AT_ONCE:
            self.has_given_up = True  # nothing that they have in common has made them live
        if self._progress is not None:
            self._progress(min(self._calls / MOST_CALLS, 1.0))

    def _these(self, batch: Sequence[int]) -> Iterator[object]:
        """Objects by their ids, without a list that would refer to them."""
        return map(self._objects.__getitem__, batch)

    def _add_referrers(self, batch: Sequence[int], counts: Counter[int]) -> Set[int]:
        """Take note of what refers to some objects, and count these references.

        Returns:
            The ids of tuples that refer to them as well.
        """
        self._calls += 1
        others, tuples = referrers_but_tuples(self._these(batch))
        counts.update(filter(self._near.__contains__, batch))
        self._add_sources(others, batch, counts)
        self._add_hidden(batch, counts, set(map(id, others)))
        return tuples

    def _add_hidden(self, batch: Sequence[int], counts: Counter[int], told: Set[int]) -> None:
        """The same for tasks that refer to them, but for those of which the collector has told."""
        for key in batch:
            for task in self._hidden.get(key, ()):
                if task not in told:
                    counts[key] += 1
                    self._refers.setdefault(task, set()).add(key)
                    self._leads.setdefault(task, set()).add(key)
                    if task in self._live:
                        self._take_as_live([key])

    def _add_tuples(
        self, batch: Sequence[int], counts: Counter[int], tuples: Set[int], depth: int
    ) -> Set[int]:
        """The same for tuples that something refers to: those are finished.

        Returns:
            The ids of those that were found.
        """
        self._calls += depth + 1
        found: Dict[int, object] = {}
        new = holders_of_tuples(self._these(batch), depth)
        new = [one for one in new if one is not self._objects and one is not self._near]
        for _ in range(depth):
            inside: Dict[int, object] = {}
            for _, part in in_batches(new, AT_ONCE):
                refs = referents(part, self._modules)
                self._references += len(refs)
                inside.update(tuples_among(refs))
            new = list(inside.values())
            found.update(inside)
        some = [found[key] for key in tuples & set(found)]
        for one in some:
            self._add_source(one, batch, counts)
        return set(found)

    def _add_sources(
        self, sources: Sequence[object], batch: Sequence[int], counts: Counter[int]
    ) -> None:
        """Take note of what some objects refer to."""
        are_near = self._all_wanted.issuperset(batch)
        closed: List[object] = []
        passive: List[object] = []
        for source in sources:
            if source is self._objects or source is self._near:
                continue
            if id(type(source)) in self._passive or id(source) in self._ours:
                passive.append(source)
            elif id(source) in self._closed or (are_near and self._is_near(id(source))):
                closed.append(source)
            else:
                self._add_source(source, batch, counts)
        self._count(passive, batch, counts)
        self._held_by_closed.update(self._count(closed, batch, counts))

    def _is_near(self, key: int) -> bool:
        """Whether it is found out elsewhere which of the wanted ones an object leads to."""
        return key in self._held_nearby and key in self._near and key not in self._all_wanted

    def _count(
        self, sources: Sequence[object], batch: Sequence[int], counts: Counter[int]
    ) -> Set[int]:
        """Count the references from what leads nowhere, as long as it isn't opened.

        Returns:
            The ids of the objects that it refers to.
        """
        found: Set[int] = set()
        asked = set(batch)
        for _, some in in_batches(sources, SOURCES_AT_ONCE):
            for _, part in in_batches(referents(some, self._modules), REFERENCES_AT_ONCE):
                hits = self._known_among(part)
                counts.update(filter(asked.__contains__, hits))
                found.update(hits)
                self._references += len(part)
        return found

    def _known_among(self, objects: Sequence[object]) -> List[int]:
        """The ids of those of some objects that lead to the wanted ones, or are these."""
        return list(filter(self._objects.__contains__, map(id, objects)))

    def _add_source(self, source: object, batch: Sequence[int], counts: Counter[int]) -> None:
        """Take note of what an object refers to."""
        hits: Counter[int] = Counter()
        for _, part in in_batches(referents([source], self._modules), REFERENCES_AT_ONCE):
            hits.update(filter(self._objects.__contains__, map(id, part)))
            self._references += len(part)
        self._references += REFERENCES_OF_A_CALL
        for key in batch:
            counts[key] += hits[key]
        if id(type(source)) not in self._passive and hits:
            self._refers.setdefault(id(source), set()).update(hits)
            targets = self._that_count(source, hits)
            if type(source) is TracebackType and self._tracebacks is not None:
                self._tracebacks.append((source, targets))
            else:
                self._lead(source, targets)

    def _that_count(self, source: object, hits: Iterable[int]) -> Set[int]:
        """What a source leads to, of what it refers to."""
        if id(source) not in self._silent:
            return set(hits)
        return {key for key in hits if key not in self._all_wanted or key not in self._closed}

    def _add_weak(self, batch: Sequence[int]) -> None:
        """Take note of weak references: somebody may still ask for what is behind them."""
        for key in batch:
            obj = self._objects[key]
            if key not in self._closed and weakref.getweakrefcount(obj):
                for reference in weakref.getweakrefs(obj):
                    if is_instance(reference, (weakref.ref,)):
                        self._lead(reference, {key})
            for proxy in proxies_of(obj):
                if self._proxies is not None:
                    self._proxies.append((proxy, {key}))
                else:
                    self._lead(proxy, {key})

    def _lead_all(self, found: Optional[List[Tuple[object, Set[int]]]]) -> None:
        """Take note of what was held back, and let go of it: a reference of ours would count."""
        while found:
            self._lead(*found.pop())

    def _lead(self, source: object, targets: Set[int]) -> None:
        """Take note of what an object leads to, and of the object itself if it is new."""
        key = id(source)
        if not targets:
            return
        is_known = (
            type(source) not in weakref.ProxyTypes
            and self._is_near(key)
            and targets <= self._all_wanted
        )
        self._leads.setdefault(key, set()).update(targets)
        if key in self._live:
            self._take_as_live(targets)
        elif key not in self._closed and key not in self._done and not is_known:
            self._objects[key] = source
            self._todo.append(key)

    def _beyond(self, batch: Sequence[int], counts: Mapping[int, int]) -> List[bool]:
        """Whether each object has more references than those that are counted, and ours."""
        return list(map(self._most.__lt__, self._unexplained(batch, counts)))

    def _unexplained(self, batch: Sequence[int], counts: Mapping[int, int]) -> List[int]:
        objects = list(self._these(batch))
        return list(map(sub, map(sys.getrefcount, objects), map(counts.get, batch, repeat(0))))

    def _references_of_ours(self) -> int:
        """How many references an object has that nothing but this refers to."""
        # Never in a variable: a function that profiles would copy it (``call_trampoline`` in
        # Python/sysmodule.c, up to 3.12).
        probe: List[object] = [[]]
        keys = list(map(id, probe))
        self._objects.update(zip(keys, probe))
        probe.clear()
        most = self._unexplained(keys, {})[0]
        del self._objects[keys[0]]
        return most

    # ------------------------------------------------------------- what lives

    def _take_as_live(self, keys: Iterable[int]) -> None:
        """Something is alive, and so is what it leads to."""
        todo = list(keys)
        while todo:
            key = todo.pop()
            if key in self._live:
                continue
            if key in self._wanted:
                self._wanted.discard(key)
                self._reached.append(key)
            if key not in self._closed:
                self._live.add(key)
                todo += self._leads.get(key, ())

    def _is_settled(self, key: int) -> bool:
        """Whether it doesn't matter any more what leads to an object."""
        if key in self._all_wanted:
            return key not in self._wanted
        return key in self._live or all(map(self._is_reached, self._leads[key]))

    def _is_reached(self, key: int) -> bool:
        return key in self._live or (key in self._all_wanted and key not in self._wanted)

    def _held(self) -> Set[int]:
        """The ids of the objects that something closed leads to."""
        held = set(self._held_by_closed)
        todo = [*held, *[key for key in self._refers if key in self._closed]]
        while todo:
            new = self._refers.get(todo.pop(), set()) - held
            held |= new
            todo += new
        return held
