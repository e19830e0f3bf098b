"""All tasks as one tree: each under the task group or nursery that owns it, many alike ones as one row."""

from __future__ import annotations

import os
import re
import sys

from stackscope.render.safe import class_name, safe_line, safe_text
from stackscope.render.tree import View
from stackscope.snapshot import extract_all, innermost_user_frame
from stackscope.waiting import HELD_BY
from stackscope_pdb.output.console import padded, width_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import (
        Callable,
        Dict,
        Iterator,
        List,
        Optional,
        Set,
        Tuple,
        TypeVar,
        Union,
    )

    from stackscope import Context, Frame, Stack, Waiting
    from stackscope.render.text import Line
    from stackscope.snapshot import LoopNode, Snapshot, TaskNode
    from stackscope_pdb.output.console import Console

    T = TypeVar("T")

MOST_ALIKE = 5
"""More tasks with the same stack become one row."""

MOST_ROWS = 200
"""So many rows one loop may take, however deep its tree is."""

MOST_NAMES = 3
"""So many of their names are shown there."""

MOST_SIBLINGS = 50
"""Of more tasks, or groups of tasks, under one owner only so many are shown."""

WIDEST_NAME = 36
NARROWEST_NAME = 16
"""To say what a task waits for in full, names are cut as far as that."""

WIDEST_PLACE = 44

_TIME = re.compile(r"\b[0-9.]+ s (?:left|overdue)\b")
_TASK = re.compile(r"\btask ([0-9]+) \(")

NARROWEST_SOURCE = 16
"""Where less is left of the line, it is better left empty."""


class Row:
    """One line of the table.

    Args:
        number: The number of the task, or the first and last one.
        tree: The guides before the name.
        name: The name, or the names.
        state: What it does, in full.
        plain_state: The same without details.
        place: Where its code stands: function, line, file.
        source: The source line there.
        is_current: Whether to mark it.
    """

    def __init__(
        self,
        number: str,
        tree: str,
        name: str,
        state: str = "",
        plain_state: str = "",
        place: str = "",
        source: str = "",
        *,
        is_current: bool = False,
    ) -> None:
        self.number = number
        self.tree = tree
        self.name = name
        self.state = state
        self.plain_state = plain_state
        self.place = place
        self.source = source
        self.is_current = is_current


class OwnerRow:
    """The line for a task group or nursery, above its tasks."""

    def __init__(self, tree: str, source: str, comment: str) -> None:
        self.tree = tree
        self.source = source
        self.comment = comment


def task_lines(
    snapshot: Snapshot,
    wanted: Optional[Callable[[TaskNode], bool]],
    marked: object,
    console: Console,
) -> Iterator[Line]:
    """The lines that show all tasks.

    Args:
        snapshot: What there is.
        wanted: Which tasks to show; those that own one of them are shown too.
        marked: The task to mark.
        console: What the terminal can take.
    """
    for loop in snapshot.loops:
        nodes = loop.tasks
        shown = None if wanted is None else _with_owners(nodes, wanted)
        if shown is not None and not shown:
            continue
        yield _loop_title(loop)
        table = _Table(shown, marked, console)
        yield from table.lines(nodes)


def _loop_title(loop: LoopNode) -> Line:
    what = "asyncio loop" if loop.library == "asyncio" else f"{loop.library} run"
    count = sum(1 for _ in loop.walk())
    where = f" in {safe_text(loop.thread)}" if loop.thread else ""
    if loop.is_here:
        status = ", stopped"
    elif loop.is_running:
        status = ", which goes on running" if loop.thread else ", running"
    else:
        status = ", not running"
    return [("header", f"{what}{where}{status}: "), ("text", f"{count} task{'s' * (count != 1)}")]


def _with_owners(nodes: List[TaskNode], wanted: Callable[[TaskNode], bool]) -> Set[int]:
    """The ids of the wanted nodes, and of those above them."""
    found: Set[int] = set()
    above: Dict[int, TaskNode] = {}
    for top in nodes:
        for node in top.walk():
            above.update((id(child), node) for child in node.children)
            current: Optional[TaskNode] = node if wanted(node) else None
            while current is not None and id(current) not in found:
                found.add(id(current))
                current = above.get(id(current))
    return found


class _Table:
    """Draws the tasks of one loop."""

    def __init__(self, shown: Optional[Set[int]], marked: object, console: Console) -> None:
        self.shown = shown
        self.marked = marked
        self.console = console
        self.branch, self.deeper = console.guides.context
        self.times = "x" if console.ascii_only else "×"

    def lines(self, nodes: List[TaskNode]) -> Iterator[Line]:
        """The rows as lines with aligned columns."""
        rows = list(self._rows(nodes))
        tasks = [row for row in rows if isinstance(row, Row)]
        number = max([len(row.number) for row in tasks], default=1)
        name = max([min(width_of(row.tree + row.name), WIDEST_NAME) for row in tasks], default=0)
        place = max([min(width_of(row.place), WIDEST_PLACE) for row in tasks], default=0)
        state = max([width_of(row.state) for row in tasks], default=0)
        room = self.console.width - (number + 3 + name + 2 + state + 2 + place)
        if room < 0 and any(row.state != row.plain_state for row in tasks):
            if name + room >= NARROWEST_NAME:
                name += room
                for each in tasks:
                    left = name - width_of(each.tree)
                    each.name = _shortened(each.name, left, self.console.ellipsis)
            else:
                for each in tasks:
                    each.state = each.plain_state
                state = max(width_of(each.state) for each in tasks)
        room = self.console.width - (number + 3 + name + 2 + state + 2 + place + 2)
        has_sources = room >= NARROWEST_SOURCE
        for row in rows:
            if isinstance(row, OwnerRow):
                yield [
                    ("text", " " * (number + 3)),
                    ("guide", row.tree),
                    ("source", row.source),
                    ("comment", row.comment),
                ]
                continue
            mark = ("current", "> ") if row.is_current else ("text", "  ")
            padding = name - width_of(row.tree + row.name)
            yield [
                mark,
                ("number", row.number.rjust(number)),
                ("guide", f" {row.tree}"),
                ("taskname", row.name),
                ("text", " " * max(padding, 0) + "  "),
                (_state_kind(row.state), padded(row.state, state) + "  "),
                ("place", padded(row.place, place) + "  " if has_sources else row.place),
                ("source", row.source if has_sources else ""),
            ]

    def _rows(self, nodes: List[TaskNode]) -> Iterator[Union[Row, OwnerRow]]:
        for index, row in enumerate(self._siblings(nodes, "")):
            if index == MOST_ROWS:
                yield Row("", "", f"{self.console.ellipsis} and more ('tasks TEXT' finds them)")
                return
            yield row

    def _siblings(self, nodes: List[TaskNode], tree: str) -> Iterator[Union[Row, OwnerRow]]:
        """The rows for tasks that have the same owner, and for what is below them."""
        visible = [node for node in nodes if self.shown is None or id(node) in self.shown]
        groups = groups_of_alike(visible, _key)
        for index, group in enumerate(groups):
            if index == MOST_SIBLINGS:
                left = sum(len(group) for group in groups[index:])
                words = f"{self.console.ellipsis} {left} more ('tasks TEXT' finds them)"
                yield Row("", tree, words)
                return
            yield self._row(group, tree)
            yield from self._below(group[0], tree, is_group=len(group) > 1)

    def _below(
        self, node: TaskNode, tree: str, *, is_group: bool
    ) -> Iterator[Union[Row, OwnerRow]]:
        owners: Dict[int, List[TaskNode]] = {}
        for child in node.children:
            if self.shown is None or id(child) in self.shown:
                owners.setdefault(id(child.owner), []).append(child)
        if not owners:
            return
        labels = owner_labels(node)
        indent = tree.replace(self.branch, self.deeper) + "  "
        for children in owners.values():
            source, comment = labels(children[0].owner)
            yield OwnerRow(indent, source, comment + (", in each" if is_group else ""))
            yield from self._siblings(children, indent + self.branch)

    def _row(self, group: List[TaskNode], tree: str) -> Row:
        node = group[0]
        frame = innermost_user_frame(node.stack)
        state, plain = state_text(node), plain_state(node)
        if len(group) > 1:
            names = ", ".join([safe_text(one.name) for one in group[:MOST_NAMES]])
            names = f"{len(group)} {self.times} {names}, {self.console.ellipsis}"
            number = number_range([one.number for one in group], self.console.ellipsis)
            states = {state_text(one) for one in group}
            plain = ", ".join(sorted(set(map(plain_state, group)))[:2])
            state = states.pop() if len(states) == 1 else plain
        else:
            names, number = safe_text(node.name), str(node.number)
        names = _shortened(names, max(WIDEST_NAME - len(tree), 12), self.console.ellipsis)
        place = _shortened(place_text(frame), WIDEST_PLACE, self.console.ellipsis)
        source = safe_line(frame.linetext) if frame is not None else ""
        is_current = any(one.task is self.marked for one in group)
        return Row(number, tree, names, state, plain, place, source, is_current=is_current)


def _shortened(text: str, width: int, ellipsis: str) -> str:
    """``text``, or its beginning and its end."""
    if len(text) <= width:
        return text
    tail = (width - len(ellipsis)) // 2
    return text[: width - len(ellipsis) - tail] + ellipsis + text[-tail:]


def _state_kind(state: str) -> str:
    if state.startswith("cancelling"):
        return "alert"
    return "current" if state == "running" else "state"


def state_text(node: TaskNode) -> str:
    """The state of a task, and what it waits for."""
    return ", ".join([plain_state(node), *_in_brief(node.waiting)])


def plain_state(node: TaskNode) -> str:
    """The state of a task, and the call that it waits in."""
    if node.waits_for is None:
        return node.state
    return f"{node.state}: {safe_text(node.waits_for)}"


def _in_brief(waiting: Optional[Waiting]) -> Iterator[str]:
    """What else is worth a place in the table: how long it may take, and the tasks that hold a lock."""
    if waiting is None:
        return
    yield from _TIME.findall(waiting.detail)[:1]
    numbers = _TASK.findall(waiting.detail.partition(HELD_BY)[2])
    if numbers:
        yield HELD_BY + ", ".join(numbers)


def place_text(frame: Optional[Frame]) -> str:
    """Where a frame stands, without the folder: ``transfer:52 service.py``."""
    if frame is None:
        return ""
    return safe_text(f"{frame.funcname}:{frame.lineno} {os.path.basename(frame.filename)}")


class KnownTasks:
    """Finds tasks by identity. The tasks of the process are looked up when the first one is asked for."""

    def __init__(self) -> None:
        self._nodes: Optional[Dict[int, TaskNode]] = None

    def find(self, obj: object) -> Optional[TaskNode]:
        """What is known about ``obj``, if it is a task that isn't done."""
        if not issubclass(type(obj), _task_types()):
            return None
        if self._nodes is None:
            snapshot = extract_all(with_contexts=False, threads=False)
            self._nodes = {id(node.task): node for node in snapshot.tasks()}
        return self._nodes.get(id(obj))


def _task_types() -> Tuple[type, ...]:
    """The task classes of the libraries that the program has imported."""
    modules = [sys.modules.get(name) for name in ("asyncio", "trio.lowlevel")]
    found = [getattr(module, "Task", None) for module in modules if module is not None]
    return tuple([cls for cls in found if isinstance(cls, type)])


class NamingView(View):
    """A view in which a task is called by its number and name, and not by its long representation."""

    def __init__(self, *, show_contexts: bool = True) -> None:
        super().__init__(show_contexts=show_contexts)
        self._tasks = KnownTasks()

    def repr(self, obj: object) -> str:
        node = self._tasks.find(obj)
        return super().repr(obj) if node is None else f"task {node.number} {safe_text(node.name)}"


def brief_line(node: TaskNode) -> Line:
    """A task on one line, where it is not the main thing."""
    place = place_text(innermost_user_frame(node.stack))
    return [
        ("text", "task "),
        ("number", str(node.number)),
        ("taskname", f" {safe_text(node.name)}"),
        (_state_kind(node.state), f"  {state_text(node)}"),
        ("place", f"  {place}" if place else ""),
    ]


def groups_of_alike(nodes: List[T], key: Callable[[T], object]) -> List[List[T]]:
    """The nodes in groups: more than `MOST_ALIKE` with the same key together, the others alone."""
    by_key: Dict[object, List[T]] = {}
    keys = [key(node) for node in nodes]
    for node, same in zip(nodes, keys):
        by_key.setdefault(same, []).append(node)
    groups: List[List[T]] = []
    for node, same in zip(nodes, keys):
        group = by_key[same]
        if len(group) <= MOST_ALIKE:
            groups.append([node])
        elif group[0] is node:
            groups.append(group)
    return groups


def number_range(numbers: List[int], ellipsis: str) -> str:
    """The numbers of a group: ``5-9``, or only the first one if others are in between."""
    first, last = numbers[0], numbers[-1]
    return f"{first}-{last}" if last - first == len(numbers) - 1 else f"{first}{ellipsis}"


def _key(node: TaskNode) -> Tuple[object, ...]:
    """Equal for tasks that stand at the same lines of the same functions, and so do all below them."""
    # not recursive: a chain of nurseries may be deeper than Python's stack
    keys: Dict[int, Tuple[object, ...]] = {}
    for one in reversed(list(node.walk())):
        frames = tuple([(id(frame.pyframe.f_code), frame.lineno) for frame in one.stack.frames])
        below = tuple(sorted({hash(keys[id(child)]) for child in one.children}))
        keys[id(one)] = (one.state == "running", frames, below)
    return keys[id(node)]


def owner_labels(parent: TaskNode) -> Callable[[object], Tuple[str, str]]:
    """A function that says where ``parent`` has opened a task group or nursery: source, and a comment."""
    import stackscope

    found: Dict[int, Tuple[str, str]] = {}
    stack = stackscope.extract(parent.task)
    for frame, context in _all_contexts(stack):
        line = _with_line(frame, context)
        if context.obj is not None and line:
            comment = f"  # {safe_text(frame.funcname)}, line {context.start_line}"
            found[id(context.obj)] = (line, comment)

    def label(owner: object) -> Tuple[str, str]:
        return found.get(id(owner)) or ("", f"in a {class_name(owner)}")

    return label


def _with_line(frame: Frame, context: Context) -> str:
    from stackscope.render.tree import ContextNode

    return ContextNode(context, View(), frame=frame).source.rstrip(":")


def _all_contexts(stack: Stack) -> Iterator[Tuple[Frame, Context]]:
    """All contexts of a stack, those inside of other ones included, each with the frame it is in."""
    from stackscope import Context

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
