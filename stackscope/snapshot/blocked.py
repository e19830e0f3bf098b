"""Event loops whose thread stands in a call that blocks, while their other tasks can't run."""

from __future__ import annotations

import sys
import time

from stackscope.extraction.extraction import Extraction
from stackscope.model.diagnosis import BLOCKED_LOOP, Finding
from stackscope.snapshot.runtimes import make_runtimes
from stackscope.snapshot.stillness import is_alive
from stackscope.snapshot.user_code import calls_below_user, name_of_call
from stackscope.snapshot.waits import ask_about
from stackscope.snapshot.waking import turn_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Dict, List, Optional, Sequence, Tuple

    from stackscope.model.snapshot import LoopNode, Node, Snapshot, ThreadNode

    Place = Tuple[Optional[FrameType], int, Optional[float]]

__all__ = ["blocked_loops"]

LONG = 0.25
"""Seconds that a loop has to stand at least to be said to be blocked."""

LOOKS = 50
"""How often to look meanwhile whether the thread still stands at the same place."""


def blocked_loops(
    snapshot: Snapshot, findings: Sequence[Finding], *, at_once: bool
) -> List[Finding]:
    """The loops of other threads that stand in a call.

    Args:
        snapshot: What to look at.
        findings: What has been found. It tells of a loop that stands since its task is stuck.
        at_once: Tell only of those that are late by their timers, without a second look.
    """
    told = {id(node) for finding in findings for node in [*finding.nodes, *finding.behind]}
    found = []
    for loop in snapshot.loops:
        thread = _thread_of(loop, snapshot.threads)
        node = next((one for one in loop.walk() if one.state == "running"), None)
        actor: Optional[Node] = thread if node is None else node
        if thread is None or actor is None or id(actor) in told or not _is_busy(loop, thread):
            continue
        call = _call(loop, thread, node is not None)
        if call and _waits(loop, thread):
            found.append((loop, thread, actor, call))
    if not found:
        return []
    pairs = [(loop, thread) for loop, thread, _, _ in found]
    places = {id(thread): _place(loop, thread) for loop, thread in pairs}
    seconds = 0.0 if at_once else _watch(pairs, places)
    _forget_ended(pairs, places)
    return [
        Finding(
            BLOCKED_LOOP,
            True,
            [actor],
            [one for one in loop.walk() if one.state == "ready"],
            threads=[] if actor is thread else [thread],
            call=call,
            seconds=max(seconds, loop.seconds_late or 0),
        )
        for loop, thread, actor, call in found
        if id(thread) in places and max(seconds, loop.seconds_late or 0) >= LONG
    ]


def _thread_of(loop: LoopNode, threads: Sequence[ThreadNode]) -> Optional[ThreadNode]:
    """The thread that a loop runs in, if that is another one."""
    if not loop.is_running or loop.is_here:
        return None
    found = [node for node in threads if node.name == loop.thread and not node.is_here]
    return found[0] if len(found) == 1 else None


def _is_busy(loop: LoopNode, thread: ThreadNode) -> bool:
    """Whether a loop runs a task, or a thread waits below it in a callback."""
    if any(node.state == "running" for node in loop.walk()):
        return True
    return thread.waiting is not None


def _call(loop: LoopNode, thread: ThreadNode, has_task: bool) -> str:
    """What the thread stands in, as far as that can be named."""
    if thread.waiting is not None:
        return thread.waiting.call or (loop.calls if has_task else "")
    below = calls_below_user(thread.stack, lambda _: False)
    return (name_of_call(below[0]) if below else loop.calls) or thread.calls


BLOCKING = frozenset(
    (
        *("_posixsubprocess", "_socket", "_ssl", "_winapi", "multiprocessing", "nt", "os", "posix"),
        *("select", "signal", "socket", "sqlite3", "ssl", "subprocess", "time"),
    )
)
"""The modules of functions in C that wait. Others compute: nobody can say that they do not end."""


def _waits(loop: LoopNode, thread: ThreadNode) -> bool:
    """Whether a thread waits, and doesn't compute, as far as is known of the function it is in."""
    call = loop.calls or thread.calls
    return thread.waiting is not None or call.partition(".")[0] in BLOCKING


def _watch(pairs: Sequence[Tuple[LoopNode, ThreadNode]], places: Dict[int, Place]) -> float:
    """Look for some time, and forget those of which the thread has moved."""
    begun = time.monotonic()
    for _ in range(LOOKS):
        time.sleep(LONG / LOOKS)
        for loop, thread in pairs:
            if id(thread) in places and _place(loop, thread) != places[id(thread)]:
                del places[id(thread)]
        if not places:
            break
    return time.monotonic() - begun


def _forget_ended(pairs: Sequence[Tuple[LoopNode, ThreadNode]], places: Dict[int, Place]) -> None:
    """Forget the threads whose loop has ended, which it may have before they were looked at."""
    runtimes = make_runtimes()
    for loop, thread in pairs:
        running = [one.is_running(loop.loop) for one in runtimes if one.name == loop.library]
        if is_alive(thread) and not any(running):
            places.pop(id(thread), None)


def _place(loop: LoopNode, thread: ThreadNode) -> Place:
    """Where a thread stands, and in which turn its loop is."""
    frame = sys._current_frames().get(thread.ident)
    turn = Extraction(False, False, None).complete(ask_about, turn_of, loop.loop)
    return frame, -1 if frame is None else frame.f_lasti, turn
