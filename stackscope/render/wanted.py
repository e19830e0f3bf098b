"""Who waits for what something holds: what a wait says of its holders, read from the other end."""

from __future__ import annotations

from stackscope.model.snapshot import kind_of
from stackscope.render.drawing import Link
from stackscope.render.words import count, node_title, object_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, List, Sequence, Set

    from stackscope.model.snapshot import Node
    from stackscope.model.stacks import Context
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
        self._by_holder: Dict[int, List[Node]] = {}
        self._by_lock: Dict[int, List[Node]] = {}
        self._likely: Set[int] = set()
        for node in nodes:
            if node.waiting is None:
                continue
            holders = set(map(id, node.waiting.holders))
            for holder in holders:
                self._by_holder.setdefault(holder, []).append(node)
            if node.waiting.holders_are_likely:
                self._likely |= holders
            locks = {id(one.lock) for one in node.waiting.layers() if one.lock is not None}
            for lock in locks:
                self._by_lock.setdefault(lock, []).append(node)

    @property
    def holders(self) -> Set[int]:
        """The ids of the tasks, threads and the like that hold what others wait for."""
        return set(self._by_holder)

    def held(self, nodes: Sequence[Node]) -> Line:
        """What is added to the title of nodes: how many wait for what they hold."""
        waiters = self._waiters(nodes)
        if not waiters:
            return []
        is_likely = any(id(object_of(node)) in self._likely for node in nodes)
        verb = "probably holds" if is_likely else "holds"
        who = "it" if len(nodes) == 1 else "one of them"
        return [("alert", f", {_count(waiters)} for what {who} {verb}")]

    def names(self, nodes: Sequence[Node]) -> Line:
        """The names of those that wait for what nodes hold."""
        waiters = self._waiters(nodes)
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

    def _waiters(self, nodes: Sequence[Node]) -> List[Node]:
        found = [
            (id(one), one) for node in nodes for one in self._by_holder.get(id(object_of(node)), [])
        ]
        return list(dict(found).values())


def _count(nodes: Sequence[Node]) -> str:
    """How many wait: ``3 tasks and 1 thread wait``."""
    numbers: Dict[str, int] = {}
    for node in nodes:
        kind = kind_of(node)
        numbers[kind] = numbers.get(kind, 0) + 1
    words = " and ".join([count(number, kind) for kind, number in numbers.items()])
    return f"{words} {'waits' if len(nodes) == 1 else 'wait'}"
