"""Of those who may end a wait by what they have: the ones that don't need its end themselves.

Many may wait for the same, and as many may end that. They share a list, so all of the work is
linear in their number. Only what waits for something that others need to end has a list of its
own. The number of these lists is bounded by the size of the program.
"""

from __future__ import annotations

from stackscope.snapshot.needs import Either
from stackscope.snapshot.survey import unique
from stackscope.snapshot.users import Users

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, FrozenSet, Iterable, List, Mapping, Optional, Sequence, Set, Tuple

    from stackscope.model.snapshot import Node
    from stackscope.snapshot.needs import Vertex

__all__ = ["Helpers", "above"]

MOST_IN_LISTS = 40_000
"""How many entries the lists for the same may have together, however few it is that wait."""

MOST_STEPS = 50_000
"""How many steps may be taken to those that need others to end, however few there are."""

TIMES_AS_MANY = 10
"""For each node, both limits grow by this number."""


class Helpers:
    """Who may end the waits of nodes, as far as others don't need these to end.

    Args:
        host: By the id of a thread's node: the task that stands for it.
        needed_by: By the id of a vertex: those that need it.
        count: How many vertices there are.
    """

    def __init__(
        self, host: Mapping[int, Node], needed_by: Mapping[int, Sequence[Vertex]], count: int
    ) -> None:
        self._host = host
        self._needed_by = needed_by
        self._steps = MOST_STEPS + TIMES_AS_MANY * count
        self._above: Dict[Tuple[int, ...], FrozenSet[int]] = {}

    def among(
        self, users: Mapping[int, Users], waiting: Iterable[Node], *, and_later: bool = False
    ) -> Dict[int, Users]:
        """By the ids of nodes that wait: who is left, if anybody is.

        Where that takes too long to find out, nobody is said to be: then it is unknown who ends the
        wait, and nothing is concluded from it.

        Args:
            users: By the ids of nodes: who has what they wait for. Those that wait for the same
                have that in common.
            waiting: The nodes.
            and_later: Whether those are left, too, who need the one that waits to end before.
        """
        groups: Dict[int, List[Node]] = {}
        for node in waiting:
            if id(node) in users:
                groups.setdefault(id(users[id(node)]), []).append(node)
        found: Dict[int, Users] = {}
        for nodes in groups.values():
            whole = self._standing_for(users[id(nodes[0])])
            self._add_left(found, whole, nodes, and_later)
        return found

    def _standing_for(self, users: Users) -> Users:
        """What stands for some nodes, each once."""
        return Users(*map(self._hosts_of, (users.all, users.near)))

    def _hosts_of(self, nodes: Sequence[Node]) -> List[Node]:
        return unique(self._host.get(id(node), node) for node in nodes)

    def _add_left(
        self, found: Dict[int, Users], whole: Users, nodes: Sequence[Node], and_later: bool
    ) -> None:
        """Add who is left of some for all that wait for the same."""
        some = {id(node) for node in whole.all}
        by_lacking: Dict[FrozenSet[int], List[Node]] = {}
        for node in nodes:
            lacking = self._lacking(node, some, and_later)
            if lacking is not None and len(lacking) < len(some):
                by_lacking.setdefault(lacking, []).append(node)
        most = MOST_IN_LISTS + TIMES_AS_MANY * (len(nodes) + len(some))
        is_whole_enough = False
        if len(by_lacking) * len(some) > most:
            # With a list of their own, too, two that lack different ones would lead to each other.
            if _are_two_apart(by_lacking):
                is_whole_enough = True
            else:
                by_lacking = {key: alike for key, alike in by_lacking.items() if not key}
        for lacking, alike in by_lacking.items():
            left = whole if is_whole_enough or not lacking else _without(whole, lacking)
            found.update((id(node), left) for node in alike)

    def _lacking(self, node: Node, some: Set[int], and_later: bool) -> Optional[FrozenSet[int]]:
        """Those of some who need a node to end, itself among them; ``None`` if there are too many.

        Args:
            node: The node.
            some: The ids of those that are asked about.
            and_later: Whether to give only the node itself.
        """
        found: FrozenSet[int] = frozenset()
        if not and_later:
            needing = self._needing(node)
            if needing is None:
                return None
            found = needing & some
        if id(node) in some:
            self._steps -= len(found)
            found |= {id(node)}
        return found

    def _needing(self, node: Node) -> Optional[FrozenSet[int]]:
        """The ids of all that need a node to end; the same set for nodes that the same need."""
        needed_by = self._needed_by.get(id(node), ())
        key = tuple(map(id, needed_by))
        known = self._above.get(key)
        if known is None:
            if self._steps <= 0:
                return None
            found = above([node], self._needed_by, is_end_enough=True, most=self._steps)
            self._steps -= len(key) + len(found)
            if self._steps <= 0:
                return None
            known = self._above[key] = frozenset(map(id, found))
        return known


def above(
    some: Sequence[Node],
    needed_by: Mapping[int, Sequence[Vertex]],
    *,
    is_end_enough: bool,
    most: Optional[int] = None,
) -> List[Vertex]:
    """All that need some nodes, in turn or directly.

    Args:
        some: The nodes.
        needed_by: By the id of a vertex: those that need it.
        is_end_enough: Only those that need them to end, not to let go of something.
        most: End once this number is found.
    """
    found: Dict[int, Vertex] = {}
    todo: List[Vertex] = [*some]
    while todo and (most is None or len(found) < most):
        for vertex in needed_by.get(id(todo.pop()), ()):
            is_end = not isinstance(vertex, Either) or vertex.obj is None
            if id(vertex) not in found and (is_end or not is_end_enough):
                found[id(vertex)] = vertex
                todo.append(vertex)
    return list(found.values())


def _are_two_apart(by_lacking: Iterable[FrozenSet[int]]) -> bool:
    """Whether there are two sets, not empty, that have nothing in common."""
    sets = [one for one in by_lacking if one]
    least = min(sets, key=len, default=frozenset())
    return any(map(least.isdisjoint, sets))


def _without(users: Users, lacking: FrozenSet[int]) -> Users:
    return Users(
        *([one for one in each if id(one) not in lacking] for each in (users.all, users.near))
    )
