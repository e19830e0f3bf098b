"""The tasks of all loops as trees, each below the task that owns its group or nursery."""

from __future__ import annotations

from stackscope.model.snapshot import TaskNode
from stackscope.model.stacks import Context, Stack
from stackscope.snapshot.inside import Inside, contexts_in
from stackscope.snapshot.numbers import natural_order, task_numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Sequence, Tuple

    from stackscope.extraction.extraction import Extraction
    from stackscope.model.snapshot import Node
    from stackscope.snapshot.looking import Looking
    from stackscope.snapshot.runtimes import Asked

__all__ = ["TaskTrees"]

RETRIES = 3
"""How often to extract a stack anew that there were errors in."""


class TaskTrees:
    """The tasks of all loops, while they are put together. All its work is linear in their number.

    Attributes:
        nodes: The node of each task, by the id of the task.
        runtimes: What describes the library of each task, by the id of the task.
        current: The tasks that are running now, by their ids.
        inside: The contexts that are active for each object.
    """

    def __init__(self, extraction: Extraction, looking: Looking) -> None:
        self.extraction = extraction
        self.looking = looking
        self.nodes: Dict[int, TaskNode] = {}
        self.runtimes: Dict[int, Asked] = {}
        self.current: Dict[int, object] = {}
        self.inside: Inside = Inside()

    def add(self, runtime: Asked, loop: object) -> List[TaskNode]:
        """Extract the tasks of a loop, and hang them under their owners.

        Gives those without one.
        """
        tasks = runtime.tasks(loop)
        current = runtime.current(loop)
        if current is not None:
            self.current[id(current)] = current
        nodes = [self._node(runtime, task) for task in self.looking.found(tasks)]
        parents: Dict[int, TaskNode] = {}
        for node in nodes:
            self._read_contexts(node, parents)
        for node in nodes:
            if id(node) not in parents:
                node.owner, parent = runtime.owner(node.task)
                if id(parent) in self.nodes:
                    parents[id(node)] = self.nodes[id(parent)]
        return self._in_order(nodes, parents)

    def _node(self, runtime: Asked, task: object) -> TaskNode:
        name = runtime.task_name(task)
        stack = self.extraction.stack(task)
        for _ in range(RETRIES):
            if stack.error is None:
                break
            stack = self.extraction.stack(task)  # it may have run on meanwhile, in another thread
        node = TaskNode(task, 0, name, "?", stack, None, [])
        self.nodes[id(task)] = node
        self.runtimes[id(task)] = runtime
        return node

    def _read_contexts(self, node: TaskNode, parents: Dict[int, TaskNode]) -> None:
        """Take note of what a task is inside, and of the tasks that its contexts own."""
        for context in contexts_in(node.stack):
            if context.obj is not None:
                self.inside.add(context, node)
            if context.children:
                self._read_children(context, node, parents)

    def add_others(self, nodes: Sequence[Node]) -> None:
        """Take note of what threads and greenlets are inside, but for tasks that run in them."""
        of_tasks = {
            id(frame.pyframe)
            for task in self.current.values()
            if id(task) in self.nodes
            for frame in self.nodes[id(task)].stack.frames
        }
        for node in nodes:
            own = Stack(None, [f for f in node.stack.frames if id(f.pyframe) not in of_tasks])
            for context in contexts_in(own):
                if context.obj is not None:
                    self.inside.add(context, node)

    def _read_children(
        self, context: Context, node: TaskNode, parents: Dict[int, TaskNode]
    ) -> None:
        children: List[Any] = list(context.children)
        for index, child in enumerate(children):
            if type(child) is Context:
                continue
            owned = self.nodes.get(id(child.root))
            # A task is drawn once, even if several groups claim it, and not inside itself.
            if owned is not None and owned is not node and id(owned) not in parents:
                parents[id(owned)] = node
                owned.owner = context.obj
                children[index] = owned.stack
        context.children = children

    def _in_order(self, nodes: List[TaskNode], parents: Dict[int, TaskNode]) -> List[TaskNode]:
        """Number the nodes, and make them children of their parents. Gives those without one."""
        below: Dict[int, List[TaskNode]] = {}
        for node in sorted(nodes, key=_age):
            parent = parents.get(id(node))
            below.setdefault(0 if parent is None else id(parent), []).append(node)
        tops = below.get(0, [])
        todo = list(reversed(tops))
        while todo:
            node = todo.pop()
            node.number = task_numbers.of(node.task)
            node.children = below.get(id(node), [])
            todo.extend(reversed(node.children))
        for node in nodes:
            if not node.number:  # tasks that own each other in a circle: no library makes such
                node.number = task_numbers.of(node.task)
                tops.append(node)
        return tops


def _age(node: TaskNode) -> Tuple[float, List[Tuple[int, str]]]:
    """Tasks keep the order in which they were numbered; new ones follow."""
    number = task_numbers.known(node.task)
    return (number, []) if number else (float("inf"), natural_order(node.name))
