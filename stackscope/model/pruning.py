"""A snapshot with less in it: copies of its nodes, without those that are left out."""

from __future__ import annotations

from stackscope.model.records import changed
from stackscope.model.snapshot import ItemNode, Snapshot, TaskNode, ThreadNode, kind_of
from stackscope.model.stacks import Context, Stack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Set, TypeVar, Union

    from stackscope.model.snapshot import LoopNode, Node
    from stackscope.model.stacks import Frame

    Tree = TypeVar("Tree", TaskNode, ItemNode)

__all__ = ["pruned"]


def pruned(snapshot: Snapshot, is_wanted: Callable[[Node], bool], name: str) -> Snapshot:
    """What is wanted of a snapshot, and what stands above that.

    Args:
        snapshot: The whole.
        is_wanted: Asked once of each task, thread and greenlet.
        name: What has chosen them: see `Snapshot.filtered_by`.
    """
    return _Pruning(snapshot, is_wanted).result(name)


class _Pruning:
    """Copies what is kept of one snapshot.

    Args:
        snapshot: The whole.
        is_wanted: See `pruned`.
    """

    def __init__(self, snapshot: Snapshot, is_wanted: Callable[[Node], bool]) -> None:
        self.snapshot = snapshot
        self.tasks = list(snapshot.tasks())
        self.items = [node for top in snapshot.items for node in top.walk()]
        nodes: List[Node] = [*self.tasks, *snapshot.threads, *self.items]
        self.wanted = {
            id(node)
            for node in nodes
            if not getattr(node, "is_only_above", False) and is_wanted(node)
        }
        self.copies: Dict[int, Any] = {}
        self.left_out = dict(snapshot.left_out)

    def result(self, name: str) -> Snapshot:
        """The new snapshot."""
        snapshot = self.snapshot
        self.copy_trees(self.tasks)
        self.copy_trees(self.items)
        for node in snapshot.threads:
            if id(node) in self.wanted:
                self.copies[id(node)] = changed(node)
            else:
                self.leave_out(node)
        cut = _Cut({id(node.stack) for node in self.tasks if id(node) not in self.copies})
        for copy in self.copies.values():  # children come before their parents
            copy.stack = cut.stack(copy.stack)
        cut.replace_children()
        before = snapshot.filtered_by
        return changed(
            snapshot,
            loops=[self.loop(loop) for loop in snapshot.loops if self.is_left(loop)],
            threads=self.kept(snapshot.threads),
            items=self.kept(snapshot.items),
            cycles=[list(map(self.member, one)) for one in snapshot.cycles if self.has_wanted(one)],
            filtered_by=f"({before}) and ({name})" if before else name,
            left_out=self.left_out,
        )

    def copy_trees(self, nodes: Sequence[Tree]) -> None:
        """Copy those nodes that are wanted, or have some below them that are.

        Args:
            nodes: All nodes, each before its children.
        """
        for node in reversed(nodes):
            children = self.kept(node.children)
            if children or id(node) in self.wanted:
                self.copies[id(node)] = changed(
                    node, children=children, is_only_above=id(node) not in self.wanted
                )
            else:
                self.leave_out(node)

    def leave_out(self, node: Node) -> None:
        """Count one that is left out."""
        kind = kind_of(node)
        self.left_out[kind] = self.left_out.get(kind, 0) + 1

    def kept(self, nodes: Iterable[Node]) -> List[Any]:
        """The copies of those that are kept."""
        return [self.copies[id(node)] for node in nodes if id(node) in self.copies]

    def is_left(self, loop: LoopNode) -> bool:
        """Whether anything is left of a loop."""
        return any(id(node) in self.copies for node in loop.tasks)

    def loop(self, loop: LoopNode) -> LoopNode:
        """A loop with what is left of its tasks."""
        tasks = self.kept(loop.tasks)
        found = changed(loop, tasks=tasks)
        total = sum(1 for _ in loop.walk())
        found.left_out = loop.left_out + total - sum(1 for _ in found.walk())
        return found

    def has_wanted(self, circle: Sequence[Node]) -> bool:
        """Whether somebody in a circle is wanted."""
        return any(id(node) in self.wanted for node in circle)

    def member(self, node: Node) -> Node:
        """One of those in a circle. It may be nowhere else; then it has nothing below it."""
        found: Optional[Node] = self.copies.get(id(node))
        if found is not None:
            return found
        if isinstance(node, ThreadNode):
            copy: Node = changed(node)
        else:
            copy = changed(node, children=[], is_only_above=True)
        self.copies[id(node)] = copy
        return copy


class _Cut:
    """Takes the stacks of tasks that are left out from the contexts that own these.

    Args:
        left_out: The ids of the stacks that are left out.
    """

    def __init__(self, left_out: Set[int]) -> None:
        self.left_out = left_out
        self.stacks: Dict[int, Stack] = {}
        self.contexts: Dict[int, Context] = {}
        self.new: List[Context] = []

    def stack(self, stack: Stack) -> Stack:
        """A stack as it is without those that are left out; the same one if it has none."""
        known = self.stacks.get(id(stack))
        if known is not None:
            return known
        found = stack
        if self.left_out and any(self.is_concerned(frame.contexts) for frame in stack.frames):
            found = changed(stack, frames=list(map(self.frame, stack.frames)))
        self.stacks[id(stack)] = found
        return found

    def is_concerned(self, contexts: Iterable[Context]) -> bool:
        """Whether contexts, or those inside them, own what is left out, or isn't as it was."""
        todo = list(contexts)
        while todo:
            context = todo.pop()
            for child in context.children:
                if isinstance(child, Context):
                    todo.append(child)
                elif id(child) in self.left_out or self.stacks.get(id(child), child) is not child:
                    return True
            if context.inner_stack is not None:
                todo += [one for frame in context.inner_stack.frames for one in frame.contexts]
        return False

    def frame(self, frame: Frame) -> Frame:
        """A frame with the contexts that are left."""
        return changed(frame, contexts=list(map(self.context, frame.contexts)))

    def context(self, context: Context) -> Context:
        """A context whose children are replaced later."""
        known = self.contexts.get(id(context))
        if known is None:
            known = self.contexts[id(context)] = changed(context)
            self.new.append(known)
        return known

    def replace_children(self) -> None:
        """Replace what is inside the contexts that were copied, and inside that."""
        while self.new:
            context = self.new.pop()
            context.children = [
                self.child(child) for child in context.children if id(child) not in self.left_out
            ]
            inner = context.inner_stack
            if inner is not None:
                context.inner_stack = changed(inner, frames=list(map(self.frame, inner.frames)))

    def child(self, child: Union[Context, Stack]) -> Union[Context, Stack]:
        """What stands in the place of a child of a context."""
        if isinstance(child, Context):
            return self.context(child)
        return self.stacks.get(id(child), child)
