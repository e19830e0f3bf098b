"""A `stackscope.Snapshot` as text: first the overview, then the stacks as one tree.

The stacks are drawn from the same blocks as a `Stack`. What is special: a task has a title with its
number, what it does, what it waits for and where; the tasks that it owns stand below the context
that owns them, and tasks that it only waits for below its frames. A task that is drawn elsewhere is
called by its number. Frames that tell little are folded (see `stackscope.snapshot.folding`), and no
frame is drawn twice.
"""

from __future__ import annotations

from stackscope.interpreter.collector import collects_afterwards
from stackscope.model.saved import is_suspended
from stackscope.model.snapshot import LoopNode, Snapshot, TaskNode, ThreadNode, kind_of
from stackscope.render.alike import groups_of_alike, item_key
from stackscope.render.drawing import (
    FLAT,
    Layout,
    Link,
    Nested,
    bounded,
    draw,
    left_out,
    plain,
)
from stackscope.render.fitting import AT, Sentence, fitting
from stackscope.render.front_ends import file_of
from stackscope.render.nodes import StackNode
from stackscope.render.overview import (
    LATE,
    circle_lines,
    idle_line,
    is_idle_worker,
    item_table,
    loop_lines,
    thread_table,
)
from stackscope.render.paths import short_path, with_short_paths
from stackscope.render.snapshot_frames import FramesDrawing, Options, TaskView
from stackscope.render.stack import MOST_CHILDREN as MOST_OF_CONTEXT
from stackscope.render.stuck import SIGN, is_stuck
from stackscope.render.threads import thread_key
from stackscope.render.waits import sentence_in_brief, state_parts, tasks_named_in, wait_pieces
from stackscope.render.words import (
    NO_MATCH,
    NO_PYTHON,
    comparison_text,
    count,
    filter_line,
    joined,
    loop_notes,
    loop_title,
    number_ranges,
    shortened,
    task_label,
    task_name,
    task_title,
    times_text,
)
from stackscope.safe.text import cut, safe_line, safe_text
from stackscope.snapshot.identity import THREAD, identity_of
from stackscope.snapshot.user_code import (
    innermost_user_frame,
    library_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import (
        Callable,
        Dict,
        Iterator,
        List,
        Optional,
        Sequence,
        Tuple,
        TypeVar,
        Union,
    )

    from stackscope.model.snapshot import ItemNode, Node
    from stackscope.model.stacks import Frame, Stack
    from stackscope.render.drawing import Block, Line

    N = TypeVar("N", TaskNode, ThreadNode, ItemNode)

__all__ = [
    "Drawing",
    "format_node",
    "format_snapshot",
    "snapshot_of",
]

MOST_NAMES = 5
"""The most tasks drawn elsewhere that are called by name; of more there are the numbers."""

LONGEST_NAME = 40
"""Columns that are taken by the name of a task in its title."""


@collects_afterwards
def format_snapshot(snapshot: Snapshot, options: Options) -> List[str]:
    """See `Snapshot.format`."""
    layout = _layout(options)
    view = TaskView(options.show_contexts, options.show_hidden_frames)
    drawing = Drawing(snapshot, view, layout, options)
    lines = draw(drawing.everything(), layout)
    if options.short_paths:
        lines = (with_short_paths(line, snapshot.places) for line in lines)
    if options.fold:
        lines = (fitting(line, layout) for line in lines)
    return plain(lines, layout, color=options.color)


def _layout(options: Options) -> Layout:
    if options.fold:
        return bounded(options.ascii_only, MOST_OF_CONTEXT, options.width)
    return Layout(options.ascii_only, width=options.width)


@collects_afterwards
def format_node(node: Union[LoopNode, Node], options: Options) -> List[str]:
    """A part of a snapshot by itself, drawn as in the whole."""
    layout = _layout(options)
    view = TaskView(options.show_contexts, options.show_hidden_frames)
    drawing = Drawing(snapshot_of(node), view, layout, options)
    lines = map(with_short_paths, draw(drawing.node(node), layout))
    return plain((fitting(line, layout) for line in lines), layout)


def snapshot_of(node: Union[LoopNode, Node]) -> Snapshot:
    """A snapshot in which there is nothing else."""
    if isinstance(node, LoopNode):
        return Snapshot([node], [])
    if isinstance(node, TaskNode):
        return Snapshot([LoopNode(None, "", None, False, False, [node])], [])
    return Snapshot([], [node]) if isinstance(node, ThreadNode) else Snapshot([], [], [node])


class Drawing(FramesDrawing):
    """One drawing of a snapshot."""

    def everything(self) -> Block:
        """The whole snapshot."""
        options = self.options
        yield from self.nothing()
        if options.overview:
            yield from self.overview()
        if options.overview and options.stacks:
            yield []
        if options.stacks:
            yield from self.stacks()
        yield from self.frozen()

    def nothing(self) -> Iterator[Line]:
        """That there is nothing, if that is so, and what a filter has left out."""
        snapshot = self.snapshot
        if not snapshot.loops and not snapshot.threads and not snapshot.items:
            words = "No task is alive in this process."
            if snapshot.left_out:
                words = f"Nothing matches the filter {safe_line(snapshot.filtered_by)}."
            yield [("note", words)]
        yield from filter_line(snapshot)

    def frozen(self) -> Iterator[Line]:
        """What couldn't be found, if there may be such a thing."""
        if self.snapshot.frozen:
            words = (
                f"{count(self.snapshot.frozen, 'object')} kept from the collector by gc.freeze(): "
            )
            yield [("note", f"{words}greenlets and resting event loops among these may be missing")]

    def overview(self) -> Block:
        """What everything does, without the stacks."""
        how = (self.snapshot, self.layout, self.max_alike, self.options.stuck)
        # For each loop they are told by its own tasks alone.
        is_same = len(self.snapshot.loops) == 1 and self.max_alike is not None
        yield from loop_lines(*how, self.keys if is_same else None)
        yield from circle_lines(self.snapshot)
        yield from thread_table(*how)
        yield from item_table(*how)

    def stacks(self) -> Block:
        """The stacks of all tasks, then those of the threads and of the rest."""
        snapshot = self.snapshot
        for loop in snapshot.loops:
            yield from self.loop(loop)
        if not self.options.overview:
            yield from circle_lines(snapshot)
        if snapshot.threads:
            yield from self.all_threads()
        for kind in dict.fromkeys(node.kind for node in snapshot.items):
            yield from self.all_items(kind)

    def loop(self, loop: LoopNode) -> Block:
        """A loop with its tasks."""
        yield loop_title(loop)
        yield from self.siblings(loop.tasks, self.guides.context)
        yield from loop_notes(loop)

    def all_threads(self) -> Block:
        """The threads, below a title."""
        threads = self.snapshot.threads
        yield [("header", f"{count(len(threads), 'thread')}:")]
        yield from self.threads(threads)

    def all_items(self, kind: str) -> Block:
        """All greenlets, or other things of one kind, below a title."""
        nodes = [node for node in self.snapshot.items if node.kind == kind]
        total = sum(1 for top in nodes for _ in top.walk())
        yield [("header", f"{count(total, kind)}:")]
        yield from self.items(nodes)

    def node(self, node: Union[LoopNode, Node]) -> Block:
        """A part of a snapshot by itself."""
        if isinstance(node, LoopNode):
            return self.loop(node)
        if isinstance(node, TaskNode):
            return self.task(node)
        return self.thread(node) if isinstance(node, ThreadNode) else self.item(node, [node])

    # -------------------------------------------------------------- tasks

    def siblings(self, nodes: Sequence[TaskNode], guides: Tuple[str, str]) -> Block:
        """Tasks below the same owner; many that are alike as one."""
        yield from self.parts(self.alike(nodes), guides, self.task)

    def parts(
        self,
        groups: Sequence[Sequence[N]],
        guides: Tuple[str, str],
        draw_group: Callable[[N, Sequence[N]], Block],
    ) -> Block:
        """A part for each group, as long as no more lines are drawn than there may be.

        Args:
            groups: Tasks, threads or the like that are alike.
            guides: What goes before the parts.
            draw_group: Draws a group, given its first one and the whole.
        """
        for index, group in enumerate(groups):
            if self.layout.is_full:
                yield self.no_more(groups[index:], guides)
                break
            yield Nested(guides, draw_group(group[0], group), drawn=group)

    def no_more(self, groups: Sequence[Sequence[Node]], guides: Tuple[str, str]) -> Line:
        """The line that stands for what isn't drawn, and for all below it."""
        number = 0
        for group in groups:
            for top in group:
                number += 1 if isinstance(top, ThreadNode) else sum(1 for _ in top.walk())
        return [("guide", guides[0]), *left_out(number, self.layout, noun=kind_of(groups[0][0]))]

    def alike(self, nodes: Sequence[TaskNode]) -> List[List[TaskNode]]:
        """The tasks in groups: one for more than `max_alike` with the same stack, else one each."""
        if self.max_alike is None or len(nodes) <= self.max_alike:
            return [[node] for node in nodes]
        return self.groups(nodes, lambda node: self.keys[id(node)], self.max_alike)

    def groups(self, nodes: Sequence[N], key: Callable[[N], object], most: int) -> List[List[N]]:
        """See `groups_of_alike`. What is stuck is in no group with what isn't."""
        stuck = self.options.stuck
        return groups_of_alike(nodes, lambda node: (key(node), is_stuck([node], stuck)), most)

    def mark(self, group: Sequence[Node]) -> Line:
        """What stands before the title of what is stuck."""
        return [("alert", f"{SIGN} ")] if is_stuck(group, self.options.stuck) else []

    def task(self, node: TaskNode, group: Sequence[TaskNode] = ()) -> Block:
        """A task with its frames, and the tasks below it."""
        self.drawn.add(id(node))
        like = self.drawn_like(node)
        yield [*self.task_title(node, group), *self.place(node.stack), *like]
        yield from self.others_alike([one.number for one in group[1:]])
        yield from self.times(node)
        rest = StackNode(node.stack, self.view)
        if not like:
            yield from self.frames(rest, node)
        below = [child for child in node.children if id(child) not in self.drawn]
        yield from self.siblings(below, self.guides.context)
        yield from self.elsewhere(node)
        if node.waiting is None and node.starts is None and rest.leaf is not None:
            yield [("guide", self.guides.leaf), ("leaf", rest.leaf)]
        for line in rest.error_lines():
            yield [("error", f"  {line}")]

    def drawn_like(self, node: TaskNode) -> Line:
        """The end of the title of a task whose frames stand at lines that have been drawn.

        There is none for one whose frames, or contexts, have to be drawn: they may own tasks.
        """
        if not self.options.fold:
            return []
        frames = node.stack.frames
        key = tuple([(id(frame.pyframe.f_code), frame.lineno) for frame in frames])
        first = self.first_at.setdefault(key, node)
        if first is node or not frames or _owns_in_users_code(node):
            return []
        return [("comment", ", as "), ("comment", Link(f"task {first.number}", first.task))]

    def task_title(self, node: TaskNode, group: Sequence[TaskNode] = ()) -> Line:
        """The title of a task: its number and name, what it does and what it waits for."""
        waits = [one.waiting for one in group or [node] if one.waiting is not None]

        def brief() -> str:
            return f": {state_parts(group or [node])}"

        def middle() -> str:
            return f": {node.state}: {sentence_in_brief(waits)}" if waits else brief()

        words = Sentence(_state_words(node, group), middle, brief)
        return [*self.mark(group or [node]), ("root", self.name_of(node)), ("comment", words)]

    def name_of(self, node: TaskNode) -> str:
        """What a task is called: its number, and its name as far as there is room for it."""
        if not self.options.fold:
            return task_title(node)
        name = shortened(task_name(node), LONGEST_NAME, self.layout.ellipsis)
        return f"task {node.number} ({name})"

    def others_alike(self, numbers: List[int]) -> Block:
        """The line that stands for what is like the one just drawn."""
        if numbers:
            known = number_ranges(number for number in numbers if number)
            words = f"and {len(numbers)} more at the same lines{': ' * bool(known)}{known}"
            yield [("guide", self.guides.more), ("note", words)]

    def times(self, node: Node) -> Block:
        """What is known of the times of a task, and of an earlier look at anything."""
        words = joined(
            NO_MATCH if getattr(node, "is_only_above", False) else "",
            times_text(node) if isinstance(node, TaskNode) else "",
            comparison_text(node, self.snapshot),
        )
        if words:
            yield [("guide", self.guides.more), ("note", words)]

    def place(self, stack: Stack) -> Line:
        """The end of a title that says where the user's innermost line is."""
        frame = innermost_user_frame(stack)
        if frame is None or not frame.lineno:
            return []
        path = safe_text(file_of(frame))
        if self.options.short_paths:
            path = short_path(path, self.snapshot.places)
        kind = "comment" if library_of(frame.pyframe) else "place"
        return [(kind, f"{AT}{path}:{frame.lineno}")]

    def elsewhere(self, node: TaskNode) -> Block:
        """What a task waits for, beside the tasks that its title names and those drawn below it."""
        if node.waiting is None or not node.waiting.tasks:
            return
        named = {id(task) for task in tasks_named_in(node.waiting)}
        named.update([id(child.task) for child in node.children])
        known = self.awaited(node.waiting.tasks)
        if named.isdisjoint(known):  # so it often is for all that wait for the same
            words = self.elsewhere_words.get(id(node.waiting.tasks))
            if words is None:
                words = self.names_of(list(known.values()), len(node.waiting.tasks))
                self.elsewhere_words[id(node.waiting.tasks)] = words
        else:
            others = [one for key, one in known.items() if key not in named]
            words = self.names_of(others, len(node.waiting.tasks))
        if words:
            yield [("guide", self.guides.context[0]), *words]

    def awaited(self, tasks: List[object]) -> Dict[int, TaskNode]:
        """The nodes of some tasks, by the ids of these. Many waits may have one list of them."""
        found = self.awaited_of.get(id(tasks))
        if found is None:
            nodes = self.view.nodes
            found = {id(task): nodes[id(task)] for task in tasks if id(task) in nodes}
            self.awaited_of[id(tasks)] = found
        return found

    @staticmethod
    def names_of(others: List[TaskNode], total: int) -> Line:
        """The words about tasks that are drawn elsewhere, among those that are waited for."""
        if not others:
            return []
        others.sort(key=lambda one: one.number)  # some of asyncio's functions take a set
        line: Line = [("note", "also for " if len(others) < total else "for ")]
        if len(others) <= MOST_NAMES:
            for index, one in enumerate(others):
                comma = [("note", ", ")] if index else []
                line += [*comma, ("note", Link(task_title(one), one.task))]
        else:
            line.append(("note", f"tasks {number_ranges(one.number for one in others)}"))
        return [*line, ("note", ", drawn elsewhere")]

    # --------------------------------------------------- threads and items

    def threads(self, nodes: Sequence[ThreadNode]) -> Block:
        """The threads with their stacks; many that are alike as one."""
        idle: List[ThreadNode] = []
        if self.options.fold:
            idle = [node for node in nodes if is_idle_worker(node)]
        skipped = set(map(id, idle))
        busy = [node for node in nodes if id(node) not in skipped]
        groups = [[node] for node in busy]
        if self.max_alike is not None:
            groups = self.groups(busy, thread_key, self.max_alike)
        yield from self.parts(groups, self.guides.context, self.thread)
        if idle:
            yield Nested(self.guides.context, iter([idle_line(idle)]))

    def thread(self, node: ThreadNode, group: Sequence[ThreadNode] = ()) -> Block:
        """A thread with its stack."""
        number = f" {node.number}" if node.number else ""
        notes = [
            note
            for note, holds in (("daemon", node.is_daemon), ("takes this snapshot", node.is_here))
            if holds
        ]
        begin = f" ({', '.join(notes)})" if notes else ""
        words: str = begin
        if node.waiting is not None:
            waits = [one.waiting for one in group or [node] if one.waiting is not None]
            words = Sentence(
                [f"{begin}: waiting for ", *wait_pieces(waits)],
                lambda: f"{begin}: waiting: {sentence_in_brief(waits)}",
                lambda: f"{begin}: {state_parts(group or [node])}",
            )
        elif not node.stack.frames and node.stack.error is None:
            words += f": {NO_PYTHON}"
        name = safe_text(node.name)
        title = name if not node.number and name.startswith("thread ") else f"thread{number} {name}"
        line = [*self.mark(group or [node]), ("root", title), ("comment", words)]
        inner = self.task_inside(node.stack)
        if inner is None:
            line += self.place(node.stack)
        else:
            line.append(("comment", f"{',' if words else ':'} in "))
            line.append(("comment", Link(self.name_of(inner), inner.task)))
        yield line
        yield from self.others_alike([one.number for one in group[1:]])
        yield from self.times(node)
        if inner is not None or not self._runs_in_time(node):
            yield from self.rest(node.stack, inner)

    def _runs_in_time(self, node: ThreadNode) -> bool:
        """Whether a thread is in libraries alone, of which one runs a loop that isn't late."""
        loops = [loop for loop in self.snapshot.loops if loop.thread == node.name]
        return (
            len(loops) == 1
            and (loops[0].seconds_late or 0) < LATE
            and node.stack.error is None
            and all(self._folded(node.stack.frames))
        )

    def items(self, nodes: Sequence[ItemNode]) -> Block:
        """Greenlets or the like; many that are alike as one."""
        most = len(nodes) if self.max_alike is None else self.max_alike
        groups = self.groups(nodes, item_key, most)
        yield from self.parts(groups, self.guides.context, self.item)

    def item(self, node: ItemNode, group: Sequence[ItemNode]) -> Block:
        """A greenlet or the like with its stack."""
        where = f" in {safe_text(node.thread)}" if node.thread else ""
        title = f"{node.kind} {node.number} {safe_text(node.name)}"
        inner = self.task_inside(node.stack)
        waits = [one.waiting for one in group if one.waiting is not None]
        words: str = f"{where}: {node.state}"
        if waits:
            words = Sentence(
                [f"{words}, waiting for ", *wait_pieces(waits)],
                lambda: f"{where}: waiting: {sentence_in_brief(waits)}",
                lambda: f": {state_parts(group or [node])}",
            )
        line = [*self.mark(group or [node]), ("root", title), ("comment", words)]
        if inner is None:
            line += self.place(node.stack)
        else:
            line += [("comment", ", in "), ("comment", Link(self.name_of(inner), inner.task))]
        yield line
        yield from self.others_alike([one.number for one in group[1:]])
        yield from self.times(node)
        yield Nested(FLAT, self.rest(node.stack, inner), node.stack)
        yield from self.items(node.children)

    def task_inside(self, stack: Stack) -> Optional[TaskNode]:
        """The task that draws the innermost frames of a stack, if one does.

        A thread that waits for a coroutine, which is suspended, isn't in it.
        """
        if id(stack.root) in self.in_c:
            return self.in_c[id(stack.root)]
        for frame in reversed(stack.frames):
            if identity_of(stack.root).kind == THREAD and is_suspended(frame.origin):
                return None
            owner = self._owner_of(frame, None)
            if owner is not None:
                return owner
        return None

    def rest(self, stack: Stack, inner: Optional[TaskNode]) -> Block:
        """What a task doesn't draw of a stack; nothing if that would be folded.

        Args:
            stack: The stack.
            inner: The task that draws the innermost frames.
        """
        node = StackNode(stack, self.view)
        shown = [one.frame for one in node.frames()]
        is_folded = all(
            folds or self._owner_of(frame, None) is not None
            for folds, frame in zip(self._folded(shown), shown)
        )
        if inner is None and is_folded:
            # Libraries are all there is to see. Of these, one frame says most.
            self.kept: Optional[Frame] = innermost_user_frame(stack)
        if inner is None or stack.error is not None or not is_folded:
            yield from self.body(node)


def _owns_in_users_code(node: TaskNode) -> bool:
    """Whether tasks stand below a context of a task that isn't folded."""
    return any(
        child.stack is stack
        for child in node.children
        for frame in node.stack.frames
        if not library_of(frame.pyframe)
        for context in frame.contexts
        for stack in context.children
    )


def _state_words(node: TaskNode, group: Sequence[TaskNode]) -> List[str]:
    words = f": {node.state}"
    if node.starts is not None:
        words += f" {task_label(node.starts)}"
    pieces: List[str] = []
    if node.cancel_reason:
        words += f" ({cut(safe_text(node.cancel_reason), 200)})"
    if node.waiting is not None:
        verb = "" if node.state == "waiting" else ", waiting"
        waits = [one.waiting for one in group or [node] if one.waiting is not None]
        words += f"{verb} for "
        pieces = wait_pieces(waits)
    return [words, *pieces]
