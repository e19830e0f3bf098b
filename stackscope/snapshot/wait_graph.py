"""Who waits for whom: holders of locks, tasks below those that await them, circles."""

from __future__ import annotations

from stackscope.model.snapshot import ThreadNode
from stackscope.snapshot.lent import Borrowers
from stackscope.snapshot.survey import unique
from stackscope.snapshot.threads import thread_that_has

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Mapping, Set, Tuple, Union

    from stackscope.model.snapshot import LoopNode, TaskNode
    from stackscope.model.stacks import Stack
    from stackscope.snapshot.inside import Inside

    Vertex = Union[TaskNode, List[object]]
    """A task, or the holders of a lock: those who wait for it have the list in common."""

__all__ = ["WaitGraph"]

DEEPEST_AWAITED = 20
"""The longest chain of tasks awaiting each other that is drawn nested."""


class WaitGraph:
    """What the waits of tasks say about other tasks.

    All its work is linear in the number of these waits.

    Args:
        nodes: All tasks, by the ids of the task objects.
        threads: All threads.
        inside: The contexts that are active for each object.
    """

    def __init__(
        self, nodes: Mapping[int, TaskNode], threads: List[ThreadNode], inside: Inside
    ) -> None:
        self.nodes = nodes
        self.threads = threads
        self.inside = inside
        self.holders: Dict[int, List[object]] = {}
        self.borrowers = Borrowers(self._stacks())

    # ----------------------------------------------------------------- locks

    def name_holders(self) -> None:
        """Say who holds each lock that a task waits for, unless its library knows that itself."""
        nodes: List[Union[TaskNode, ThreadNode]] = [*self.nodes.values(), *self.threads]
        for node in nodes:
            waiting = node.waiting
            if waiting is None or waiting.lock is None or waiting.holders:
                continue
            key = id(waiting.lock)
            if key not in self.holders:
                self.holders[key] = self._holders_of(waiting.lock)
            waiting.holders = self.holders[key]

    def _holders_of(self, lock: object) -> List[object]:
        """The tasks and threads that are inside a ``with`` or ``async with`` of a lock."""
        owner = thread_that_has(lock)
        if owner is not None:
            return [owner]
        found = [
            node.thread if isinstance(node, ThreadNode) else node.task
            for context, node in self.inside.of(lock)
            if not context.is_exiting and not self._has_let_go(node, lock)
        ]
        return unique([holder for holder in found or self.borrowers.of(lock) if holder is not None])

    def _stacks(self) -> Iterator[Tuple[object, Stack]]:
        for task in sorted(self.nodes.values(), key=lambda node: node.number):
            yield task.task, task.stack
        for thread in self.threads:
            yield thread.thread, thread.stack

    def _has_let_go(self, node: Union[TaskNode, ThreadNode], lock: object) -> bool:
        """Whether something waits to be notified of a condition, and so has let go of its lock."""
        waiting = node.waiting
        layers = [] if waiting is None else waiting.layers()
        return any(self.inside.lock_of_condition(layer.obj) is lock for layer in layers)

    # -------------------------------------------------------- awaited tasks

    def hang_awaited(self, loops: List[LoopNode]) -> None:
        """Hang the tasks that nothing owns under the first ones that await or start them.

        Those that await a task of another loop only name it: it stays in its own loop.
        """
        loop_of = {id(node): id(loop) for loop in loops for node in loop.walk()}
        awaited_by = {}
        for node in self.nodes.values():
            others = self._known(_awaited(node))
            others = [one for one in others if loop_of.get(id(one)) == loop_of.get(id(node))]
            if others:
                awaited_by[id(node)] = others
        if not awaited_by:
            return
        free = {id(node) for loop in loops for node in loop.tasks if node.owner is None}
        awaited = {
            id(other) for key, others in awaited_by.items() for other in others if id(other) != key
        }
        awaited &= free
        seen: Set[int] = set()
        for is_last_resort in (False, True):  # then only those are left that wait in a circle
            for loop in loops:
                for node in loop.tasks:
                    if id(node) not in seen and (is_last_resort or id(node) not in awaited):
                        self._hang_below(node, awaited_by, free, seen)
        for loop in loops:
            loop.tasks = [node for node in loop.tasks if not node.is_awaited]

    def _hang_below(
        self,
        top: TaskNode,
        awaited_by: Mapping[int, List[TaskNode]],
        free: Set[int],
        seen: Set[int],
    ) -> None:
        todo = [(top, 0)]
        seen.add(id(top))
        while todo:
            node, depth = todo.pop()
            seen.update(map(id, node.children))
            owned = [(child, depth) for child in node.children]
            awaited = []
            if depth < DEEPEST_AWAITED:
                for other in awaited_by.get(id(node), ()):
                    if id(other) in free and id(other) not in seen:
                        seen.add(id(other))
                        awaited.append(other)
            for other in awaited:
                other.is_awaited = True
            node.children = [*node.children, *awaited] if awaited else node.children
            todo += [(child, depth + 1) for child in reversed(awaited)]
            todo += reversed(owned)

    def _known(self, tasks: List[object]) -> List[TaskNode]:
        found = [self.nodes.get(id(task)) for task in tasks]
        return [node for node in found if node is not None]

    # --------------------------------------------------------------- circles

    def _waits_for(self, vertex: Vertex) -> List[Vertex]:
        """The tasks that a task waits for; the holders of a lock are a vertex of their own."""
        if isinstance(vertex, list):
            return [*self._known(vertex)]
        waiting = vertex.waiting
        if waiting is None:
            return []
        found: List[Vertex] = [*self._known(waiting.tasks)]
        return [*found, waiting.holders] if waiting.holders else found

    def cycles(self) -> List[List[TaskNode]]:
        """Tasks that wait for each other in a circle (Tarjan's algorithm, without recursion)."""
        found: List[List[TaskNode]] = []
        index: Dict[int, int] = {}
        low: Dict[int, int] = {}
        path: List[Vertex] = []
        on_path: Set[int] = set()
        work: List[Tuple[Vertex, Iterator[Vertex]]] = []

        def visit(vertex: Vertex) -> None:
            index[id(vertex)] = low[id(vertex)] = len(index)
            path.append(vertex)
            on_path.add(id(vertex))
            work.append((vertex, iter(self._waits_for(vertex))))

        for start in self.nodes.values():
            if id(start) not in index and _leads_on(start):
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
                        circle = _take_circle(path, on_path, vertex)
                        tasks = [one for one in circle if not isinstance(one, list)]
                        is_loop = any(o is vertex for o in self._waits_for(vertex))
                        if (len(circle) > 1 or is_loop) and self._is_closed(circle, tasks):
                            found.append(tasks)
                elif id(other) not in index:
                    if _leads_on(other):
                        visit(other)
                elif id(other) in on_path:
                    low[id(vertex)] = min(low[id(vertex)], index[id(other)])
        return found

    def _is_closed(self, circle: List[Vertex], tasks: List[TaskNode]) -> bool:
        """Whether nobody from outside may let go of a semaphore that is waited for in a circle."""
        inside = {id(node.task) for node in tasks}
        lists = [holders for holders in circle if isinstance(holders, list)]
        return all(id(holder) in inside for holders in lists for holder in holders)


def _awaited(node: TaskNode) -> List[object]:
    """The tasks that one waits for, or is starting."""
    if node.waiting is not None:
        return node.waiting.tasks
    return [] if node.starts is None else [node.starts]


def _leads_on(vertex: Vertex) -> bool:
    """Whether something is waited for, so that a circle may go on from here."""
    if isinstance(vertex, list):
        return bool(vertex)
    waiting = vertex.waiting
    return waiting is not None and bool(waiting.tasks or waiting.holders)


def _take_circle(path: List[Vertex], on_path: Set[int], first: Vertex) -> List[Vertex]:
    """The end of a path from ``first`` on, which it leaves."""
    circle: List[Vertex] = []
    while not circle or circle[-1] is not first:
        circle.append(path.pop())
        on_path.discard(id(circle[-1]))
    circle.reverse()
    return circle
