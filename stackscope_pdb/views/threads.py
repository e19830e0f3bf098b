"""All threads as a table."""

from __future__ import annotations

from stackscope.render.stream import padded, width_of
from stackscope.render.words import groups_of_alike, number_range, place_text, shortened
from stackscope.safe.text import safe_line, safe_text
from stackscope.snapshot.user_code import innermost_user_frame
from stackscope_pdb.views.tasks import MOST_ALIKE
from stackscope_pdb.views.tasks import MOST_SIBLINGS as MOST_ROWS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Tuple

    from stackscope import ThreadNode
    from stackscope.render.drawing import Line
    from stackscope_pdb.output.console import Console

WIDEST_NAME = 30
WIDEST_PLACE = 44


def thread_lines(nodes: List[ThreadNode], marked: object, console: Console) -> Iterator[Line]:
    """The lines that show threads. Many with the same stack are one line.

    Args:
        nodes: The threads.
        marked: The one to mark; ``None`` stands for the one that has stopped.
        console: What the terminal can take.
    """
    groups = groups_of_alike(nodes, _key, MOST_ALIKE)
    rows = [_row(group, console) for group in groups[:MOST_ROWS]]
    numbers, names, states, places = (
        max(width_of(row[column]) for row in rows) for column in range(4)
    )
    for group, (number, name, state, place, source) in zip(groups, rows):
        is_current = any(_is_marked(node, marked) for node in group)
        yield [
            ("current", "> ") if is_current else ("text", "  "),
            ("number", number.rjust(numbers)),
            ("taskname", f" {padded(name, names)}"),
            ("current" if group[0].is_here else "state", f"  {padded(state, states)}"),
            ("place", f"  {padded(place, places)}  "),
            ("source", source),
        ]
    left = sum(len(group) for group in groups[MOST_ROWS:])
    if left:
        yield [("note", f"  {console.ellipsis} {left} more ('threads TEXT' finds them)")]


def _is_marked(node: ThreadNode, marked: object) -> bool:
    return node.is_here if marked is None else node.thread is marked


def _key(node: ThreadNode) -> Tuple[object, ...]:
    """Equal for threads that are at the same lines of the same functions."""
    if node.is_here:
        return (True,)
    frames = [(id(frame.pyframe.f_code), frame.lineno) for frame in node.stack.frames]
    return (False, node.is_daemon, *frames)


def _row(group: List[ThreadNode], console: Console) -> List[str]:
    """The number, the name, the state, the place and the source line."""
    node = group[0]
    frame = innermost_user_frame(node.stack)
    state = "stopped" if node.is_here else "running"
    if node.is_daemon:
        state += ", daemon"
    source = safe_line(frame.linetext) if frame is not None else ""
    number = _number(node)
    name = shortened(safe_text(node.name), WIDEST_NAME, console.ellipsis)
    if len(group) > 1:
        number = number_range([one.number for one in group], console.ellipsis)
        name = f"{len(group)} {'x' if console.ascii_only else '×'} {name}, {console.ellipsis}"
    return [
        number,
        name,
        state,
        shortened(place_text(frame), WIDEST_PLACE, console.ellipsis),
        source,
    ]


def _number(node: ThreadNode) -> str:
    return str(node.number) if node.number else "?"
