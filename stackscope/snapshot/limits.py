"""Which waits end by themselves after some time, or are cancelled then."""

from __future__ import annotations

from stackscope.interpreter.frames.blocking import may_give_up
from stackscope.interpreter.frames.variables import local_value
from stackscope.model.snapshot import TaskNode, ThreadNode
from stackscope.safe.interruptions import attempt
from stackscope.snapshot.inside import contexts_within, object_of
from stackscope.snapshot.user_code import is_runtime_frame
from stackscope.snapshot.waking import limits_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Dict, List, Mapping, Sequence, Set

    from stackscope.model.snapshot import Node
    from stackscope.model.waiting import Waiting

__all__ = ["limited_nodes"]

VARIABLES = ("timeout", "endtime")
"""What functions of the standard library call the time that they may take, or its end."""


def limited_nodes(nodes: Sequence[Node], by_object: Mapping[int, Node]) -> Set[int]:
    """The ids of the nodes whose wait has an end in time, or that something cancels then.

    A task that is cancelled cancels what it waits for, and what it has started in task groups. So
    all these count as well. A time limit within the block of a group doesn't end the group.

    Args:
        nodes: All nodes.
        by_object: The nodes, by the ids of their tasks and the like.
    """
    found: Set[int] = set()
    cancelled: List[Node] = []
    seen_lists: Set[int] = set()
    for node in nodes:
        layers = [] if node.waiting is None else list(node.waiting.layers())
        if any(map(_ends, layers)):
            found.add(id(node))
        if any(layer.is_time_limit and _ends(layer) for layer in layers):
            cancelled += _awaited_by(node, by_object, seen_lists)
        if isinstance(node, ThreadNode) and attempt(True, may_time_out, node):
            found.add(id(node))
    tasks = [object_of(node) for node in nodes if not isinstance(node, ThreadNode)]
    for limit in limits_of(tasks):
        limited = by_object.get(id(limit.task))
        if limited is not None:
            found.add(id(limited))
            if limit.spreads:
                cancelled += _children_inside(limited, limit.by)
                cancelled += _awaited_by(limited, by_object, seen_lists)
    return found | _all_cancelled(cancelled, by_object, seen_lists)


def _all_cancelled(
    cancelled: List[Node], by_object: Mapping[int, Node], seen_lists: Set[int]
) -> Set[int]:
    """The ids of nodes that are cancelled, and of what is cancelled with them."""
    seen: Dict[int, Node] = {}
    while cancelled:
        node = cancelled.pop()
        if id(node) not in seen:
            seen[id(node)] = node
            cancelled += _children_inside(node, ())
            cancelled += _awaited_by(node, by_object, seen_lists)
    return set(seen)


def _awaited_by(node: Node, by_object: Mapping[int, Node], seen_lists: Set[int]) -> List[Node]:
    """The tasks that something waits for, but for lists of them that were given before."""
    found: List[Node] = []
    for layer in () if node.waiting is None else node.waiting.layers():
        if id(layer.tasks) not in seen_lists:  # many may wait for the same ones
            seen_lists.add(id(layer.tasks))
            found += [by_object[id(task)] for task in layer.tasks if id(task) in by_object]
    return found


def _children_inside(node: Node, by: Sequence[object]) -> Sequence[Node]:
    """What a task has started, but for groups around all of some context managers."""
    if not isinstance(node, TaskNode):
        return ()
    limits = {id(one) for one in by}
    outside: Set[int] = set()
    for frame in node.stack.frames if limits and node.children else ():
        for context in frame.contexts:
            objects = {id(one.obj) for one in contexts_within(context)}
            if not limits.isdisjoint(objects):
                return [child for child in node.children if id(child.owner) not in outside]
            outside |= objects
    return node.children


def _ends(layer: Waiting) -> bool:
    """Whether time will be up for a wait."""
    return layer.seconds_left is not None or layer.deadline is not None


def may_time_out(node: ThreadNode) -> bool:
    """Whether a thread waits for some time only, as far as its frames show."""
    is_users = True
    for frame in reversed(node.stack.frames):
        if not is_runtime_frame(frame.pyframe):
            break
        is_users = False
        if _has_limit(frame.pyframe):
            return True
    if not is_users or node.waiting is None or not node.stack.frames:
        return False
    return may_give_up(node.stack.frames[-1].pyframe)


def _has_limit(frame: FrameType) -> bool:
    for name in VARIABLES:
        found, value = local_value(frame, name)
        if found and value is not None and not (type(value) is int and value == -1):
            return True
    return False
