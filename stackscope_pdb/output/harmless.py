"""Text that can't repaint the terminal, whatever the program has put into it.

The library escapes it. Most stops have nothing to escape, so it is imported only where something
is.
"""

from __future__ import annotations


def harmless(text: str) -> str:
    """``text`` with its lines and tabs, and all else that isn't printable escaped."""
    if "".join(text.split("\n")).replace("\t", "").isprintable():
        return text
    from stackscope.safe.text import safe_lines

    return safe_lines(text)


def without_colors(text: str) -> str:
    """``text`` without the sequences that change colours, which many representations contain."""
    if "\x1b" not in text:
        return text
    import re

    return re.sub("\x1b\\[[0-9;:]*m", "", text)


def one_line(text: str) -> str:
    """``text`` as one line: what isn't printable is escaped, but for tabs."""
    if text.isprintable():
        return text
    from stackscope.safe.text import safe_line

    return safe_line(text)


def encodable(text: str, stream: object) -> str:
    """``text`` with what the stream can't write escaped."""
    if text.isascii():
        return text
    from stackscope.render import stream as writing

    return writing.encodable(text, stream)
