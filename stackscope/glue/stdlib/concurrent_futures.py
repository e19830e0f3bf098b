"""concurrent.futures: the future of a call in a thread pool is the stack of that call.

How a worker thread gets at its call is hidden.
"""

from __future__ import annotations

import concurrent.futures.thread

from stackscope.extraction.extraction import threads_with_frames
from stackscope.extraction.hooks import unwrap_stackitem
from stackscope.extraction.walk import Leaf
from stackscope.glue.describing import code_of, hide_functions
from stackscope.interpreter.frames import local_value
from stackscope.interpreter.running import (
    dormant_stacks,
    own_frames,
)
from stackscope.interpreter.same_code import same_code
from stackscope.model.waiting import Waiting
from stackscope.safe.objects import instance_attributes
from stackscope.snapshot.idle import register_worker
from stackscope.snapshot.threads import name_of_thread
from stackscope.snapshot.user_code import register_machinery
from stackscope.snapshot.waits import describe_leaf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, List, Optional, Tuple

__all__ = ["describe_executor_call", "frames_of_call", "install"]

PLUMBING = (
    (concurrent.futures.thread, "_worker"),
    (getattr(concurrent.futures.thread, "_WorkItem", None), "run"),
    (getattr(concurrent.futures.thread, "WorkerContext", None), "run"),  # 3.14+
)
"""What is between a worker thread and the function that it calls."""


_RUN = code_of(*PLUMBING[1])
_CODES = [code for code in (code_of(*where) for where in PLUMBING) if code is not None]


def frames_of_call(future: object) -> List[FrameType]:
    """The frames of the call that ``future`` stands for, outermost first, if a thread runs it."""
    found = _find_call(future)
    return [] if found is None else found[1]


def _find_call(future: object) -> Optional[Tuple[Optional[int], List[FrameType]]]:
    """The thread that is busy with a call, if it is one, and the frames of the call."""
    state = instance_attributes(future).get("_state", "RUNNING")
    if state != "RUNNING":  # concurrent/futures/_base.py, 3.8 to 3.15
        return None
    for ident, frames in threads_with_frames():
        inner = _frames_inside(frames, future)
        if inner:
            return ident, inner
    for innermost in dormant_stacks():  # a greenlet in a thread's place
        inner = _frames_inside(own_frames(innermost), future)
        if inner:
            return None, inner
    return None


def _frames_inside(frames: List[FrameType], future: object) -> List[FrameType]:
    """The frames of a call, from the stack that may be at it."""
    for index, frame in enumerate(frames):
        if same_code(frame.f_code, _RUN) and _is_work_item_of(frame, future):
            inner = frames[index + 1 :]
            while inner and any(same_code(inner[0].f_code, code) for code in _CODES):
                del inner[0]
            return inner
    return []


def _is_work_item_of(frame: FrameType, future: object) -> bool:
    found, item = local_value(frame, "self")
    return found and instance_attributes(item).get("future") is future


def unwrap_executor_future(future: concurrent.futures.Future[Any]) -> object:
    """The future of a call in a thread pool: the call, while it runs."""
    return frames_of_call(future) or Leaf(future)


def describe_executor_call(future: object, waiting: Waiting) -> None:
    """A call in another thread: which thread that is, or that none has begun with it."""
    waiting.obj = future
    found = _find_call(future)
    if found is None and instance_attributes(future).get("_state") == "PENDING":
        waiting.call = "a call for another thread"
        waiting.notes = ["not begun"]
        return
    ident = None if found is None else found[0]
    waiting.thread = None if ident is None else name_of_thread(ident)
    if waiting.thread is None:
        waiting.call = "a call in another thread"


def install() -> None:
    """Register what concerns thread pools."""
    unwrap_stackitem.register(concurrent.futures.Future, unwrap_executor_future)
    describe_leaf.register(concurrent.futures.Future, describe_executor_call)
    for owner, name in PLUMBING:
        hide_functions(owner, [name])
    register_machinery("concurrent.futures.thread", ["_worker", "run"])
    register_worker("concurrent.futures.thread", ["_worker"])
