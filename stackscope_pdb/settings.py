"""What the user can set by the environment.

=========================== =====================================================================
``STACKSCOPE_PDB_PROMPT``   ``prompt_toolkit``, ``readline`` or ``plain``; else the first there is
``STACKSCOPE_PDB_KEYS``     ``emacs`` or ``vi``; by default what ``~/.inputrc`` says
``STACKSCOPE_PDB_HISTORY``  a file for the history; empty for none
``STACKSCOPE_PDB_STICKY``   ``1`` draws the code around the current line at every stop
``STACKSCOPE_PDB_CONTEXT``  how many lines of code that is
``STACKSCOPE_PDB_SKIP``     ``0`` shows the code of libraries, and steps into it
``STACKSCOPE_PDB_STYLE``    a style of Pygments for source text
``STACKSCOPE_PDB_DEBUG``    ``1`` prints the traceback if something of the debugger's own fails
=========================== =====================================================================
"""

from __future__ import annotations

import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

STICKY_LINES = 15

_sticky: Optional[int] = None
"""What the command `sticky` has said, or else the environment; ``None`` until somebody asks."""

_passes: Optional[bool] = None
"""What the command `skip` has said, or else the environment; ``None`` until somebody asks."""

_EDITING_MODE = re.compile(r"^\s*set\s+editing-mode\s+(vi|emacs)\s*$", re.MULTILINE)


def prompt_kind() -> str:
    """Which prompt is wanted; empty for the best one."""
    return os.environ.get("STACKSCOPE_PDB_PROMPT", "").strip().lower()


def wants_tracebacks() -> bool:
    """Whether a failure of the debugger itself shall be shown with its traceback."""
    return _is_on(os.environ.get("STACKSCOPE_PDB_DEBUG", ""))


def _is_on(text: str) -> bool:
    return text.strip().lower() in ("1", "true", "yes", "on")


def keys() -> str:
    """Which keys our variable says: ``vi``, ``emacs``, or nothing."""
    return os.environ.get("STACKSCOPE_PDB_KEYS", "").strip().lower()


def wants_vi_keys() -> bool:
    """Whether our variable or readline's configuration asks for the keys of vi."""
    if keys():
        return keys() == "vi"
    found = _EDITING_MODE.findall(_inputrc())
    return bool(found) and found[-1] == "vi"


def _inputrc() -> str:
    """The user's configuration of readline; as there, that of the system if the user has none."""
    wanted = os.environ.get("INPUTRC")
    for path in [wanted] if wanted else [os.path.expanduser("~/.inputrc"), "/etc/inputrc"]:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                return file.read()
        except (OSError, ValueError):
            pass
    return ""


def sticky_lines() -> int:
    """How many lines of code are wanted at every stop; 0 for none, but the current line."""
    global _sticky
    if _sticky is None:  # this is asked at every stop
        wanted = os.environ.get("STACKSCOPE_PDB_STICKY", "")
        _sticky = context_lines() if _is_on(wanted) else 0
    return _sticky


def set_sticky(lines: int) -> None:
    """Set how many lines of code are wanted at every stop."""
    # It belongs to the process: up to 3.13 each breakpoint may make a debugger of its own.
    global _sticky
    _sticky = lines


def passes_libraries() -> bool:
    """Whether the code of libraries is passed over."""
    global _passes
    if _passes is None:
        wanted = os.environ.get("STACKSCOPE_PDB_SKIP", "").strip().lower()
        _passes = wanted not in ("0", "false", "no", "off")
    return _passes


def set_passes_libraries(passes: bool) -> None:
    """Set whether the code of libraries is passed over."""
    global _passes
    _passes = passes


def context_lines() -> int:
    """How many lines of code are shown around the current one."""
    text = os.environ.get("STACKSCOPE_PDB_CONTEXT", "").strip()
    return max(int(text), 1) if text.isdecimal() else STICKY_LINES


def history_file() -> Optional[str]:
    """The file that the lines typed at the prompt are kept in; ``None`` for none."""
    path = os.environ.get("STACKSCOPE_PDB_HISTORY")
    if path is not None:
        path = os.path.expanduser(path)
        return None if path.startswith("~") else path or None
    from stackscope.safe.folders import state_folder

    folder = state_folder()
    return None if folder is None else os.path.join(folder, "pdb_history")
