"""Where a program that has called `stackscope.register` is asked: a folder that only its user has.

A file there, ``registered``, says by which signals it may be asked, and who it is: the number of a
process alone may be another one's by now, or one of another container or machine. Who asks puts a
request beside it, and sends the signal. The handler takes all requests away, and answers each in a
thread of its own.

Signals aren't counted: of two at once only one may arrive, and one that arrives just before the
main thread begins to wait is seen when that ends, or at the next one. So who gets no answer sends
another one, which may be one too many. One that comes soon after a request was taken is taken for
such a one, and not for one that asks for a dump. A request that nobody waits for any more is
emptied, and stays for its signal.

Only on Linux is there a way to know who a process is, and that it handles a signal.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress

from stackscope.safe.folders import make_private_folder, nobody_else_can_replace, state_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Iterator, List, Optional

__all__ = ["Mailbox", "Request", "open_mailbox", "read_mailbox"]

FOLDER = "registered-"
MARKER = "registered"
REQUEST = "request-"
UNFINISHED = "new-"

SECONDS_LATE = 2.0
"""How long after a request was taken a signal counts as one that was sent for it."""

MOST_BYTES = 4096
"""The most bytes of a file here that are read."""


class Mailbox:
    """The folder of a process.

    Args:
        pid: The process.
        folder: The path.
        signals: The signals by which it may be asked.
    """

    def __init__(self, pid: int, folder: str, signals: Iterable[int] = ()) -> None:
        self.pid = pid
        self.folder = folder
        self.signals: List[int] = sorted(signals)
        self._taken_at: Optional[float] = None

    # ------------------------------------------------------------ who is asked

    def tell(self, signals: Iterable[int]) -> None:
        """Say by which signals this process may be asked from now on."""
        self.signals = sorted(signals)
        lines = [_identity(self.pid), *map(str, self.signals)]
        with suppress(OSError):
            _write(self.folder, MARKER, "\n".join(lines).encode())

    def take(self) -> Optional[List[bytes]]:
        """All requests, which aren't there any more; ``None`` if the signal wasn't one for them.

        There is none if the signal came late, or nobody waits for an answer any more.
        """
        if os.getpid() != self.pid:  # a child has the handlers of its parent
            return None
        found = []
        with suppress(OSError):
            for name in os.listdir(self.folder):
                if name.startswith(REQUEST):
                    path = os.path.join(self.folder, name)
                    found.append(_read(path))
                    os.unlink(path)
        now = time.monotonic()
        if found:
            self._taken_at = now
        elif self._taken_at is None or now - self._taken_at > SECONDS_LATE:
            return None
        return [data for data in found if data]

    def close(self) -> None:
        """Be asked no more."""
        if os.getpid() == self.pid:
            _remove(self.folder)

    # --------------------------------------------------------------- who asks

    def post(self, data: bytes) -> Request:
        """Put a request there.

        Raises:
            OSError: It can't be done.
        """
        name = f"{REQUEST}{os.getpid()}-{time.monotonic_ns()}"
        _write(self.folder, name, data)
        return Request(os.path.join(self.folder, name))


class Request:
    """A request that was put into a mailbox.

    Args:
        path: The file.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    @property
    def is_there(self) -> bool:
        """Whether it has not been taken."""
        return os.path.exists(self._path)

    def withdraw(self) -> None:
        """Want no answer any more."""
        with suppress(OSError):
            os.truncate(self._path, 0)


def open_mailbox() -> Optional[Mailbox]:
    """A mailbox for this process; ``None`` if there can be none."""
    if not sys.platform.startswith("linux") or not _identity(os.getpid()):
        return None
    for base in _bases():
        with suppress(OSError):
            if not nobody_else_can_replace(base):
                continue
            make_private_folder(base)
            _remove_old(base)
            folder = _folder(base, os.getpid())
            _remove(folder)  # of a process that had our number
            os.mkdir(folder, 0o700)
            if nobody_else_can_replace(folder):
                return Mailbox(os.getpid(), folder)
    return None


def read_mailbox(pid: int) -> Optional[Mailbox]:
    """The mailbox of another process of this user; ``None`` if that has none."""
    for base in _bases():
        folder = _folder(base, pid)
        try:
            status = os.stat(folder, follow_symlinks=False)
            if status.st_uid != os.geteuid() or status.st_mode & 0o077:
                continue
            who, *numbers = _read(os.path.join(folder, MARKER)).decode().splitlines()
            if who and who == _identity(pid):
                return Mailbox(pid, folder, map(int, numbers))
        except (OSError, ValueError):
            continue
    return None


def _bases() -> Iterator[str]:
    """The folders that mailboxes may be in, the best first."""
    for runtime in (os.environ.get("XDG_RUNTIME_DIR", ""), f"/run/user/{os.geteuid()}"):
        if os.path.isabs(runtime) and os.path.isdir(runtime):
            yield os.path.join(runtime, "stackscope")
    state = state_folder()
    if state is not None:
        yield state


def _folder(base: str, pid: int) -> str:
    return os.path.join(base, f"{FOLDER}{pid}")


def _identity(pid: int) -> str:
    """What no other process has, on whatever machine; empty if the process isn't there."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
        with open(f"/proc/{pid}/stat", "rb") as stat:
            # The name, in parentheses, may have spaces and parentheses itself.
            started = stat.read().rpartition(b")")[2].split()[19].decode()
        return f"{boot} {os.readlink(f'/proc/{pid}/ns/pid')} {pid} {started}"
    except (OSError, ValueError, IndexError):
        return ""


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        return os.read(descriptor, MOST_BYTES)
    finally:
        os.close(descriptor)


def _write(folder: str, name: str, data: bytes) -> None:
    """Write a file that is there as a whole, or not at all."""
    unfinished = os.path.join(folder, f"{UNFINISHED}{os.getpid()}-{name}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)
    os.rename(unfinished, os.path.join(folder, name))


def _remove(folder: str) -> None:
    with suppress(OSError):
        for name in os.listdir(folder):
            if name.startswith((MARKER, REQUEST, UNFINISHED)):
                os.unlink(os.path.join(folder, name))
        os.rmdir(folder)


def _remove_old(base: str) -> None:
    """Remove the mailboxes of processes that have ended, as far as they were here."""
    here = _place_of(_identity(os.getpid()))
    for name in os.listdir(base):
        number = name[len(FOLDER) :]
        if not name.startswith(FOLDER) or not number.isdecimal():
            continue
        folder = os.path.join(base, name)
        with suppress(OSError, ValueError):
            who = _read(os.path.join(folder, MARKER)).decode().partition("\n")[0]
            if _place_of(who) == here and _identity(int(number)) != who:
                _remove(folder)


def _place_of(identity: str) -> List[str]:
    """The machine and the container, without the process."""
    return identity.split()[:2]
