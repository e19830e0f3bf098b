"""All threads as a table."""

from __future__ import annotations

from stackscope.render.words import (
    StateParts,
    groups_of_alike,
    number_range,
    place_parts,
    state_parts,
)
from stackscope.safe.text import safe_line
from stackscope.snapshot.user_code import innermost_user_frame, is_machinery, library_of
from stackscope_pdb.views.columns import Row, Table, forms_of_name
from stackscope_pdb.views.tasks import MOST_ALIKE, circle_line
from stackscope_pdb.views.tasks import MOST_SIBLINGS as MOST_ROWS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Collection, Iterator, List, Optional, Set, Tuple

    from stackscope import ThreadNode
    from stackscope.render.drawing import Line
    from stackscope_pdb.output.console import Console


def thread_lines(
    nodes: List[ThreadNode], marked: object, waiting: Collection[int], console: Console
) -> Iterator[Line]:
    """The lines that show threads. Many with the same stack are one line.

    Args:
        nodes: The threads.
        marked: The one to mark; ``None`` stands for the one that has the prompt.
        waiting: The identifiers of those that have stopped, too, and wait for the prompt.
        console: What the terminal can take.
    """
    groups = groups_of_alike(nodes, lambda node: _key(node, waiting), MOST_ALIKE)
    rows = [_row(group, marked, waiting, console) for group in groups[:MOST_ROWS]]
    table = Table(rows, console)
    yield from map(table.line, rows)
    left = sum(len(group) for group in groups[MOST_ROWS:])
    if left:
        yield [("note", f"  {console.ellipsis} {left} more ('threads TEXT' finds them)")]
    yield from map(circle_line, _circles(nodes))


def _circles(nodes: List[ThreadNode]) -> Iterator[List[ThreadNode]]:
    """Threads that wait for each other's locks, each of which has one holder."""
    by_thread = {id(node.thread): node for node in nodes if node.thread is not None}
    done: Set[int] = set()
    for node in nodes:
        path: List[ThreadNode] = []
        current: Optional[ThreadNode] = node
        while current is not None and id(current) not in done:
            done.add(id(current))
            path.append(current)
            holders = [] if current.waiting is None else current.waiting.holders
            current = by_thread.get(id(holders[0])) if len(holders) == 1 else None
        if current is not None and current in path:
            yield path[path.index(current) :]


def is_idle(node: ThreadNode) -> bool:
    """Whether a thread runs nothing of the user's now: its event loop, or a library, has it.

    It isn't idle if somebody holds the lock that it waits for.
    """
    if node.waiting is not None and node.waiting.holders:
        return False
    for frame in reversed(node.stack.frames):
        if is_machinery(frame.pyframe):
            break
        if not library_of(frame.pyframe):
            return False
    return True


def _is_marked(node: ThreadNode, marked: object) -> bool:
    return node.is_here if marked is None else node.thread is marked


def _key(node: ThreadNode, waiting: Collection[int]) -> Tuple[object, ...]:
    """Equal for threads that are at the same lines of the same functions."""
    if node.is_here:
        return (True,)
    frames = [(id(frame.pyframe.f_code), frame.lineno) for frame in node.stack.frames]
    return (False, node.ident in waiting, node.is_daemon, *frames)


def _row(
    group: List[ThreadNode], marked: object, waiting: Collection[int], console: Console
) -> Row:
    node = group[0]
    frame = innermost_user_frame(node.stack)
    state = state_parts(group)
    if node.ident in waiting:
        state = StateParts("stopped, waiting")
    state.note = "daemon" if node.is_daemon else ""
    numbers = number_range([one.number for one in group], console.ellipsis)
    return Row(
        numbers if node.number else "?",
        forms_of_name([one.name for one in group], console),
        state,
        place_parts(frame),
        safe_line(frame.linetext) if frame is not None else "",
        kind="current" if node.is_here else "state",
        is_current=any(_is_marked(one, marked) for one in group),
    )
