"""Searches the heap for those who could end waits of which the graph tells nothing.

See docs/why.rst for why this proves what it says.
"""

from __future__ import annotations

from itertools import chain

from stackscope.extraction.extraction import Extraction
from stackscope.interpreter.nearby import Nearby
from stackscope.interpreter.reachable import Reachable
from stackscope.model.diagnosis import Diagnosis, Edge, Finding, Graph
from stackscope.model.snapshot import (
    FailedTask,
    ItemNode,
    LoopNode,
    Snapshot,
    TaskNode,
    ThreadNode,
)
from stackscope.model.stacks import Context, Frame, Stack
from stackscope.model.waiting import Amount, Waiting
from stackscope.snapshot.circles import nodes_among
from stackscope.snapshot.hidden import Hidden, frames_of
from stackscope.snapshot.inside import contexts_in, object_of
from stackscope.snapshot.liveness import Liveness
from stackscope.snapshot.needs import All, Either, Needs
from stackscope.snapshot.stillness import Stillness
from stackscope.snapshot.waits import ask_about
from stackscope.snapshot.waking import (
    belongings_of,
    cancellers_of,
    companions_of,
    is_wrapped_scope,
    silent_about,
    wakers_of_node,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Set

    from stackscope.interpreter.region import Progress, Region
    from stackscope.model.snapshot import Node
    from stackscope.snapshot.needs import Vertex


__all__ = ["search"]

OURS = (
    All,
    Amount,
    Context,
    Diagnosis,
    Edge,
    Either,
    Extraction,
    FailedTask,
    Finding,
    Frame,
    Graph,
    Hidden,
    ItemNode,
    Liveness,
    LoopNode,
    Needs,
    Snapshot,
    Stack,
    Stillness,
    TaskNode,
    ThreadNode,
    Waiting,
)
"""What only tells of the program. That it refers to something doesn't keep that going."""

SHARE_OF_STUCK = 4
"""If more than one of this many is stuck, what the others have is looked at as well."""

LAST = 2
"""The step in which tracebacks are followed."""

SHARE_OF_NEARBY = 0.2
"""How far the work is done before the whole heap is followed, if it has to be."""


def search(
    liveness: Liveness,
    wakers: Mapping[int, Sequence[int]],
    nodes: Sequence[Node],
    ours: Sequence[object],
    progress: Progress,
) -> List[Vertex]:
    """Make live what can be woken by something live.

    Args:
        liveness: What is known to be live so far, to be changed.
        wakers: By the id of a node that is stuck unless it can be woken: the ids of what wakes it.
        nodes: All nodes.
        ours: What tells of the program: a snapshot and the like.
        progress: See `stackscope.diagnose`.

    Returns:
        What is stuck unless somebody takes what they need out of a traceback.
    """
    return _Search(liveness, wakers, nodes, progress).run(ours)


class _Search:
    """What is known before the heap is looked at. For the arguments see `search`.

    Nothing here keeps an object of the program: it would count as a reference to it.
    """

    def __init__(
        self,
        liveness: Liveness,
        wakers: Mapping[int, Sequence[int]],
        nodes: Sequence[Node],
        progress: Progress,
    ) -> None:
        self.liveness = liveness
        self.nodes = nodes
        self.progress = progress
        self.by_waker: Dict[int, List[Node]] = {}
        self.silent: Set[int] = set()
        self.closed: Set[int] = set()
        self.stuck = [node for node in nodes if liveness.is_stuck(node)]
        for node in nodes:
            if id(node) in wakers:
                self._add_wakers(node, wakers[id(node)])
        # The frames of a thread that runs a loop go on, whatever the task that it is for waits for.
        waiting = [node for node in self.stuck if node.waiting is not None]
        self.hidden = Hidden([node for node in waiting if not isinstance(node, TaskNode)])
        self.with_belongings = [node for node in self.stuck if _belongings(node)]

    def _add_wakers(self, node: Node, keys: Sequence[int]) -> None:
        for key in keys:
            self.by_waker.setdefault(key, []).append(node)
        task = object_of(node)
        cancellers = set(map(id, ask_about(cancellers_of, task) or ())).intersection(keys)
        if cancellers or id(task) in keys:
            self.closed.update(cancellers, [id(task)])
            self.silent.update(map(id, ask_about(silent_about, task) or ()))
            for context in contexts_in(node.stack):
                if not is_wrapped_scope(context.obj):
                    self.silent.add(id(context.obj))

    def run(self, ours: Sequence[object]) -> List[Vertex]:
        """See `search`."""
        wanted = set(self.by_waker)
        part = _part(self.progress, 0.0, SHARE_OF_NEARBY)
        found = self._nearby(wanted, [*ours, self.hidden], part)
        if found is not None:
            return found
        part = _part(self.progress, SHARE_OF_NEARBY, 1.0)
        is_stuck = self.liveness.is_stuck
        wanted = {key for key, some in self.by_waker.items() if any(map(is_stuck, some))}
        hidden, too_often = self.hidden.references, self.hidden.told_too_often
        heap = Reachable(wanted, self.closed, self.silent, OURS, hidden, part, too_often)
        return self._spread(heap)

    def _nearby(
        self, wanted: Set[int], ours: Sequence[object], progress: Progress
    ) -> Optional[List[Vertex]]:
        """Look at what is near to them first; ``None`` if that doesn't decide it."""
        seeds = list(_parts_of_all(self.stuck))
        self.closed.update(map(id, seeds))
        if len(self.nodes) < SHARE_OF_STUCK * len(self.stuck):
            seeds += _parts_of_all([one for one in self.nodes if not self.liveness.is_stuck(one)])
        hidden, too_often = self.hidden.references, self.hidden.told_too_often
        near = Nearby(wanted, self.closed, self.silent, OURS, hidden, progress, too_often)
        try:
            near.look_around(seeds, lambda keys: _objects_among(keys, self.stuck), ours)
            self._follow(near, self.liveness, [near.follow])
            unsure = self._unsure(near)
            if not unsure:
                return self.liveness.stuck()
            near.go_back(self._wakers_of(unsure), map(object_of, unsure))
            found = self._spread(near)
        finally:
            near.close()
        return None if near.has_given_up else found

    def _unsure(self, near: Nearby) -> List[Node]:
        """What is stuck, but wouldn't be if all was alive that may be."""
        most = self.liveness.copy()
        if_alive = near.copy_if_all_is_alive(set(self.closed))
        try:
            self._follow(if_alive, most, [if_alive.follow])
        finally:
            if_alive.close()
        stuck = self.liveness.stuck()
        return nodes_among(one for one in stuck if not most.is_stuck(one))

    def _wakers_of(self, nodes: Sequence[Node]) -> Set[int]:
        """The ids of what wakes some nodes."""
        some = set(map(id, nodes))
        return {key for key, woken in self.by_waker.items() if not some.isdisjoint(map(id, woken))}

    def _spread(self, heap: Region) -> List[Vertex]:
        """Make live what one of the ways to search the heap reaches, and what that leads to."""
        steps = [heap.follow, heap.follow_what_may_come_back, heap.follow_tracebacks]
        try:
            return self._follow(heap, self.liveness, steps)
        finally:
            heap.close()

    def _follow(
        self,
        heap: Region,
        liveness: Liveness,
        steps: Sequence[Callable[[], List[int]]],
    ) -> List[Vertex]:
        """The same for some of the steps, each taken when those before lead to nothing more."""
        but_for_tracebacks: Optional[List[Vertex]] = None
        done = 0
        for node in self.with_belongings:
            if liveness.is_stuck(node):
                heap.add_roots(_belongings(node))
        heap.open(_parts_of_all([one for one in self.nodes if not liveness.is_stuck(one)]))
        while done < len(steps):
            if done == LAST and but_for_tracebacks is None:
                but_for_tracebacks = liveness.stuck()
            reached = [node for one in steps[done]() for node in self.by_waker.get(one, ())]
            live = liveness.begin(reached)
            if not heap.is_wanted():
                break
            heap.open(_parts_of_all(nodes_among(live)))
            done = 0 if live else done + 1
        return liveness.stuck() if but_for_tracebacks is None else but_for_tracebacks


def _part(progress: Progress, first: float, last: float) -> Progress:
    """What tells of the progress of a part of the work."""
    if progress is None:
        return None
    tell = progress
    return lambda share: tell(first + (last - first) * share)


def _objects_among(keys: Set[int], nodes: Sequence[Node]) -> Iterator[object]:
    """What wakes some nodes, one at a time: nothing of it is kept here."""
    for node in nodes:
        for obj in wakers_of_node(node):
            if id(obj) in keys:
                yield obj


def _belongings(node: Node) -> List[object]:
    """What anybody has who has a task or the like, which no variable of the caller keeps."""
    obj = object_of(node)
    found = [ask_about(belongings_of, one) for one in (obj, *(ask_about(companions_of, obj) or ()))]
    return [belonging for each in found for belonging in each or ()]


def _parts_of_all(nodes: Sequence[Node]) -> Iterator[object]:
    """The parts of some nodes."""
    return chain.from_iterable(map(_parts_of, nodes))


def _parts_of(node: Node) -> Iterator[object]:
    """A task or the like with its frames, and what these run."""
    obj = object_of(node)
    if obj is not None:
        yield obj
        yield from ask_about(companions_of, obj) or ()
    if isinstance(node, ThreadNode) and not node.is_here:
        yield from frames_of(node)
    for frame in node.stack.frames:
        yield frame.pyframe
        if frame.origin is not None:
            yield frame.origin
    for context in contexts_in(node.stack):
        if context.inner_stack is not None:
            for frame in context.inner_stack.frames:
                yield frame.pyframe
                if frame.origin is not None:
                    yield frame.origin
