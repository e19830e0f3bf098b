"""Source code as listings show it: numbered, with the current line and the breakpoints marked."""

from __future__ import annotations

from stackscope.render.style import styled
from stackscope_pdb.output.harmless import harmless, without_colors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Collection, Iterable, Iterator, List, Sequence, Tuple

MOST_LINES_BEFORE = 1_000
"""How far back the beginning of a function is looked for, to know whether a line is inside a
string."""


class Marks:
    """Which lines of a listing have a mark.

    Args:
        current: The line that is about to run, or -1.
        raised: The line where an exception was raised or came through, or -1.
        breaks: Those with a breakpoint.
    """

    def __init__(self, current: int = -1, raised: int = -1, breaks: Collection[int] = ()) -> None:
        self.current = current
        self.raised = raised
        self.breaks = breaks

    def parts(self, lineno: int) -> Tuple[str, str, str]:
        """What stands before a line, in the format of `pdb`: number, breakpoint, arrow."""
        number = str(lineno).rjust(3).ljust(4)
        arrow = "->" if lineno == self.current else ">>" if lineno == self.raised else ""
        return number, "B" if lineno in self.breaks else " ", arrow


def listing(sources: Iterable[str], start: int, marks: Marks, *, colors: bool) -> Iterator[str]:
    """Lines of source, which may be coloured, with what stands before them.

    Args:
        sources: The lines.
        start: The number of the first one.
        marks: Which of them to mark.
        colors: Whether the marks are coloured.
    """
    for lineno, source in enumerate(sources, start):
        number, breakpoint_mark, arrow = marks.parts(lineno)
        if colors:
            number = _styled("comment", number)
            breakpoint_mark = _styled("alert", breakpoint_mark)
            arrow = _styled("alert" if lineno == marks.raised else "current", arrow)
        yield f"{number}{breakpoint_mark}{arrow}\t{source.rstrip()}"


def _styled(kind: str, text: str) -> str:
    return styled([(kind, text)]) if text.strip() else text


def colored_part(lines: Sequence[str], start: int, stop: int, first: int) -> List[str]:
    """The lines from number ``start`` up to ``stop``, not included, of a file, coloured.

    Args:
        lines: All lines of the file.
        start: The number of the first wanted one.
        stop: The number of the first one that isn't wanted any more.
        first: The number of the line where their function begins. Colouring starts there, so that
            it is known whether the first wanted line is inside a string.
    """
    from stackscope_pdb.output.highlight import highlight_lines

    begin = min(first, start) if start - first < MOST_LINES_BEFORE else start
    shown = tuple(
        [harmless(without_colors(line.rstrip("\n"))) for line in lines[begin - 1 : stop - 1]]
    )
    return list((highlight_lines(shown) or shown)[start - begin :])


def source_lines(frame: FrameType) -> Sequence[str]:
    """The lines of the file that a frame's code is from; none if its loader can't give them."""
    import linecache

    try:
        return linecache.getlines(frame.f_code.co_filename, frame.f_globals)
    except BaseException as exc:  # a module's __loader__ may do anything
        from stackscope.safe.interruptions import interrupts

        if interrupts(exc):
            raise
        return ()


def around(code: CodeType, lineno: int, count: int, length: int) -> range:
    """The numbers of the lines to show around the current one.

    Args:
        code: What is being run. No line of another function is shown.
        lineno: The current line.
        count: How many lines there may be.
        length: How many the file has.
    """
    first, last = _extent(code, length)
    first, last = min(first, lineno), max(last, lineno)
    start = max(min(lineno - count // 2, last - count + 1), first)
    return range(start, min(start + count, last + 1))


def _extent(code: CodeType, length: int) -> Tuple[int, int]:
    """The first and the last line of a function or module."""
    if code.co_name == "<module>":
        return 1, length
    return code.co_firstlineno, _last_line(code)


def _last_line(code: CodeType) -> int:
    import dis

    last = max([line for _, line in dis.findlinestarts(code) if line], default=code.co_firstlineno)
    inner = [const for const in code.co_consts if isinstance(const, type(code))]
    return max([last, *map(_last_line, inner)])


def shortened(text: str, width: int, ellipsis: str) -> str:
    """What fits of a line into ``width`` columns; its escape sequences aren't cut."""
    import re

    from stackscope.render.stream import beginning, width_of

    parts = re.split(r"(\x1b\[[0-9;]*m)", text)
    column = 0
    for index in range(0, len(parts), 2):
        parts[index] = _with_spaces(parts[index], column)
        column += width_of(parts[index])
    if column <= width:
        return text
    left = max(width - width_of(ellipsis), 0)
    for index in range(0, len(parts), 2):
        parts[index] = beginning(parts[index], left)
        left -= width_of(parts[index])
    return "".join(parts) + ellipsis


def _with_spaces(text: str, column: int) -> str:
    """``text``, which begins in some column, with spaces for its tabs."""
    from stackscope.render.stream import width_of

    first, *others = text.split("\t")
    for other in others:
        first += " " * (8 - (column + width_of(first)) % 8) + other
    return first
