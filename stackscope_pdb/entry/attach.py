"""``python -m stackscope_pdb -p PID``: debugs a process that runs already. Python 3.14 and later.

`sys.remote_exec` has the process run a script, which connects back to a port on this machine that
is open for that moment, as ``python -m pdb -p`` does it. But a main thread that idles in a system
call runs no script. On Linux `SIGSTOP` followed by `SIGCONT` makes ``epoll_wait`` return with
``EINTR`` whatever handlers there are, and Python looks for work before it waits on. A thread that
waits for a lock, or is inside of C code, isn't woken so.
"""

from __future__ import annotations

import os
import pdb
import signal
import socket
import sys
import tempfile
import time
from contextlib import closing

from stackscope_pdb.facts import CAN_ATTACH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence

SECONDS = 10.0
"""How long to wait for the process, at most."""

PATIENCE = 0.5
"""Seconds that it gets to run the script by itself; then it is woken, again and again."""

PACKAGES = ("stackscope", "stackscope_pdb")

SCRIPT = """\
import sys

def attach(frame):
    try:
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
            import stackscope_pdb.entry.attach_target
    except BaseException as exc:
        import json, socket

        words = "stackscope can't be imported there: %s: %s" % (type(exc).__name__, exc)
        with socket.create_connection(("localhost", {port!r})) as connection:
            connection.sendall(json.dumps({{"message": words, "type": "error"}}).encode() + b"\\n")
    else:
        stackscope_pdb.entry.attach_target.connect(
            frame, {port!r}, {commands!r}, {version!r}, {terminal!r}, signal_thread={thread!r}
        )

try:
    attach(sys._getframe(1) if sys._getframe().f_back else None)
finally:
    del attach
"""


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
    uses_thread = sys.platform == "win32"
    with closing(socket.create_server(("localhost", 0))) as server:
        connection = _call(pid, server, commands, uses_thread=uses_thread)
        with closing(connection):
            if uses_thread:
                interrupts, _ = server.accept()
                interrupts.setblocking(False)
                with closing(interrupts):
                    _client(pid, connection, interrupts).cmdloop()
            else:
                _client(pid, connection, None).cmdloop()


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
    pid: int, server: socket.socket, commands: Sequence[str], *, uses_thread: bool
) -> socket.socket:
    """Have the process connect to ``server``."""
    path = _write_script(server.getsockname()[1], list(commands), uses_thread=uses_thread)
    try:
        _remote_exec(pid, path)
        connection = _accept(pid, server)
        if connection is None:
            # In place of the script, in case the process comes to that after all.
            _remote_exec(pid, os.devnull)
            raise AttachError(
                f"Process {pid} has not answered for {SECONDS:g} seconds. Its main thread runs no "
                "Python code: most likely it waits for a lock, for another thread or for input, or "
                "is inside of C code, or at the prompt of another debugger. Nothing was changed "
                "there."
            )
        return connection
    finally:
        os.unlink(path)


def _write_script(port: int, commands: List[str], *, uses_thread: bool) -> str:
    import stackscope_pdb

    standard: Any = pdb
    text = SCRIPT.format(
        packages=PACKAGES,
        folder=os.path.dirname(os.path.dirname(os.path.abspath(stackscope_pdb.__file__))),
        port=port,
        commands=commands,
        version=standard._PdbServer.protocol_version(),
        terminal=terminal(),
        thread=uses_thread,
    )
    descriptor, path = tempfile.mkstemp(suffix=".py", prefix="stackscope-attach-")
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o644)  # the process may be another user's
    return path


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
        raise AttachError(
            f"There is no permission to attach to process {pid}. It must be yours, and the system "
            "must allow it: see "
            "https://docs.python.org/3.14/howto/remote_debugging.html#permission-requirements"
        ) from None
    except (RuntimeError, OSError) as exc:
        version = ".".join(map(str, sys.version_info[:2]))
        raise AttachError(
            f"Process {pid} can't be attached to. It must run Python {version}, as this debugger "
            f"does, with remote debugging not turned off. ({exc})"
        ) from None


def _accept(pid: int, server: socket.socket) -> Optional[socket.socket]:
    """The connection of the process; ``None`` if it doesn't connect."""
    server.settimeout(PATIENCE)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            connection, _ = server.accept()
        except TimeoutError:
            _wake(pid)
        else:
            server.settimeout(None)
            connection.settimeout(None)
            return connection
    return None


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
    from stackscope_pdb.debugger.own import Pdb

    standard: Any = pdb
    client = standard._PdbClient(pid, connection, interrupts)
    client.pdb_instance = Pdb(readrc=False)  # has our commands' help
    return client
