"""Greenlets and the like as a table. Many that are alike are one row."""

from __future__ import annotations

from stackscope.render.alike import groups_of_alike, item_key
from stackscope.render.columns import Row, Table, forms_of_name
from stackscope.render.stuck import NOBODY, is_stuck
from stackscope.render.tasks import MOST_ALIKE
from stackscope.render.tasks import MOST_SIBLINGS as MOST_ROWS
from stackscope.render.waits import state_parts
from stackscope.render.words import number_range, place_parts
from stackscope.safe.text import safe_line
from stackscope.snapshot.user_code import innermost_user_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Optional, Sequence

    from stackscope.model.snapshot import ItemNode
    from stackscope.render.drawing import Line, Paper
    from stackscope.render.stuck import Stuck

__all__ = ["item_lines"]


def item_lines(
    nodes: Sequence[ItemNode],
    paper: Paper,
    *,
    most_alike: Optional[int] = MOST_ALIKE,
    hint: str = " ('tasks FILTER' finds them)",
    has_sources: bool = True,
    stuck: Stuck = NOBODY,
) -> Iterator[Line]:
    """The lines that show greenlets and the like, below a line for each kind.

    Args:
        nodes: What to show.
        paper: What the terminal can take.
        most_alike: More than that with the same stack become one row; ``None`` has one for each.
        hint: How to find those that are left out.
        has_sources: Whether to show source lines.
        stuck: Those to mark as stuck: see `stuck_by`.
    """
    for kind in dict.fromkeys(node.kind for node in nodes):
        same = [node for node in nodes if node.kind == kind]
        plural = "s" * (len(same) > 1)
        yield [("header", f"{len(same)} {kind}{plural}:")]
        most = len(same) if most_alike is None else most_alike
        groups = groups_of_alike(same, lambda node: (item_key(node), is_stuck([node], stuck)), most)
        table_rows = [_row(group, paper, has_sources, stuck) for group in groups[:MOST_ROWS]]
        table = Table(table_rows, paper)
        yield from map(table.line, table_rows)
        left = sum(len(group) for group in groups[MOST_ROWS:])
        if left:
            yield [("note", f"  {paper.ellipsis} {left} more{hint}")]


def _row(group: List[ItemNode], paper: Paper, has_sources: bool, stuck: Stuck) -> Row:
    node = group[0]
    frame = innermost_user_frame(node.stack)
    return Row(
        number_range([one.number for one in group], paper.ellipsis),
        forms_of_name([one.name for one in group], paper),
        state_parts(group),
        place_parts(frame),
        safe_line(frame.linetext) if frame is not None and has_sources else "",
        kind="current" if node.state.startswith("running") else "state",
        is_current=node.state == "running here",
        is_stuck=is_stuck(group, stuck),
    )
