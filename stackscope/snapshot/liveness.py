"""What can go on, and what can't: a fixed point over who needs whom.

A vertex is live if all that it needs is live, and an `Either` if one of its members is, unless it
is an `All`. What is live from the start is said by who asks; the rest is stuck. See docs/why.rst
for the whole method.
"""

from __future__ import annotations

from copy import copy

from stackscope.snapshot.needs import All, Either

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, Iterable, List, Sequence

    from stackscope.snapshot.needs import Vertex

__all__ = ["Liveness"]


class Liveness:
    """Which of some vertices are live. All its work is linear in the number of the edges.

    Args:
        vertices: All vertices.
        edges_of: What each of them needs.
    """

    def __init__(
        self, vertices: Sequence[Vertex], edges_of: Callable[[Vertex], Sequence[Vertex]]
    ) -> None:
        self._left: Dict[int, int] = {}
        self._needed_by: Dict[int, List[Vertex]] = {}
        self._stuck = {id(vertex): vertex for vertex in vertices}
        for vertex in vertices:
            edges = edges_of(vertex)
            self._left[id(vertex)] = len(edges)
            for other in edges:
                self._needed_by.setdefault(id(other), []).append(vertex)

    def copy(self) -> Liveness:
        """Another one, for which something else may be taken as live."""
        other = copy(self)
        other._left, other._stuck = dict(self._left), dict(self._stuck)
        return other

    def begin(self, vertices: Iterable[Vertex]) -> List[Vertex]:
        """Take some vertices as live, and so those that need no others.

        Returns:
            All that are live by that, and weren't before.
        """
        free = list(vertices)
        found: List[Vertex] = []
        while free:
            vertex = free.pop()
            if self._stuck.pop(id(vertex), None) is None:
                continue
            found.append(vertex)
            for other in self._needed_by.get(id(vertex), ()):
                self._left[id(other)] -= 1
                if not self._left[id(other)] or _is_any_enough(other):
                    free.append(other)
        return found

    def is_stuck(self, vertex: Vertex) -> bool:
        """Whether nothing has made a vertex live so far."""
        return id(vertex) in self._stuck

    def stuck(self) -> List[Vertex]:
        """The vertices that nothing has made live so far, in their order."""
        return list(self._stuck.values())


def _is_any_enough(vertex: Vertex) -> bool:
    return isinstance(vertex, Either) and not isinstance(vertex, All)
