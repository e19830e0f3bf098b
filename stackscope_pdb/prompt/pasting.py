"""Pasted text: its lines are run one by one, as if they had been typed.

What is a command and what is Python is decided when a line's turn has come, for the lines before it
may have changed that, or have let the program go on. A statement of several lines is one.
"""

from __future__ import annotations

import re

from stackscope_pdb.prompt import command_or_python

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Tuple

    from stackscope_pdb.stop.host import Host

_GOES_ON = re.compile(r"\s|(else|elif|except|finally)\b")
"""The beginning of a line that belongs to the statement before it."""


def first(debugger: Host, text: str) -> Tuple[str, str]:
    """Split text in what is to be run first, and the rest, which may be nothing."""
    lines = _dedented(text).split("\n")
    while len(lines) > 1 and not lines[0].strip():
        del lines[0]
    count = 1
    if not command_or_python.is_command(debugger, lines[0]):
        count = _statement(lines)
    return "\n".join(lines[:count]).rstrip(), _without_end("\n".join(lines[count:]))


def last(debugger: Host, text: str) -> str:
    """What of the text is run last, as far as can be said now."""
    piece, rest = first(debugger, text)
    while rest:
        piece, rest = first(debugger, rest)
    return piece


def is_whole(debugger: Host, text: str) -> bool:
    """Whether nothing needs to follow the last line of ``text``."""
    from stackscope_pdb.program import evaluating

    piece = last(debugger, text)
    if command_or_python.is_command(debugger, piece):
        return True
    try:
        return evaluating.is_complete(piece + "\n")
    except (SyntaxError, ValueError, OverflowError):
        return True


def goes_on(line: str) -> bool:
    """Whether a line belongs to the statement before it, even after an empty line."""
    return bool(_GOES_ON.match(line))


def _statement(lines: List[str]) -> int:
    """How many of the lines are one statement; all, if it isn't complete."""
    found = 0
    for count in range(1, len(lines) + 1):
        if found and lines[count - 1].strip() and not goes_on(lines[count - 1]):
            return found
        if _is_one("\n".join(lines[:count])):
            found = count
    if found or not _is_incomplete("\n".join(lines)):
        return found or 1
    return len(lines)


def _is_one(source: str) -> bool:
    import ast

    try:
        return len(ast.parse(source.lstrip("! ")).body) == 1
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False


def _is_incomplete(source: str) -> bool:
    from stackscope_pdb.program import evaluating

    try:
        return not evaluating.is_complete(source)
    except (SyntaxError, ValueError, OverflowError):
        return False


def _dedented(text: str) -> str:
    import textwrap

    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return textwrap.dedent(text) if text[:1] in " \t\n" else text


def _without_end(text: str) -> str:
    return text if text.strip() else ""
