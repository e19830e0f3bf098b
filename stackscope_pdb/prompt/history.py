"""The lines typed at the prompt, kept in a file across sessions, whoever reads them.

One line of the file is one entry, as JSON, since an entry may have several lines. Each is added by
a single write to a file that is open for appending, so debuggers that run at the same time don't
spoil it. They lock it, so that none adds to a file that another one is just replacing.

What was typed may be a password. The file is for its owner only, and neither a link nor a file of
somebody else is taken for it.
"""

from __future__ import annotations

import json
import os
import stat
import time
from contextlib import contextmanager, suppress

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Optional

MOST_ENTRIES = 5_000
MOST_BYTES = 1_000_000

SECONDS_LOCKED = 1.0
"""How long to wait for another debugger that has the file locked, at most."""

FLAGS = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # it may be a pipe
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)

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


def rest_of_last(path: Optional[str], text: str) -> str:
    """How the last line that begins with ``text`` went on; empty if there is none."""
    if text.strip() and "\n" not in text:
        for entry in reversed(known(path)):
            if entry.startswith(text) and len(entry) > len(text) and "\n" not in entry:
                return entry[len(text) :]
    return ""


def load(path: Optional[str]) -> List[str]:
    """The entries, oldest first. A file that has become too long is cut."""
    if path is None:
        return []
    try:
        with _opened(path, os.O_RDONLY) as descriptor:
            lines = _lines(descriptor)
            if not _is_too_long(lines):
                return _entries(lines)
        with _locked(path, os.O_RDONLY) as descriptor:
            lines = _lines(descriptor)  # there may be more of them now
            entries = _entries(lines)
            if not _is_too_long(lines):
                return entries
            entries = entries[-MOST_ENTRIES:]
            if fcntl is not None:
                _replace(path, entries)
        if fcntl is None:  # there a file that is open can't be replaced
            _replace(path, entries)
        return entries
    except OSError:
        return []


def add(path: Optional[str], entry: str) -> None:
    """Add one entry. If that can't be done, the session goes on without."""
    if path is None or not entry.strip():
        return
    from stackscope.safe.folders import make_private_folder

    # A full disk or somebody else's folder is not an error of this session.
    with suppress(OSError):
        make_private_folder(os.path.dirname(path) or ".")
        with _locked(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT) as descriptor:
            os.write(descriptor, _line(entry))


@contextmanager
def _opened(path: str, flags: int) -> Iterator[int]:
    """The file's descriptor.

    Raises:
        OSError: It can't be opened, or it is no file of this user.
    """
    if hasattr(os, "geteuid") and os.lstat(os.path.dirname(path) or ".").st_uid not in (
        0,
        os.geteuid(),
    ):
        raise PermissionError(path)
    descriptor = os.open(path, flags | FLAGS, 0o600)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise PermissionError(path)
        if hasattr(os, "geteuid"):
            if status.st_uid != os.geteuid():
                raise PermissionError(path)
            if status.st_mode & 0o077:
                os.fchmod(descriptor, 0o600)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _locked(path: str, flags: int) -> Iterator[int]:
    """The file's descriptor, while no other debugger can change or replace it."""
    deadline = time.monotonic() + SECONDS_LOCKED
    while True:
        with _opened(path, flags) as descriptor:
            is_late = time.monotonic() > deadline
            if not (_lock(descriptor) and _is_still(path, descriptor)) and not is_late:
                time.sleep(0.002)
                continue  # another debugger is at it, or has replaced it
            yield descriptor
            return


def _lock(descriptor: int) -> bool:
    """Lock a file. It is unlocked when it is closed."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # there are no locks in that file system
        pass
    return True


def _is_still(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _lines(descriptor: int) -> List[str]:
    with open(descriptor, encoding="utf-8", errors="replace", closefd=False) as file:
        return file.read().splitlines()


def _is_too_long(lines: List[str]) -> bool:
    return sum(map(len, lines)) > MOST_BYTES or len(lines) > 2 * MOST_ENTRIES


def _entries(lines: List[str]) -> List[str]:
    return [entry for entry in map(_entry, lines) if entry]


def _line(entry: str) -> bytes:
    return (json.dumps(entry) + "\n").encode("ascii")


def _entry(line: str) -> str:
    try:
        entry = json.loads(line)
    except ValueError:
        return ""
    return entry if isinstance(entry, str) else ""


def _replace(path: str, entries: List[str]) -> None:
    """Replace the file, if that can be done."""
    import tempfile

    folder, name = os.path.split(path)
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=name + ".", dir=folder or ".")
    except OSError:
        return
    try:
        with open(descriptor, "wb") as file:
            file.writelines(map(_line, entries))
        os.replace(temporary, path)
    except BaseException as exc:
        with suppress(OSError):
            os.unlink(temporary)
        if not isinstance(exc, OSError):
            raise
