"""What the terminal can take: its width, its characters, and colours. Turns spans into text for it.

Lines come as lists of spans ``(kind, text)``, with the kinds of `stackscope.render.text.KINDS` and a few of
our own. They are cut to the width first and coloured afterwards, so an escape sequence is never cut.
"""

from __future__ import annotations

import os
import sys

from stackscope.render.style import PALETTE, styled, wants_color
from stackscope.render.text import ASCII, UNICODE, Layout
from stackscope_pdb.output.harmless import encodable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Iterator, List

    from stackscope.render.text import Guides, Line

WIDTH_WITHOUT_TERMINAL = 80

OUR_PALETTE = {
    **PALETTE,
    "number": "35",
    "current": "1;32",  # the mark at the current frame, and what runs
    "state": "36",
    "taskname": "1",
    "alert": "31",
}


class Console:
    """The place where a debugger writes.

    Args:
        stream: The file that the debugger's output goes to.
        colors: ``False`` rules out colours; ``True`` leaves it to the usual switches.
    """

    def __init__(self, stream: object, *, colors: bool = True) -> None:
        self.stream = stream
        self.colors = colors and wants_color(stream)
        self.is_terminal = _is_terminal(stream)
        self.width = _width(stream)
        self.ascii_only = not _can_encode(stream, "╠║├└│─…⋮×")

    @property
    def guides(self) -> Guides:
        """The signs to draw trees with."""
        return ASCII if self.ascii_only else UNICODE

    @property
    def layout(self) -> Layout:
        """How the library's own renderer shall draw."""
        return Layout(ascii_only=self.ascii_only, max_children=20)

    @property
    def ellipsis(self) -> str:
        """What stands for text that was left out."""
        return "..." if self.ascii_only else "…"

    def wrapped(self, sentence: str) -> str:
        """A sentence on as many lines as it takes, if there is a terminal; else on one."""
        if not self.is_terminal or len(sentence) + 4 <= self.width:
            return sentence
        import textwrap

        return textwrap.fill(
            sentence, self.width - 4, break_long_words=False, break_on_hyphens=False
        )

    def text(self, lines: Iterable[Line]) -> str:
        """The lines as one text, without a final line end."""
        return "\n".join(self._texts(lines))

    def _texts(self, lines: Iterable[Line]) -> Iterator[str]:
        for line in lines:
            short = cut(line, self.width, self.ellipsis)
            text = self._colored(short) if self.colors else "".join([part for _, part in short])
            yield encodable(text.rstrip(), self.stream)

    def _colored(self, line: Line) -> str:
        from stackscope_pdb.output.highlight import highlight

        parts = []
        for kind, text in line:
            source = highlight(text) if kind == "source" else None
            parts.append(source if source is not None else styled([(kind, text)], OUR_PALETTE))
        return "".join(parts)


def cut(line: Line, width: int, ellipsis: str) -> Line:
    """``line``, or as much of it as fits into ``width`` columns, with an ellipsis at its end."""
    if sum(width_of(text) for _, text in line) <= width:
        return line
    left = max(width - len(ellipsis), 0)
    short: List[tuple[str, str]] = []
    for kind, text in line:
        if width_of(text) > left:
            short.append((kind, _beginning(text, left)))
            break
        short.append((kind, text))
        left -= width_of(text)
    return [*short, ("note", ellipsis)]


def width_of(text: str) -> int:
    """How many columns ``text`` takes: Chinese characters and the like take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(map(_columns_of, text))


def _columns_of(character: str) -> int:
    import unicodedata

    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _beginning(text: str, width: int) -> str:
    """As much of ``text`` as takes no more than ``width`` columns."""
    for index, character in enumerate(text):
        width -= _columns_of(character)
        if width < 0:
            return text[:index]
    return text


def padded(text: str, width: int) -> str:
    """``text`` with spaces up to ``width`` columns."""
    return text + " " * (width - width_of(text))


def _is_terminal(stream: object) -> bool:
    try:
        return bool(stream.isatty())  # type: ignore[attr-defined]
    except (AttributeError, ValueError):  # no file, or a closed one
        return False


def _width(stream: object) -> int:
    """The columns to fill: those of the terminal, or of ``COLUMNS``, or 80."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or WIDTH_WITHOUT_TERMINAL  # type: ignore[attr-defined]
    except (AttributeError, ValueError, OSError):  # no file, or none that is a terminal
        return WIDTH_WITHOUT_TERMINAL


def _can_encode(stream: object, text: str) -> bool:
    return encodable(text, stream) == text


def short_path(filename: str) -> str:
    """A path as short as it stays clear: relative to here, to the home folder, or to ``sys.path``."""
    candidates = [filename]
    for folder, prefix in _known_folders():
        if folder and filename.startswith(folder + os.sep):
            candidates.append(prefix + filename[len(folder) + 1 :])
    return min(candidates, key=len)


def _known_folders() -> Iterator[tuple[str, str]]:
    try:
        yield os.getcwd(), ""
    except OSError:  # the folder is gone
        pass
    home = os.path.expanduser("~")
    if home != os.sep:
        yield home, "~" + os.sep
    yield os.path.dirname(os.__file__), ""
    for folder in sys.path:
        if os.path.basename(folder) in ("site-packages", "dist-packages"):
            yield folder, ""
