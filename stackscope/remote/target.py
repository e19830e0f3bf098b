"""In the process that is asked: takes snapshots, and sends them.

It runs in a thread of its own, under the name that `stackscope.remote.bringing` has given our
package. What the program has taught a package of ours that it uses itself isn't known here.
"""

from __future__ import annotations

import sys

from stackscope.glue import make_ready
from stackscope.safe.interruptions import interrupts
from stackscope.safe.text import describe_exception, without_reprs
from stackscope.snapshot.taking import take_snapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Optional

    from stackscope.model.snapshot import Snapshot, ThreadNode

    Message = Dict[str, Any]

__all__ = ["SCRIPT_FILE", "finder", "serve"]

SCRIPT_FILE = "<stackscope>"
"""The file name of the code that our threads run: see `stackscope.remote.attach.SCRIPT`.

The name in it is that of our package here."""

finder: Any = None
"""What finds our modules here, for the next one who asks. It is set from outside."""


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
    import stackscope

    def progress(*told: object) -> None:
        send({"type": "progress", "told": [one for one in told if isinstance(one, (int, float))]})

    diagnose: Any = stackscope.diagnose  # type: ignore[attr-defined,unused-ignore]
    text: str = diagnose(snapshot, progress=progress).to_json()
    return text


def snapshot_of_others() -> Snapshot:
    """What the program is doing, but for our own threads."""
    snapshot = take_snapshot(sys._getframe())
    snapshot.threads = [node for node in snapshot.threads if not _is_ours(node)]
    for loop in snapshot.loops:
        loop.is_here = False
    return snapshot


def _is_ours(node: ThreadNode) -> bool:
    """Whether a thread is this one, or that of somebody else who asks."""
    return node.is_here or SCRIPT_FILE in [frame.filename for frame in node.stack.frames[:2]]
