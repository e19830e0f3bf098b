"""Which tasks await which others: those that nothing owns are below those that await them."""

from __future__ import annotations

from operator import attrgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Mapping, Set

    from stackscope.model.snapshot import LoopNode, TaskNode

__all__ = ["WaitGraph"]

DEEPEST_AWAITED = 20
"""The longest chain of tasks awaiting each other that is drawn nested."""


class WaitGraph:
    """What the waits of tasks say about other tasks.

    All its work is linear in the number of these waits.

    Args:
        nodes: All tasks, by the ids of the task objects.
    """

    def __init__(self, nodes: Mapping[int, TaskNode]) -> None:
        self.nodes = nodes

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
            awaited.sort(key=attrgetter("number"))  # wait() has them in a set
            for other in awaited:
                other.is_awaited = True
            node.children = [*node.children, *awaited] if awaited else node.children
            todo += [(child, depth + 1) for child in reversed(awaited)]
            todo += reversed(owned)

    def _known(self, tasks: List[object]) -> List[TaskNode]:
        found = [self.nodes.get(id(task)) for task in tasks]
        return [node for node in found if node is not None]


def _awaited(node: TaskNode) -> List[object]:
    """The tasks that one waits for, or is starting."""
    if node.waiting is not None:
        return node.waiting.tasks
    return [] if node.starts is None else [node.starts]
