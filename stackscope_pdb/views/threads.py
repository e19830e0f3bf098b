"""All threads as a table."""

from __future__ import annotations

from stackscope.render.safe import safe_line, safe_text
from stackscope.snapshot import innermost_user_frame
from stackscope_pdb.views.tasks import place_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List

    from stackscope.render.text import Line
    from stackscope.snapshot import ThreadNode

WIDEST_NAME = 30
WIDEST_PLACE = 44


def thread_lines(nodes: List[ThreadNode], marked: object) -> Iterator[Line]:
    """The lines that show threads.

    Args:
        nodes: The threads.
        marked: The one to mark; ``None`` stands for the one that has stopped.
    """
    rows = [_row(node) for node in nodes]
    numbers, names, states, places = (max(len(row[column]) for row in rows) for column in range(4))
    for node, (number, name, state, place, source) in zip(nodes, rows):
        is_current = node.is_here if marked is None else node.thread is marked
        yield [
            ("current", "> ") if is_current else ("text", "  "),
            ("number", number.rjust(numbers)),
            ("taskname", f" {name.ljust(names)}"),
            ("current" if node.is_here else "state", f"  {state.ljust(states)}"),
            ("place", f"  {place.ljust(places)}  "),
            ("source", source),
        ]


def _row(node: ThreadNode) -> List[str]:
    """The number, the name, the state, the place and the source line."""
    frame = innermost_user_frame(node.stack)
    state = "stopped" if node.is_here else "running"
    if node.is_daemon:
        state += ", daemon"
    if node.is_here:
        return [_number(node), _name(node), state, "", ""]
    source = safe_line(frame.linetext) if frame is not None else ""
    return [_number(node), _name(node), state, place_text(frame)[:WIDEST_PLACE], source]


def _number(node: ThreadNode) -> str:
    return str(node.number) if node.number else "?"


def _name(node: ThreadNode) -> str:
    return safe_text(node.name)[:WIDEST_NAME]
