"""How many references some objects have beyond those that others are known to have.

While all that these refer to is in lists, each object has as many more references as they have to
it. So two counts of its references tell the rest, and nothing has to be looked up for that: it
takes a tenth of the time of a dictionary of counts.
"""

from __future__ import annotations

import sys
from itertools import compress, repeat
from operator import add, ne, sub

from stackscope.interpreter.heap import in_batches, referents, tuples_among

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, List, Mapping, Optional, Sequence, Set

    Tell = Callable[[float], object]

__all__ = ["BATCH", "MOST_REFERENCES", "References"]

BATCH = 2_000
"""Objects that are looked at by one call into C. Other threads wait for as long as that takes."""

MOST_REFERENCES = 20_000
"""References that are followed by one call into C."""

CHANGED = 1 << 20
"""Stands for a count that has changed meanwhile: somebody uses the object."""


class References:
    """Counts the references to objects, with and without those of what refers to them.

    Args:
        modules: What `stackscope.interpreter.heap.module_types` gives.
        tell: Called now and then with how much of the work is done, from 0 to 1.
    """

    def __init__(self, modules: Set[int], tell: Optional[Tell] = None) -> None:
        self._modules = modules
        self._tell = tell
        self._kept: List[List[object]] = []
        """What has been found to be referred to, once for each reference."""

    def collect(self, sources: Sequence[object], start: float, end: float) -> None:
        """Keep all that some objects refer to, until `beyond` is asked for.

        Args:
            sources: The objects.
            start: How much of the work is done before, from 0 to 1.
            end: How much of it is done then.
        """
        for number, batch in in_batches(sources, BATCH):
            self._kept.append(referents(batch, self._modules))
            self._report(start + (end - start) * number / len(sources))

    def tuples(self, first: int) -> Dict[int, object]:
        """The tuples among what is kept, by their ids.

        Args:
            first: How many batches of it are left out.
        """
        tuples: Dict[int, object] = {}
        for refs in self._kept[first:]:
            for _, part in in_batches(refs, MOST_REFERENCES):
                tuples.update(tuples_among(part))
            self._report(0.8)
        return tuples

    def __len__(self) -> int:
        """How many batches are kept."""
        return len(self._kept)

    def beyond(
        self, objects: Sequence[object], before: Sequence[int], told: Mapping[int, int]
    ) -> List[int]:
        """How many references each object has beyond those that are kept, and lets go of these.

        Args:
            objects: The objects.
            before: How many references the first of them had before anything was kept.
            told: By the id of an object: how many more references to it are explained.
        """
        with_all = counts_of(objects)
        while self._kept:
            self._kept.pop()
            self._report(0.9)
        now = counts_of(objects)
        explained = map(sub, with_all, now)
        if told:
            explained = map(add, explained, map(told.get, map(id, objects), repeat(0)))
        found = list(map(sub, now, explained))
        for place in compress(range(len(before)), map(ne, before, now)):
            found[place] = CHANGED
        return found

    def _report(self, share: float) -> None:
        if self._tell is not None:
            self._tell(share)


def counts_of(objects: Sequence[object]) -> List[int]:
    """How many references each object has, those of the sequence and of this call among them."""
    counts: List[int] = []
    for _, batch in in_batches(objects, BATCH):
        counts += map(sys.getrefcount, batch)
    return counts


def references_of_nobody(modules: Set[int], held: int) -> int:
    """What `References.beyond` gives for an object that is only in a few dictionaries.

    Args:
        modules: What `stackscope.interpreter.heap.module_types` gives.
        held: How many of them there are.
    """
    probe: List[object] = [[]]
    holders = [dict(zip(map(id, probe), probe)) for _ in range(held)]
    found = References(modules).beyond(probe, (), {})[0]
    del holders
    return found
