"""What the system tells of a process: whose it is, what it runs, what it is doing.

Most of it only Linux tells, in ``/proc``. Elsewhere it is unknown.
"""

from __future__ import annotations

import os
import re
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Tuple

__all__ = ["Place", "Process", "why_no_tracing"]

LOOKS = 3
"""How often a thread has to be seen at the same place for it to count as waiting there."""

SECONDS_BETWEEN_LOOKS = 0.02

_VERSION = re.compile(r"(?:lib)?python(3)\.(\d+)")


class Place:
    """Where a thread waits in a system call.

    Args:
        sp: Its stack pointer.
        pc: Its program counter.
    """

    __slots__ = ("pc", "sp")

    def __init__(self, sp: str, pc: str) -> None:
        self.sp: str = sp
        self.pc: str = pc


class Process:
    """A process, as the system tells of it.

    Args:
        pid: Its number.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def _read(self, name: str) -> str:
        try:
            with open(f"/proc/{self.pid}/{name}", encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    def _status(self, field: str) -> str:
        found = re.search(rf"^{field}:\s*(.*)$", self._read("status"), re.MULTILINE)
        return found.group(1) if found else ""

    @property
    def state(self) -> str:
        """A letter, as ``ps`` shows it: ``"T"`` if it is stopped; empty if that is unknown."""
        return self._status("State")[:1]

    @property
    def ticks(self) -> int:
        """The processor time that it has used, in the system's ticks; 0 if that is unknown."""
        # The name before the last parenthesis may hold anything.
        words = self._read("stat").rpartition(")")[2].split()
        return int(words[11]) + int(words[12]) if len(words) > 12 else 0

    @property
    def tracer(self) -> int:
        """The process that traces it, such as a debugger; 0 if there is none, or it is unknown."""
        return int(self._status("TracerPid") or 0)

    @property
    def is_alive(self) -> bool:
        """Whether it runs on. A process that has ended may be there until its parent asks."""
        if self.state in ("Z", "X"):
            return False
        try:
            os.kill(self.pid, 0)
        except (ProcessLookupError, OverflowError):
            return False
        except OSError:
            pass
        return True

    @property
    def program(self) -> str:
        """The path of its program; empty if that is unknown."""
        try:
            return os.readlink(f"/proc/{self.pid}/exe")
        except OSError:
            return ""

    @property
    def version(self) -> Optional[Tuple[int, int]]:
        """The version of Python that it runs, by the names of its program and libraries."""
        names = [self.program, *sorted(set(re.findall(r"/\S+$", self._maps(), re.MULTILINE)))]
        for name in names:
            found = _VERSION.match(os.path.basename(name))
            if found:
                return int(found.group(1)), int(found.group(2))
        return None

    @property
    def runs_pypy(self) -> bool:
        """Whether it runs PyPy, by the name of its program."""
        return os.path.basename(self.program).startswith("pypy")

    def _maps(self) -> str:
        return self._read("maps")

    @property
    def is_elsewhere(self) -> bool:
        """Whether it sees other files than we do: it is in a container, say."""
        try:
            return os.readlink(f"/proc/{self.pid}/ns/mnt") != os.readlink("/proc/self/ns/mnt")
        except OSError:
            return False

    def handles(self, number: int) -> Optional[bool]:
        """Whether it has a handler for a signal; ``None`` if that is unknown."""
        caught = self._status("SigCgt")
        return bool(int(caught, 16) >> (number - 1) & 1) if caught else None

    def waits_at(self) -> Optional[Place]:
        """Where its main thread waits in a system call; ``None`` if it runs or that is unknown."""
        first = self._read("syscall")
        words = first.split()
        if len(words) != 9:  # "running", or "-1 SP PC": it waits, but in no system call
            return None
        for _ in range(LOOKS - 1):
            time.sleep(SECONDS_BETWEEN_LOOKS)
            if self._read("syscall") != first:
                return None
        return Place(words[7], words[8])


def why_no_tracing(process: Process) -> str:
    """Why a process may not be traced by us, and what would help."""
    if not sys.platform.startswith("linux"):
        return "On macOS this needs root, and a Python that Apple has not signed."
    if _user_of(process.pid) not in (None, os.geteuid()) and os.geteuid() != 0:
        return "It belongs to another user: run this as that user, or as root."
    scope = _ptrace_scope()
    if scope == 1:
        return (
            "kernel.yama.ptrace_scope is 1 here, so only a parent may look into a process: run "
            "this as root, or set it to 0 with sysctl."
        )
    if scope in (2, 3):
        return f"kernel.yama.ptrace_scope is {scope} here: " + (
            "run this as root." if scope == 2 else "it forbids that to everybody until a reboot."
        )
    return (
        "It must be yours, and must not have changed its rights. In a container, the capability "
        "SYS_PTRACE is needed (docker run --cap-add SYS_PTRACE)."
    )


def _user_of(pid: int) -> Optional[int]:
    from stackscope.remote.meeting import user_of

    return user_of(pid)


def _ptrace_scope() -> int:
    try:
        with open("/proc/sys/kernel/yama/ptrace_scope", encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 0
