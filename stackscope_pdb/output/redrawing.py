"""Takes what was drawn at a stop off the screen, before the same is drawn anew for the next stop.

That goes by counting rows: from the drawing down to the cursor there is what the debugger has
written since, and what was typed. A terminal isn't asked where its cursor is: the answer would be
input. Where something else may have written, the drawing is left where it is, and nothing is lost.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Optional, Tuple

GOES_ON = "n next s step c cont continue r return unt until u up d down f frame unfocus"
"""The commands after which the code is drawn anew, or the program runs."""

ONLY_SHOWS = "a args b break ctx h help l list ll longlist source sticky tasks threads w where bt"
"""The commands whose output is the debugger's own."""

PRINTS_VALUE = ("p", "pp", "whatis")
"""The commands that show a value, which takes no call unless one is asked for."""


class Drawing:
    """Rows that were drawn, and what is known to be below them.

    Args:
        rows: How many they are.
        size: The columns and lines of the terminal.
    """

    def __init__(self, rows: int, size: Tuple[int, int]) -> None:
        self.rows = rows
        self.size = size
        self.below = 0

    def note(self, text: str) -> None:
        """Take note of a text that was written below, with a line end."""
        self.below += rows_of(text.split("\n"), self.size[0])

    def erasing(self) -> str:
        """The sequence that takes the drawing away, and moves up what is below it.

        Rows that have left the screen at its top stay where they are.
        """
        up = self.rows + self.below
        gone = max(up - (self.size[1] - 1), 0)
        rows, up = self.rows - gone, up - gone
        if rows <= 0:
            return ""
        down = f"\x1b[{up - rows}B" if up > rows else ""
        return f"\r\x1b[{up}A\x1b[{rows}M{down}"


def rows_of(lines: Iterable[str], columns: int) -> int:
    """How many rows of a terminal some lines take, escape sequences not counted."""
    import re

    from stackscope.render.stream import width_of

    plain = [re.sub("\x1b\\[[0-9;]*m", "", line).expandtabs() for line in lines]
    return sum(max(1, -(-width_of(line) // columns)) for line in plain)


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
