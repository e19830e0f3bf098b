"""Lines of a snapshot that are made to fit the width: what matters least gives way first."""

from __future__ import annotations

import os

from stackscope.render.drawing import Layout
from stackscope.render.stream import cut_line, width_of
from stackscope.render.words import shortened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Sequence, Tuple

    from stackscope.render.drawing import Layout, Line

__all__ = ["AT", "Sentence", "fitting"]

CUT_IN_THE_MIDDLE = ("root", "comment", "note")
"""The kinds of spans whose end matters as much as their beginning."""

AT = ", at "
"""What stands before a place in a title."""

SHORTEST = 30
"""Columns that are left at least of a part whose middle is left out."""


def fitting(line: Line, layout: Layout) -> Line:
    """A line that isn't too wide, unless it tells what is wrong.

    What gives way is the place in a library, or the folder of another place, then the details of
    what something waits for, the middles of the longest parts, and the end.
    """
    if _excess(line, layout) <= 0 or (line and line[0][0] == "alert"):
        return line
    line = [
        (kind, _without_folder(text) if text.startswith(AT) else text)
        for kind, text in line
        if kind != "comment" or not text.startswith(AT)
    ]
    whole = line
    # Who holds what is waited for matters more than the place, which the frames below tell as well.
    for index, has_place in ((0, True), (0, False), (1, True)):
        if _excess(line, layout) > 0 and any(isinstance(text, Sentence) for _, text in whole):
            line = [
                (kind, text.shorter[index]() if isinstance(text, Sentence) else text)
                for kind, text in whole
                if has_place or not text.startswith(AT)
            ]
    # Nor is the name of a call cut for a place, or the place itself.
    without_place = [(kind, text) for kind, text in line if not text.startswith(AT)]
    if _excess(line, layout) > 0 and _excess(without_place, layout) <= 0:
        return without_place
    short = _with_gaps(line, layout)
    if _excess(short, layout) > 0:
        short = _with_gaps(without_place, layout)
    return cut_line(short, layout.width, layout.ellipsis)


def _with_gaps(line: Line, layout: Layout) -> Line:
    """A line whose longest parts lose their middles, as far as that helps."""
    line = list(line)
    for index in sorted(range(len(line)), key=lambda index: -width_of(line[index][1])):
        excess = _excess(line, layout)
        kind, text = line[index]
        if excess > 0 and kind in CUT_IN_THE_MIDDLE and width_of(text) > SHORTEST:
            width = max(width_of(text) - excess, SHORTEST)
            line[index] = (kind, shortened(text, width, layout.ellipsis))
    return line


class Sentence(str):
    """What something does, with forms of it that are shorter.

    Args:
        pieces: The whole sentence, in pieces: names of what may be drawn elsewhere are a `Link`.
        shorter: Makes a shorter form, and the shortest one. Many tasks that are alike have one
            sentence: to make a form of it asks all of them.
    """

    __slots__ = ("pieces", "shorter")

    pieces: Sequence[str]
    shorter: Tuple[Callable[[], str], Callable[[], str]]

    def __new__(cls, pieces: Sequence[str], *shorter: Callable[[], str]) -> Sentence:
        self = super().__new__(cls, "".join(pieces))
        self.pieces = pieces
        self.shorter = (shorter[0], shorter[1])
        return self


def _excess(line: Line, layout: Layout) -> int:
    """How many columns a line is too wide."""
    return sum(width_of(text) for _, text in line) - layout.width


def _without_folder(place: str) -> str:
    start = len(AT)
    return AT + os.path.basename(place[start:])
