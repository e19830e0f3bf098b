"""The difference between two snapshots as text."""

from __future__ import annotations

from stackscope.interpreter.collector import collects_afterwards
from stackscope.model.snapshot import kind_of
from stackscope.render.drawing import Layout, plain
from stackscope.render.stream import cut_line
from stackscope.render.waits import state_parts
from stackscope.render.words import count, node_title, number_ranges, place_text
from stackscope.safe.text import safe_text
from stackscope.snapshot.user_code import innermost_user_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Sequence, Tuple

    from stackscope.model.difference import Difference
    from stackscope.model.snapshot import Node
    from stackscope.render.drawing import Line

__all__ = ["format_difference"]


@collects_afterwards
def format_difference(
    difference: Difference, *, ascii_only: bool, color: bool, width: int
) -> List[str]:
    """See `Difference.format`."""
    layout = Layout(ascii_only, width=width)
    arrow = " -> " if ascii_only else " → "
    lines = (cut_line(line, width, layout.ellipsis) for line in _lines(difference, arrow))
    return plain(lines, layout, color=color)


def _lines(difference: Difference, arrow: str) -> Iterator[Line]:
    yield [("header", _title(difference))]
    same = [(node, _where(node)) for node in difference.same]
    moved = [(node, f"{_place(old)}{arrow}{_where(node)}") for old, node in difference.moved]
    new = [(node, _where(node)) for node in difference.new]
    gone = [(node, _where(node)) for node in difference.gone]
    yield from _section(f"at the same lines for {_time(difference)}", same)
    yield from _section("moved", moved)
    yield from _section("new", new)
    yield from _section("gone", gone)


def _title(difference: Difference) -> str:
    numbers = (
        (len(difference.same), "at the same lines"),
        (len(difference.moved), "moved"),
        (len(difference.new), "new"),
        (len(difference.gone), "gone"),
    )
    return f"after {_time(difference)}: " + ", ".join(f"{n} {words}" for n, words in numbers)


def _time(difference: Difference) -> str:
    return f"{difference.seconds:.3g} s"


def _section(title: str, nodes: Sequence[Tuple[Node, str]]) -> Iterator[Line]:
    """A title, and the nodes: those of one kind with the same text in one line."""
    if not nodes:
        return
    groups: Dict[Tuple[str, str], List[Node]] = {}
    for node, where in nodes:
        groups.setdefault((kind_of(node), where), []).append(node)
    yield [("header", f"{title}:")]
    for (kind, where), group in groups.items():
        yield [("text", "  "), ("taskname", _names(kind, group)), ("place", f"  {where}")]


def _names(kind: str, group: Sequence[Node]) -> str:
    if len(group) == 1:
        return node_title(group[0])
    numbers = [node.number for node in group if node.number]
    ranges = f" ({number_ranges(numbers)})" if numbers else ""
    return count(len(group), kind) + ranges


def _where(node: Node) -> str:
    """What something does, and where."""
    state = safe_text(str(state_parts([node]).without_time()))
    place = _place(node)
    return f"{state}  {place}" if state else place


def _place(node: Node) -> str:
    return safe_text(place_text(innermost_user_frame(node.stack)) or "no Python code")
