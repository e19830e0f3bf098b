"""Circles: what waits for each other, and so for ever.

The tasks, threads and greenlets are the vertices of a graph. What waits for several things that all
have to happen has an edge to each; what needs only one of several, as one of the holders of a
semaphore that lets go of it, has an edge to an `_Either` which stands for these. First all those
are taken out that may go on some day; among the others those are a circle that can be reached from
each other. All of that is linear in the number of waits.
"""

from __future__ import annotations

from stackscope.extraction.codes import code_dispatch
from stackscope.model.snapshot import TaskNode, ThreadNode
from stackscope.safe.interruptions import attempt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Optional, Sequence, Set, Tuple, Union

    from stackscope.model.snapshot import LoopNode, Node
    from stackscope.model.stacks import Frame
    from stackscope.model.waiting import Waiting

    Vertex = Union[Node, "_Either"]

__all__ = ["find_circles", "runs_until"]


@code_dispatch(lambda frame: frame.pyframe.f_code)
def runs_until(frame: Frame) -> object:
    """Hook: the task that has to finish before a function returns that runs an event loop.

    Dispatches on the code of the function.

    Args:
        frame: The frame of the function.
    """


class _Either:
    """What something waits for if any of these is enough.

    Attributes:
        members: What may end the wait; a circle only if that is known of all who may.
    """

    __slots__ = ("members",)

    def __init__(self, members: List[Vertex]) -> None:
        self.members = members


def find_circles(nodes: Sequence[Node], loops: Sequence[LoopNode]) -> List[List[Node]]:
    """The circles, each of them in the order in which its members wait for each other.

    Args:
        nodes: All tasks, threads and greenlets.
        loops: The loops of the tasks.
    """
    graph = _Graph(nodes)
    graph.add_hosts(loops)
    for node in nodes:
        graph.add(node)
    return graph.circles()


class _Graph:
    """The vertices, and what each of them waits for."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.by_object = {id(_object_of(node)): node for node in nodes}
        self.by_object.pop(id(None), None)
        self.threads = [node for node in nodes if isinstance(node, ThreadNode)]
        names: Dict[str, List[ThreadNode]] = {}
        for thread in self.threads:
            names.setdefault(thread.name, []).append(thread)
        self.by_name = {name: found[0] for name, found in names.items() if len(found) == 1}
        self.host: Dict[int, Node] = {}
        self.edges: Dict[int, List[Vertex]] = {}
        self.vertices: List[Vertex] = []
        self.lists: Dict[int, _Either] = {}

    def add_hosts(self, loops: Sequence[LoopNode]) -> None:
        """Find out which task has each thread now. All others of its loop wait for that."""
        running = {
            id(node.stack.frames[0].pyframe): (node, loop)
            for loop in loops
            for node in loop.walk()
            if node.state in ("running", "starting") and node.stack.frames
        }
        hosts: List[Tuple[ThreadNode, Node, List[Tuple[TaskNode, LoopNode]]]] = []
        for thread in self.threads:
            inside: List[Tuple[TaskNode, LoopNode]] = []
            actor: Node = thread
            for frame in thread.stack.frames:
                entry = running.get(id(frame.pyframe))
                if entry is not None:
                    self.edges.setdefault(id(actor), []).append(entry[0])
                    actor = entry[0]
                    inside.append(entry)
                elif runs_until.for_code(frame.pyframe.f_code) is not None:
                    node = self.by_object.get(id(attempt(None, runs_until, frame)))
                    if node is not None:
                        self.edges.setdefault(id(actor), []).append(node)
            if actor is not thread:
                self.host[id(thread)] = actor
                hosts.append((thread, actor, inside))
        for thread, actor, inside in hosts:  # they may wait for each other: all are known now
            self._add_waits(actor, thread.waiting)
            for node, loop in inside:
                for other in loop.walk() if self.edges.get(id(node)) else ():
                    if other is not node and other.state not in ("running", "starting"):
                        self.edges.setdefault(id(other), []).append(node)

    def add(self, node: Node) -> None:
        """A vertex with its edges."""
        if id(node) in self.host:
            return  # the task that has the thread stands for it
        self.vertices.append(node)
        self._add_waits(node, node.waiting)

    def _add_waits(self, node: Node, waiting: Optional[Waiting]) -> None:
        if waiting is None:
            return
        edges = self.edges.setdefault(id(node), [])
        layers = list(waiting.layers())
        for layer in layers:
            if layer.tasks or layer.parts:
                described = {id(part.obj) for part in layer.parts}
                tasks = [self._vertex(task) for task in layer.tasks if id(task) not in described]
                parts = [self._of_part(part) for part in layer.parts]
                self._add_some(edges, [*tasks, *parts], layer.needs_all)
                break
        if waiting.holders:
            edges.append(self._holders(waiting.holders))
        for layer in layers:
            if layer.workers:
                self._add_some(edges, [self._of_workers(layer.workers)], needs_all=True)
                break
            if any(id(task) in self.by_object for task in layer.tasks):
                break
            thread = self.by_name.get(layer.thread or layer.loop_thread or "")
            # A loop begins with it as soon as no task blocks it.
            if thread is not None and (layer.thread is not None or id(thread) in self.host):
                edges.append(self._standing_for(thread))
                break

    def _of_part(self, part: Waiting) -> Optional[Vertex]:
        """What stands for one of several that something waits for at the same time."""
        for layer in part.layers():
            if layer.workers:
                return self._of_workers(layer.workers)
            if len(layer.tasks) == 1:
                return self._vertex(layer.tasks[0])
        return None

    def _of_workers(self, workers: List[object]) -> Optional[Vertex]:
        """Any of the workers of a pool may begin with a call, once it is done with its own one."""
        found = [self._vertex(worker) for worker in workers]
        known: List[Vertex] = [one for one in found if one is not None]
        if len(known) < len(found):
            return None
        return known[0] if len(known) == 1 else self._either(known)

    def _add_some(
        self, edges: List[Vertex], targets: Sequence[Optional[Vertex]], needs_all: bool
    ) -> None:
        """Edges to all of several targets, as far as they are known, or to any of them."""
        known: List[Vertex] = [target for target in targets if target is not None]
        if needs_all or len(targets) == 1:
            edges += known
        elif len(known) == len(targets):
            edges.append(self._either(known))

    def _holders(self, holders: List[object]) -> _Either:
        """Who has a lock: those who wait for it have one list in common."""
        known = self.lists.get(id(holders))
        if known is None:
            members = [self._vertex(holder) for holder in holders]
            found: List[Vertex] = [member for member in members if member is not None]
            # Somebody who isn't known may let go of it.
            known = self._either(found if len(found) == len(members) else [])
            self.lists[id(holders)] = known
        return known

    def _either(self, members: List[Vertex]) -> _Either:
        either = _Either(members)
        self.vertices.append(either)
        self.edges[id(either)] = members
        return either

    def _vertex(self, obj: object) -> Optional[Node]:
        """What stands for a task, a thread or a greenlet."""
        node = self.by_object.get(id(obj))
        return None if node is None else self._standing_for(node)

    def _standing_for(self, node: Node) -> Node:
        return self.host.get(id(node), node)

    # ----------------------------------------------------------- circles

    def circles(self) -> List[List[Node]]:
        """See `find_circles`."""
        stuck = self._stuck()
        return [
            [one for one in self._in_order(part) if not isinstance(one, _Either)]
            for part in self._parts(stuck)
        ]

    def _stuck(self) -> Set[int]:
        """The vertices that can't go on, whatever the others do: all but those that may."""
        waits_for: Dict[int, int] = {}
        awaited_by: Dict[int, List[Vertex]] = {}
        free: List[Vertex] = []
        for vertex in self.vertices:
            edges = self.edges.get(id(vertex), ())
            waits_for[id(vertex)] = len(edges)
            for other in edges:
                awaited_by.setdefault(id(other), []).append(vertex)
            if not edges:
                free.append(vertex)
        stuck = set(waits_for)
        while free:
            vertex = free.pop()
            if id(vertex) not in stuck:
                continue
            stuck.discard(id(vertex))
            for other in awaited_by.get(id(vertex), ()):
                waits_for[id(other)] -= 1
                if isinstance(other, _Either) or not waits_for[id(other)]:
                    free.append(other)
        return stuck

    def _parts(self, stuck: Set[int]) -> Iterator[List[Vertex]]:
        """The vertices that can be reached from each other (Tarjan, without recursion)."""
        index: Dict[int, int] = {}
        low: Dict[int, int] = {}
        path: List[Vertex] = []
        on_path: Set[int] = set()
        work: List[Tuple[Vertex, Iterator[Vertex]]] = []

        def visit(vertex: Vertex) -> None:
            index[id(vertex)] = low[id(vertex)] = len(index)
            path.append(vertex)
            on_path.add(id(vertex))
            work.append((vertex, iter(self._edges_among(stuck, vertex))))

        for start in self.vertices:
            if id(start) in stuck and id(start) not in index:
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
                        if len(part) > 1 or any(
                            one is vertex for one in self._edges_among(stuck, vertex)
                        ):
                            yield part
                elif id(other) not in index:
                    visit(other)
                elif id(other) in on_path:
                    low[id(vertex)] = min(low[id(vertex)], index[id(other)])

    def _edges_among(self, some: Set[int], vertex: Vertex) -> List[Vertex]:
        return [other for other in self.edges.get(id(vertex), ()) if id(other) in some]

    def _in_order(self, part: List[Vertex]) -> List[Vertex]:
        """A shortest circle through the first of some that can be reached from each other.

        All of them, where one of several would be enough for somebody: they all matter then.
        """
        inside = {id(vertex) for vertex in part}
        if any(isinstance(one, _Either) and len(one.members) > 1 for one in part):
            return part
        first = part[0]
        before: Dict[int, Vertex] = {}
        todo = [first]
        for vertex in todo:
            for other in self._edges_among(inside, vertex):
                if other is first:
                    return _way_back(vertex, first, before)
                if id(other) not in before:
                    before[id(other)] = vertex
                    todo.append(other)
        return part


def _object_of(node: Node) -> object:
    if isinstance(node, TaskNode):
        return node.task
    return node.thread if isinstance(node, ThreadNode) else node.item


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
