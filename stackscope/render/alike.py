"""Which tasks, greenlets and the like are alike, and so are drawn as one."""

from __future__ import annotations

from stackscope.model.snapshot import ItemNode, TaskNode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import (
        Callable,
        Dict,
        FrozenSet,
        Iterable,
        List,
        Sequence,
        Set,
        Tuple,
        TypeVar,
    )

    from stackscope.model.waiting import Waiting

    T = TypeVar("T")

MOST_COMPARED = 10
"""The most holders of a lock by which greenlets that wait for it are compared."""


def alike_keys(nodes: Iterable[TaskNode]) -> Dict[int, int]:
    """By the id of a node: equal for tasks that stand at the same lines, and so do all below them.

    They are in the same call. How their waits differ otherwise is what `wait_of_all` says.

    Args:
        nodes: All nodes, each before its children.
    """
    known: Dict[Tuple[object, ...], int] = {}
    keys: Dict[int, int] = {}
    every = list(nodes)
    awaited = _Awaited(every)
    for node in reversed(every):  # children come after their parents
        frames = tuple([(id(f.pyframe.f_code), f.lineno) for f in node.stack.frames])
        below = tuple(sorted({keys.get(id(child), -1) for child in node.children}))
        text = "" if node.waiting is None else node.waiting.text
        seen = (node.is_only_above, node.was_here)
        key = (node.state, frames, below, text, awaited.elsewhere(node), seen)
        keys[id(node)] = known.setdefault(key, len(known))
    return keys


class _Awaited:
    """Which tasks others wait for.

    Args:
        nodes: All nodes of a loop.
    """

    def __init__(self, nodes: Sequence[TaskNode]) -> None:
        self.tasks: Set[int] = {id(node.task) for node in nodes}
        self.counts: Dict[int, int] = {}
        """How many waits have a list in common, by its id."""
        self.known: Dict[Tuple[int, ...], Tuple[int, FrozenSet[int]]] = {}
        self.numbers: Dict[FrozenSet[int], int] = {}
        for node in nodes:
            for layer in () if node.waiting is None else node.waiting.layers():
                self.counts[id(layer.tasks)] = self.counts.get(id(layer.tasks), 0) + 1

    def elsewhere(self, node: TaskNode) -> Tuple[object, ...]:
        """Equal for those that wait for the same tasks, but for those drawn below them.

        Args:
            node: The task that waits.
        """
        if node.waiting is None:
            return ()
        lists = [layer.tasks for layer in node.waiting.layers() if layer.tasks]
        number, awaited = self._all_of(lists)
        below = awaited.intersection([id(child.task) for child in node.children])
        if not below:
            return (number,)
        if len(below) < len(awaited) and all(self.counts[id(tasks)] > 1 for tasks in lists):
            return (number, below)  # what is left would be as long for each that waits for them
        return (self._number_of(awaited - below),)

    def _all_of(self, lists: Sequence[List[object]]) -> Tuple[int, FrozenSet[int]]:
        """The tasks in some lists, with a number that stands for them."""
        key = tuple(map(id, lists))
        if key not in self.known:
            found = {id(task) for tasks in lists for task in tasks}
            awaited = frozenset(found & self.tasks)
            self.known[key] = self._number_of(awaited), awaited
        return self.known[key]

    def _number_of(self, awaited: FrozenSet[int]) -> int:
        return self.numbers.setdefault(awaited, len(self.numbers))


def ids_of_holders(waiting: Waiting) -> List[int]:
    """Equal for waits for what the same ones have."""
    if len(waiting.holders) > MOST_COMPARED:
        return [id(waiting.holders)]  # those who wait for the same lock have one list of them
    return list(map(id, waiting.holders))


def item_key(node: ItemNode) -> Tuple[object, ...]:
    """Equal for greenlets or the like that stand at the same lines and wait for the same thing.

    Those that have others below them are like nothing else.
    """
    frames = [(id(frame.pyframe.f_code), frame.lineno) for frame in node.stack.frames]
    waiting = node.waiting
    if waiting is None:
        awaited: Tuple[object, ...] = ()
    else:
        held = ids_of_holders(waiting)
        awaited = (waiting.text, id(waiting.lock), *held, *map(id, waiting.tasks))
    seen = (node.is_only_above, node.was_here, id(node) if node.children else 0)
    return (node.state, node.thread, tuple(frames), awaited, *seen)


def groups_of_alike(
    nodes: Sequence[T], key: Callable[[T], object], most_alone: int
) -> List[List[T]]:
    """The nodes in groups, in the order of the first ones.

    Args:
        nodes: The nodes.
        key: Gives what is equal for nodes that are alike.
        most_alone: More than that with the same key are one group; others are groups of one.
    """
    by_key: Dict[object, List[T]] = {}
    keys = [key(node) for node in nodes]
    for node, same in zip(nodes, keys):
        by_key.setdefault(same, []).append(node)
    groups: List[List[T]] = []
    for node, same in zip(nodes, keys):
        group = by_key[same]
        if len(group) <= most_alone:
            groups.append([node])
        elif group[0] is node:
            groups.append(group)
    return groups
