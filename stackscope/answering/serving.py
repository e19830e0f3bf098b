"""Answers who asks what this program is doing: takes snapshots, and sends them.

It runs in a thread of its own. Who asks is the command ``stackscope``: it has had the thread
started from outside (see `stackscope.remote.attach`), or has put a request into the mailbox of a
program that has called `stackscope.register`.
"""

from __future__ import annotations

import json
import os
import sys

from stackscope.glue import make_ready
from stackscope.safe.interruptions import interrupts
from stackscope.safe.text import describe_exception, without_reprs
from stackscope.snapshot.diagnosing import diagnose_snapshot
from stackscope.snapshot.taking import take_snapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Set

    from stackscope.model.snapshot import Snapshot, ThreadNode

    Message = Dict[str, Any]

__all__ = ["SCRIPT_FILE", "answer_in_thread", "is_answering", "serve"]

SCRIPT_FILE = "<stackscope>"
"""The file name of the code that our threads run: see `stackscope.remote.attach.SCRIPT`.

The name in it is that of our package here."""

SECONDS_TO_CONNECT = 5.0

SECONDS_OF_SILENCE = 120.0
"""How long to wait for the next request."""


_beginning: List[None] = []
"""One for each of our threads that is being started: which thread that is isn't known yet."""

_begun: Set[int] = set()
"""What `threading.get_ident` gives in the threads that were started, ended ones included."""


def answer_in_thread(request: bytes, start: Callable[..., int]) -> None:
    """Answer a request that was found in the mailbox.

    Args:
        request: Where to connect to, with the secrets by which both sides prove who they are.
        start: `_thread.start_new_thread`.

    Raises:
        RuntimeError: There can be no more threads.
    """
    _beginning.append(None)
    try:
        _begun.add(start(_answer_request, (request,)))
    finally:
        _beginning.pop()


def _answer_request(request: bytes) -> None:
    try:
        _answer_by_socket(json.loads(request.decode()))
    except BaseException:
        pass  # nobody here wants to know


def _answer_by_socket(request: Message) -> None:
    import _socket  # gevent's needs an event loop that isn't blocked

    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.settimeout(SECONDS_TO_CONNECT)
        _connect(connection, request["folder"], request["path"])
        connection.sendall(request["its_secret"].encode())
        expected = request["our_secret"].encode()
        if _received(connection, len(expected)) != expected:
            return
        connection.settimeout(SECONDS_OF_SILENCE)

        def send(message: Message) -> None:
            data = json.dumps(message).encode()
            connection.sendall(len(data).to_bytes(8, "big") + data)

        def receive() -> Optional[Message]:
            size = int.from_bytes(_received(connection, 8), "big")
            data = _received(connection, size)
            return json.loads(data.decode()) if data else None  # type: ignore[no-any-return]

        send({"type": "hello", "version": sys.version.split()[0]})
        serve(receive, send)
    finally:
        connection.close()


def _connect(connection: Any, folder: Optional[str], path: str) -> None:
    """Connect to a socket, whose path may be too long unless it is that in a folder."""
    if folder is None:
        connection.connect(path)
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        connection.connect(f"/proc/self/fd/{descriptor}/{path}")
    finally:
        os.close(descriptor)


def _received(connection: Any, size: int) -> bytes:
    """The next ``size`` bytes; none if the other end is gone."""
    data = b""
    while len(data) < size:
        part = connection.recv(min(size - len(data), 1 << 16))
        if not part:
            return b""
        data += part
    return data


def serve(receive: Callable[[], Optional[Message]], send: Callable[[Message], None]) -> None:
    """Answer requests until there are no more.

    Args:
        receive: Gives the next request; ``None`` if the other end is gone.
        send: Sends a message.

    Raises:
        OSError: The other end is gone.
    """
    while True:
        request = receive()
        if request is None:
            return
        try:
            answer = without_reprs(_answer, request, send)
        except Exception as exc:
            if isinstance(exc, OSError) and interrupts(exc):
                raise
            answer = {"type": "error", "text": describe_exception(exc)}
        send(answer)


def _answer(request: Message, send: Callable[[Message], None]) -> Message:
    make_ready()
    snapshot = snapshot_of_others()
    answer: Message = {"type": "answer", "snapshot": snapshot.to_json()}
    if request.get("why"):
        answer["diagnosis"] = _diagnosis(snapshot, send)
    return answer


def _diagnosis(snapshot: Snapshot, send: Callable[[Message], None]) -> str:
    def progress(share: float) -> None:
        send({"type": "progress", "told": [share]})

    return diagnose_snapshot(snapshot, deep=True, progress=progress).to_json()


def snapshot_of_others() -> Snapshot:
    """What the program is doing, but for our own threads."""
    snapshot = take_snapshot(sys._getframe())
    snapshot.threads = [node for node in snapshot.threads if not _is_ours(node)]
    for loop in snapshot.loops:
        loop.is_here = False
    return snapshot


def _is_ours(node: ThreadNode) -> bool:
    """Whether a thread is this one, or that of somebody else who asks."""
    return (
        node.is_here
        or is_answering(node)
        or SCRIPT_FILE in [frame.filename for frame in node.stack.frames[:2]]
    )


def is_answering(node: ThreadNode) -> bool:
    """Whether a thread answers a request from the mailbox, or is about to, or has just done so."""
    frames = node.stack.frames
    if not frames:
        return bool(_beginning) or node.ident in _begun
    return frames[0].pyframe.f_code is _answer_request.__code__
