"""All tasks as one tree: each under its task group or nursery, many alike as one row."""

from __future__ import annotations

from types import MappingProxyType

from stackscope.model.saved import type_name_of
from stackscope.model.snapshot import TaskNode
from stackscope.model.stacks import Context
from stackscope.render.alike import alike_keys, groups_of_alike
from stackscope.render.columns import Row, Table, forms_of_name
from stackscope.render.nodes import ContextNode, View
from stackscope.render.stuck import NOBODY, is_stuck
from stackscope.render.waits import state_parts
from stackscope.render.words import (
    loop_title,
    number_range,
    numbers_in_circle,
    place_parts,
    task_name,
    time_of_day,
)
from stackscope.safe.text import safe_line, safe_text
from stackscope.snapshot.identity import TASK, identity_of
from stackscope.snapshot.user_code import innermost_user_frame, library_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import (
        Callable,
        Container,
        Dict,
        Iterator,
        List,
        Mapping,
        Optional,
        Sequence,
        Tuple,
        TypeVar,
        Union,
    )

    from stackscope.model.snapshot import LoopNode, Node, Snapshot
    from stackscope.model.stacks import Frame, Stack
    from stackscope.render.drawing import Line, Paper
    from stackscope.render.stuck import Stuck

    T = TypeVar("T")

MOST_ALIKE = 5
"""The most tasks with the same stack that have a row each; more have one in common."""

MOST_ROWS = 200
"""The most rows of one loop, however deep its tree is."""

MOST_SIBLINGS = 50
"""The most tasks, or groups of tasks, that are shown under one owner."""

DEEPEST_TREE = 6
"""The levels of tasks that are told by indentation. A deeper one is told by its number."""

MOST_IN_CIRCLE = 8
"""The most tasks that are named of those that wait for each other."""

NOTHING: Mapping[int, str] = MappingProxyType({})
"""No changes."""

STATE_KINDS = {"cancelling": "alert", "running": "current"}
"""The kinds of span for states that stand out."""


class OwnerRow:
    """The line for a task group or nursery, above its tasks, or for tasks that are left out."""

    def __init__(self, tree: str, source: str, comment: str) -> None:
        self.tree = tree
        self.source = source
        self.comment = comment


def task_lines(
    snapshot: Snapshot,
    marked: object,
    paper: Paper,
    *,
    hint: str = " ('tasks FILTER' finds them)",
    changes: Mapping[int, str] = NOTHING,
    stuck: Stuck = NOBODY,
) -> Iterator[Line]:
    """The lines that show all tasks.

    Args:
        snapshot: What there is.
        marked: The task to mark.
        paper: What it is drawn on.
        hint: What to say where tasks are left out.
        changes: The signs of those that have changed, by the ids of the tasks.
        stuck: Those to mark as stuck: see `stuck_by`.
    """
    seen_at = time_of_day(snapshot.taken_at)
    for loop in snapshot.loops:
        goes_on = loop.is_running and not loop.is_here
        yield loop_title(loop, at_stop=True, seen_at=seen_at if goes_on else "")
        table = LoopTable(loop, paper, marked, hint=hint, changes=changes, stuck=stuck)
        yield from table.lines()
    yield from map(circle_line, snapshot.cycles)


def circle_line(circle: Sequence[Node]) -> Line:
    """The line for tasks or threads that wait for each other, or for one that waits for itself."""
    numbers = numbers_in_circle(circle)
    waits = [node.waiting for node in circle if node.waiting is not None]
    probably = "probably " if any(wait.holders_are_likely for wait in waits) else ""
    if len(numbers) == 1:
        return [("alert", f"  {probably}waiting for itself: {numbers[0]}")]
    shown = [*numbers, numbers[0]]
    if len(numbers) > MOST_IN_CIRCLE:
        shown = [*numbers[:MOST_IN_CIRCLE], f"{len(numbers) - MOST_IN_CIRCLE} more"]
    return [("alert", f"  {probably}waiting for each other: {' > '.join(shown)}")]


def change_of(objects: Sequence[object], changes: Mapping[int, str]) -> str:
    """The sign of the first change among the objects of a row; empty if none has changed."""
    return next((changes[id(one)] for one in objects if id(one) in changes), "")


class LoopTable:
    """Draws the tasks of one loop.

    Args:
        loop: The loop.
        paper: What it is drawn on.
        marked: The task to mark.
        most_alike: More tasks with the same stack are one row; ``None`` gives each one its own.
        hint: What to say where tasks are left out.
        passed: The ids of nodes that have no rows; those below them stand in their places.
        of_libraries: Whether there is a line for a group of tasks that a library has opened.
        has_sources: Whether to show source lines.
        changes: The signs of those that have changed, by the ids of the tasks.
        stuck: Those to mark as stuck.
        keys: What `alike_keys` gives, if it has been asked already.
    """

    def __init__(
        self,
        loop: LoopNode,
        paper: Paper,
        marked: object = None,
        *,
        most_alike: Optional[int] = MOST_ALIKE,
        hint: str = "",
        passed: Container[int] = (),
        of_libraries: bool = True,
        has_sources: bool = True,
        changes: Mapping[int, str] = NOTHING,
        stuck: Stuck = NOBODY,
        keys: Optional[Mapping[int, int]] = None,
    ) -> None:
        self.changes = changes
        self.stuck = stuck
        self.of_libraries = of_libraries
        self.has_sources = has_sources
        self.most_alike = most_alike
        self.hint = hint
        self.passed = passed
        self.loop = loop
        self.keys: Mapping[int, int] = alike_keys(loop.walk()) if keys is None else keys
        self.marked = marked
        self.paper = paper
        self.branch: str
        self.deeper: str
        self.branch, self.deeper = paper.guides.context

    def lines(self) -> Iterator[Line]:
        """The rows as lines with aligned columns."""
        rows = list(self._rows())
        table = Table([row for row in rows if isinstance(row, Row)], self.paper)
        for row in rows:
            if isinstance(row, Row):
                yield table.line(row)
                continue
            yield [
                ("text", " " * table.fixed),
                ("guide", row.tree),
                ("source", row.source),
                ("comment", row.comment),
            ]

    def _rows(self) -> Iterator[Union[Row, OwnerRow]]:
        for index, row in enumerate(self._siblings(self.loop.tasks, "")):
            if index == MOST_ROWS:
                yield self._remark("", f"and more{self.hint}")
                return
            yield row

    def _remark(self, tree: str, words: str) -> OwnerRow:
        return OwnerRow(tree, "", f"{self.paper.ellipsis} {words}")

    def _siblings(
        self, nodes: List[TaskNode], tree: str, depth: int = 0
    ) -> Iterator[Union[Row, OwnerRow]]:
        """The rows for tasks that have the same owner, and for what is below them."""
        groups = [[node] for node in nodes]
        if self.most_alike is not None:
            groups = groups_of_alike(nodes, self._key, self.most_alike)
        for index, group in enumerate(groups):
            if index == MOST_SIBLINGS:
                left = sum(len(group) for group in groups[index:])
                yield self._remark(tree, f"{left} more{self.hint}")
                return
            if id(group[0]) in self.passed:
                below = [child for node in group for child in node.children]
                yield from self._siblings(below, tree, depth)
                continue
            yield self._row(group, tree)
            yield from self._below(group[0], tree, depth, is_group=len(group) > 1)

    def _key(self, node: TaskNode) -> object:
        """Equal for tasks that are alike: they may have a row in common."""
        return self.keys[id(node)], is_stuck([node], self.stuck)

    def _below(
        self, node: TaskNode, tree: str, depth: int, *, is_group: bool
    ) -> Iterator[Union[Row, OwnerRow]]:
        owners: Dict[int, List[TaskNode]] = {}
        awaited: List[TaskNode] = []
        for child in node.children:
            below = awaited if child.is_awaited else owners.setdefault(id(child.owner), [])
            below.append(child)
        depth += 1
        indent = tree.replace(self.branch, self.deeper) + "  "
        if depth > DEEPEST_TREE:
            indent = f"{self.paper.guides.level}{depth} "
        if owners:
            label = owner_labels(node, of_libraries=self.of_libraries)
            for children in owners.values():
                source, comment = label(children[0].owner)
                if source or (self.of_libraries and identity_of(children[0].owner).kind != TASK):
                    yield OwnerRow(indent, source, comment + (", in each" if is_group else ""))
                yield from self._siblings(children, indent + self.branch, depth)
        yield from self._siblings(awaited, indent + self.branch, depth)

    def _row(self, group: List[TaskNode], tree: str) -> Row:
        node = group[0]
        frame = innermost_user_frame(node.stack)
        return Row(
            number_range([one.number for one in group], self.paper.ellipsis),
            forms_of_name([task_name(one) for one in group], self.paper),
            state_parts(group),
            place_parts(frame),
            safe_line(frame.linetext) if frame is not None and self.has_sources else "",
            tree=tree,
            kind=STATE_KINDS.get(node.state, "state"),
            is_current=any(one.task is self.marked for one in group),
            change=change_of([one.task for one in group], self.changes),
            is_stuck=is_stuck(group, self.stuck),
        )


def owner_labels(
    parent: TaskNode, *, of_libraries: bool = True
) -> Callable[[object], Tuple[str, str]]:
    """A function that tells where ``parent`` opened a group or nursery: source, comment.

    Args:
        parent: The task.
        of_libraries: Whether to tell that of those that a library has opened.
    """
    found: Dict[int, Tuple[str, str]] = {}
    for frame, context in _all_contexts(parent.stack):
        if not of_libraries and library_of(frame.pyframe):
            continue
        line = _with_line(frame, context)
        if context.obj is not None and line:
            comment = f"  # {safe_text(frame.funcname)}, line {context.start_line}"
            found[id(context.obj)] = (line, comment)

    def label(owner: object) -> Tuple[str, str]:
        return found.get(id(owner)) or ("", f"in a {type_name_of(owner)}")

    return label


def _with_line(frame: Frame, context: Context) -> str:
    return ContextNode(context, View(), frame=frame).source.rstrip(":")


def _all_contexts(stack: Stack) -> Iterator[Tuple[Frame, Context]]:
    """All contexts of a stack, inner ones included, each with its frame."""
    todo: List[Stack] = [stack]
    while todo:
        for frame in todo.pop().frames:
            contexts = list(frame.contexts)
            while contexts:
                context = contexts.pop()
                yield frame, context
                if context.inner_stack is not None:
                    todo.append(context.inner_stack)
                contexts += [child for child in context.children if isinstance(child, Context)]
