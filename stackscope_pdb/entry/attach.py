"""``python -m stackscope_pdb -p PID``: debugs a process that runs already. Python 3.14 and later.

`sys.remote_exec` has the process run a script, which connects back to this debugger (see
`stackscope_pdb.entry.meeting`). But a main thread that idles in a system call runs no script. On
Linux `SIGSTOP` followed by `SIGCONT` makes ``epoll_wait`` return with ``EINTR`` whatever handlers
there are, and Python looks for work before it waits on. A thread that waits for a lock, or is
inside of C code, isn't woken so.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress

from stackscope_pdb.entry.meeting import Meeting
from stackscope_pdb.facts import CAN_ATTACH
from stackscope_pdb.prompt.ending import ENDINGS
from stackscope_pdb.standard import pdb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Dict, Iterator, List, Optional, Sequence

SECONDS = 10.0
"""How long to wait for the process, at most."""

PATIENCE = 0.5
"""Seconds that it gets to run the script by itself; then it is woken, again and again."""

SECONDS_TO_LET_GO = 2.0
"""How long to wait for the process to do so, if this debugger ends before the session."""

USES_THREAD = sys.platform == "win32"
"""Whether Ctrl-C goes to the process by a connection of its own, at which a thread waits."""

PACKAGES = ("stackscope", "stackscope_pdb")

SCRIPT = """\
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

def load():
    try:
        import stackscope_pdb.entry.attach_target
    except ImportError:
        from importlib.machinery import PathFinder

        class Finder:
            @staticmethod
            def find_spec(name, path=None, target=None):
                if path is None and name in {packages!r}:
                    return PathFinder.find_spec(name, [{folder!r}])
                return None

        sys.meta_path.append(Finder)
        try:
            import stackscope, stackscope_pdb.entry.attach_target
        finally:
            sys.meta_path.remove(Finder)
    return stackscope_pdb.entry.attach_target

def attach(frame):
    connections = []
    for _ in range({connections!r}):
        connection = call()
        if connection is None:
            return
        connections.append(connection)
    target = sys.modules.get("stackscope_pdb.entry.attach_target")
    if target is not None:
        target.let_go()  # of a debugger that is gone
    if {commands!r} is None:
        connections[0].close()
        return
    modules = set(sys.modules)
    caches = set(sys.path_importer_cache)

    def forget():
        new = {{name for name in {packages!r} if name not in modules}}
        for name in list(sys.modules):
            if name.partition(".")[0] in new:
                del sys.modules[name]
        for path in list(sys.path_importer_cache):
            if path not in caches:
                sys.path_importer_cache.pop(path, None)

    try:
        target = load()
    except BaseException as exc:
        import json

        words = "importing stackscope there ended in %s: %s" % (type(exc).__name__, exc)
        message = json.dumps({{"message": words, "type": "error"}})
        try:
            connections[0].sendall(message.encode() + b"\\n")
        except OSError:
            pass
        for connection in connections:
            connection.close()
        forget()
    else:
        target.connect(frame, connections, {commands!r}, {version!r}, {terminal!r}, forget)

attach(sys._getframe(1).f_back)
"""
"""It runs in the namespace of ``__main__``, so it must bind no name there."""

RUN_SCRIPT = (
    '(lambda: 0).__builtins__["exec"]({script!r}, {{"__name__": "stackscope_pdb.entry"}})\n'
)


class AttachError(Exception):
    """A sentence for the user: why it can't be done."""


def attach(pid: int, commands: Sequence[str]) -> None:
    """Debug a running process, until the user quits or it ends.

    Args:
        pid: The process.
        commands: Commands to run first.

    Raises:
        AttachError: It can't be done.
    """
    if not CAN_ATTACH:
        raise AttachError(
            "Attaching to a running process needs Python 3.14 or later, here and there; this is "
            f"{sys.version.split()[0]}."
        )
    if sys.stdin is None or sys.stdin.closed:  # the standard client would ask for ever
        raise AttachError("There is no input to read commands from. Start it in a terminal.")
    _check(pid)
    with _signals_end_it(), ExitStack() as stack:
        connections = [
            stack.enter_context(closing(connection)) for connection in _call(pid, commands)
        ]
        interrupts = None
        if USES_THREAD:
            interrupts = connections[1]
            interrupts.setblocking(False)
        try:
            _client(pid, connections[0], interrupts).cmdloop()
        except BaseException:
            stack.close()  # it ends at the prompt of the process, if that is there
            with suppress(AttachError):
                _call(pid, None, seconds=SECONDS_TO_LET_GO)
            raise


class _Ended(BaseException):
    """A signal has come that ends this process."""


@contextmanager
def _signals_end_it() -> Iterator[None]:
    """Do what is to be done in the end also if a signal ends this process."""
    came: List[int] = []

    def end(number: int, _frame: Optional[FrameType]) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        came.append(number)
        raise _Ended

    before = [
        number
        for number in map(signal.Signals, ENDINGS)
        if signal.getsignal(number) is signal.SIG_DFL and _is_main_thread()
    ]
    for number in before:
        signal.signal(number, end)
    try:
        yield
    except _Ended:
        pass
    finally:
        for number in before:
            signal.signal(number, signal.SIG_DFL)
        if came:
            os.kill(os.getpid(), came[0])


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _check(pid: int) -> None:
    if pid == os.getpid():
        raise AttachError("That is the process of this debugger itself.")
    if sys.platform != "win32":
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            raise AttachError(f"There is no process {pid}.") from None
        except (OSError, OverflowError):
            pass  # somebody else's, about which remote_exec will have its say


def _call(
    pid: int, commands: Optional[Sequence[str]], seconds: Optional[float] = None
) -> List[socket.socket]:
    """Have the process connect to us.

    Args:
        pid: The process.
        commands: Commands to run first; ``None`` if it shall only let go of a debugger that is
            gone.
        seconds: How long to wait for it, at most. The default is `SECONDS`.
    """
    seconds = SECONDS if seconds is None else seconds
    try:
        place = Meeting(pid)
    except OSError:
        raise AttachError(
            "There is no folder for files that nobody else can replace: set XDG_RUNTIME_DIR to one "
            "that only you can write to, and so for all folders above it."
        ) from None
    with closing(place):
        count = 2 if USES_THREAD and commands is not None else 1
        try:
            place.write(_script(place, commands, connections=count))
        except PermissionError:
            raise _no_permission(pid) from None
        place.is_known = True
        try:
            _remote_exec(pid, place.script)
        except AttachError:
            place.is_known = False
            raise
        try:
            connections = _accept(pid, place, count, seconds)
        except BaseException:
            with suppress(AttachError):
                _remote_exec(pid, os.devnull)  # instead, in case the process comes to that
            raise
        place.is_known = False
        return connections


def _script(place: Meeting, commands: Optional[Sequence[str]], *, connections: int) -> str:
    import stackscope_pdb

    standard: Any = pdb
    script = SCRIPT.format(
        packages=PACKAGES,
        folder=os.path.dirname(os.path.dirname(os.path.abspath(stackscope_pdb.__file__))),
        family="AF_UNIX" if place.is_unix else "AF_INET",
        address=place.address,
        its_secret=place.its_secret,
        our_secret=place.our_secret,
        length=len(place.our_secret),
        connections=connections,
        commands=None if commands is None else list(commands),
        version=standard._PdbServer.protocol_version(),
        terminal=terminal(),
    )
    return RUN_SCRIPT.format(script=script)


def terminal() -> Dict[str, Any]:
    """What the debugger in the process has to know about the terminal here."""
    from stackscope_pdb.output.console import Console

    console = Console(sys.stdout)
    return {
        "colors": console.colors,
        "encoding": getattr(sys.stdout, "encoding", None) or "utf-8",
        "is_terminal": console.is_terminal,
        "width": console.width,
    }


def _remote_exec(pid: int, path: str) -> None:
    remote_exec: Any = sys.remote_exec  # type: ignore[attr-defined,unused-ignore]
    try:
        remote_exec(pid, path)
    except PermissionError:
        raise _no_permission(pid) from None
    except (RuntimeError, OSError) as exc:
        version = ".".join(map(str, sys.version_info[:2]))
        raise AttachError(
            f"Process {pid} can't be attached to. It must run Python {version}, as this debugger "
            f"does, with remote debugging not turned off. ({exc})"
        ) from None


def _no_permission(pid: int) -> AttachError:
    return AttachError(
        f"There is no permission to attach to process {pid}. It must be yours, and the system "
        "must allow it: see "
        "https://docs.python.org/3.14/howto/remote_debugging.html#permission-requirements"
    )


def _accept(pid: int, place: Meeting, count: int, seconds: float) -> List[socket.socket]:
    """The connections of the process."""
    found: List[socket.socket] = []
    deadline = time.monotonic() + seconds
    with ExitStack() as stack:
        while len(found) < count:
            if time.monotonic() >= deadline:
                raise AttachError(
                    f"Process {pid} has not answered for {seconds:g} seconds. Its main thread runs "
                    "no Python code: most likely it waits for a lock, for another thread or for "
                    "input, or is inside of C code, or at the prompt of another debugger. Nothing "
                    "was changed there."
                )
            try:
                connection = place.accept(PATIENCE)
            except TimeoutError:
                _wake(pid)
                continue
            if connection is not None:
                found.append(stack.enter_context(closing(connection)))
        stack.pop_all()
    return found


def _wake(pid: int) -> None:
    """Let a system call that the process waits in return, so that it looks for work."""
    if not sys.platform.startswith("linux"):
        return  # elsewhere stopping and going on doesn't end a system call
    try:
        os.kill(pid, signal.SIGSTOP)
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        raise AttachError(f"Process {pid} has ended.") from None
    except OSError:
        pass


def _client(pid: int, connection: socket.socket, interrupts: Optional[socket.socket]) -> Any:
    from stackscope_pdb.entry.client import Client

    return Client(pid, connection, interrupts)
