"""Whether a stream is a terminal, and its modes: for what is asked at every stop.

The library has the same in `stackscope.render.stream`. But most stops don't need the library, which
takes longer to import than such a stop takes.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional

AS_BEFORE = b"\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[0m"
"""Pasted text comes as typed, long lines are wrapped, the cursor is visible, and no colours."""


def is_terminal(stream: object) -> bool:
    """Whether a stream is a terminal."""
    try:
        return bool(stream.isatty())  # type: ignore[attr-defined]
    except (AttributeError, ValueError, OSError):  # no file, or one that is closed
        return False


def modes_of_terminal() -> Optional[List[Any]]:
    """The modes of the terminal that lines are read from, if there is one."""
    if sys.platform == "win32" or not is_terminal(sys.stdin):
        return None
    import termios

    try:
        return termios.tcgetattr(sys.stdin.fileno())
    except (termios.error, OSError, ValueError):
        return None


def set_modes(modes: List[Any]) -> bool:
    """Change the terminal's modes, unless that is another process's business now."""
    import termios

    try:
        descriptor = sys.stdin.fileno()
        if os.tcgetpgrp(descriptor) != os.getpgrp():
            return False
        termios.tcsetattr(descriptor, termios.TCSANOW, modes)
    except (termios.error, OSError, ValueError):  # the terminal is gone
        return False
    return True


def put_terminal_back(modes: List[Any]) -> None:
    """Undo what has been done to the terminal to read a line, for it won't be read to its end."""
    if set_modes(modes) and os.environ.get("TERM") not in (None, "dumb", "unknown"):
        try:
            os.write(sys.stdin.fileno(), AS_BEFORE)
        except (OSError, ValueError):  # the terminal is gone
            pass
