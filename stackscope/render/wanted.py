"""Who waits for what something holds: what a wait says of its holders, read from the other end."""

from __future__ import annotations

from stackscope.model.snapshot import kind_of
from stackscope.render.drawing import Link
from stackscope.render.words import count, node_title, object_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, List, Sequence, Set, Tuple

    from stackscope.model.snapshot import Node
    from stackscope.model.stacks import Context
    from stackscope.model.waiting import Waiting
    from stackscope.render.drawing import Line

__all__ = ["Wanted"]

MOST_NAMED = 10
"""The most that are named of those that wait for what one thing holds."""


class Wanted:
    """What others wait for, and who those are.

    Args:
        nodes: All that may wait.

    Attributes:
        holders: The ids of the tasks, threads and the like that hold it.
    """

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._groups: Dict[int, Tuple[List[object], List[Node]]] = {}
        """By the id of a list of holders: that, and those that wait for what they have."""
        self._by_holder: Dict[int, List[int]] = {}
        self._by_lock: Dict[int, List[Node]] = {}
        self._likely: Set[int] = set()
        self._words: Dict[Tuple[int, ...], str] = {}
        for node in nodes:
            if node.waiting is None:
                continue
            if node.waiting.holders:
                self._add(node, node.waiting)
            locks = {id(one.lock) for one in node.waiting.layers() if one.lock is not None}
            for lock in locks:
                self._by_lock.setdefault(lock, []).append(node)

    def _add(self, node: Node, waiting: Waiting) -> None:
        """Take note of who has what a node waits for."""
        key = id(waiting.holders)
        if key not in self._groups:
            self._groups[key] = waiting.holders, []
            holders = set(map(id, waiting.holders))
            for holder in holders:
                self._by_holder.setdefault(holder, []).append(key)
            if waiting.holders_are_likely:
                self._likely |= holders
        self._groups[key][1].append(node)

    @property
    def holders(self) -> Set[int]:
        """The ids of the tasks, threads and the like that hold what others wait for."""
        return set(self._by_holder)

    def held(self, nodes: Sequence[Node]) -> Line:
        """What is added to the title of nodes: how many wait for what they hold."""
        keys = self._keys(nodes)
        if not keys:
            return []
        if keys not in self._words:  # what many hold may be wanted by many
            self._words[keys] = _count(self._waiters(keys))
        is_likely = any(id(object_of(node)) in self._likely for node in nodes)
        verb = "probably holds" if is_likely else "holds"
        who = "it" if len(nodes) == 1 else "one of them"
        return [("alert", f", {self._words[keys]} for what {who} {verb}")]

    def names(self, nodes: Sequence[Node]) -> Line:
        """The names of those that wait for what nodes hold."""
        waiters = self._waiters(self._keys(nodes))
        line: Line = []
        for node in waiters[:MOST_NAMED]:
            comma = [("note", ", ")] if line else []
            line += [*comma, ("note", Link(node_title(node), object_of(node)))]
        left = len(waiters) - MOST_NAMED
        return [*line, ("note", f" and {left} more")] if left > 0 else line

    def active(self, context: Context) -> Line:
        """What is added to a context that is active: how many wait for its object."""
        waiters = self._by_lock.get(id(context.obj), [])
        if not waiters or context.is_past or context.is_exiting:
            return []
        return [("alert", f", {_count(waiters)} for it")]

    def _keys(self, nodes: Sequence[Node]) -> Tuple[int, ...]:
        """What stands for those that wait for what nodes hold."""
        keys = [key for node in nodes for key in self._by_holder.get(id(object_of(node)), ())]
        return tuple(dict.fromkeys(keys))

    def _waiters(self, keys: Sequence[int]) -> List[Node]:
        return [node for key in keys for node in self._groups[key][1]]


def _count(nodes: Sequence[Node]) -> str:
    """How many wait: ``3 tasks and 1 thread wait``."""
    numbers: Dict[str, int] = {}
    for node in nodes:
        kind = kind_of(node)
        numbers[kind] = numbers.get(kind, 0) + 1
    words = " and ".join([count(number, kind) for kind, number in numbers.items()])
    return f"{words} {'waits' if len(nodes) == 1 else 'wait'}"
