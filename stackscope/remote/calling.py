"""Has a process that runs already call back, by way of `sys.remote_exec`. Python 3.14 and later.

`sys.remote_exec` has the process run a script, which connects to us (see
`stackscope.remote.meeting`). But a main thread that idles in a system call runs no script. On
Linux `SIGSTOP` followed by `SIGCONT` makes ``epoll_wait`` return with ``EINTR`` whatever handlers
there are, and Python looks for work before it waits on. A thread that waits for a lock, or is
inside C code, isn't woken so.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from contextlib import ExitStack, closing, contextmanager, suppress

from stackscope.remote.processes import Process, why_no_tracing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, List, Optional

    from stackscope.remote.meeting import Meeting

__all__ = [
    "AttachError",
    "TimeIsUp",
    "accept",
    "calling_script",
    "check_process",
    "execute",
    "no_permission",
    "place_to_meet",
    "run_file",
    "wake",
]

PATIENCE = 0.5
"""Seconds that it gets to run the script by itself; then it is woken, again and again."""

CALL = """\
import sys

def connect(connection):
    folder, address = {address!r}
    if folder is None:
        connection.connect(address)
        return
    import os

    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        connection.connect("/proc/self/fd/%d/%s" % (descriptor, address))
    finally:
        os.close(descriptor)

def call():
    import _socket

    connection = _socket.socket(_socket.{family}, _socket.SOCK_STREAM)
    try:
        connection.settimeout(5)
        connect(connection)
        connection.sendall({its_secret!r})
        answer = b""
        while len(answer) < {length!r}:
            more = connection.recv({length!r} - len(answer))
            if not more:
                break
            answer += more
        if answer != {our_secret!r}:
            raise OSError
        connection.settimeout(None)
    except OSError:
        connection.close()
        return None
    return connection

"""
"""It runs in the process that is attached to."""

RUN = '(lambda: 0).__builtins__["exec"]({script!r}, {{"__name__": {name!r}}})\n'
"""It runs in the namespace of ``__main__``, so it must bind no name there."""


class AttachError(Exception):
    """A sentence for the user: why it can't be done."""


class TimeIsUp(AttachError):
    """The process has not called."""


def calling_script(place: Meeting, rest: str) -> str:
    """A script with a function ``call()``, which gives a connection to us, or ``None``.

    Args:
        place: Where to call.
        rest: What else the script does.
    """
    call = CALL.format(
        family="AF_UNIX" if place.is_unix else "AF_INET",
        address=place.address,
        its_secret=place.its_secret,
        our_secret=place.our_secret,
        length=len(place.our_secret),
    )
    return call + rest


def check_process(pid: int, own: str) -> None:
    """See whether there is a process.

    Args:
        pid: Its number.
        own: What to say if it is this process.

    Raises:
        AttachError: There is none.
    """
    if pid == os.getpid():
        raise AttachError(own)
    if sys.platform != "win32":
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            raise AttachError(f"There is no process {pid}.") from None
        except (OSError, OverflowError):
            pass  # somebody else's, about which remote_exec will have its say


@contextmanager
def place_to_meet(pid: int, *, is_elsewhere: bool = False) -> Iterator[Meeting]:
    """A private folder for what a process is to run, and a socket that it can connect to.

    Both are removed in the end, whenever Ctrl-C comes.

    Args:
        pid: The process.
        is_elsewhere: Whether it sees other files than we do.

    Raises:
        AttachError: There is no such folder.
    """
    from stackscope.remote.meeting import Meeting

    place = Meeting(pid, is_elsewhere=is_elsewhere)
    try:
        try:
            place.open()
        except OSError:
            raise AttachError(
                "There is no folder for files that nobody else can replace: set XDG_RUNTIME_DIR to "
                "one that only you can write to, and so for all folders above it."
            ) from None
        yield place
    finally:
        try:
            place.close()
        except BaseException:  # whatever Ctrl-C has led to
            place.close()
            raise


def execute(
    pid: int,
    place: Meeting,
    script: str,
    name: str,
    remote_exec: Callable[[int, str], None],
    count: int,
    seconds: float,
) -> List[socket.socket]:
    """Have the process run a script that connects to us.

    Args:
        pid: The process.
        place: Where it connects to.
        script: The script: see `calling_script`.
        name: The ``__name__`` that it runs under.
        remote_exec: What has it run a file: `run_file`, or another way to do the same.
        count: How often it connects.
        seconds: How long to wait for it, at most.

    Raises:
        AttachError: It can't be done.
        TimeIsUp: It didn't connect.
    """
    try:
        place.write(RUN.format(script=script, name=name))
    except PermissionError:
        raise no_permission(pid) from None
    place.is_known = True
    try:
        remote_exec(pid, place.script)
    except AttachError:
        place.is_known = False
        raise
    try:
        connections = accept(pid, place, count, seconds, wake)
    except BaseException:
        with suppress(AttachError):
            remote_exec(pid, os.devnull)  # instead, in case the process comes to that
        raise
    place.is_known = False
    return connections


def run_file(pid: int, path: str) -> None:
    """`sys.remote_exec`, whose errors are sentences."""
    remote_exec: Any = sys.remote_exec  # type: ignore[attr-defined,unused-ignore]
    try:
        remote_exec(pid, path)
    except PermissionError:
        raise no_permission(pid) from None
    except (RuntimeError, OSError) as exc:
        if not Process(pid).is_alive:
            raise AttachError(f"Process {pid} has ended.") from None
        version = ".".join(map(str, sys.version_info[:2]))
        raise AttachError(
            f"Process {pid} can't be attached to. It must run Python {version}, like this "
            f"one, and remote debugging must not be turned off. ({exc})"
        ) from None


def no_permission(pid: int) -> AttachError:
    """The error for a process that the system doesn't let us into."""
    return AttachError(
        f"There is no permission to attach to process {pid}. {why_no_tracing(Process(pid))} See "
        "https://docs.python.org/3.14/howto/remote_debugging.html#permission-requirements"
    )


def being_traced(pid: int, tracer: int) -> AttachError:
    """The error for a process that another one has attached to."""
    return AttachError(
        f"Process {pid} is being traced by process {tracer}, most likely a debugger. End that "
        "first."
    )


def accept(
    pid: int,
    place: Meeting,
    count: int,
    seconds: float,
    meanwhile: Optional[Callable[[int], None]],
) -> List[socket.socket]:
    """The connections of the process.

    Args:
        pid: The process.
        place: Where it connects to.
        count: How many there are to be.
        seconds: How long to wait for them.
        meanwhile: What to do again and again until they are there.

    Raises:
        TimeIsUp: They aren't there in time.
    """
    found: List[socket.socket] = []
    deadline = time.monotonic() + seconds
    with ExitStack() as stack:
        while len(found) < count:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeIsUp(
                    f"Process {pid} has not answered for {seconds:g} seconds. Its main thread runs "
                    "no Python code: most likely it waits for a lock, for another thread or for "
                    "input, or is in C code or at the prompt of another debugger. Nothing was "
                    "changed there."
                )
            try:
                connection = place.accept(min(PATIENCE, left))
            except socket.timeout:  # on 3.8 and 3.9 that is no TimeoutError
                if meanwhile is not None:
                    meanwhile(pid)
                continue
            if connection is not None:
                found.append(stack.enter_context(closing(connection)))
        stack.pop_all()
    return found


def wake(pid: int) -> None:
    """Let a system call that the process waits in return, so that it looks for work.

    Raises:
        AttachError: It has ended.
    """
    if not sys.platform.startswith("linux"):
        return  # elsewhere stopping and going on doesn't end a system call
    if Process(pid).tracer:
        return  # gdb, say, which may be waiting for its threads to stop
    try:
        os.kill(pid, signal.SIGSTOP)
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        raise AttachError(f"Process {pid} has ended.") from None
    except OSError:
        pass
