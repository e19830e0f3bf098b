"""Stacks and snapshots as HTML: trees that can be folded, in notebooks and as pages of their own.

What is drawn is what `stackscope.render.html_drawing` says, and `stackscope.render.html_writing`
writes it. Here is what stands around that: the titles, the index, and what is left out.
"""

from __future__ import annotations

from stackscope.interpreter.collector import collects_afterwards
from stackscope.model.diagnosis import Diagnosis, Finding
from stackscope.model.snapshot import ItemNode, LoopNode, Snapshot, TaskNode, ThreadNode, kind_of
from stackscope.model.stacks import Context, Frame, Stack
from stackscope.render.diagnosis import summary_lines
from stackscope.render.drawing import Layout, Link, Nested
from stackscope.render.front_ends import shows_html
from stackscope.render.html_drawing import HTML, HtmlDrawing, HtmlView
from stackscope.render.html_writing import MARKS, HtmlWriter, escaped, mark
from stackscope.render.nodes import ContextNode
from stackscope.render.overview import is_idle_worker
from stackscope.render.page import html_page, style_sheet
from stackscope.render.snapshot import Drawing, format_node, snapshot_of
from stackscope.render.snapshot_frames import Options
from stackscope.render.waits import state_parts, wait_pieces
from stackscope.render.words import (
    count,
    node_title,
    number_range,
    object_of,
    place_text,
    task_label,
    task_name,
    time_of_day,
)
from stackscope.safe.text import class_name, cut
from stackscope.snapshot.user_code import innermost_user_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Set

    from stackscope.model.snapshot import Node
    from stackscope.render.drawing import Line
    from stackscope.render.html_drawing import Shown


__all__ = ["MOST_BYTES", "html_of", "mimebundle", "print_pretty"]

MOST_BYTES = 1_900_000
"""The bytes that the HTML takes by default."""

MOST_LINES = 400
"""The lines of text that go with the HTML, for front ends that can't show it."""

MOST_OPEN = 20
"""If there are more tasks and threads in a snapshot, they are folded at first."""

MOST_INDEXED_OPEN = 40
"""If the index of a page has more rows, it is folded at first."""

LONGEST_NAME = 200
"""The characters of a name in a title or table."""

SHARE = 0.8
"""The part of the room that one section may take if others follow."""

INDEX_SHARE = 0.15
"""The part of a page that its index may take."""

NOTE_ROOM = 1500
"""The bytes that are kept for what is said in the end, and for the ends of elements."""


def mimebundle(shown: Shown, include: Any, exclude: Any) -> Dict[str, str]:
    """What a front end may show: text, and HTML.

    Args:
        shown: What to show.
        include: The types that are wanted; without it, those that front ends show.
        exclude: The types that are not wanted.
    """
    wanted = "text/html" in include if include else shows_html()
    wanted = wanted and "text/html" not in (exclude or ())
    bundle = {"text/plain": "\n".join(_text_lines(shown))}
    if wanted:
        bundle["text/html"] = html_of(shown)
    return bundle


def print_pretty(shown: Shown, printer: Any) -> None:
    """Print the text with IPython's pretty printer, indented as what it stands in is.

    Args:
        shown: What to show.
        printer: The printer.
    """
    with printer.group():
        for index, line in enumerate(_text_lines(shown)):
            if index:
                printer.break_()
            printer.text(line)


def _text_lines(shown: Shown) -> List[str]:
    """The text that is shown of something, as lines without their ends."""
    if isinstance(shown, (LoopNode, TaskNode, ThreadNode, ItemNode)):
        lines = format_node(shown, _options())
    else:
        lines = shown.format()
    if len(lines) > MOST_LINES:
        lines[MOST_LINES:] = [HTML.more + count(len(lines) - MOST_LINES, "more line")]
    return [line.rstrip("\n") for line in lines]


@collects_afterwards
def html_of(
    shown: Shown,
    *,
    full: bool = False,
    show_contexts: bool = True,
    show_hidden_frames: bool = False,
    max_alike: Optional[int] = 5,
    fold: bool = True,
    short_paths: bool = True,
    max_bytes: int = MOST_BYTES,
) -> str:
    """See `Snapshot.to_html`."""
    findings = shown.findings if isinstance(shown, Diagnosis) else ()
    options = _options(show_contexts, show_hidden_frames, max_alike, fold, short_paths, findings)
    layout = Layout()
    layout.guides = HTML
    view = HtmlView(show_contexts, show_hidden_frames)
    drawing = HtmlDrawing(_snapshot_with(shown), view, layout, options)
    title = escaped(_title(shown))
    style = f"<style>{style_sheet()}</style>"
    around = html_page(title, "", "", "", _legend()) if full else style
    room = max_bytes - len(around.encode()) - NOTE_ROOM
    nodes = drawing.nodes
    writer = HtmlWriter(
        layout,
        short_paths,
        room * (1 - INDEX_SHARE) if full else room,
        opens=len(nodes) <= MOST_OPEN,
        opened=_opened_at_first(drawing),
    )
    _write_all(shown, drawing, writer)
    alerts, tree = writer.text()
    tree = f'<ul class="ss-tree">{tree}</ul>' if tree else ""
    if writer.is_cut:
        tree += f'<div class="ss-line">{_what_is_missing(nodes, drawing, writer)}</div>'
    if full:
        index = _index(writer, drawing, room - writer.size)
        return html_page(title, alerts, index, tree, _legend())
    return f'<div class="stackscope">{style}{alerts}{tree}</div>'


def _options(
    show_contexts: bool = True,
    show_hidden_frames: bool = False,
    max_alike: Optional[int] = 5,
    fold: bool = True,
    short_paths: bool = True,
    findings: Sequence[Finding] = (),
) -> Options:
    return Options(
        ascii_only=False,
        show_contexts=show_contexts,
        show_hidden_frames=show_hidden_frames,
        max_alike=max_alike,
        overview=False,
        stacks=True,
        fold=fold,
        short_paths=short_paths,
        width=120,
        findings=findings,
    )


def _snapshot_with(shown: Shown) -> Snapshot:
    if isinstance(shown, Diagnosis):
        return shown.snapshot
    if isinstance(shown, Snapshot):
        return shown
    if isinstance(shown, (Stack, Frame, Context)):
        return Snapshot([], [])
    return snapshot_of(shown)


def _write_all(shown: Shown, drawing: HtmlDrawing, writer: HtmlWriter) -> None:
    """Write the lines that matter most, and then each part, as far as there is room."""
    if not isinstance(shown, (Diagnosis, Snapshot)):
        node: object = shown
        if isinstance(shown, Context):
            node = ContextNode(shown, drawing.view)
        writer.block(Nested(HTML.context, drawing.single(shown), drawn=[node]))
        return
    writer.limit = writer.max_bytes * (1 - SHARE)
    found = [line for line in summary_lines(shown) if line] if isinstance(shown, Diagnosis) else []
    for line in [*found, *drawing.alerts(), *drawing.nothing(), *drawing.frozen()]:
        kind = " ss-warn" if line[0][0] == "alert" else ""
        writer.put(f'<div class="ss-line{kind}">', *writer.line(line), "</div>")
    writer.start = len(writer.parts)
    sections = drawing.sections()
    for section in sections:
        left = writer.max_bytes - writer.size
        writer.limit = writer.size + left * (1 if section is sections[-1] else SHARE)
        writer.block(section)


def _title(shown: Shown) -> str:
    """What a page is called."""
    if isinstance(shown, Diagnosis):
        return f"{count(len(shown.findings), 'finding')}; {_title(shown.snapshot)}"
    if isinstance(shown, Snapshot):
        words = [
            count(len(shown.loops), "loop"),
            count(sum(1 for _ in shown.tasks()), "task"),
            count(len(shown.threads), "thread"),
        ]
        return f"{', '.join(words)}, seen at {time_of_day(shown.taken_at)}"
    if isinstance(shown, (TaskNode, ThreadNode, ItemNode)):
        return cut(node_title(shown), LONGEST_NAME)
    if isinstance(shown, Stack) and shown.root is not None:
        return f"Stack of {task_label(shown.root) or f'a {class_name(shown.root)}'}"
    return type(shown).__name__


def _opened_at_first(drawing: HtmlDrawing) -> Set[int]:
    """The ids of what is to be seen though all is folded: circles, holders, and what is around."""
    holders = [one for one in drawing.nodes if id(object_of(one)) in drawing.wanted.holders]
    circles = [node for circle in drawing.snapshot.cycles for node in circle]
    owners = {
        id(child): node
        for node in drawing.nodes
        if not isinstance(node, ThreadNode)
        for child in node.children
    }
    found: Set[int] = set()
    for one in [*circles, *holders[:MOST_OPEN]]:
        node: Optional[Node] = one
        while node is not None and id(node) not in found:
            found.add(id(node))
            node = owners.get(id(node))
    return found


def _what_is_missing(nodes: Sequence[Node], drawing: Drawing, writer: HtmlWriter) -> str:
    """What is said if there was no room for all."""
    missing: Dict[str, int] = {}
    for node in nodes:
        is_idle = isinstance(node, ThreadNode) and drawing.options.fold and is_idle_worker(node)
        if id(node) not in writer.drawn and not is_idle:
            kind = kind_of(node)
            missing[kind] = missing.get(kind, 0) + 1
    words = " and ".join([count(number, kind) for kind, number in missing.items()]) or "some lines"
    return writer.span("alert", f"{HTML.more}left out to save space: {words}")


def _legend() -> str:
    marks = " ".join([f"{mark(state)}{state}" for state in MARKS])
    return f"Context managers: {marks}"


def _index(writer: HtmlWriter, drawing: HtmlDrawing, room: float) -> str:
    """A table of all that can be found in a tree, as far as there is room for it."""
    if not writer.rows:
        return ""
    parts: List[str] = []
    for group in writer.rows:
        row = _row(group, writer, drawing)
        room -= len(row.encode())
        if room < 0:
            left = len(writer.rows) - len(parts)
            words = HTML.more + count(left, "more row")
            parts.append(f'<tr><td></td><td colspan="3">{words}</td></tr>')
            break
        parts.append(row)
    shown = " open" if len(parts) <= MOST_INDEXED_OPEN else ""
    head = "".join(
        [f'<th scope="col">{name}</th>' for name in ("Number", "Name", "State", "Place")]
    )
    return (
        f'<nav aria-label="Index"><details{shown}><summary>Index</summary>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(parts)}</tbody></table>"
        "</details></nav>\n"
    )


def _row(group: Sequence[Node], writer: HtmlWriter, drawing: HtmlDrawing) -> str:
    node = group[0]
    kind = kind_of(node) + "s" * (len(group) > 1)
    numbers = [one.number for one in group if one.number]
    title = f"{kind} {number_range(numbers, HTML.more.rstrip())}" if numbers else kind
    name = cut(node.name if isinstance(node, ItemNode) else task_name(node), LONGEST_NAME)
    if len(group) > 1:
        name = f"{name} and {len(group) - 1} more"
    state = state_parts(group)
    if isinstance(node, ThreadNode) and node.is_here:
        state.state = "takes this snapshot"
    waits = [one.waiting for one in group if one.waiting is not None]
    pieces = [f"{state.state}: ", *wait_pieces(waits)] if waits else [str(state)]
    cells: List[Line] = [
        [*drawing.mark(group), ("number", Link(cut(title, LONGEST_NAME), object_of(node)))],
        [("taskname", name)],
        [*[("text", piece) for piece in pieces], *drawing.wanted.held(group)],
        [("place", cut(place_text(innermost_user_frame(node.stack)), LONGEST_NAME))],
    ]
    return f"<tr>{''.join([f'<td>{writer.html(cell)}</td>' for cell in cells])}</tr>"
