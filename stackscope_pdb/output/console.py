"""What the terminal can take: its width, its characters, and colours. Turns spans into text for it.

Lines come as lists of spans ``(kind, text)``, with the kinds of `stackscope.render.style.STYLES`.
They are cut to the width first and coloured afterwards, so an escape sequence is never cut.
"""

from __future__ import annotations

import os

from stackscope.render.drawing import ASCII, UNICODE, bounded
from stackscope.render.stream import (
    can_encode,
    cut_line,
    encodable,
    encoding_of,
    is_terminal,
    wants_color,
    width_of,
    width_of_terminal,
)
from stackscope.render.style import styled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Iterator, List

    from stackscope.render.drawing import Guides, Layout, Line


LINES_WITHOUT_SIZE = 24
"""The lines of a terminal that doesn't say how many it has."""


class Console:
    """The place where a debugger writes.

    Args:
        stream: The file that the debugger's output goes to.
        colors: ``False`` rules out colours; ``True`` leaves it to the usual switches.
    """

    def __init__(self, stream: object, *, colors: bool = True) -> None:
        self.stream = stream
        self.colors: bool = colors and wants_color(stream)
        self.is_terminal: bool = is_terminal(stream)
        self.width: int = width_of_terminal(stream)
        self.rows: int = rows_of_terminal(stream)
        self.ascii_only: bool = not can_encode(encoding_of(stream))

    @property
    def guides(self) -> Guides:
        """The signs to draw trees with."""
        return ASCII if self.ascii_only else UNICODE

    @property
    def layout(self) -> Layout:
        """How the library's own renderer shall draw."""
        return bounded(self.ascii_only, max_children=20)

    @property
    def ellipsis(self) -> str:
        """What stands for text that was left out."""
        return "..." if self.ascii_only else "…"

    @property
    def times(self) -> str:
        """What is between a count and what is counted."""
        return "x" if self.ascii_only else "×"

    def wrapped(self, sentence: str) -> str:
        """A sentence on as many lines as it takes, if there is a terminal; else on one."""
        if not self.is_terminal or width_of(sentence) + 4 <= self.width:
            return sentence
        lines: List[str] = []
        for word in sentence.split():
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and width_of(longer) <= self.width - 4:
                lines[-1] = longer
            else:
                lines.append(word)
        return "\n".join(lines)

    def text(self, lines: Iterable[Line]) -> str:
        """The lines as one text, without a final line end."""
        return "\n".join(self._texts(lines))

    def uncut(self, lines: Iterable[Line]) -> str:
        """The lines as one text, however long they are, and without a final line end."""
        return "\n".join([encodable(self._uncut(line), self.stream) for line in lines])

    def _uncut(self, line: Line) -> str:
        if not self.colors:
            return "".join([part for _, part in line])
        return "".join([self._with_margins(kind, part) for kind, part in line])

    def _with_margins(self, kind: str, text: str) -> str:
        """A coloured span, whose spaces at both ends are left alone."""
        body = text.strip()
        if not body:
            return text
        before, _, after = text.partition(body)
        return before + self._colored([(kind, body)]) + after

    def _texts(self, lines: Iterable[Line]) -> Iterator[str]:
        for line in lines:
            short = cut_line(line, self.width, self.ellipsis)
            text = self._colored(short) if self.colors else "".join([part for _, part in short])
            yield encodable(text.rstrip(), self.stream)

    def _colored(self, line: Line) -> str:
        from stackscope_pdb.output.highlight import highlight

        parts = []
        for kind, text in line:
            source = highlight(text) if kind == "source" else None
            parts.append(source if source is not None else styled([(kind, text)]))
        return "".join(parts)


def rows_of_terminal(stream: object) -> int:
    """How many lines a terminal has; 0 if a stream is none."""
    if not is_terminal(stream):
        return 0
    lines = os.environ.get("LINES", "")
    if lines.isdecimal() and int(lines) > 0:
        return int(lines)
    try:
        return os.get_terminal_size(stream.fileno()).lines or LINES_WITHOUT_SIZE  # type: ignore[attr-defined]
    except (AttributeError, ValueError, OSError):
        return LINES_WITHOUT_SIZE
