"""``python -m stackscope_pdb -p PID``: debugs a process that runs already. Python 3.14 and later.

How it is asked to let us in, and finds us, is told in `stackscope.remote.calling`.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from contextlib import ExitStack, closing, contextmanager, suppress

from stackscope.remote.calling import (
    AttachError,
    calling_script,
    check_process,
    execute,
    place_to_meet,
    run_file,
)
from stackscope_pdb.facts import CAN_ATTACH
from stackscope_pdb.prompt.ending import ENDINGS
from stackscope_pdb.standard import pdb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Dict, Iterator, List, Optional, Sequence

    from stackscope.remote.meeting import Meeting

SECONDS = 10.0
"""How long to wait for the process, at most."""

SECONDS_TO_LET_GO = 2.0
"""How long to wait for the process to do so, if this debugger ends before the session."""

USES_THREAD = sys.platform == "win32"
"""Whether Ctrl-C goes to the process by a connection of its own, at which a thread waits."""

PACKAGES = ("stackscope", "stackscope_pdb")

NAME = "stackscope_pdb.entry"
"""What the script's module is called."""

SCRIPT = """\
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
"""What it does after `stackscope.remote.calling.CALL`."""


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
    check_process(pid, own="That is the process of this debugger itself.")
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
    with place_to_meet(pid) as place:
        count = 2 if USES_THREAD and commands is not None else 1
        script = _script(place, commands, connections=count)
        return execute(pid, place, script, NAME, run_file, count, seconds)


def _script(place: Meeting, commands: Optional[Sequence[str]], *, connections: int) -> str:
    import stackscope_pdb

    standard: Any = pdb
    rest = SCRIPT.format(
        packages=PACKAGES,
        folder=os.path.dirname(os.path.dirname(os.path.abspath(stackscope_pdb.__file__))),
        connections=connections,
        commands=None if commands is None else list(commands),
        version=standard._PdbServer.protocol_version(),
        terminal=terminal(),
    )
    return calling_script(place, rest)


def terminal() -> Dict[str, Any]:
    """What the debugger in the process has to know about the terminal here."""
    from stackscope_pdb.output.console import Console

    console = Console(sys.stdout)
    return {
        "colors": console.colors,
        "encoding": getattr(sys.stdout, "encoding", None) or "utf-8",
        "is_terminal": console.is_terminal,
        "width": console.width,
        "rows": console.rows,
    }


def _client(pid: int, connection: socket.socket, interrupts: Optional[socket.socket]) -> Any:
    from stackscope_pdb.entry.client import Client

    return Client(pid, connection, interrupts)
