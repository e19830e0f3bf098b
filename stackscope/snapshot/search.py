"""Searches the heap for those who could end waits of which the graph tells nothing.

See docs/why.rst for why this proves what it says.
"""

from __future__ import annotations

from stackscope.extraction.extraction import Extraction
from stackscope.interpreter.back_to_roots import BackToRoots
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
from stackscope.snapshot.inside import contexts_in, object_of
from stackscope.snapshot.liveness import Liveness
from stackscope.snapshot.needs import Either, Needs
from stackscope.snapshot.stillness import Stillness
from stackscope.snapshot.waits import ask_about
from stackscope.snapshot.waking import silent_about, wakers_of_task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, Iterator, List, Optional, Sequence, Set, Union

    from stackscope.model.snapshot import Node

    Progress = Optional[Callable[[float], object]]

__all__ = ["search"]

OURS = (
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

SHARE_OF_NEARBY = 0.2
"""How far the work is done before the whole heap is followed, if it has to be."""


def search(
    liveness: Liveness,
    undecided: Sequence[Node],
    nodes: Sequence[Node],
    progress: Progress,
) -> None:
    """Make live what can be woken by something live.

    Args:
        liveness: What is known to be live so far, to be changed.
        undecided: The tasks that are stuck, unless they can be woken.
        nodes: All nodes.
        progress: See `stackscope.diagnose`.
    """
    by_waker: Dict[int, List[Node]] = {}
    wakers: List[object] = []
    found: Optional[Sequence[object]] = None
    silent: Set[int] = set()
    closed: Set[int] = set()
    for node in undecided:
        task = object_of(node)
        found = wakers_of_task(task)
        keys = list(map(id, found))
        wakers += found
        for key in keys:
            by_waker.setdefault(key, []).append(node)
        if id(task) in keys:
            closed.update(keys)
            silent.update(map(id, ask_about(silent_about, task) or ()))
            silent.update(id(context.obj) for context in contexts_in(node.stack))
    task = found = None
    stuck = [node for node in nodes if liveness.is_stuck(node)]
    closed.update(id(obj) for node in stuck for obj in _parts_of(node))
    tasks = map(object_of, stuck)
    nearby = BackToRoots(wakers, tasks, closed, silent, OURS, _part(progress, 0.0, SHARE_OF_NEARBY))
    wakers.clear()  # a reference of ours would count as one of the program
    _settle(liveness, by_waker, nodes, nearby)
    if nearby.has_given_up:
        left = {key for key, some in by_waker.items() if any(map(liveness.is_stuck, some))}
        rest = _part(progress, SHARE_OF_NEARBY, 1.0)
        _settle(liveness, by_waker, nodes, Reachable(left, closed, silent, OURS, rest))


def _part(progress: Progress, first: float, last: float) -> Progress:
    """What tells of the progress of a part of the work."""
    if progress is None:
        return None
    tell = progress
    return lambda share: tell(first + (last - first) * share)


def _settle(
    liveness: Liveness,
    by_waker: Dict[int, List[Node]],
    nodes: Sequence[Node],
    heap: Union[BackToRoots, Reachable],
) -> None:
    """Make live what one of two ways to search the heap finds.

    Args:
        liveness: What is known to be live so far, to be changed.
        by_waker: By the ids of what wakes them: the tasks in question.
        nodes: All nodes.
        heap: Says what is reached.
    """
    try:
        heap.open(obj for node in nodes if not liveness.is_stuck(node) for obj in _parts_of(node))
        follow = heap.follow
        while True:
            live = liveness.begin(node for one in follow() for node in by_waker[one])
            heap.open(
                obj for node in live if not isinstance(node, Either) for obj in _parts_of(node)
            )
            if live:
                follow = heap.follow
            elif follow == heap.follow:
                follow = heap.follow_what_may_come_back
            else:
                return
    finally:
        heap.close()


def _parts_of(node: Node) -> Iterator[object]:
    """A task or the like with its frames, and what these run."""
    obj = object_of(node)
    if obj is not None:
        yield obj
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
