"""How many columns of a terminal a text takes: the one place that measures.

What a reader takes for one character may be several: a letter and its accents, an emoji and the
colour of its skin, a family. Such a cluster takes the columns of what is drawn in the end. Nothing
is cut in the middle of one.

The library ``wcwidth`` knows more scripts and more terminals. It measures if the program has loaded
it, as prompt_toolkit and IPython do. It is never imported for that: this may be a signal handler.
"""

from __future__ import annotations

import re
import sys
from types import FunctionType, ModuleType

from stackscope.safe.interruptions import interrupts
from stackscope.safe.text import is_silent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, Optional, Tuple

__all__ = ["beginning", "clusters", "end", "width_of"]

_is_simple = re.compile(
    "[\\x00-\\xac\\xae-\\u02ff\\u2010-\\u2027\\u2190-\\u2319\\u2500-\\u257f]*"
).fullmatch
"""Whether each character takes one column: so do letters of Latin, and what we draw trees with,
arrows and signs of mathematics among it."""

JOINER = "\u200d"
"""What makes one emoji of two."""

AS_EMOJI = "\ufe0f"
"""What makes a wide emoji of a narrow sign."""


def width_of(text: str) -> int:
    """How many columns a text takes: wide characters take two, combining ones none."""
    if text.isascii() or _is_simple(text):
        return len(text)
    return sum(width for _, width in clusters(text))


def clusters(text: str) -> Iterator[Tuple[str, int]]:
    """What is drawn as one character, and the columns that it takes."""
    for cluster, width in _clusters(text):
        measured = None if cluster.isascii() else _by_library(cluster)
        yield cluster, width if measured is None else measured


def beginning(text: str, width: int) -> str:
    """As much of the beginning of ``text`` as takes no more than ``width`` columns."""
    if _is_simple(text):
        return text[: max(width, 0)]
    length = 0
    for cluster, taken in clusters(text):
        width -= taken
        if width < 0:
            return text[:length]
        length += len(cluster)
    return text


def end(text: str, width: int) -> str:
    """As much of the end of ``text`` as takes no more than ``width`` columns."""
    if _is_simple(text):
        return text[max(len(text) - max(width, 0), 0) :]
    start = len(text)
    for cluster, taken in reversed(list(clusters(text))):
        width -= taken
        if width < 0:
            return text[start:]
        start -= len(cluster)
    return text


def _by_library(text: str) -> Optional[int]:
    """What ``wcwidth`` says; ``None`` if it isn't there, or can't tell."""
    module = sys.modules.get("wcwidth")
    if type(module) is not ModuleType or is_silent():
        return None
    measure: Any = vars(module).get("wcswidth")
    if type(measure) is not FunctionType:  # it is just being imported, or isn't the library
        return None
    return _asked(measure, text)


def _asked(measure: Callable[[str], object], text: str) -> Optional[int]:
    try:
        width = measure(text)
    except BaseException as exc:
        if interrupts(exc):
            raise
        return None
    return width if type(width) is int and width >= 0 else None


def _clusters(text: str) -> Iterator[Tuple[str, int]]:
    """The same by what the interpreter knows of characters."""
    start, width = 0, 0
    for index, character in enumerate(text):
        if index > start and not _belongs(text, start, index):
            yield text[start:index], width
            start, width = index, 0
        if index == start:
            width = _columns_of(character)
        elif character == AS_EMOJI or _is_flag(character):
            width = 2
        elif _is_spacing(character):
            width += 1
    if text:
        yield text[start:], width


def _belongs(text: str, start: int, index: int) -> bool:
    """Whether a character belongs to the cluster that begins at ``start``."""
    import unicodedata

    character, previous = text[index], text[index - 1]
    if previous == JOINER and start < index - 1 and unicodedata.category(character) == "So":
        return True
    if _is_flag(character):
        return start == index - 1 and _is_flag(previous)
    if "\U0001f3fb" <= character <= "\U0001f3ff":  # the colour of skin
        return _columns_of(text[start]) == 2
    return not _columns_of(character) or _is_spacing(character)


def _is_spacing(character: str) -> bool:
    """Whether a character belongs to the one before it, and takes a column of its own."""
    import unicodedata

    return unicodedata.category(character) == "Mc"


def _is_flag(character: str) -> bool:
    """Whether a character is half of a flag."""
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _columns_of(character: str) -> int:
    import unicodedata

    if unicodedata.category(character) in ("Mn", "Me", "Cf"):  # accents, joiners, variants
        return 0
    if "\u1160" <= character <= "\u11ff":  # the middle and the end of a Hangul syllable
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
