"""From spans to coloured text for a terminal, and the decision whether to colour at all."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Iterable, Iterator, Mapping, Optional

    from stackscope.render.text import Line

RESET = "\x1b[0m"

# Of the 16 colours only these are legible on white and on black alike: no yellow, white, black, no bright
# ones, no plain blue; what matters most and least differs by weight, which works in any palette.
PALETTE: Mapping[str, str] = {
    "guide": "2",
    "header": "1",
    "root": "1",
    "class": "36",
    "func": "1;36",
    "module": "",
    "path": "2",
    "lineno": "35",
    "source": "",
    "description": "",
    "name": "32",
    "type": "36",
    "comment": "2",
    "leaf": "35",
    "error": "31",
    "note": "2",
    "text": "2",
}
"""The attributes ("select graphic rendition") of each kind of span."""


def styled(line: Line, palette: Mapping[str, str] = PALETTE) -> str:
    """One line as text with ANSI escape sequences, without a line end."""
    return "".join(
        [
            f"\x1b[{palette[kind]}m{text}{RESET}" if text and palette.get(kind) else text
            for kind, text in line
        ]
    )


def paint(lines: Iterable[Line], palette: Mapping[str, str] = PALETTE) -> Iterator[str]:
    """The lines as text with ANSI escape sequences, each ending in a newline."""
    for line in lines:
        yield styled(line, palette) + "\n"


def wants_color(stream: object = None, environ: Optional[Mapping[str, str]] = None) -> bool:
    """Whether text for ``stream`` should be coloured.

    The first of these that says something decides: ``PYTHON_COLORS`` (0 or 1), ``NO_COLOR``, ``FORCE_COLOR``,
    ``TERM=dumb``, and whether the stream is a terminal.

    Args:
        stream: A file; ``sys.stdout`` if ``None``.
        environ: The environment variables; those of the process if ``None``.
    """
    if environ is None:
        environ = {} if sys.flags.ignore_environment else os.environ
    python_colors = environ.get("PYTHON_COLORS")
    if python_colors in ("0", "1"):
        return python_colors == "1"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    if environ.get("TERM") == "dumb":
        return False
    return _is_terminal(sys.stdout if stream is None else stream) and _terminal_understands(environ)


def _is_terminal(stream: object) -> bool:
    try:
        return bool(stream.isatty())  # type: ignore[attr-defined]
    except (AttributeError, ValueError, OSError):  # no file, or one that is closed
        return False


def _terminal_understands(environ: Mapping[str, str]) -> bool:
    """Whether the console interprets escape sequences: all do but older ones of Windows."""
    if os.name != "nt":
        return True
    try:
        import nt

        return bool(nt._supports_virtual_terminal())  # type: ignore[attr-defined, unused-ignore]
    except (ImportError, AttributeError):  # up to 3.12
        return any(name in environ for name in ("WT_SESSION", "ANSICON", "ConEmuANSI", "TERM"))
