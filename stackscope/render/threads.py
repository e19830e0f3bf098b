"""All threads as a table."""

from __future__ import annotations

from stackscope.render.alike import groups_of_alike, ids_of_holders
from stackscope.render.columns import Row, Table, forms_of_name
from stackscope.render.stuck import NOBODY, is_stuck
from stackscope.render.tasks import MOST_ALIKE, NOTHING, change_of, circle_line
from stackscope.render.tasks import MOST_SIBLINGS as MOST_ROWS
from stackscope.render.waits import StateParts, state_parts
from stackscope.render.words import number_range, place_parts
from stackscope.safe.text import safe_line
from stackscope.snapshot.user_code import innermost_user_frame, is_machinery, library_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Collection, Iterator, List, Mapping, Optional, Sequence, Tuple

    from stackscope.model.snapshot import Node, ThreadNode
    from stackscope.render.drawing import Line, Paper
    from stackscope.render.stuck import Stuck


def thread_lines(
    nodes: List[ThreadNode],
    marked: object,
    waiting: Collection[int],
    paper: Paper,
    *,
    most_alike: Optional[int] = MOST_ALIKE,
    hint: str = " ('threads FILTER' finds them)",
    at_stop: bool = True,
    circles: Sequence[Sequence[Node]] = (),
    changes: Mapping[int, str] = NOTHING,
    stuck: Stuck = NOBODY,
) -> Iterator[Line]:
    """The lines that show threads. Many with the same stack are one line.

    Args:
        nodes: The threads.
        marked: The one to mark; ``None`` stands for the one that has the prompt.
        waiting: The identifiers of those that have stopped, too, and wait for the prompt.
        paper: What it is drawn on.
        most_alike: More threads with the same stack are one row; ``None`` gives each one its own.
        hint: What to say where threads are left out.
        at_stop: Whether the program has stopped in a debugger.
        circles: Who waits for each other.
        changes: The signs of those that have changed, by the ids of the threads.
        stuck: Those to mark as stuck: see `stuck_by`.
    """
    groups = [[node] for node in nodes]
    if most_alike is not None:

        def key(node: ThreadNode) -> object:
            return node.ident in waiting, is_stuck([node], stuck), thread_key(node)

        groups = groups_of_alike(nodes, key, most_alike)
    rows = [_row(group, marked, waiting, paper, at_stop) for group in groups[:MOST_ROWS]]
    for row, group in zip(rows, groups):
        row.change = change_of([one.thread for one in group], changes)
        row.is_stuck = is_stuck(group, stuck)
    table = Table(rows, paper)
    yield from map(table.line, rows)
    left = sum(len(group) for group in groups[MOST_ROWS:])
    if left:
        yield [("note", f"  {paper.ellipsis} {left} more{hint}")]
    yield from map(circle_line, circles)


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


def thread_key(node: ThreadNode) -> Tuple[object, ...]:
    """Equal for threads that are at the same lines, and wait for what the same ones hold."""
    if node.is_here:
        return (True,)
    frames = [(id(frame.pyframe.f_code), frame.lineno) for frame in node.stack.frames]
    waiting = node.waiting
    awaited: Tuple[object, ...] = ()
    if waiting is not None:
        awaited = (waiting.text, *ids_of_holders(waiting))
    return (False, node.is_daemon, node.calls, node.was_here, awaited, *frames)


def _row(
    group: List[ThreadNode],
    marked: object,
    waiting: Collection[int],
    paper: Paper,
    at_stop: bool,
) -> Row:
    node = group[0]
    frame = innermost_user_frame(node.stack)
    state = state_parts(group)
    if node.ident in waiting:
        state = StateParts("stopped, waiting")
    elif node.is_here and not at_stop:
        state = StateParts("takes this snapshot")
    state.note = "daemon" if node.is_daemon else ""
    numbers = number_range([one.number for one in group], paper.ellipsis)
    return Row(
        numbers if node.number else "?",
        forms_of_name([one.name for one in group], paper),
        state,
        place_parts(frame),
        safe_line(frame.linetext) if frame is not None and at_stop else "",
        kind="current" if node.is_here else "state",
        is_current=at_stop and any(_is_marked(one, marked) for one in group),
    )
