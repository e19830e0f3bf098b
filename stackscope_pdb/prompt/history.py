"""The lines typed at the prompt, kept in a file across sessions, whoever reads them.

One line of the file is one entry, as JSON, since an entry may have several lines. Each is added by
a single write to a file that is open for appending, so debuggers that run at the same time don't
spoil it.
"""

from __future__ import annotations

import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional

MOST_ENTRIES = 5_000
MOST_BYTES = 1_000_000

_known: Dict[Optional[str], List[str]] = {}
"""The entries of each file, as far as this process knows them."""


def known(path: Optional[str]) -> List[str]:
    """The entries, oldest first: those of the file at first use, and those added since."""
    if path not in _known:
        _known[path] = load(path)
    return _known[path]


def note(path: Optional[str], entry: str) -> None:
    """Add one entry, unless it is the same as the last one."""
    entries = known(path)
    if entry.strip() and entries[-1:] != [entry]:
        entries.append(entry)
        add(path, entry)


def load(path: Optional[str]) -> List[str]:
    """The entries, oldest first. A file that has become too long is cut."""
    if path is None:
        return []
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return []
    entries = [entry for entry in map(_entry, lines) if entry]
    if sum(map(len, lines)) > MOST_BYTES or len(lines) > 2 * MOST_ENTRIES:
        entries = entries[-MOST_ENTRIES:]
        _replace(path, entries)
    return entries


def add(path: Optional[str], entry: str) -> None:
    """Add one entry. If that can't be done, the session goes on without."""
    if path is None or not entry.strip():
        return
    try:
        os.makedirs(os.path.dirname(path) or ".", mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError:
        return
    try:
        os.write(descriptor, _line(entry))
    except OSError:  # the disk is full, say
        pass
    finally:
        os.close(descriptor)


def _line(entry: str) -> bytes:
    return (json.dumps(entry) + "\n").encode("ascii")


def _entry(line: str) -> str:
    try:
        entry = json.loads(line)
    except ValueError:
        return ""
    return entry if isinstance(entry, str) else ""


def _replace(path: str, entries: List[str]) -> None:
    temporary = f"{path}.{os.getpid()}"
    try:
        with open(temporary, "wb") as file:
            file.writelines(map(_line, entries))
        os.replace(temporary, path)
    except OSError:
        pass
