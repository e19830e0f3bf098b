"""What the user can set by the environment.

=========================== =====================================================================
``STACKSCOPE_PDB_PROMPT``   ``prompt_toolkit``, ``readline`` or ``plain``; else the first there is
``STACKSCOPE_PDB_KEYS``     ``emacs`` or ``vi``; by default what ``~/.inputrc`` says
``STACKSCOPE_PDB_HISTORY``  a file for the history; empty for none
``STACKSCOPE_PDB_STICKY``   ``1`` draws the code around the current line at every stop
``STACKSCOPE_PDB_CONTEXT``  how many lines of code that is
``STACKSCOPE_PDB_SKIP``     ``0`` shows the code of libraries, and steps into it
``STACKSCOPE_PDB_STYLE``    a style of Pygments for source text
``STACKSCOPE_PDB_RPROMPT``  ``1`` says at the right where one is, and who else is stopped
``STACKSCOPE_PDB_DEBUG``    ``1`` prints the traceback if something of the debugger's own fails
=========================== =====================================================================
"""

from __future__ import annotations

import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, Optional, Sequence, Tuple

ON, OFF = ("1", "true", "yes", "on"), ("0", "false", "no", "off")

VALUES: Dict[str, Optional[Tuple[str, ...]]] = {
    "STACKSCOPE_PDB_PROMPT": ("prompt_toolkit", "readline", "plain"),
    "STACKSCOPE_PDB_KEYS": ("emacs", "vi"),
    "STACKSCOPE_PDB_HISTORY": None,
    "STACKSCOPE_PDB_STICKY": (*ON, *OFF),
    "STACKSCOPE_PDB_CONTEXT": None,
    "STACKSCOPE_PDB_SKIP": (*ON, *OFF),
    "STACKSCOPE_PDB_STYLE": None,
    "STACKSCOPE_PDB_RPROMPT": (*ON, *OFF),
    "STACKSCOPE_PDB_DEBUG": (*ON, *OFF),
}
"""All variables, each with the values that it may have; ``None`` where a list doesn't say it."""

STICKY_LINES = 15

_sticky: Optional[int] = None
"""What the command `sticky` has said, or else the environment; ``None`` until somebody asks."""

_passes: Optional[bool] = None
"""What the command `skip` has said, or else the environment; ``None`` until somebody asks."""

_EDITING_MODE = re.compile(r"^\s*set\s+editing-mode\s+(vi|emacs)\s*$", re.MULTILINE)


def complaints() -> Iterator[str]:
    """A sentence about each variable that nobody knows, or that has a value that means nothing."""
    for name in sorted(os.environ):
        if not name.startswith("STACKSCOPE_PDB_"):
            continue
        if name not in VALUES:
            yield f"{name} is not a setting. The settings are: {', '.join(VALUES)}."
            continue
        value, values = os.environ[name], VALUES[name]
        if name == "STACKSCOPE_PDB_CONTEXT":
            if value.strip() and not _lines(value):
                yield f"{name}={value!r} is ignored: it must be a number of lines, such as 15."
        elif values is not None and not _chosen(name) and value.strip():
            yield f"{name}={value!r} is ignored: it must be {_or(values)}."


def _or(values: Sequence[str]) -> str:
    return f"{', '.join(values[:-1])} or {values[-1]}"


def _chosen(name: str) -> str:
    """The value of a variable, in small letters; empty if it may not have that one."""
    value = os.environ.get(name, "").strip().lower()
    return value if value in (VALUES[name] or ()) else ""


def prompt_kind() -> str:
    """Which prompt is wanted; empty for the best one."""
    return _chosen("STACKSCOPE_PDB_PROMPT")


def wants_tracebacks() -> bool:
    """Whether a failure of the debugger itself shall be shown with its traceback."""
    return _chosen("STACKSCOPE_PDB_DEBUG") in ON


def wants_rprompt() -> bool:
    """Whether the place shall stand at the right of the line."""
    return _chosen("STACKSCOPE_PDB_RPROMPT") in ON


def keys() -> str:
    """Which keys our variable says: ``vi``, ``emacs``, or nothing."""
    return _chosen("STACKSCOPE_PDB_KEYS")


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
        _sticky = context_lines() if _chosen("STACKSCOPE_PDB_STICKY") in ON else 0
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
        _passes = _chosen("STACKSCOPE_PDB_SKIP") not in OFF
    return _passes


def set_passes_libraries(passes: bool) -> None:
    """Set whether the code of libraries is passed over."""
    global _passes
    _passes = passes


def context_lines() -> int:
    """How many lines of code are shown around the current one."""
    return _lines(os.environ.get("STACKSCOPE_PDB_CONTEXT", "")) or STICKY_LINES


def _lines(text: str) -> int:
    """A number of lines; 0 if it isn't one."""
    text = text.strip()
    return int(text) if text.isdecimal() and len(text) < 6 else 0


def history_file() -> Optional[str]:
    """The file that the lines typed at the prompt are kept in; ``None`` for none."""
    path = os.environ.get("STACKSCOPE_PDB_HISTORY")
    if path is not None:
        path = os.path.expanduser(path)
        return None if path.startswith("~") else path or None
    from stackscope.safe.folders import state_folder

    folder = state_folder()
    return None if folder is None else os.path.join(folder, "pdb_history")
