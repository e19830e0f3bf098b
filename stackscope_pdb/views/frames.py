"""The stack as `where` shows it: numbered frames, contexts if asked for, folded frames counted."""

from __future__ import annotations

from stackscope import Frame
from stackscope.render import nodes
from stackscope.render.drawing import Nested, draw
from stackscope.render.paths import with_short_paths
from stackscope.render.stack import frame_block
from stackscope.render.stream import width_of
from stackscope_pdb.views.folding import packages
from stackscope_pdb.views.naming import NamingView

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Sequence

    from stackscope import Stack
    from stackscope.render.drawing import Block, Line
    from stackscope.snapshot.folding import Repeat
    from stackscope_pdb.output.console import Console
    from stackscope_pdb.stop.focus import Entry
    from stackscope_pdb.stop.snapshots import Snapshots


def stack_lines(
    entries: Sequence[Entry],
    stack: Stack,
    hidden: Sequence[bool],
    repeated: Sequence[Repeat],
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
        repeated: Which of the selected ones are drawn once for many.
        current: The index of the current one.
        selected: The indexes of those to show.
        snapshots: What the stop knows about tasks, which are called by their names.
        console: What the terminal can take.
        show_contexts: Whether to show the contexts of each frame.
    """
    known = {id(frame.pyframe): frame for frame in stack.frames}
    view = NamingView(snapshots, show_contexts=show_contexts)
    rows = list(_rows(hidden, repeated, selected))
    width = max((len(row.numbers) for row in rows), default=1)
    hint = "; 'where --hidden' shows "
    for row in rows:
        number = row.numbers.rjust(width)
        if row.is_folded:
            found_in = packages(entries[row.start : row.stop])
            end = hint and hint + ("it" if row.stop - row.start == 1 else "them")
            yield _fold_line(row, number, found_in, end, console)
            hint = ""
            continue
        if row.is_again:
            yield _again_line(row, number, console)
            continue
        pyframe, lineno = entries[row.start]
        found = known.get(id(pyframe))
        frame = Frame(pyframe, lineno or 0, contexts=found.contexts if found else ())
        gutter = _gutter(number, is_current=row.start == current)
        times = _times_before(row, console)
        for first, *rest in frame_lines(frame, view, console):
            yield [*gutter, first, *times, *rest]
            gutter, times = [("text", " " * (width + 3))], []
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


class _Row:
    """What has a number, or some, of its own in a list.

    Args:
        start: The index of the first frame.
        stop: The index after the last one.
        is_folded: Whether there is nothing but their count.
        period: How many frames these repeat that stand above; 0 for none.
    """

    def __init__(self, start: int, stop: int, *, is_folded: bool = False, period: int = 0) -> None:
        self.start = start
        self.stop = stop
        self.is_folded = is_folded
        self.period = period

    @property
    def is_again(self) -> bool:
        """Whether the frames stand above."""
        return self.period > 0

    @property
    def numbers(self) -> str:
        """The numbers of the frames."""
        return str(self.start) if self.stop - self.start == 1 else f"{self.start}-{self.stop - 1}"


def _rows(hidden: Sequence[bool], repeated: Sequence[Repeat], selected: range) -> Iterator[_Row]:
    index = selected.start
    for one in repeated:
        yield from _plain_rows(hidden, range(index, one.start))
        if one.period == 1:
            yield _Row(one.start, one.stop)
        else:
            yield from _plain_rows(hidden, range(one.start, one.start + one.period))
            yield _Row(one.start + one.period, one.stop, period=one.period)
        index = one.stop
    yield from _plain_rows(hidden, range(index, selected.stop))


def _plain_rows(hidden: Sequence[bool], selected: range) -> Iterator[_Row]:
    """A row for each frame, and one for those that are folded and follow each other."""
    start = selected.start
    for index in selected:
        if not hidden[index]:
            if start < index:
                yield _Row(start, index, is_folded=True)
            yield _Row(index, index + 1)
            start = index + 1
    if start < selected.stop:
        yield _Row(start, selected.stop, is_folded=True)


def _again_line(row: _Row, number: str, console: Console) -> Line:
    """The line that stands for frames which have been drawn above."""
    times = (row.stop - row.start) // row.period
    words = f"{_times(console)} {times} more: these {row.period} frames again"
    return [("text", "  "), ("number", number), ("guide", _folding_sign(console)), ("note", words)]


def _times_before(row: _Row, console: Console) -> Line:
    """How often a frame comes, if more than once: before what could be too long for the line."""
    count = row.stop - row.start
    return [("note", f"{_times(console)} {count}  ")] if count > 1 else []


def _times(console: Console) -> str:
    return "x" if console.ascii_only else "\N{MULTIPLICATION SIGN}"


def _folding_sign(console: Console) -> str:
    return " | " if console.ascii_only else " \N{VERTICAL ELLIPSIS} "


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


def _fold_line(row: _Row, number: str, names: List[str], hint: str, console: Console) -> Line:
    """The line that stands for folded frames.

    Args:
        row: Which they are.
        number: Their numbers.
        names: The packages that they are from.
        hint: What to do to see them, if it is to be said.
        console: What the terminal can take.
    """
    count = row.stop - row.start
    head, tail = f"{count} frame{'s' if count > 1 else ''} of ", f" folded{hint}"
    room = console.width - len(number) - len(head) - len(tail) - 5
    words = f"{head}{_enumerated(names, room, console)}{tail}"
    return [("text", "  "), ("number", number), ("guide", _folding_sign(console)), ("note", words)]


def _enumerated(names: List[str], room: int, console: Console) -> str:
    """As many of the names as there is room for, and at least one."""
    text = ", ".join(names)
    for count in range(len(names) - 1, 0, -1):
        if width_of(text) <= room:
            break
        text = f"{', '.join(names[:count])}, {console.ellipsis}"
    return text
