"""The stack as `where` shows it: numbered frames, contexts if asked for, folded frames counted."""

from __future__ import annotations

from stackscope import Frame
from stackscope.render import nodes
from stackscope.render.drawing import Nested, draw
from stackscope.render.stack import frame_block
from stackscope_pdb.output.console import short_path
from stackscope_pdb.views.folding import packages
from stackscope_pdb.views.tasks import NamingView

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Sequence, Tuple

    from stackscope import Stack
    from stackscope.render.drawing import Block, Line
    from stackscope_pdb.output.console import Console
    from stackscope_pdb.stop.focus import Entry
    from stackscope_pdb.stop.snapshots import Snapshots


def stack_lines(
    entries: Sequence[Entry],
    stack: Stack,
    hidden: Sequence[bool],
    current: int,
    selected: range,
    snapshots: Snapshots,
    console: Console,
    *,
    show_contexts: bool,
) -> Iterator[Line]:
    """The lines that show a stack.

    Args:
        entries: The frames as the debugger has them, outermost first.
        stack: What the library says about them.
        hidden: Which of the entries are folded.
        current: The index of the current one.
        selected: The indexes of those to show.
        snapshots: What the stop knows about tasks, which are called by their names.
        console: What the terminal can take.
        show_contexts: Whether to show the contexts of each frame.
    """
    known = {id(frame.pyframe): frame for frame in stack.frames}
    view = NamingView(snapshots, show_contexts=show_contexts)
    runs = _runs(hidden, selected)
    width = max(
        (len(_numbers(start if is_hidden else stop - 1, stop)) for start, stop, is_hidden in runs),
        default=1,
    )
    hint = "; 'where --hidden' shows them"
    for start, stop, is_hidden in runs:
        if is_hidden:
            yield fold_line(entries[start:stop], _numbers(start, stop).rjust(width), hint, console)
            hint = ""
            continue
        for index in range(start, stop):
            pyframe, lineno = entries[index]
            found = known.get(id(pyframe))
            frame = Frame(pyframe, lineno or 0, contexts=found.contexts if found else ())
            gutter = _gutter(str(index).rjust(width), is_current=index == current)
            for line in frame_lines(frame, view, console):
                yield [*gutter, *line]
                gutter = [("text", " " * (width + 3))]
    if selected.stop == len(entries):
        yield from _rest_lines(stack, width, view, console)


def _rest_lines(stack: Stack, width: int, view: nodes.View, console: Console) -> Iterator[Line]:
    """What is below the last frame, and what could not be found out."""
    node = nodes.StackNode(stack, view)
    leaf = node.leaf
    if leaf is not None:
        yield [("text", " " * (width + 3)), ("guide", console.guides.leaf), ("leaf", leaf)]
    for line in node.error_lines():
        yield [("error", line)]


def _numbers(start: int, stop: int) -> str:
    """The numbers of a run of frames; each frame has a line of its own unless it is folded."""
    return str(start) if stop - start == 1 else f"{start}-{stop - 1}"


def _gutter(number: str, *, is_current: bool) -> Line:
    mark = ("current", "> ") if is_current else ("text", "  ")
    return [mark, ("number", number), ("text", " ")]


def frame_lines(frame: Frame, view: nodes.View, console: Console) -> Iterator[Line]:
    """The lines that show one frame, in the library's format but with a short path."""
    layout = console.layout

    def block() -> Block:
        node = nodes.FrameNode(frame, view)
        yield Nested(layout.guides.frame, frame_block(node, layout))

    for line in draw(block(), layout):
        yield with_short_paths(line)


def with_short_paths(line: Line) -> Line:
    """The line with the paths in it shortened."""
    return [(kind, short_path(part) if kind == "path" else part) for kind, part in line]


def fold_line(entries: Sequence[Entry], numbers: str, hint: str, console: Console) -> Line:
    """The line that stands for folded frames."""
    count = len(entries)
    words = f"{count} frame{'s' if count > 1 else ''} of {packages(entries)} folded{hint}"
    sign = "| " if console.ascii_only else "⋮ "
    return [("text", "  "), ("number", numbers), ("guide", f" {sign}"), ("note", words)]


def _runs(hidden: Sequence[bool], selected: range) -> List[Tuple[int, int, bool]]:
    """The selected indexes as runs (start, stop, whether hidden)."""
    runs: List[Tuple[int, int, bool]] = []
    for index in selected:
        if runs and runs[-1][2] == hidden[index]:
            runs[-1] = (runs[-1][0], index + 1, hidden[index])
        else:
            runs.append((index, index + 1, hidden[index]))
    return runs
