"""A `stackscope.Snapshot` as one tree: loops with their tasks, threads, and the rest.

It is drawn from the same blocks as a `Stack`. What is special: a task has a title with its number,
what it does and what it waits for; the tasks that it owns stand below the context that owns them,
and tasks that it only waits for below its frames. A task that is drawn elsewhere is called by its
number.
"""

from __future__ import annotations

from stackscope.render.drawing import FLAT, Layout, Nested, draw, plain
from stackscope.render.nodes import ContextNode, FrameNode, StackNode, View
from stackscope.render.stack import context_title, frame_title, stack_body
from stackscope.render.words import (
    alike_keys,
    circle_text,
    count,
    groups_of_alike,
    loop_notes,
    loop_title,
    number_ranges,
    task_label,
    task_title,
    tasks_named_in,
    wait_of_all,
)
from stackscope.safe.text import cut, safe_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Sequence, Set, Tuple

    from stackscope.model.snapshot import ItemNode, Snapshot, TaskNode, ThreadNode
    from stackscope.model.stacks import Stack
    from stackscope.render.drawing import Block, Line

__all__ = ["format_snapshot"]

MOST_CHILDREN = 20
"""The most children of a context that are drawn in the stack of a thread, where each is only called
by its name."""

MOST_NAMES = 5
"""The most tasks drawn elsewhere that are called by name; of more there are the numbers."""


class _TaskView(View):
    """A view in which a task is called by its number and name, not by its representation."""

    nodes: Dict[int, TaskNode]

    def repr(self, obj: object) -> str:
        node = self.nodes.get(id(obj))
        return super().repr(obj) if node is None or node.task is not obj else task_title(node)


def format_snapshot(
    snapshot: Snapshot,
    ascii_only: bool,
    show_contexts: bool,
    show_hidden_frames: bool,
    max_alike: Optional[int],
) -> List[str]:
    """See `Snapshot.format`."""
    layout = Layout(ascii_only)
    view = _TaskView(show_contexts, show_hidden_frames)
    drawing = _Drawing(snapshot, view, layout, max_alike)
    return plain(draw(drawing.everything(), layout), layout)


class _Drawing:
    """One drawing of a snapshot."""

    def __init__(
        self, snapshot: Snapshot, view: _TaskView, layout: Layout, max_alike: Optional[int]
    ) -> None:
        self.snapshot = snapshot
        self.view = view
        self.layout = layout
        self.guides = layout.guides
        self.max_alike = max_alike
        most = None if max_alike is None else max(max_alike, MOST_CHILDREN)
        self.layout_of_others = Layout(layout.guides.ascii_only, most)
        tasks = list(snapshot.tasks())
        view.nodes = {id(node.task): node for node in tasks}
        self.by_stack = {id(node.stack): node for node in tasks}
        self.drawn: Set[int] = set()
        self.keys = {} if max_alike is None else alike_keys(tasks)

    def everything(self) -> Block:
        """The whole snapshot."""
        snapshot = self.snapshot
        for loop in snapshot.loops:
            yield loop_title(loop)
            yield from self.siblings(loop.tasks, self.guides.context)
            for note in loop_notes(loop):
                yield [("note", note)]
        for circle in snapshot.cycles:
            yield [("note", circle_text(circle))]
        if snapshot.threads:
            yield [("header", f"{count(len(snapshot.threads), 'thread')}:")]
        for thread in snapshot.threads:
            yield Nested(self.guides.context, self.thread(thread))
        kinds = dict.fromkeys(node.kind for node in snapshot.items)
        for kind in kinds:
            nodes = [node for node in snapshot.items if node.kind == kind]
            total = sum(1 for top in nodes for _ in top.walk())
            yield [("header", f"{count(total, kind)}:")]
            for node in nodes:
                yield Nested(self.guides.context, self.item(node))
        if snapshot.frozen:
            words = f"{count(snapshot.frozen, 'object')} kept from the collector by gc.freeze(): "
            yield [("note", f"{words}greenlets and resting event loops among these may be missing")]
        if not snapshot.loops and not snapshot.threads and not snapshot.items:
            yield [("note", "No task is alive in this process.")]

    # -------------------------------------------------------------- tasks

    def siblings(self, nodes: Sequence[TaskNode], guides: Tuple[str, str]) -> Block:
        """Tasks below the same owner; many that are alike as one."""
        for group in self.alike(nodes):
            yield Nested(guides, self.task(group[0], group))

    def alike(self, nodes: Sequence[TaskNode]) -> List[List[TaskNode]]:
        """The tasks in groups: one for more than `max_alike` with the same stack, else one each."""
        if self.max_alike is None or len(nodes) <= self.max_alike:
            return [[node] for node in nodes]
        return groups_of_alike(nodes, lambda node: self.keys[id(node)], self.max_alike)

    def task(self, node: TaskNode, group: Sequence[TaskNode] = ()) -> Block:
        """A task with its frames, and the tasks below it."""
        self.drawn.add(id(node))
        yield _task_title(node, group)
        if len(group) > 1:
            numbers = number_ranges(one.number for one in group[1:])
            words = f"and {len(group) - 1} more at the same lines: {numbers}"
            yield [("guide", self.guides.more), ("note", words)]
        for frame in StackNode(node.stack, self.view).frames():
            yield Nested(self.guides.frame, self.frame(frame))
        below = [child for child in node.children if id(child) not in self.drawn]
        yield from self.siblings(below, self.guides.context)
        yield from self.elsewhere(node)
        rest = StackNode(node.stack, self.view)
        if node.waiting is None and node.starts is None and rest.leaf is not None:
            yield [("guide", self.guides.leaf), ("leaf", rest.leaf)]
        for line in rest.error_lines():
            yield [("error", f"  {line}")]

    def elsewhere(self, node: TaskNode) -> Block:
        """What a task waits for, beside the tasks that its title names and those drawn below it."""
        if node.waiting is None or not node.waiting.tasks:
            return
        here = {id(child) for child in node.children}
        known = [self.view.nodes.get(id(task)) for task in node.waiting.tasks]
        others = [one for one in known if one is not None and id(one) not in here]
        named = {id(task) for task in tasks_named_in(node.waiting)}
        others = [one for one in others if id(one.task) not in named]
        others.sort(key=lambda one: one.number)  # some of asyncio's functions take a set
        if not others:
            return
        also = "also for " if len(others) < len(known) else "for "
        if len(others) <= MOST_NAMES:
            text = ", ".join([task_title(one) for one in others])
        else:
            text = f"tasks {number_ranges(one.number for one in others)}"
        yield [("guide", self.guides.context[0]), ("note", f"{also}{text}, drawn elsewhere")]

    def frame(self, node: FrameNode) -> Block:
        """A frame with its contexts and its source line."""
        yield frame_title(node)
        for context in node.contexts():
            yield Nested(self.guides.context, self.context(context))
            yield from self.children(context, self.guides.child_in_frame)
        source = node.source
        if source:
            yield [("guide", self.guides.source), ("source", source)]

    def context(self, node: ContextNode) -> Block:
        """A context without its children. What its library says of it is added to its source."""
        title = context_title(node)
        words = node.context.description
        if words and node.source:
            title = [*title, ("comment", ", " if title[-1][0] != "source" else "  # ")]
            title.append(("description", safe_text(words)))
        yield title
        inner = node.inner
        if inner is not None:
            yield Nested(FLAT, self.frames(inner), inner.stack)

    def frames(self, node: StackNode) -> Block:
        """The frames of a stack inside a context."""
        for frame in node.frames():
            yield Nested(self.guides.frame, self.frame(frame))
        for line in node.error_lines():
            yield [("error", f"  {line}")]

    def children(self, node: ContextNode, guides: Tuple[str, str]) -> Block:
        """The children of a context: tasks, and contexts of exit stacks."""
        tasks: List[TaskNode] = []
        for child in node.children():
            if isinstance(child, ContextNode):
                yield Nested(guides, self.child_context(child))
                continue
            task = self.by_stack.get(id(child.stack))
            if task is not None:
                tasks.append(task)
            else:
                yield Nested(guides, self.unknown_child(child))
        self.drawn.update(id(task) for task in tasks)
        yield from self.siblings(tasks, guides)

    def child_context(self, node: ContextNode) -> Block:
        """A context with its children."""
        yield from self.context(node)
        yield from self.children(node, self.guides.child)

    def unknown_child(self, node: StackNode) -> Block:
        """A stack that is no task of the snapshot, or one that is drawn elsewhere."""
        yield [("root", node.name)]
        yield Nested(FLAT, stack_body(node, self.layout), node.stack)

    # --------------------------------------------------- threads and items

    def thread(self, node: ThreadNode) -> Block:
        """A thread with its stack."""
        number = f" {node.number}" if node.number else ""
        notes = [
            note
            for note, holds in (("daemon", node.is_daemon), ("takes this snapshot", node.is_here))
            if holds
        ]
        words = f" ({', '.join(notes)})" if notes else ""
        if node.waiting is not None:
            words += f": waiting for {node.waiting}"
        yield [("root", f"thread{number} {safe_text(node.name)}"), ("comment", words)]
        yield self.body(node.stack)

    def item(self, node: ItemNode) -> Block:
        """A greenlet or the like with its stack."""
        where = f" in {safe_text(node.thread)}" if node.thread else ""
        title = f"{node.kind} {node.number} {safe_text(node.name)}"
        wait = "" if node.waiting is None else f", waiting for {node.waiting}"
        yield [("root", title), ("comment", f"{where}: {node.state}{wait}")]
        yield self.body(node.stack)
        for child in node.children:
            yield Nested(self.guides.context, self.item(child))

    def body(self, stack: Stack) -> Nested:
        """The frames of something that has no tasks of its own."""
        block = stack_body(StackNode(stack, self.view), self.layout_of_others)
        return Nested(FLAT, block, stack)


def _task_title(node: TaskNode, group: Sequence[TaskNode]) -> Line:
    words = f": {node.state}"
    if node.starts is not None:
        words += f" {task_label(node.starts)}"
    if node.cancel_reason:
        words += f" ({cut(safe_text(node.cancel_reason), 200)})"
    if node.waiting is not None:
        verb = "" if node.state == "waiting" else ", waiting"
        waits = [one.waiting for one in group or [node] if one.waiting is not None]
        words += f"{verb} for {wait_of_all(waits)}"
    return [("root", task_title(node)), ("comment", words)]
