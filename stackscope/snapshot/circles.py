"""Circles: what waits for each other, and so for ever.

First all those are taken out that may go on some day; among the others those are a circle that can
be reached from each other. All of that is linear in the number of waits.
"""

from __future__ import annotations

from stackscope.snapshot.liveness import Liveness
from stackscope.snapshot.needs import All, Either, Needs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, Iterable, Iterator, List, Sequence, Set, Tuple

    from stackscope.model.snapshot import LoopNode, Node
    from stackscope.snapshot.needs import Vertex

    Edges = Callable[[Vertex], Sequence[Vertex]]

__all__ = ["find_circles", "in_order", "nodes_among", "parts_among"]


def find_circles(nodes: Sequence[Node], loops: Sequence[LoopNode]) -> List[List[Node]]:
    """The circles, each of them in the order in which its members wait for each other.

    Args:
        nodes: All tasks, threads and greenlets.
        loops: The loops of the tasks.
    """
    needs = Needs(nodes, loops)
    liveness = Liveness(needs.vertices, needs.edges_of)
    liveness.begin(vertex for vertex in needs.vertices if not needs.edges_of(vertex))
    stuck = liveness.stuck()
    return [in_order(part, needs.edges_of) for part in parts_among(stuck, needs.edges_of)]


def parts_among(stuck: Sequence[Vertex], edges_of: Edges) -> Iterator[List[Vertex]]:
    """The parts of some vertices that can be reached from each other (Tarjan, no recursion).

    A vertex by itself is one only if it waits for itself.
    """
    some = {id(vertex) for vertex in stuck}
    index: Dict[int, int] = {}
    low: Dict[int, int] = {}
    path: List[Vertex] = []
    on_path: Set[int] = set()
    work: List[Tuple[Vertex, Iterator[Vertex]]] = []

    def visit(vertex: Vertex) -> None:
        index[id(vertex)] = low[id(vertex)] = len(index)
        path.append(vertex)
        on_path.add(id(vertex))
        work.append((vertex, iter(_edges_among(some, vertex, edges_of))))

    for start in stuck:
        if id(start) not in index:
            visit(start)
        while work:
            vertex, others = work[-1]
            other = next(others, None)
            if other is None:
                work.pop()
                if work:
                    above = id(work[-1][0])
                    low[above] = min(low[above], low[id(vertex)])
                if low[id(vertex)] == index[id(vertex)]:
                    part = _take(path, on_path, vertex)
                    if len(part) > 1 or any(one is vertex for one in edges_of(vertex)):
                        yield part
            elif id(other) not in index:
                visit(other)
            elif id(other) in on_path:
                low[id(vertex)] = min(low[id(vertex)], index[id(other)])


def in_order(part: List[Vertex], edges_of: Edges) -> List[Node]:
    """A shortest circle through the first of some that can be reached from each other.

    All of them, where one of several would be enough for somebody: they all matter then.
    """
    if any(_is_choice(one) for one in part):
        return nodes_among(part)
    inside = {id(vertex) for vertex in part}
    first = part[0]
    before: Dict[int, Vertex] = {}
    todo = [first]
    for vertex in todo:
        for other in _next_among(inside, vertex, edges_of):
            if other is first:
                return nodes_among(_way_back(vertex, first, before))
            if id(other) not in before:
                before[id(other)] = vertex
                todo.append(other)
    return nodes_among(part)


def _is_choice(vertex: Vertex) -> bool:
    """Whether one of several is enough for a vertex."""
    return isinstance(vertex, Either) and not isinstance(vertex, All) and len(vertex.members) > 1


def _next_among(inside: Set[int], vertex: Vertex, edges_of: Edges) -> Iterator[Vertex]:
    """What a vertex waits for, those looked up that an `All` stands for: it is no step by itself.

    Each `All` is looked into once: who comes later finds nothing new there.
    """
    for other in _edges_among(inside, vertex, edges_of):
        if not isinstance(other, All):
            yield other
        else:
            inside.discard(id(other))
            yield from _edges_among(inside, other, edges_of)


def nodes_among(vertices: Iterable[Vertex]) -> List[Node]:
    """The tasks, threads and greenlets among some vertices."""
    return [one for one in vertices if not isinstance(one, Either)]


def _edges_among(some: Set[int], vertex: Vertex, edges_of: Edges) -> List[Vertex]:
    return [other for other in edges_of(vertex) if id(other) in some]


def _way_back(last: Vertex, first: Vertex, before: Dict[int, Vertex]) -> List[Vertex]:
    way = [last]
    while way[-1] is not first:
        way.append(before[id(way[-1])])
    return way[::-1]


def _take(path: List[Vertex], on_path: Set[int], first: Vertex) -> List[Vertex]:
    """The end of a path from ``first`` on, which it leaves."""
    part: List[Vertex] = []
    while not part or part[-1] is not first:
        part.append(path.pop())
        on_path.discard(id(part[-1]))
    part.reverse()
    return part
