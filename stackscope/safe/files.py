"""Reading source files, past what would keep an interruption from the program."""

from __future__ import annotations

import os
import stat

from stackscope.safe.interruptions import interrupts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Sequence

__all__ = ["known_lines", "lines_of_file"]


def lines_of_file(filename: str) -> Optional[Sequence[str]]:
    """The lines of a source file; ``None`` if it is no file.

    They are kept where `linecache` keeps them. Its own functions take a TimeoutError, which may be
    that of a signal handler, for a file that can't be read, and wait for what a pipe will say.
    """
    import linecache

    entry = _entry(filename)
    if entry and entry[1] is None:  # it is not from a file
        return None
    path = entry[3] if entry else filename
    try:
        status = os.stat(path)
        if entry and (status.st_size, status.st_mtime) == (entry[0], entry[1]):
            return entry[2]  # type: ignore[no-any-return]
        if not stat.S_ISREG(status.st_mode):
            return ()
        lines = _read(path)
    except (OSError, SyntaxError, ValueError) as exc:  # the latter: it isn't in its encoding
        if interrupts(exc):
            raise
        linecache.checkcache(filename)
        return None
    linecache.cache[filename] = (status.st_size, status.st_mtime, lines, path)
    return lines


def _read(path: str) -> List[str]:
    import tokenize

    with tokenize.open(path) as file:
        lines = file.readlines()
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    return lines


def known_lines(filename: str) -> Sequence[str]:
    """The lines that `linecache` knows already, so that it need not ask a module's loader."""
    entry = _entry(filename)
    return entry[2] if entry else ()  # type: ignore[no-any-return]


def _entry(filename: str) -> Sequence[Any]:
    """Size, time of the last change, lines and path. Empty if there is nothing but a loader."""
    import linecache

    entry: Any = linecache.cache.get(filename)
    return entry if type(entry) is tuple and len(entry) == 4 else ()
