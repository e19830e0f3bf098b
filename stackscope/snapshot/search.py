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
from stackscope.snapshot.hidden import Hidden, frames_of
from stackscope.snapshot.inside import contexts_in, object_of
from stackscope.snapshot.liveness import Liveness
from stackscope.snapshot.needs import Either, Needs
from stackscope.snapshot.stillness import Stillness
from stackscope.snapshot.waits import ask_about
from stackscope.snapshot.waking import belongings_of, companions_of, silent_about, wakers_of_node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Set, Union

    from stackscope.interpreter.reachable import Progress
    from stackscope.model.snapshot import Node
    from stackscope.snapshot.needs import Vertex


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

SHARE_OF_NEARBY = 0.2
"""How far the work is done before the whole heap is followed, if it has to be."""


def search(
    liveness: Liveness,
    wakers: Mapping[int, Sequence[int]],
    nodes: Sequence[Node],
    progress: Progress,
) -> List[Vertex]:
    """Make live what can be woken by something live.

    Args:
        liveness: What is known to be live so far, to be changed.
        wakers: By the id of a node that is stuck unless it can be woken: the ids of what wakes it.
        nodes: All nodes.
        progress: See `stackscope.diagnose`.

    Returns:
        What is stuck unless somebody takes what they need out of a traceback.
    """
    by_waker: Dict[int, List[Node]] = {}
    silent: Set[int] = set()
    closed: Set[int] = set()
    for node in nodes:
        task = object_of(node)
        # By their ids alone: a reference of ours would count as one of the program.
        keys = wakers.get(id(node), ())
        for key in keys:
            by_waker.setdefault(key, []).append(node)
        if id(task) in keys:
            closed.update(keys)
            silent.update(map(id, ask_about(silent_about, task) or ()))
            silent.update(id(context.obj) for context in contexts_in(node.stack))
    task = None
    stuck = [node for node in nodes if liveness.is_stuck(node)]
    closed.update(id(obj) for node in stuck for obj in _parts_of(node))
    # The frames of a thread that runs a loop go on, whatever the task that it is for waits for.
    waiting = [node for node in stuck if node.waiting is not None]
    hidden = Hidden([node for node in waiting if not isinstance(node, TaskNode)])
    wanted = set(by_waker)
    if not hidden.references:  # only the other way is told of these
        objects = _objects_among(wanted, stuck)
        part = _part(progress, 0.0, SHARE_OF_NEARBY)
        nearby = BackToRoots(objects, map(object_of, stuck), closed, silent, OURS, part)
        found = _spread(liveness, nearby, by_waker, nodes)
        if not nearby.has_given_up:
            return found
        wanted = {key for key, some in by_waker.items() if any(map(liveness.is_stuck, some))}
        progress = _part(progress, SHARE_OF_NEARBY, 1.0)
    whole = Reachable(wanted, closed, silent, OURS, hidden.references, progress)
    return _spread(liveness, whole, by_waker, nodes)


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


def _spread(
    liveness: Liveness,
    heap: Union[BackToRoots, Reachable],
    by_waker: Mapping[int, Sequence[Node]],
    nodes: Sequence[Node],
) -> List[Vertex]:
    """Make live what one of two ways to search the heap reaches, and what that leads to.

    Args:
        liveness: What is known to be live so far, to be changed.
        heap: Says what is reached.
        by_waker: By the ids of what wakes them: the nodes in question.
        nodes: All nodes.

    Returns:
        What `search` does.
    """
    but_for_tracebacks: Optional[List[Vertex]] = None
    steps = (heap.follow, heap.follow_what_may_come_back, heap.follow_tracebacks)
    done = 0
    try:
        for node in nodes:
            if liveness.is_stuck(node):
                heap.add_roots(_belongings(node))
        heap.open(obj for node in nodes if not liveness.is_stuck(node) for obj in _parts_of(node))
        while done < len(steps):
            if steps[done] == heap.follow_tracebacks and but_for_tracebacks is None:
                but_for_tracebacks = liveness.stuck()
            live = liveness.begin(node for one in steps[done]() for node in by_waker[one])
            heap.open(
                obj for node in live if not isinstance(node, Either) for obj in _parts_of(node)
            )
            done = 0 if live else done + 1
    finally:
        heap.close()
    return but_for_tracebacks or []


def _belongings(node: Node) -> List[object]:
    """What anybody has who has a task or the like, which no variable of the caller keeps."""
    obj = object_of(node)
    found = [ask_about(belongings_of, one) for one in (obj, *(ask_about(companions_of, obj) or ()))]
    return [belonging for each in found for belonging in each or ()]


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
