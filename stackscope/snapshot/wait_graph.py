"""Which tasks await which others: those that nothing owns are below those that await them."""

from __future__ import annotations

from operator import attrgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, List, Mapping, Optional, Set, Tuple

    from stackscope.model.snapshot import LoopNode, TaskNode

    Wait = Tuple[TaskNode, List[TaskNode]]

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
        waits = self._waits_within(loops)
        if not waits:
            return
        free = {id(node) for loop in loops for node in loop.tasks if node.owner is None}
        awaited = _awaited_by_others(waits.values()) & free
        seen: Set[int] = set()
        for is_last_resort in (False, True):  # then only those are left that wait in a circle
            for loop in loops:
                for node in loop.tasks:
                    if id(node) not in seen and (is_last_resort or id(node) not in awaited):
                        self._hang_below(node, waits, free, seen)
        for loop in loops:
            loop.tasks = [node for node in loop.tasks if not node.is_awaited]

    def _hang_below(
        self,
        top: TaskNode,
        waits: Dict[int, Wait],
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
            if depth < DEEPEST_AWAITED and id(node) in waits:
                others = waits[id(node)][1]
                for other in others:
                    if id(other) in free and id(other) not in seen:
                        seen.add(id(other))
                        awaited.append(other)
                others.clear()  # nothing is left for others that await the same
            awaited.sort(key=attrgetter("number"))  # wait() has them in a set
            for other in awaited:
                other.is_awaited = True
            node.children = [*node.children, *awaited] if awaited else node.children
            todo += [(child, depth + 1) for child in reversed(awaited)]
            todo += reversed(owned)

    def _waits_within(self, loops: List[LoopNode]) -> Dict[int, Wait]:
        """By the ids of nodes: these, and the tasks of their own loop that they await.

        Those that await the same have one list in common.
        """
        loop_of = {id(node): id(loop) for loop in loops for node in loop.walk()}
        lists: Dict[Tuple[int, Optional[int]], Tuple[List[object], List[TaskNode]]] = {}
        waits: Dict[int, Wait] = {}
        for node in self.nodes.values():
            tasks, loop = _awaited(node), loop_of.get(id(node))
            if not tasks:
                continue
            key = id(tasks), loop
            if key not in lists:
                known = [self.nodes.get(id(task)) for task in tasks]
                others = [one for one in known if one is not None]
                lists[key] = tasks, [one for one in others if loop_of.get(id(one)) == loop]
            if lists[key][1]:
                waits[id(node)] = node, lists[key][1]
        return waits


def _awaited_by_others(waits: Iterable[Wait]) -> Set[int]:
    """The ids of the nodes that others than themselves await."""
    first: Dict[int, Wait] = {}
    several: Set[int] = set()
    for wait in waits:
        key = id(wait[1])
        if first.setdefault(key, wait) is not wait:
            several.add(key)
    return {
        id(other)
        for key, (node, others) in first.items()
        for other in others
        if other is not node or key in several
    }


def _awaited(node: TaskNode) -> List[object]:
    """The tasks that one waits for, or is starting."""
    if node.waiting is not None:
        return node.waiting.tasks
    return [] if node.starts is None else [node.starts]
