"""Follows references among objects that are known, without passing through certain ones.

All that is long is done in C, for a batch of objects at a time; the interpreter's lock is given up
between two of them, so that other threads go on meanwhile. A module is never asked for its
referents, see `stackscope.interpreter.reachable`.
"""

from __future__ import annotations

import weakref
from collections import Counter
from itertools import chain, compress, repeat
from operator import is_not, not_
from types import TracebackType

from stackscope.interpreter.counting import BATCH, MOST_REFERENCES
from stackscope.interpreter.heap import in_batches, module_types, referents, subclasses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Set

    Progress = Optional[Callable[[float], object]]

__all__ = ["Region", "target_of"]

target_of: Callable[[object], object] = weakref.ref.__call__  # type: ignore[assignment]
"""What a weak reference stands for; ``None`` if that is gone."""


class Region:
    """Objects, of which it is found out which can be reached from some of them.

    Args:
        wanted: The ids of the objects of which it is asked whether they are reached.
        closed: The ids of the objects that aren't followed until `open` is called for them.
        silent: The ids of the objects whose references to what is both wanted and closed don't
            count.
        passive: The types of what is not followed at all, because it is part of the search itself.
        hidden: By the id of what is closed, such as the frame of a thread: the ids of what it
            refers to besides what the collector tells, once for each reference.
        progress: Called now and then with how much of the work is done, from 0 to 1.
        told_too_often: By the id of an object: how many of the references to it that the collector
            tells are none.
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
        self._wanted = wanted
        self._closed = closed
        self._silent = silent
        self._hidden = hidden
        self._explained: Counter[int] = Counter(chain.from_iterable(hidden.values()))
        """By the id of an object: how many references to it are explained besides those that the
        collector tells; negative if it tells too many."""
        self._explained.subtract(told_too_often or {})
        self._progress = progress
        self._modules = module_types()
        self._weak = set(map(id, subclasses(weakref.ref)))
        self._passive = set(map(id, passive))
        self._left: Dict[int, object] = {}
        """By their ids: the objects that haven't been reached. Those that aren't to be followed are
        not among them, unless they are wanted."""
        self._todo: List[object] = []
        self._tracebacks: Optional[List[object]] = []
        """Those that have been reached and are not followed so far; ``None`` once they are."""
        self._reached: List[int] = []

    def open(self, objects: Iterable[object]) -> None:
        """Have objects followed that were closed: what they are part of has turned out alive."""
        for obj in objects:
            self._closed.discard(id(obj))
            self._todo.append(obj)
            self._reach_some(self._hidden.get(id(obj), ()), is_silent=False)

    def add_roots(self, objects: Sequence[object]) -> None:
        """Take objects as reached that may be referred to by what is closed alone."""
        self._reach(objects)

    def is_wanted(self) -> bool:
        """Whether there is anything left of which it is to be told."""
        return bool(self._wanted)

    def follow(self) -> List[int]:
        """Follow what is to be followed. Gives the ids of the wanted objects that were reached."""
        done = 0
        while self._todo and self._wanted:
            batch, self._todo[-BATCH:] = self._todo[-BATCH:], []
            self._follow(batch)
            done += len(batch)
            self._tell_followed(done)
        reached, self._reached = self._reached, []
        return reached

    def follow_what_may_come_back(self) -> List[int]:
        """Follow what isn't reached, but may run code all the same.

        That are the finalizers of garbage that the collector hasn't found yet, and whatever has
        an object through a proxy, which doesn't tell of what it stands for.
        """
        raise NotImplementedError

    def follow_tracebacks(self) -> List[int]:
        """Follow tracebacks from now on: they have frames that have ended.

        Who has an exception has what is in these, but hardly uses it.
        """
        self._todo += self._tracebacks or ()
        self._tracebacks = None
        return self.follow()

    def close(self) -> None:
        """Let go of all objects. This one is among them, and would keep them otherwise."""
        self._left.clear()
        self._todo.clear()
        self._tracebacks = None

    def _tell_followed(self, done: int) -> None:
        """Report the progress, each time a number of objects has been followed."""

    # -------------------------------------------------------------- following

    def _follow(self, batch: List[object]) -> None:
        if self._tracebacks is not None:
            are_followed = list(map(is_not, map(type, batch), repeat(TracebackType)))
            self._tracebacks += compress(batch, map(not_, are_followed))
            batch = list(compress(batch, are_followed))
        silent = [obj for obj in batch if id(obj) in self._silent] if self._silent else []
        if silent:
            batch = [obj for obj in batch if id(obj) not in self._silent]
            self._reach(referents(silent, self._modules), is_silent=True)
        self._reach(referents(batch, self._modules))
        for obj in compress(batch, map(self._weak.__contains__, map(id, map(type, batch)))):
            target = target_of(obj)  # somebody may still ask for it
            if target is not None and id(target) not in self._closed:
                self._reach([target])

    def _reach(self, objects: Sequence[object], *, is_silent: bool = False) -> None:
        for _, batch in in_batches(objects, MOST_REFERENCES):
            self._reach_some(map(id, batch), is_silent=is_silent)

    def _reach_some(self, ids: Iterable[int], *, is_silent: bool) -> None:
        left = self._left
        hits = set(filter(left.__contains__, ids))
        if not hits:
            return
        wanted = hits & self._wanted
        if wanted:
            if is_silent:
                hits -= wanted & self._closed
                wanted -= self._closed
            self._wanted -= wanted
            self._reached += wanted
        closed = hits & self._closed
        self._todo += map(left.pop, hits - closed)
        for key in closed:
            del left[key]
