"""Asks a process that runs already what it is doing. It needs no preparation for that.

It runs a script of ours in its main thread, which starts a thread and returns. The thread connects
to us, gets our code, takes snapshots and sends them as JSON. How the process gets to run a script
depends on its version: see `stackscope.remote.calling` and `stackscope.remote.gdb`. One that has
called `stackscope.register` has our code, and is asked by its signal: that is the gentlest way.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

from stackscope.remote.bringing import BOOT, bundle
from stackscope.remote.calling import (
    AttachError,
    TimeIsUp,
    accept,
    being_traced,
    calling_script,
    check_process,
    execute,
    no_permission,
    place_to_meet,
    run_file,
)
from stackscope.remote.gdb import find_gdb, run_script
from stackscope.remote.processes import Process
from stackscope.remote.registered import ask_by_signal, may_be_asked
from stackscope.safe.folders import nobody_else_can_replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any, Callable, Dict, List, Optional, Tuple

    from stackscope.remote.meeting import Meeting

    Message = Dict[str, Any]
    Way = Callable[[Process, float], List[socket.socket]]

__all__ = ["Connection", "attach"]

SECONDS = 10.0
"""How long to wait for the process to call, unless the user says otherwise."""

SECONDS_FOR_FIRST_WAY = 3.0
"""The same, if there is another way."""

SECONDS_FOR_TRACER = 5.0
"""How long to wait for a debugger to let go of it, which may be one that asks, too."""

SECONDS_TO_RETRY = 2.0
"""How long to wait before gdb is asked again."""

SECONDS_OF_SILENCE = 60.0
"""How long to wait for its next message."""

SECONDS_TO_RECEIVE = 120.0
"""How long the process waits for us, where it isn't asked again and again."""

LONGEST_MESSAGE = 1 << 32
"""Bytes. More is no snapshot."""

FIRST_WITH_REMOTE_EXEC = (3, 14)

NAME = "stackscope.remote"
"""What the script's module is called."""

SCRIPT = """\
def run():
    connection = None
    try:
        connection = call()
        if connection is not None:
            connection.settimeout({seconds!r})
            size = {size!r}
            text = b""
            while len(text) < size:
                part = connection.recv(size - len(text))
                if not part:
                    return
                text += part
            code = compile(text.decode(), "<{name}>", "exec", dont_inherit=True)
            exec(code, {{"connection": connection, "name": {name!r}, "seconds": {seconds!r}}})
    except BaseException:
        pass  # nobody here wants to know
    finally:
        if connection is not None:
            connection.close()

def begin():
    import _thread

    patched = getattr(sys.modules.get("gevent.monkey"), "saved", {{}})
    start = patched.get("_thread", {{}}).get("start_new_thread", _thread.start_new_thread)
    if type(start) is type(len):
        start(run, ())
    else:  # it would run in the loop that may be stuck
        run()

try:
    begin()
except BaseException:
    pass  # the interpreter exits, or has no room for a thread
"""
"""What it does after `stackscope.remote.calling.CALL`. As `exec` names its file, its code would
bear the name ``<string>``."""


class Connection:
    """A process that answers.

    Args:
        pid: Its number.
        connection: The connection with it.
        progress: Called with what it tells while it works.
    """

    def __init__(
        self,
        pid: int,
        connection: socket.socket,
        progress: Optional[Callable[[List[float]], None]] = None,
    ) -> None:
        self.pid = pid
        self.version: str = ""
        """The version of Python that it runs."""
        self._connection = connection
        self._progress = progress
        connection.settimeout(SECONDS_OF_SILENCE)

    def begin(self, *, brings_code: bool = True) -> None:
        """Greet each other, and send our code, if it isn't there.

        Args:
            brings_code: Whether our code answers there; else that of the program's own package.

        Raises:
            AttachError: It can't be run there.
        """
        if brings_code:
            self._send_bytes(BOOT.encode())
        hello = self._receive("hello")
        self.version = str(hello.get("version"))
        if brings_code and not hello.get("is_there"):
            self._send(bundle().sources)

    def ask(self, *, why: bool = False) -> Tuple[str, Optional[str]]:
        """Ask what it is doing.

        Args:
            why: Also ask why nothing goes on.

        Returns:
            The JSON of the snapshot, and that of the diagnosis, if that was asked for.

        Raises:
            AttachError: It gives no answer.
        """
        self._send({"why": why})
        answer = self._receive("answer")
        snapshot, diagnosis = answer.get("snapshot"), answer.get("diagnosis")
        if not isinstance(snapshot, str) or not isinstance(diagnosis, (str, type(None))):
            raise AttachError(f"Process {self.pid} has sent no snapshot.")
        return snapshot, diagnosis

    def close(self) -> None:
        """End it. The thread there ends, too."""
        self._connection.close()

    def _receive(self, kind: str) -> Message:
        """The next message of a kind. What it tells meanwhile is passed on."""
        while True:
            size = int.from_bytes(self._receive_bytes(8), "big")
            if size > LONGEST_MESSAGE:
                raise AttachError(f"Process {self.pid} has sent too much.")
            try:
                message = json.loads(self._receive_bytes(size).decode())
            except ValueError:
                message = None
            if not isinstance(message, dict):
                raise AttachError(f"Process {self.pid} has sent an unexpected answer.")
            if message.get("type") == kind:
                return message
            if message.get("type") == "progress" and self._progress is not None:
                self._progress([n for n in message.get("told", ()) if isinstance(n, (int, float))])
            elif message.get("type") == "error":
                raise AttachError(f"Process {self.pid} could not answer: {message.get('text')}")

    def _receive_bytes(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            try:
                part = self._connection.recv(min(size - len(data), 1 << 20))
            except OSError as exc:
                raise self._silence(exc) from None
            if not part:
                raise self._silence(None)
            data += part
        return bytes(data)

    def _send(self, message: object) -> None:
        data = json.dumps(message).encode()
        self._send_bytes(len(data).to_bytes(8, "big") + data)

    def _send_bytes(self, data: bytes) -> None:
        try:
            self._connection.sendall(data)
        except OSError as exc:
            raise self._silence(exc) from None

    def _silence(self, exc: Optional[OSError]) -> AttachError:
        """The error for a process that says no more."""
        import socket

        if isinstance(exc, socket.timeout):
            return AttachError(
                f"Process {self.pid} has said nothing for {SECONDS_OF_SILENCE:g} seconds. It is "
                "very busy, or the thread that answers waits for an import in the program."
            )
        if not Process(self.pid).is_alive:
            return AttachError(f"Process {self.pid} has ended.")
        return AttachError(f"Process {self.pid} has closed the connection.")


def attach(
    pid: int,
    *,
    seconds: float = SECONDS,
    doing: Callable[[str], object] = len,
    progress: Optional[Callable[[List[float]], None]] = None,
) -> Connection:
    """Ask a process to answer.

    Args:
        pid: The process.
        seconds: How long to wait for it.
        doing: Called with what is being done, in words.
        progress: Called with what it tells while it works.

    Raises:
        AttachError: It can't be done.
    """
    check_process(pid, own="That is the process of this command itself.")
    process = Process(pid)
    _check_state(process)
    accepted, way = _accepted(process, seconds, doing)
    doing(f"bringing our code to process {pid}")
    connection = Connection(pid, accepted, progress)
    try:
        connection.begin(brings_code=way is not ask_by_signal)
    except BaseException:
        connection.close()
        raise
    return connection


def _accepted(
    process: Process, seconds: float, doing: Callable[[str], object]
) -> Tuple[socket.socket, Way]:
    """The connection of a process, by whatever way there is, and that way."""
    error: Optional[AttachError] = None
    ways = _ways(process)
    for way in ways:
        doing(WORDS[way].format(process.pid))
        patience = seconds if way is ways[-1] else min(seconds, SECONDS_FOR_FIRST_WAY)
        try:
            (accepted,) = way(process, patience)
        except AttachError as exc:
            if error is None or not isinstance(exc, TimeIsUp):
                error = exc
            if not process.is_alive:
                break
        else:
            return accepted, way
    raise error or _no_way(process)


def _check_state(process: Process) -> None:
    if not process.is_alive:
        raise AttachError(f"Process {process.pid} has ended.")
    if process.state == "T":
        raise AttachError(
            f"Process {process.pid} is stopped. Continue it first: kill -CONT {process.pid}"
        )
    deadline = time.monotonic() + SECONDS_FOR_TRACER
    while process.tracer and time.monotonic() < deadline:
        time.sleep(0.1)
    if process.tracer:
        raise being_traced(process.pid, process.tracer)


def _ways(process: Process) -> List[Way]:
    """The ways to ask a process, the best first."""
    version = process.version
    ways: List[Way] = [ask_by_signal] if may_be_asked(process) else []
    if process.runs_pypy:
        return ways
    if not process.is_elsewhere and (version is None or version >= FIRST_WITH_REMOTE_EXEC):
        if hasattr(sys, "remote_exec") and version in (None, sys.version_info[:2]):
            ways.append(_by_remote_exec)
        elif version is not None and _is_trusted(process.program):
            ways.append(_by_its_own_interpreter)
    if find_gdb() is not None and sys.platform.startswith("linux"):
        ways.append(_by_gdb)
    return ways


def _is_trusted(program: str) -> bool:
    """Whether a program can be run by us: nobody else can have put something else there."""
    return os.path.isfile(program) and nobody_else_can_replace(program)


def _by_remote_exec(process: Process, seconds: float) -> List[socket.socket]:
    with place_to_meet(process.pid) as place:
        script = _script(place)
        return execute(process.pid, place, script, NAME, run_file, 1, seconds)


def _by_its_own_interpreter(process: Process, seconds: float) -> List[socket.socket]:
    """`sys.remote_exec` works between equal versions only. So its interpreter calls it for us."""
    code = "import sys; sys.remote_exec(int(sys.argv[1]), sys.argv[2])"

    def remote_exec(pid: int, path: str) -> None:
        command = [process.program, "-I", "-S", "-c", code, str(pid), path]
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, check=False
        )
        if done.returncode:
            lines = done.stderr.decode("utf-8", "replace").splitlines() or [""]
            raise AttachError(f"Process {pid} can't be attached to: {lines[-1]}")

    with place_to_meet(process.pid) as place:
        return execute(process.pid, place, _script(place), NAME, remote_exec, 1, seconds)


def _by_gdb(process: Process, seconds: float) -> List[socket.socket]:
    gdb = find_gdb()
    assert gdb is not None
    with place_to_meet(process.pid, is_elsewhere=process.is_elsewhere) as place:
        try:
            place.write("")
        except PermissionError:
            raise no_permission(process.pid) from None
        script = _script(place)
        deadline = time.monotonic() + seconds
        while True:
            run_script(gdb, process, script, NAME)
            left = deadline - time.monotonic()
            try:
                return accept(process.pid, place, 1, max(min(left, SECONDS_TO_RETRY), 0), None)
            except TimeIsUp:
                # It may have begun to wait just after it was asked to run the script later.
                if left <= SECONDS_TO_RETRY:
                    raise _no_answer(process, seconds) from None


def _no_answer(process: Process, seconds: float) -> TimeIsUp:
    return TimeIsUp(
        f"Process {process.pid} has not answered for {seconds:g} seconds: most likely it runs a "
        "function in C that doesn't release the GIL. Once it does, the request has no effect."
    )


def _script(place: Meeting) -> str:
    rest = SCRIPT.format(name=bundle().name, seconds=SECONDS_TO_RECEIVE, size=len(BOOT.encode()))
    return calling_script(place, rest)


def _no_way(process: Process) -> AttachError:
    if process.runs_pypy:
        return AttachError(
            f"Process {process.pid} runs PyPy, which can't be attached to: have the program "
            "call stackscope.register() first."
        )
    version = process.version
    what = "the version of it is unknown" if version is None else "it is {}.{}".format(*version)
    if sys.platform.startswith("linux"):
        help_ = "Install gdb (apt install gdb, dnf install gdb)"
    else:
        help_ = "Use Python 3.14 or later there"
    return AttachError(
        f"Process {process.pid} can't be attached to: before Python 3.14 (here {what}) it takes "
        f"gdb. {help_}; or have the program call stackscope.register() beforehand."
    )


WORDS: Dict[Way, str] = {
    ask_by_signal: "waiting for process {} to answer its signal",
    _by_remote_exec: "waiting for process {} to run Python code",
    _by_its_own_interpreter: "waiting for process {} to run Python code",
    _by_gdb: "gdb attaches to process {} and reads its symbols",
}
"""What is being done, by the way."""
