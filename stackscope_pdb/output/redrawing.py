"""Takes what was drawn at a stop off the screen, before the same is drawn anew for the next stop.

That goes by counting rows: from the drawing down to the cursor there is what the debugger has
written since, what was typed, and what other threads have written. A terminal isn't asked where its
cursor is: the answer would be input. Where something else may have written, the drawing is left
where it is, and nothing is lost.
"""

from __future__ import annotations

import os
import sys
import time
from _thread import allocate_lock, get_ident
from contextlib import contextmanager

from stackscope_pdb.output.harmless import without_colors
from stackscope_pdb.output.terminal import is_terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, Iterator, List, Optional, Tuple

GOES_ON = "n next s step c cont continue r return unt until u up d down f frame unfocus"
"""The commands after which the code is drawn anew, or the program runs."""

ONLY_SHOWS = "a args b break ctx h help l list ll longlist source sticky tasks threads w where bt"
"""The commands whose output is the debugger's own."""

PRINTS_VALUE = ("p", "pp", "whatis")
"""The commands that show a value, which takes no call unless one is asked for."""


LONGEST_WAIT = 1.0
"""Seconds that a thread waits for another one that is just writing."""

SHORT_WAIT = 0.05
"""Seconds that the prompt waits for the end of a line that another thread has begun."""


class Drawing:
    """Rows that were drawn, and what is known to be below them.

    Args:
        lines: What was drawn.
        size: The columns and lines of the terminal.
    """

    def __init__(self, lines: List[str], size: Tuple[int, int]) -> None:
        self.size = size
        self.rows: int = rows_of(lines, size[0])
        self.widest: int = widest_of(lines)
        self.below: int = 0
        self._begun = ""
        self._is_lost = False
        self._writing = allocate_lock()
        self._writer = get_ident()
        self._taken: List[Tuple[Any, Any]] = []

    def note(self, text: str) -> None:
        """Take note of a text that was written below, with a line end."""
        lines = text.split("\n")
        self.below += rows_of(lines, self.size[0])
        self.widest = max(self.widest, widest_of(lines))

    def erasing(self, size: Optional[Tuple[int, int]]) -> str:
        """The sequence that takes the drawing away, and moves up what is below it.

        Rows that have left the screen at its top stay where they are. There is none if it isn't
        known where the drawing is.

        Args:
            size: That of the terminal now.
        """
        if size is None or self._is_lost or self._begun:
            return ""
        # Some terminals wrap lines anew when they get narrower or wider, some don't.
        if size[0] != self.size[0] and self.widest > min(size[0], self.size[0]):
            return ""
        up = self.rows + self.below
        gone = max(up - (min(size[1], self.size[1]) - 1), 0)
        rows, up = self.rows - gone, up - gone
        if rows <= 0:
            return ""
        down = f"\x1b[{up - rows}B" if up > rows else ""
        return f"\r\x1b[{up}A\x1b[{rows}M{down}"

    # ------------------------------------------------- what other threads write

    def watch(self, *streams: object) -> None:
        """Take note of what other threads write from now on, to these streams if to a terminal.

        It goes by the ``write`` of the stream, as in `stackscope_pdb.prompt.printing`.
        """
        known = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
        for stream in {id(one): one for one in (*streams, *known)}.values():
            if stream is not None and is_terminal(stream):
                writer = self._writer_for(stream, stream.write)  # type: ignore[union-attr,attr-defined,unused-ignore]
                try:
                    setattr(stream, "write", writer)  # noqa: B010  (types are for the class)
                except AttributeError:
                    self._is_lost = True
                else:
                    self._taken.append((stream, writer))

    def _writer_for(self, stream: object, original: Callable[[str], int]) -> Callable[[str], int]:
        def write_for_others(text: str) -> int:
            is_alone = self._writing.acquire(timeout=LONGEST_WAIT)
            try:
                count = original(text)
                self._note_of_others(text)
                self._is_lost = self._is_lost or not is_alone
                return count
            finally:
                if is_alone:
                    self._writing.release()

        def write(text: str) -> int:
            return original(text) if get_ident() == self._writer else write_for_others(text)

        writer: Any = write
        writer.__self__, writer.for_others, writer.is_over = stream, write_for_others, False
        return write

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While the debugger writes, others that do wait, so that no line of it is torn."""
        is_alone = self._writing.acquire(timeout=LONGEST_WAIT)
        try:
            yield
        finally:
            if is_alone:
                self._writing.release()

    def _note_of_others(self, text: object) -> None:
        plain = without_colors(text) if isinstance(text, str) else "\0"
        if not plain.replace("\n", "").replace("\t", "").isprintable():
            self._is_lost = True  # it moves the cursor, perhaps
            return
        *lines, self._begun = (self._begun + plain).split("\n")
        if lines:
            self.note("\n".join(lines))

    def wait_for_line_end(self) -> None:
        """Let another thread write the rest of a line that it has begun, but not for long."""
        until = time.monotonic() + SHORT_WAIT
        while self._begun and time.monotonic() < until:
            time.sleep(SHORT_WAIT / 10)

    def erase(self, stream: Any) -> None:
        """Take it off the screen, if it is known where it is."""
        with self.alone():
            stream.write(self.erasing(size_of(stream)))
            stream.flush()

    def close(self) -> None:
        """It isn't needed any more."""
        for stream, writer in self._taken:
            writer.is_over = True
            if stream.__dict__.get("write") is writer:
                del stream.write
        self._taken.clear()


def widest_of(lines: Iterable[str]) -> int:
    """The columns of the longest of some lines, escape sequences not counted."""
    from stackscope.render.stream import width_of

    return max((width_of(without_colors(line).expandtabs()) for line in lines), default=0)


def rows_of(lines: Iterable[str], columns: int) -> int:
    """How many rows of a terminal some lines take, escape sequences not counted."""
    return sum(_rows_of_line(without_colors(line).expandtabs(), columns) for line in lines)


def _rows_of_line(line: str, columns: int) -> int:
    from stackscope.render.cells import clusters

    if line.isascii():
        return max(1, -(-len(line) // columns))
    rows, column = 1, 0
    for _, width in clusters(line):  # a wide one isn't split at the end of a row
        if column + width > columns:
            rows, column = rows + 1, 0
        column += width
    return rows


def size_of(stream: object) -> Optional[Tuple[int, int]]:
    """The columns and lines of a terminal in which the cursor can be moved; ``None`` elsewhere."""
    if os.environ.get("TERM") in (None, "", "dumb", "unknown"):
        return None
    try:
        size = os.get_terminal_size(stream.fileno())  # type: ignore[attr-defined]
    except (AttributeError, ValueError, OSError):  # no file, or none that is a terminal
        return None
    return (size.columns, size.lines) if size.columns and size.lines else None


def draws_anew(line: str) -> bool:
    """Whether a command lets the code be drawn anew, or the program run."""
    return line.partition(" ")[0] in GOES_ON.split()


def keeps_to_itself(line: str) -> bool:
    """Whether nothing but the debugger writes while a command runs."""
    word, _, argument = line.partition(" ")
    return word in ONLY_SHOWS.split() or (word in PRINTS_VALUE and "(" not in argument)
