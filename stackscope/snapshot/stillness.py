"""Whether tasks and threads still stand where a snapshot has found them."""

from __future__ import annotations

import os
import sys
import threading
import time

from stackscope.extraction.extraction import Extraction
from stackscope.interpreter.facts import IS_PYPY
from stackscope.interpreter.thread_clock import is_exact, thread_nanoseconds
from stackscope.model.saved import SavedObject, saved_frame
from stackscope.model.snapshot import ItemNode, TaskNode, ThreadNode
from stackscope.safe.interruptions import attempt
from stackscope.safe.objects import stored_attribute
from stackscope.snapshot.inside import object_of
from stackscope.snapshot.threads import thread_that_has
from stackscope.snapshot.waits import ask_about, describe_thread
from stackscope.snapshot.waking import token_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Sequence, Tuple

    from stackscope.model.snapshot import Node
    from stackscope.model.stacks import Stack
    from stackscope.model.waiting import Waiting

__all__ = ["Stillness", "clocks_of_others", "is_alive"]

SECONDS_BETWEEN_LOOKS = 0.005
"""How long others may run between two looks at a thread."""


class Stillness:
    """Where nodes stood at one moment.

    A task that has the same token at two moments has waited all the time in between, and its
    frames have kept what they had. So what was seen of several such tasks in between, one after the
    other, was true of all of them at once.

    Args:
        nodes: The nodes.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._has_clocks = is_exact()
        self._others = [node for node in nodes if isinstance(node, ThreadNode) and not node.is_here]
        self._marks: Dict[int, Tuple[object, ...]] = {id(node): self._mark(node) for node in nodes}

    def holds(self, node: Node, extraction: Extraction) -> bool:
        """Whether a node has not moved since then, nor since it was put into the snapshot.

        Of a thread without a clock, that is only likely.
        """
        before = self._marks.get(id(node))
        if before is None:
            return False
        looks = 1 if self.is_proved(node) else LOOKS
        return _is_as_seen(node, extraction, looks) and _same(before, self._mark(node))

    def is_proved(self, node: Node) -> bool:
        """Whether `holds` proves it: but for threads without a clock.

        Nor for greenlets if another thread has run: they might be its own, and in the next round of
        a loop.
        """
        if isinstance(node, ItemNode):
            return all(map(self._is_unchanged, self._others))
        if not isinstance(node, ThreadNode) or node.is_here:
            return True
        before = self._marks.get(id(node))
        return before is not None and before[-1] is not None

    def _is_unchanged(self, node: ThreadNode) -> bool:
        """Whether the clock of a thread shows that it hasn't run."""
        before = self._marks[id(node)]
        return before[-1] is not None and _same(before, self._mark(node))

    def _mark(self, node: Node) -> Tuple[object, ...]:
        """What is another one if a node has moved."""
        if isinstance(node, TaskNode):
            token = ask_about(token_of, node.task)
            if token is not None:
                return (token,)
        if isinstance(node, ThreadNode):
            if node.is_here:  # the frame would be one of ours, and keep itself
                return ()
            frame = sys._current_frames().get(node.ident)
            clock = _clock_of(node.thread) if self._has_clocks else None
            return (frame, -1 if frame is None else frame.f_lasti, clock)
        frames = [frame.pyframe for frame in node.stack.frames]
        return tuple([frame.f_lasti for frame in frames])


def is_alive(node: Node) -> bool:
    """Whether a node is of this process, and not read from a file."""
    return type(object_of(node)) is not SavedObject and not any(
        saved_frame(frame.pyframe) is not None for frame in node.stack.frames[:1]
    )


def clocks_of_others() -> Dict[int, Optional[int]]:
    """The CPU time of each other thread by its identifier; ``None`` where that isn't known.

    As long as that stays equal and has no ``None``, no other thread has run.
    """
    known = dict(getattr(threading, "_active", {}))
    here = threading.get_ident()
    others = [ident for ident in sys._current_frames() if ident != here]
    has_clocks = bool(others) and is_exact()
    return {ident: _clock_of(known.get(ident)) if has_clocks else None for ident in others}


def _clock_of(thread: object) -> Optional[int]:
    """The CPU time of a thread, if `threading` knows its number in the system."""
    if thread is threading.main_thread():
        # Up to 3.12, a forked process keeps the number that this thread had in its parent.
        return thread_nanoseconds(os.getpid())
    native_id = stored_attribute(thread, "_native_id")
    return thread_nanoseconds(native_id) if type(native_id) is int else None


def _same(first: Tuple[object, ...], second: Tuple[object, ...]) -> bool:
    if len(first) != len(second):
        return False
    return all(
        one == other if type(one) is int and type(other) is int else one is other
        for one, other in zip(first, second)
    )


def _is_as_seen(node: Node, extraction: Extraction, looks: int) -> bool:
    """Whether the stack of a node is what it was in the snapshot."""
    if isinstance(node, ThreadNode):
        return node.is_here or _thread_is_as_seen(node, looks)
    now = attempt(None, extraction.stack, object_of(node))
    return now is not None and _places(now) == _places(node.stack)


LOOKS = 20
"""How often to look at a thread that has no clock: it may have moved on between two things seen of
it, and stand at the same place in the next round of a loop."""


def _thread_is_as_seen(node: ThreadNode, looks: int) -> bool:
    """Whether a thread waits for the same, and has the same, however often one looks."""
    expected = _facts(node.stack, node.waiting)
    lock = None if node.waiting is None else node.waiting.lock
    if not _has_holders(lock, node.waiting):
        return False
    for number in range(looks):
        if number:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        extraction = Extraction(True, False, None)
        item = node.ident if node.thread is None else node.thread
        stack = attempt(None, extraction.complete, extraction.stack, item)
        if stack is None:
            return False
        waiting = attempt(None, describe_thread, stack, {id(lock): lock})
        if _facts(stack, waiting) != expected:
            return False
    return True


def _has_holders(lock: object, waiting: Optional[Waiting]) -> bool:
    """Whether a lock that knows its owner still has the one that it was said to have."""
    owner = attempt(None, thread_that_has, lock)
    return owner is None or waiting is None or any(owner is one for one in waiting.holders)


def _facts(stack: Stack, waiting: Optional[Waiting]) -> Tuple[object, ...]:
    """Where a thread stands, what it is inside, and which lock it waits for."""
    inside = [(id(one.obj), one.is_exiting) for frame in stack.frames for one in frame.contexts]
    return _places(stack), inside, id(None if waiting is None else waiting.lock)


def _places(stack: Stack) -> List[Tuple[int, int]]:
    """The frames of a stack, and their lines."""
    if IS_PYPY:  # which makes a frame object anew for each look
        return [(id(frame.pyframe.f_code), frame.lineno) for frame in stack.frames]
    return [(id(frame.pyframe), frame.lineno) for frame in stack.frames]
