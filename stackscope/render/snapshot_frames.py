"""The frames and contexts in a snapshot, and what stands below them.

Frames that tell little are folded (see `stackscope.snapshot.folding`), and no frame is drawn twice.
"""

from __future__ import annotations

from stackscope.model.saved import type_name_of
from stackscope.model.snapshot import Snapshot, TaskNode
from stackscope.model.stacks import Context, Frame
from stackscope.render.alike import alike_keys
from stackscope.render.drawing import FLAT, Layout, Link, Nested, ends, left_out
from stackscope.render.nodes import ContextNode, FrameNode, StackNode, View
from stackscope.render.overview import tasks_in_c
from stackscope.render.stack import context_title, frame_title
from stackscope.render.stuck import stuck_by
from stackscope.render.words import count, task_title
from stackscope.safe.text import safe_text
from stackscope.snapshot.folding import (
    for_each_function,
    holds_users,
    is_users_context,
    library_here,
    repeats,
)
from stackscope.snapshot.user_code import is_machinery, library_of, package_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Callable, Dict, Iterable, List, Optional, Sequence, Set, Tuple

    from stackscope.model.snapshot import Finding
    from stackscope.render.drawing import Block, Guides, Line
    from stackscope.render.stuck import Stuck


__all__ = ["FramesDrawing", "Options", "TaskView"]

MOST_CHILDREN = 20
"""The most children of a context that are drawn where each is only called by its name."""

MOST_LIBRARIES = 4
"""The most libraries that are named where their frames are folded."""


class Options:
    """How to draw a snapshot: what `Snapshot.format` is told."""

    def __init__(
        self,
        ascii_only: bool,
        show_contexts: bool,
        show_hidden_frames: bool,
        max_alike: Optional[int],
        overview: bool,
        stacks: bool,
        fold: bool,
        short_paths: bool,
        width: int,
        color: bool = False,
        findings: Iterable[Finding] = (),
    ) -> None:
        self.ascii_only = ascii_only
        self.show_contexts = show_contexts
        self.show_hidden_frames = show_hidden_frames
        self.max_alike = max_alike
        self.overview = overview
        self.stacks = stacks
        self.fold = fold
        self.short_paths = short_paths
        self.width = width
        self.color = color
        self.stuck: Stuck = stuck_by(findings)


class TaskView(View):
    """A view in which a task is called by its number and name, not by its representation."""

    nodes: Dict[int, TaskNode]

    def repr(self, obj: object) -> str:
        node = self.nodes.get(id(obj))
        return super().repr(obj) if node is None or node.task is not obj else task_title(node)


class FramesDrawing:
    """What a drawing of a snapshot does with frames."""

    leaves_out_calls = True
    """Whether frames of a library that its title tells of are left out at the end of a task."""

    def __init__(
        self, snapshot: Snapshot, view: TaskView, layout: Layout, options: Options
    ) -> None:
        self.snapshot = snapshot
        self.view = view
        self.layout = layout
        self.guides: Guides = layout.guides
        self.options = options
        self.max_alike: Optional[int] = options.max_alike
        tasks = list(snapshot.tasks())
        view.nodes = {id(node.task): node for node in tasks}
        self.by_stack: Dict[int, TaskNode] = {id(node.stack): node for node in tasks}
        self.drawn: Set[int] = set()
        self.keys: Dict[int, int] = {} if self.max_alike is None else alike_keys(tasks)
        places = snapshot.places
        self.owners: Dict[int, TaskNode] = {}
        self.awaited_of: Dict[int, Dict[int, TaskNode]] = {}
        self.elsewhere_words: Dict[int, Line] = {}
        self.kept: Optional[Frame] = None
        # Not by `self`: what is drawn would stay until the collector comes.
        users = {"", library_here() if places is None else places.library}
        self.folds: Callable[[FrameType], bool] = for_each_function(
            lambda frame: is_machinery(frame) or library_of(frame) not in users
        )
        self.first_at: Dict[Tuple[object, ...], TaskNode] = {}
        self.first_with: Dict[Tuple[object, ...], TaskNode] = {}
        if options.fold and options.stacks:
            for node in reversed(tasks):
                self.owners.update((id(frame.pyframe), node) for frame in node.stack.frames)
        self.in_c: Dict[int, TaskNode] = (
            tasks_in_c(tasks) if options.fold and options.stacks else {}
        )

    def siblings(self, nodes: Sequence[TaskNode], guides: Tuple[str, str]) -> Block:
        """Tasks below the same owner."""
        raise NotImplementedError

    def name_of(self, node: TaskNode) -> str:
        """What a task is called."""
        raise NotImplementedError

    def frames(self, node: StackNode, owner: Optional[TaskNode] = None) -> Block:
        """The frames of a stack, as far as they aren't folded.

        Args:
            node: The stack.
            owner: The task that it is the stack of.
        """
        first, between, last = ends(list(self._frame_parts(node, owner)), self.layout.max_frames)
        yield from first
        if between:
            yield left_out(between, self.layout)
        yield from last

    def _frame_parts(self, node: StackNode, owner: Optional[TaskNode]) -> Block:
        shown = list(node.frames())
        if not self.options.fold:
            yield from map(self.nested_frame, shown)
            return
        elsewhere = [self._owner_of(one.frame, owner) for one in shown]
        folded = self._folded([one.frame for one in shown])
        entries = [(one.frame.pyframe, one.frame.lineno) for one in shown]
        hidden = [is_folded or other is not None for is_folded, other in zip(folded, elsewhere)]
        calls = owner is not None and owner.waiting is not None and owner.waiting.call
        if calls and self.leaves_out_calls:
            # The title says what the innermost ones do.
            while hidden and hidden[-1] and elsewhere[len(hidden) - 1] is None:
                del hidden[-1]
            del shown[len(hidden) :]
        apart = {index for index, one in enumerate(shown) if any(one.contexts())}
        again = {one.start: one for one in repeats(entries, hidden, apart, range(len(shown)))}
        index = 0
        first = None
        if owner is not None and not any(elsewhere):
            first = self._drawn_with(shown, hidden, owner)
        if first is not None:
            index = self._count_before_user(shown)
            line = self.fold_line(shown[:index], None)
            task = Link(f"task {first.number}", first.task)
            yield [*line, ("note", ", as in "), ("note", task)]
        while index < len(shown):
            start = index
            if hidden[start]:
                while index < len(shown) and hidden[index] and elsewhere[index] is elsewhere[start]:
                    index += 1
                yield from self.fold(shown[start:index], elsewhere[start])
                continue
            repeat = again.get(start)
            times = repeat.times if repeat is not None and repeat.period == 1 else 1
            yield self.nested_frame(shown[start], times)
            index = start + times
            if repeat is not None and repeat.period > 1:
                for one in shown[start + 1 : start + repeat.period]:
                    yield self.nested_frame(one)
                words = f"{self.layout.times} {repeat.times - 1} more: "
                words += f"these {repeat.period} frames again"
                yield [("guide", f"{self.guides.level} "), ("note", words)]
                index = repeat.stop

    def _count_before_user(self, frames: Sequence[FrameNode]) -> int:
        """How many frames of libraries come before the user's first one."""
        for index, one in enumerate(frames):
            if not self.is_of_library(one.frame):
                return index
        return len(frames)

    def _drawn_with(
        self, frames: Sequence[FrameNode], hidden: Sequence[bool], owner: TaskNode
    ) -> Optional[TaskNode]:
        """The task that the same frames before the user's first one have been drawn with.

        Args:
            frames: The frames of a stack.
            hidden: Which of them are folded.
            owner: The task that it is the stack of.
        """
        before_user = self._count_before_user(frames)
        if all(hidden[:before_user]):
            return None  # a line at most
        key = _key_with_contexts([one.frame for one in frames[:before_user]])
        first = self.first_with.setdefault(key, owner)
        return None if first is owner else first

    def _owner_of(self, frame: Frame, owner: Optional[TaskNode]) -> Optional[TaskNode]:
        """The task in whose stack a frame is drawn, if that isn't the stack of ``owner``."""
        found = self.owners.get(id(frame.pyframe))
        return None if found is owner else found

    def _folded(self, frames: Sequence[Frame]) -> List[bool]:
        folds, has_contexts = self.folds, self.view.show_contexts
        return [
            folds(frame.pyframe)
            and not (has_contexts and holds_users(frame))
            and frame is not self.kept
            for frame in frames
        ]

    def is_of_library(self, frame: Frame) -> bool:
        """Whether a frame is there for its contexts alone, as others of its library are folded."""
        if not self.options.fold or not self.view.show_contexts:
            return False
        return self.folds(frame.pyframe)

    def fold(self, nodes: Sequence[FrameNode], owner: Optional[TaskNode]) -> Block:
        """What stands for frames that aren't drawn here: they are folded, or drawn with a task."""
        yield self.fold_line(nodes, owner)

    def fold_line(self, nodes: Sequence[FrameNode], owner: Optional[TaskNode]) -> Line:
        """The line that says how many frames aren't drawn here, and of what they are."""
        line = [("guide", f"{self.guides.level} "), ("note", f"{count(len(nodes), 'frame')} of ")]
        if owner is not None:
            return [
                *line,
                ("note", Link(self.name_of(owner), owner.task)),
                ("note", ", drawn there"),
            ]
        return [*line, ("note", self._libraries([node.frame.pyframe for node in nodes]))]

    def nested_frame(self, node: FrameNode, times: int = 1) -> Nested:
        """A frame, as a part of what it stands in."""
        return Nested(self.guides.frame, self.frame(node, times), drawn=[node])

    def _libraries(self, frames: List[FrameType]) -> str:
        """The libraries that frames are from; those with the most frames come first."""
        counts: Dict[str, int] = {}
        for frame in frames:
            name = safe_text(library_of(frame) or package_of(frame)) or "a library"
            counts[name] = counts.get(name, 0) + 1
        names = sorted(counts, key=lambda name: -counts[name])
        more = [self.layout.ellipsis] if len(names) > MOST_LIBRARIES else []
        return ", ".join(names[:MOST_LIBRARIES] + more)

    def frame(self, node: FrameNode, times: int = 1) -> Block:
        """A frame with its contexts and its source line."""
        again: Line = [("note", f" ({self.layout.times} {times})")] if times > 1 else []
        yield [*frame_title(node), *again]
        # Of a library's own, nothing else is of interest.
        is_for_contexts = node.frame is not self.kept and self.is_of_library(node.frame)
        for context in node.contexts():
            if not is_for_contexts or is_users_context(context.context):
                yield from self.context_in_frame(context, only_users=is_for_contexts)
        source = node.source
        if source and not is_for_contexts:
            yield [("guide", self.guides.source), ("source", source)]

    def context_in_frame(self, node: ContextNode, only_users: bool = False) -> Block:
        """A context of a frame, and what it is responsible for."""
        yield Nested(self.guides.context, self.context(node), drawn=[node])
        yield from self.children(node, self.guides.child_in_frame, only_users)

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
            yield Nested(FLAT, self.inner_frames(inner), inner.stack)

    def inner_frames(self, node: StackNode) -> Block:
        """The frames of a stack inside a context. Those of libraries alone say nothing more."""
        frames = [one.frame for one in node.frames()]
        if not self.options.fold or not all(self._folded(frames)):
            yield from self.frames(node)
        for line in node.error_lines():
            yield [("error", f"  {line}")]

    def children(
        self, node: ContextNode, guides: Tuple[str, str], only_users: bool = False
    ) -> Block:
        """The children of a context: tasks, and contexts of exit stacks.

        Args:
            node: The context.
            guides: What stands in front of them.
            only_users: Whether contexts that are libraries' own are left out.
        """
        tasks: List[TaskNode] = []
        unknown: List[StackNode] = []
        contexts = 0
        most = self.layout.max_children
        for child in node.children():
            if isinstance(child, ContextNode):
                if not only_users or is_users_context(child.context):
                    contexts += 1
                    if most is None or contexts <= most:
                        yield Nested(guides, self.child_context(child), drawn=[child])
                continue
            task = self.by_stack.get(id(child.stack))
            if task is None:
                unknown.append(child)
            else:
                tasks.append(task)
        if most is not None and contexts > most:
            yield left_out(contexts - most, self.layout, guides[0])
        yield from self.unknown_children(unknown, guides)
        self.drawn.update(id(task) for task in tasks)
        yield from self.siblings(tasks, guides)

    def unknown_children(self, nodes: Sequence[StackNode], guides: Tuple[str, str]) -> Block:
        """The stacks below a context that are no tasks of the snapshot."""
        most = len(nodes) if self.max_alike is None else max(self.max_alike, MOST_CHILDREN)
        for node in nodes[:most]:
            yield Nested(guides, self.unknown_child(node), drawn=[node])
        if len(nodes) > most:
            yield left_out(len(nodes) - most, self.layout, guides[0])

    def child_context(self, node: ContextNode) -> Block:
        """A context with its children."""
        yield from self.context(node)
        yield from self.children(node, self.guides.child)

    def unknown_child(self, node: StackNode) -> Block:
        """A stack that is no task of the snapshot, or one that is drawn elsewhere."""
        yield [("root", node.name)]
        yield Nested(FLAT, self.body(node), node.stack)

    def body(self, node: StackNode) -> Block:
        """The frames of something that has no tasks of its own, its leaf and its error."""
        yield from self.frames(node)
        if node.leaf is not None:
            yield [("guide", self.guides.leaf), ("leaf", node.leaf)]
        for line in node.error_lines():
            yield [("error", f"  {line}")]


def _key_with_contexts(frames: Sequence[Frame]) -> Tuple[object, ...]:
    """Equal for frames that stand at the same lines, in contexts that are alike."""
    key: List[object] = []
    todo: List[object] = [*frames]
    while todo:
        one = todo.pop()
        if isinstance(one, Context):
            inner = [] if one.inner_stack is None else one.inner_stack.frames
            key += [type_name_of(one.obj), one.start_line, one.hide, len(one.children), len(inner)]
            todo += [*one.children, *inner]
        elif isinstance(one, Frame):
            key += [id(one.pyframe.f_code), one.lineno, one.hide, len(one.contexts)]
            todo += one.contexts
    return tuple(key)
