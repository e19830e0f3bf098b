"""Where a process that is attached to finds us, and nobody else does.

The process is told a file to run, and that file a socket to connect to. Both are in a folder that
only the user of the process can enter, and in whose place nobody else can put another one. Each
side proves that it knows a secret, which only that file has, before it gets anything else.

What the process was told to run can't be taken back for sure, for it may be just about to do it. So
the file is emptied, and stays where it is for as long as the process lives.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import struct
import sys
import tempfile
from contextlib import suppress

from stackscope.safe.folders import (
    make_private_folder,
    nobody_else_can_replace,
    state_folder,
    unused_name,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Optional, Tuple, Union

    Address = Union[str, Tuple[str, int]]

FOLDER = "stackscope-attach-%d-"
SCRIPT = "attach.py"
SOCKET = "s"

LONGEST_PATH = 100
"""Bytes that the path of a Unix socket may have, which is 103 or 107."""

LONGEST_SCRIPT_PATH = 480
"""`sys.remote_exec` takes 512."""

HAS_UNIX_SOCKETS = hasattr(socket, "AF_UNIX") and sys.platform != "win32"

SECONDS_TO_PROVE = 2.0
"""How long who connects may take to prove who it is."""


class Meeting:
    """A private folder with a script for the process, and a socket that this side listens at.

    They are made by `open`. Whoever calls that calls `close`, too, even if Ctrl-C comes in between.

    Args:
        pid: The process.
        is_elsewhere: Whether the process sees other files than we do. Then the folder is in its
            ``/tmp``.
    """

    def __init__(self, pid: int, *, is_elsewhere: bool = False) -> None:
        self.pid = pid
        self._root = f"/proc/{pid}/root" if is_elsewhere else ""
        self.is_known = False
        """Whether the process has been told the script."""
        self.its_secret: bytes = secrets.token_hex(32).encode()
        self.our_secret: bytes = secrets.token_hex(32).encode()
        self._uid = None if sys.platform == "win32" else user_of(pid)
        self.folder: str = ""
        self._directory: Optional[int] = None
        self._script: Optional[int] = None
        self.server: socket.socket = socket.socket(
            socket.AF_UNIX if self.is_unix else socket.AF_INET
        )

    def open(self) -> None:
        """Make them.

        Raises:
            OSError: There is no folder that could be used for that.
        """
        self._make_folder()
        self._directory = _open_folder(self.folder)
        self._script = os.open(self.script, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._listen()

    @property
    def script(self) -> str:
        """The path of the script."""
        return os.path.join(self.folder, SCRIPT)

    @property
    def is_unix(self) -> bool:
        """Whether the socket is one in the folder."""
        return HAS_UNIX_SOCKETS

    @property
    def address(self) -> Tuple[Optional[str], Address]:
        """What to connect to: a path, or a host and a port.

        If there is a folder, too, the path is one in it, and would be too long in full.
        """
        if not self.is_unix:
            return None, self.server.getsockname()
        path = os.path.join(self.folder, SOCKET)
        if self._root:
            return None, path[len(self._root) :]
        return (None, path) if _is_short(path) else (self.folder, SOCKET)

    def write(self, text: str) -> None:
        """Write the script, which is the process's user's from then on."""
        assert self._script is not None
        with open(self._script, "w", encoding="utf-8", closefd=False) as file:
            file.write(text)
        if self._is_for_another_user() and self._uid is not None:
            os.chown(self.script, self._uid, -1)
            if self.is_unix:
                os.chown(os.path.join(self.folder, SOCKET), self._uid, -1)
            os.chown(self.folder, self._uid, -1)

    def accept(self, seconds: float) -> Optional[socket.socket]:
        """A connection of the process; ``None`` if somebody else has connected.

        Raises:
            TimeoutError: Nobody has connected for so long.
        """
        self.server.settimeout(seconds)
        connection, _ = self.server.accept()
        try:
            connection.settimeout(SECONDS_TO_PROVE)
            if self._is_process(connection):
                connection.sendall(self.our_secret)
                connection.settimeout(None)
                return connection
        except OSError:
            pass
        except BaseException:
            connection.close()
            raise
        connection.close()
        return None

    def close(self) -> None:
        """Stop listening, and remove what isn't needed any more.

        If Ctrl-C has ended it, the next call does the rest.
        """
        self.server.close()
        script, self._script = self._script, None
        if script is not None:
            with suppress(OSError):
                os.ftruncate(script, 0)
            os.close(script)
        with suppress(OSError):
            if self.is_known:
                _remove(self.folder, self._directory, SOCKET)
            elif self.folder:
                _remove(self.folder, self._directory, SOCKET, SCRIPT)
                os.rmdir(self.folder)
        directory, self._directory = self._directory, None
        if directory is not None:
            os.close(directory)

    def _is_process(self, connection: socket.socket) -> bool:
        if sys.platform == "linux":
            size = struct.calcsize("3i")
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
            if struct.unpack("3i", credentials)[0] != self.pid:
                return False
        said = b""
        while len(said) < len(self.its_secret):
            more = connection.recv(len(self.its_secret) - len(said))
            if not more:
                return False
            said += more
        return secrets.compare_digest(said, self.its_secret)

    def _is_for_another_user(self) -> bool:
        return sys.platform != "win32" and self._uid not in (None, os.geteuid())

    def _make_folder(self) -> None:
        """Make the folder, whose name is noted before that, for whoever has to remove it."""
        prefix = FOLDER % self.pid
        if self._root:
            # Whoever is root there can replace it, and could do all else to the process, too.
            self.folder = unused_name(prefix, f"{self._root}/tmp")  # noqa: S108
            os.mkdir(self.folder, 0o700)
            return
        for base in _bases(for_another_user=self._is_for_another_user()):
            # Links are followed now and not by the process later on, when they may lead elsewhere.
            base = os.path.realpath(base)  # noqa: PLW2901
            try:
                if not nobody_else_can_replace(base):
                    continue
                make_private_folder(base)
                # Somebody else may have made it meanwhile, or a part of the way to it.
                if not nobody_else_can_replace(base):
                    continue
                _remove_old_ones(base)
                self.folder = unused_name(prefix, base)
                os.mkdir(self.folder, 0o700)
            except OSError:
                continue
            if nobody_else_can_replace(self.folder) and self._is_usable(self.folder):
                return
            os.rmdir(self.folder)
        raise OSError("no private folder")

    def _is_usable(self, folder: str) -> bool:
        if len(os.fsencode(os.path.join(folder, SCRIPT))) > LONGEST_SCRIPT_PATH:
            return False
        if not self.is_unix or _is_short(os.path.join(folder, SOCKET)):
            return True
        return os.path.isdir("/proc/self/fd")  # the way around

    def _listen(self) -> None:
        if self.is_unix:
            path = os.path.join(self.folder, SOCKET)
            way = path if _is_short(path) else f"/proc/self/fd/{self._directory}/{SOCKET}"
            self.server.bind(way)
            os.chmod(path, 0o600)
        else:
            if sys.platform == "win32":
                self.server.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            self.server.bind(("127.0.0.1", 0))
        self.server.listen()


def _is_short(path: str) -> bool:
    """Whether a Unix socket can have that path."""
    return len(os.fsencode(path)) <= LONGEST_PATH


def user_of(pid: int) -> Optional[int]:
    """The user whose files a process can open; ``None`` if that isn't known."""
    try:
        if sys.platform == "linux":
            with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
                found = re.search(r"^Uid:(?:\s+\d+){3}\s+(\d+)$", file.read(), re.MULTILINE)
            return int(found.group(1)) if found else None
        import subprocess

        asked = ["ps", "-o", "uid=", "-p", str(pid)]
        return int(subprocess.run(asked, stdout=subprocess.PIPE, check=False).stdout)  # noqa: S603
    except (OSError, ValueError):
        return None


def _bases(*, for_another_user: bool) -> Iterator[str]:
    """The folders that the private one may be made in, the best first."""
    if for_another_user:
        yield "/run"  # root's, where others may pass
    else:
        state = state_folder()
        if state is not None:
            yield state
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        if os.path.isabs(runtime):
            yield runtime
    yield tempfile.gettempdir()
    if sys.platform != "win32":
        yield "/tmp"  # noqa: S108  (only a folder with a name nobody knows)


def _open_folder(path: str) -> Optional[int]:
    if os.unlink not in os.supports_dir_fd:
        return None
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)


def _remove(folder: str, directory: Optional[int], *names: str) -> None:
    for name in names:
        with suppress(FileNotFoundError):
            if directory is None:
                os.unlink(os.path.join(folder, name))
            else:
                os.unlink(name, dir_fd=directory)


def _remove_old_ones(base: str) -> None:
    """Remove the folders of processes that have ended."""
    if sys.platform == "win32" or os.stat(base).st_mode & 0o022:
        return  # where others may have put some
    for name in os.listdir(base):
        found = re.match(FOLDER.replace("%d", r"(\d+)"), name)
        if found is None or _is_alive(int(found.group(1))):
            continue
        path = os.path.join(base, name)
        with suppress(OSError):
            directory = _open_folder(path)
            try:
                _remove(path, directory, SOCKET, SCRIPT)
                os.rmdir(path)
            finally:
                if directory is not None:
                    os.close(directory)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass
    return True
