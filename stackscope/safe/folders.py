"""Folders for files that are the user's own."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import contextmanager, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Optional

__all__ = [
    "make_private_folder",
    "nobody_else_can_replace",
    "private_folder",
    "state_folder",
    "unused_name",
]


def state_folder() -> Optional[str]:
    """The user's folder for what is kept, which need not exist; ``None`` if there is no home."""
    if sys.platform == "win32":
        folder = os.environ.get("LOCALAPPDATA") or os.path.expanduser(r"~\AppData\Local")
    elif sys.platform == "darwin":
        folder = os.path.expanduser("~/Library/Application Support")
    else:
        folder = os.environ.get("XDG_STATE_HOME", "")
        if not os.path.isabs(folder):
            folder = os.path.expanduser("~/.local/state")
    return os.path.join(folder, "stackscope") if os.path.isabs(folder) else None


def make_private_folder(path: str) -> None:
    """Make a folder, and those above it, for this user only. Those that exist stay as they are."""
    if not os.path.isdir(path):
        parent = os.path.dirname(path)
        if parent not in ("", path):
            make_private_folder(parent)
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:  # another process was faster
            pass


def unused_name(prefix: str, parent: str) -> str:
    """The path of a folder in ``parent`` that doesn't exist, for `os.mkdir`.

    ``tempfile.mkdtemp`` gives the path once the folder exists. If Ctrl-C comes between, nobody
    knows what to remove.
    """
    return os.path.join(parent, prefix + os.urandom(8).hex())


@contextmanager
def private_folder(prefix: str) -> Iterator[str]:
    """A folder for files of this user only. It is removed in the end, whenever Ctrl-C comes."""
    import shutil
    import tempfile

    path = unused_name(prefix, tempfile.gettempdir())
    try:
        os.mkdir(path, 0o700)
        yield path
    finally:
        try:
            shutil.rmtree(path, ignore_errors=True)
        except BaseException:  # Ctrl-C, or an error of `shutil` that it leads to
            shutil.rmtree(path, ignore_errors=True)
            raise


def nobody_else_can_replace(folder: str) -> bool:
    """Whether only this user and root can put something else in the place of a folder.

    If it doesn't exist, that goes for what exists of the folders above it.
    """
    if sys.platform == "win32":
        return True
    path = os.path.realpath(folder)
    while True:
        with suppress(FileNotFoundError):
            status = os.stat(path)
            is_open = status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX
            if is_open or status.st_uid not in (0, os.geteuid()):
                return False
        if path == os.path.dirname(path):
            return True
        path = os.path.dirname(path)
