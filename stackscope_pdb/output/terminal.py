"""Whether a stream is a terminal, for what is asked at every stop.

The library has the same in `stackscope.render.stream`. But most stops don't need the library, which
takes longer to import than such a stop takes.
"""

from __future__ import annotations


def is_terminal(stream: object) -> bool:
    """Whether a stream is a terminal."""
    try:
        return bool(stream.isatty())  # type: ignore[attr-defined]
    except (AttributeError, ValueError, OSError):  # no file, or one that is closed
        return False
