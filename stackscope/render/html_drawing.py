"""What HTML shows of stacks and snapshots: what a terminal shows, and what that leaves out.

What is drawn, and in which words, is what `stackscope.render.snapshot` decides. What a drawing for
a terminal folds, and only counts, is there as well, to be unfolded. Who waits for what something
holds stands beside it.
"""

from __future__ import annotations

from stackscope.model.diagnosis import Diagnosis
from stackscope.model.snapshot import ItemNode, LoopNode, Snapshot, TaskNode, ThreadNode
from stackscope.model.stacks import Context, Frame, Stack
from stackscope.render.alike import groups_of_alike
from stackscope.render.drawing import FLAT, Guides, Layout, Nested
from stackscope.render.nodes import ContextNode, FrameNode, StackNode
from stackscope.render.overview import circle_lines, headline
from stackscope.render.snapshot import Drawing
from stackscope.render.snapshot_frames import Options, TaskView
from stackscope.render.stack import stack_title
from stackscope.render.wanted import Wanted
from stackscope.render.words import task_label, task_title

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Optional, Sequence, Set, Tuple, Union

    from stackscope.model.snapshot import Node
    from stackscope.render.drawing import Block, Line

    Shown = Union[
        Stack, Frame, Context, Snapshot, Diagnosis, LoopNode, TaskNode, ThreadNode, ItemNode
    ]


__all__ = ["HTML", "HtmlDrawing", "HtmlView"]

HTML = Guides(
    frame=("| ", "| "),
    leaf="\N{BOX DRAWINGS LIGHT UP AND RIGHT} ",
    context=("- ", "  "),
    child_in_frame=("- ", "  "),
    child=("- ", "  "),
    source="",
    more="\N{HORIZONTAL ELLIPSIS} ",
    level="\N{VERTICAL ELLIPSIS}",
    ascii_only=False,
)
"""Elements stand in each other: only `FLAT` guides mean something, and signs within a line."""

FROM = "\N{LEFTWARDS ARROW}"
"""What stands before the links to those that wait for what something holds."""


class HtmlView(TaskView):
    """A view in which each task is called so, whether it is a part of the snapshot or not."""

    def repr(self, obj: object) -> str:
        return task_label(obj) or super().repr(obj)


class HtmlDrawing(Drawing):
    """A drawing in which what is folded is there as well, to be unfolded."""

    leaves_out_calls = False

    def __init__(self, snapshot: Snapshot, view: TaskView, layout: Layout, options: Options):
        super().__init__(snapshot, view, layout, options)
        self.folded_frames: Set[int] = set()
        self.nodes: List[Node] = list(_all_nodes(snapshot))
        self.wanted: Wanted = Wanted(self.nodes)

    def sections(self) -> List[Nested]:
        """The loops, the threads, and the rest, each as one part."""
        snapshot = self.snapshot
        blocks: List[Tuple[Block, Sequence[object]]] = [
            (self.loop(loop), [loop]) for loop in snapshot.loops
        ]
        if snapshot.threads:
            blocks.append((self.all_threads(), [snapshot]))
        kinds = dict.fromkeys(node.kind for node in snapshot.items)
        blocks += [(self.all_items(kind), [snapshot]) for kind in kinds]
        return [Nested(HTML.context, block, drawn=drawn) for block, drawn in blocks]

    def alerts(self) -> Iterator[Line]:
        """What is wrong: loops that are stuck, and circles."""
        for loop in self.snapshot.loops:
            line = headline(loop, self.snapshot.threads)
            if line is not None:
                yield line
        yield from circle_lines(self.snapshot)

    def single(self, shown: Shown) -> Block:
        """Anything but a snapshot."""
        if isinstance(shown, Stack):
            return self.stack(shown)
        if isinstance(shown, Frame):
            return self.frame(FrameNode(shown, self.view))
        if isinstance(shown, Context):
            return self.child_context(ContextNode(shown, self.view))
        assert not isinstance(shown, (Diagnosis, Snapshot))
        return self.node(shown)

    def stack(self, stack: Stack) -> Block:
        """A stack with its title."""
        yield stack_title(StackNode(stack, self.view))
        yield Nested(FLAT, self.rest(stack, None), stack)

    def name_of(self, node: TaskNode) -> str:
        return task_title(node)

    def task(self, node: TaskNode, group: Sequence[TaskNode] = ()) -> Block:
        return self._held(super().task(node, group), group or [node])

    def thread(self, node: ThreadNode, group: Sequence[ThreadNode] = ()) -> Block:
        return self._held(super().thread(node, group), group or [node])

    def item(self, node: ItemNode, group: Sequence[ItemNode]) -> Block:
        return self._held(super().item(node, group), group)

    def _held(self, block: Block, nodes: Sequence[Node]) -> Block:
        """The block of nodes, with who waits for what they hold."""
        title = next(block)
        assert not isinstance(title, Nested)
        held = self.wanted.held(nodes)
        yield [*title, *held]
        if held:
            yield [("guide", f"{FROM} "), *self.wanted.names(nodes)]
        yield from block

    def context(self, node: ContextNode) -> Block:
        block = super().context(node)
        title = next(block)
        assert not isinstance(title, Nested)
        yield [*title, *self.wanted.active(node.context)]
        yield from block

    def fold(self, nodes: Sequence[FrameNode], owner: Optional[TaskNode]) -> Block:
        if owner is not None:
            yield self.fold_line(nodes, owner)
            return
        self.folded_frames.update(id(node.frame) for node in nodes)
        yield Nested(HTML.context, self._folded_here(nodes), drawn=[nodes])

    def _folded_here(self, nodes: Sequence[FrameNode]) -> Block:
        yield self.fold_line(nodes, None)
        for node in nodes:
            yield self.nested_frame(node)

    def is_of_library(self, frame: Frame) -> bool:
        # What is folded can be unfolded, and is whole then.
        is_whole = id(frame) in self.folded_frames or self._has_stacks(frame)
        return not is_whole and super().is_of_library(frame)

    def _folded(self, frames: Sequence[Frame]) -> List[bool]:
        folded = super()._folded(frames)
        return [one and not self._has_stacks(frame) for one, frame in zip(folded, frames)]

    def _has_stacks(self, frame: Frame) -> bool:
        """Whether stacks stand below its contexts that are drawn nowhere else.

        Those of the exceptions of a group are below the frame of a library that has raised it.
        """
        return any(
            isinstance(child, Stack) and id(child) not in self.by_stack
            for context in frame.contexts
            if not context.hide
            for child in context.children
        )

    def context_in_frame(self, node: ContextNode, only_users: bool = False) -> Block:
        if id(node.frame) in self.folded_frames:
            # Tasks below it stand where they are seen.
            yield Nested(self.guides.context, self.context(node), drawn=[node])
        else:
            yield from super().context_in_frame(node, only_users)

    def unknown_children(self, nodes: Sequence[StackNode], guides: Tuple[str, str]) -> Block:
        most = len(nodes) if self.max_alike is None else self.max_alike
        for group in groups_of_alike(nodes, _stack_key, most):
            roots = [one.stack for one in group]
            yield Nested(guides, self._unknown_child(group), drawn=roots)

    def _unknown_child(self, group: Sequence[StackNode]) -> Block:
        body = self.unknown_child(group[0])
        yield next(body)
        yield from self.others_alike([0] * (len(group) - 1))
        yield from body


def _stack_key(node: StackNode) -> Tuple[object, ...]:
    """Equal for stacks at the same lines."""
    stack = node.stack
    frames = [(id(frame.pyframe.f_code), frame.lineno) for frame in stack.frames]
    return (type(stack.root), stack.error is None or id(stack), *frames)


def _all_nodes(snapshot: Snapshot) -> Iterator[Node]:
    yield from snapshot.tasks()
    yield from snapshot.threads
    for item in snapshot.items:
        yield from item.walk()
