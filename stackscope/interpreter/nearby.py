"""What is near to the tasks in question: enough to decide most waits without the rest of the heap.

What tasks wait for is near to them: a future, the event that has it, the variable that has the
event. So these are looked at from the tasks on, some steps far, and the references among them are
counted. What has no more references than these can't be reached from elsewhere; what has more
*may* be alive. What isn't reached even if all of that is alive can't be reached at all: a way to
it would enter what was looked at for a last time, by a reference from elsewhere. Only where it is
reached then does it matter who has these references: `stackscope.interpreter.back_to_roots`
goes back from there.
"""

from __future__ import annotations

import gc
from copy import copy
from itertools import chain, compress, filterfalse
from operator import not_
from types import CodeType

from stackscope.interpreter.back_to_roots import BackToRoots
from stackscope.interpreter.counting import (
    BATCH,
    MOST_REFERENCES,
    References,
    counts_of,
    references_of_nobody,
)
from stackscope.interpreter.finalizers import Finalizers, proxies_of, with_weak_references
from stackscope.interpreter.heap import (
    frozen_objects,
    in_batches,
    known_among,
    module_types,
    namespaces_of_modules,
    referents,
    subclasses,
)
from stackscope.interpreter.region import Region, target_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Set, Tuple

    from stackscope.interpreter.region import Progress

__all__ = ["Nearby"]

STEPS = 5
"""How far from a frame it is looked: to an object, its dictionary, a queue, its dictionary, its
futures."""

MOST_OF_EACH = 40
"""Objects that are looked at, for each one to begin with."""

MOST_ANYHOW = 20_000
"""The same for all together, if it is less."""

LOOKED, COUNTED = 0.4, 0.7
"""How far the work is done when it has been looked at all that is near, and counted."""

FEW = 16
"""How many objects of a type are tried one by one for whether they lead to what is wanted."""

MOST_OF_A_WALK = 5_000
"""Objects that are passed through for that."""

DEEPEST_CONTAINERS = 4
"""How deep these are in each other, such as a tuple in a dictionary of attributes."""

_containers = set(map(id, (dict, list, set, tuple)))
"""The ids of the types of what the search keeps objects in."""


class Nearby(Region):
    """The objects near to some.

    For the arguments see `Region`.

    Attributes:
        has_given_up: Whether it would take longer than to follow the whole heap.
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
        self.has_given_up: bool = False
        self._types = passive
        self._back: Optional[BackToRoots] = None
        self._share = 0.0
        """How much of the work is done."""
        self._possible: Set[int] = set()
        """The ids of what may be referred to from elsewhere."""
        self._held: Set[int] = set()
        """The ids of what the first of the objects lead to: something that waits has it."""
        self._ours: Set[int] = set()
        """The ids of the containers in which the search has something."""

    def look_around(
        self,
        seeds: List[object],
        find: Callable[[Set[int]], Iterable[object]],
        ours: Iterable[object],
    ) -> None:
        """Look at the objects that are near, once and before all else.

        Args:
            seeds: The objects to begin with. They are taken out of this list.
            find: Gives wanted objects by their ids.
            ours: What has references to such objects, but is part of the search itself.
        """
        begun = set(map(id, seeds))
        self._look_from(seeds)
        self._held = set(self._left)
        missing = self._wanted - self._held
        if missing:
            self._look_from(list(find(missing)))
        self._reached += self._wanted - self._left.keys()
        self._wanted.intersection_update(self._left)
        alone = (self._left.keys() - self._held) | (self._wanted & begun)
        finalizers = Finalizers()
        self._possible = {key for key in alone if finalizers.has(self._left[key])}
        self._possible |= self._find_possible(ours)

    def copy_if_all_is_alive(self, closed: Set[int]) -> Region:
        """Another region of the same objects, in which all is alive that may be.

        Args:
            closed: Those that lead nowhere there.
        """
        other = copy(self)
        other._wanted, other._closed = set(self._wanted), closed
        other._left, other._todo, other._reached = dict(self._left), list(self._todo), []
        other._tracebacks = None
        other._todo += self._tracebacks or ()
        other._reach_some(self._possible, is_silent=False)
        return other

    def go_back(self, wanted: Set[int], tasks: Iterable[object]) -> None:
        """Find out from now on what is alive of what may be, until nothing is wanted any more.

        Args:
            wanted: The ids of the objects that are still wanted.
            tasks: See `BackToRoots`.
        """
        self._wanted.intersection_update(wanted)
        if self._explained:  # only the other way sees these
            self.has_given_up = True
            return
        some = map(self._left.__getitem__, self._to_ask_about())
        self._back = BackToRoots(
            some,
            tasks,
            self._closed,
            self._silent,
            self._types,
            self._tell_gone_back,
            self._left,
            self._held,
            self._ours,
        )

    def open(self, objects: Iterable[object]) -> None:
        """Have objects followed that were closed: what they are part of has turned out alive."""
        opened = list(objects)
        super().open(opened)
        if self._back is not None:
            self._back.open(opened)

    def add_roots(self, objects: Sequence[object]) -> None:
        """Take objects as reached that may be referred to by what is closed alone."""
        super().add_roots(objects)
        if self._back is not None:
            self._back.add_roots(objects)

    def follow(self) -> List[int]:
        """Follow what is to be followed. Gives the ids of the wanted objects that were reached."""
        reached = super().follow()
        back = self._back
        while back is not None and self._wanted:
            back.take_as_live(key for key in self._possible if key not in self._left)
            is_done = not back.go_on()
            reached += self._reached_by(back.reached())
            if is_done:
                break
        self.has_given_up |= back is not None and back.has_given_up
        return reached

    def follow_what_may_come_back(self) -> List[int]:
        """Follow what isn't reached, but may run code all the same.

        Of what is near that is only what was found by itself: what a task has doesn't run code
        while it waits.
        """
        if self._back is None or not self._wanted:
            return []
        return self._reached_by(self._back.follow_what_may_come_back()) + self.follow()

    def follow_tracebacks(self) -> List[int]:
        """Follow tracebacks from now on."""
        reached = super().follow_tracebacks()
        if self._back is not None and self._wanted:
            reached += self._reached_by(self._back.follow_tracebacks()) + self.follow()
        return reached

    def close(self) -> None:
        """Let go of all objects."""
        super().close()
        if self._back is not None:
            self._back.close()

    def _reached_by(self, keys: Iterable[int]) -> List[int]:
        self._reach_some(keys, is_silent=False)
        return super().follow()

    # --------------------------------------------------------------- looking

    def _look_from(self, seeds: List[object]) -> None:
        """Take note of the objects that can be reached in some steps."""
        left = self._left
        skipped = _Skipped(self._passive)
        new = skipped.without(dict(zip(map(id, seeds), seeds)), left)
        seeds.clear()
        most = max(MOST_ANYHOW, MOST_OF_EACH * len(new))
        for _ in range(STEPS):
            self._share = min(self._share + 0.05, LOOKED)
            left.update(new)
            if len(left) > most:
                break
            new = skipped.without(self._referents(new), left)
        left.update(new)

    def _referents(self, objects: Dict[int, object]) -> Dict[int, object]:
        """What some objects refer to, by the ids."""
        found: Dict[int, object] = {}
        for _, batch in in_batches(list(objects.values()), BATCH):
            for _, part in in_batches(referents(batch, self._modules), MOST_REFERENCES):
                found.update(zip(map(id, part), part))
            self._report()
        return found

    def _find_possible(self, ours: Iterable[object]) -> Set[int]:
        """The ids of what has more references than the objects explain, or may be handed out."""
        near = set(self._left)
        self._share = LOOKED
        passive = self._add_ours(ours)
        self._ours = self._left.keys() - near
        objects = list(self._left.values())
        before = counts_of(objects)
        references = References(self._modules, self._tell_counted)
        references.collect(list(passive.values()), 0.0, 0.4)
        references.collect(objects, 0.4, 0.8)
        beyond = references.beyond(objects, before, self._explained)
        most = references_of_nobody(self._modules, 1)
        found = set(compress(map(id, objects), map(most.__lt__, beyond)))
        found -= self._closed - self._wanted
        for _, batch in in_batches(objects, BATCH):
            for obj in with_weak_references(batch):
                if id(obj) not in self._closed or proxies_of(obj):
                    found.add(id(obj))
        if frozen_objects():  # these are taken as alive, whatever has them
            found |= self._left.keys() - known_among(set(self._left)) - self._closed
        return found

    def _add_ours(self, ours: Iterable[object]) -> Dict[int, object]:
        """Find the objects of the search, and take note of the containers that they are in.

        Returns:
            The others, by their ids.
        """
        passive: Dict[int, object] = {}
        new = {id(obj): obj for obj in ours}
        while new:
            passive.update(new)
            new, inside = self._inside_of(new, passive)
            for _ in range(DEEPEST_CONTAINERS):
                self._left.update(inside)
                more, inside = self._inside_of(inside, passive)
                new.update(more)
        return passive

    def _inside_of(
        self, objects: Dict[int, object], known: Dict[int, object]
    ) -> Tuple[Dict[int, object], Dict[int, object]]:
        """What of the search some of its objects have that isn't known, and in which containers."""
        passive: Dict[int, object] = {}
        inside: Dict[int, object] = {}
        for _, batch in in_batches(list(objects.values()), BATCH):
            for _, part in in_batches(referents(batch, self._modules), MOST_REFERENCES):
                kinds = list(map(id, map(type, part)))
                found: Iterable[object] = compress(part, map(self._passive.__contains__, kinds))
                passive.update((id(obj), obj) for obj in found if id(obj) not in known)
                containers: Iterable[Any] = compress(part, map(_containers.__contains__, kinds))
                inside.update(
                    (id(obj), obj) for obj in filter(len, containers) if id(obj) not in self._left
                )
            self._report()
        return passive, inside

    # ---------------------------------------------------------------- going back

    def _to_ask_about(self) -> List[int]:
        """The ids of what may be alive and leads to something wanted, the most promising last."""
        alike: Dict[int, List[int]] = {}
        for key in self._possible:
            if key in self._left:
                alike.setdefault(id(type(self._left[key])), []).append(key)
        first: List[int] = []
        last: List[int] = []
        for keys in alike.values():
            if len(keys) <= FEW:
                first += filter(self._leads_to_wanted, keys)
            elif any(map(self._leads_to_wanted, keys[:FEW])):
                first += keys
            else:
                last += keys
        return last + first

    def _leads_to_wanted(self, key: int) -> bool:
        """Whether an object leads to a wanted one, without passing through what is closed."""
        left = self._left
        seen = {key}
        new = seen
        while new and len(seen) < MOST_OF_A_WALK:
            if not new.isdisjoint(self._wanted):
                return True
            some = [left[one] for one in new if one not in self._closed]
            targets = [target_of(one) for one in some if id(type(one)) in self._weak]
            refs = referents(some, self._modules)
            new = set(filter(left.__contains__, map(id, chain(refs, targets)))) - seen
            seen |= new
        return bool(new)

    def _tell_counted(self, share: float) -> None:
        self._share = LOOKED + (COUNTED - LOOKED) * share
        self._report()

    def _tell_followed(self, done: int) -> None:
        if self._back is None:
            self._share = COUNTED
            self._report()

    def _tell_gone_back(self, share: float) -> None:
        self._share = COUNTED + (1 - COUNTED) * share
        self._report()

    def _report(self) -> None:
        if self._progress is not None:
            self._progress(self._share)


class _Skipped:
    """Objects from which it isn't looked any further: they lead to all of the program.

    Args:
        passive: The ids of the types of what is part of the search.
    """

    def __init__(self, passive: Set[int]) -> None:
        self._types = module_types() | passive | set(map(id, [*subclasses(type), CodeType]))
        self._namespaces = namespaces_of_modules()

    def without(self, found: Dict[int, object], known: Dict[int, object]) -> Dict[int, object]:
        """Those of some objects that aren't known, and from which it is looked further."""
        keys = list(
            filterfalse(self._namespaces.__contains__, filterfalse(known.__contains__, found))
        )
        for test in (self._types_of, _tracked):
            keys = list(compress(keys, test([found[key] for key in keys])))
        return {key: found[key] for key in keys}

    def _types_of(self, objects: Sequence[object]) -> Iterable[bool]:
        return map(not_, map(self._types.__contains__, map(id, map(type, objects))))


def _tracked(objects: Sequence[object]) -> Iterable[bool]:
    return map(gc.is_tracked, objects)
