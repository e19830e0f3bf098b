"""concurrent.futures: the future of a call in a thread pool is the stack of that call.

How a worker thread gets at its call is hidden.
"""

from __future__ import annotations

import concurrent.futures.thread
from types import FunctionType

from stackscope import running
from stackscope.frames import local_value
from stackscope.glue.reading import instance_attributes
from stackscope.hooks import customize, unwrap_stackitem
from stackscope.running import callers, own_frames, this_thread, thread_frames
from stackscope.waiting import Waiting, describe_leaf
from stackscope.walk import Leaf, current_extraction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any, List, Optional, Tuple

__all__ = ["describe_executor_call", "frames_of_call", "install"]

PLUMBING = (
    (concurrent.futures.thread, "_worker"),
    (getattr(concurrent.futures.thread, "_WorkItem", None), "run"),
    (getattr(concurrent.futures.thread, "WorkerContext", None), "run"),  # 3.14+
)
"""What is between a worker thread and the function that it calls."""


def _code_of(owner: object, name: str) -> Optional[CodeType]:
    function = getattr(owner, name, None)
    return function.__code__ if type(function) is FunctionType else None


_RUN = _code_of(*PLUMBING[1])
_CODES = [code for code in (_code_of(*where) for where in PLUMBING) if code is not None]


def frames_of_call(future: concurrent.futures.Future[Any]) -> List[FrameType]:
    """The frames of the call that ``future`` stands for, outermost first; none if no thread is at it."""
    found = _find_call(future)
    return [] if found is None else found[1]


def _find_call(future: object) -> Optional[Tuple[Optional[int], List[FrameType]]]:
    """The thread that is busy with a call, if it is one, and the frames of the call."""
    import sys

    state = instance_attributes(future).get("_state", "RUNNING")
    if state != "RUNNING":  # concurrent/futures/_base.py, 3.8 to 3.15
        return None
    for ident in list(sys._current_frames()):
        inner = _frames_inside(_frames_of_thread(ident), future)
        if inner:
            return ident, inner
    for innermost in running.dormant_stacks():  # a greenlet in a thread's place
        inner = _frames_inside(own_frames(innermost), future)
        if inner:
            return None, inner
    return None


def _frames_inside(frames: List[FrameType], future: object) -> List[FrameType]:
    """The frames of a call, from the stack that may be at it."""
    for index, frame in enumerate(frames):
        if frame.f_code is _RUN and _is_work_item_of(frame, future):
            inner = frames[index + 1 :]
            while inner and any(inner[0].f_code is code for code in _CODES):
                del inner[0]
            return inner
    return []


def _frames_of_thread(ident: int) -> List[FrameType]:
    if ident != this_thread():
        return thread_frames(ident)
    extraction = current_extraction()
    return [] if extraction is None else callers(extraction.caller)


def _is_work_item_of(frame: FrameType, future: object) -> bool:
    found, item = local_value(frame, "self")
    return found and instance_attributes(item).get("future") is future


def unwrap_executor_future(future: concurrent.futures.Future[Any]) -> object:
    """The future of a call in a thread pool: the call, while it runs."""
    return frames_of_call(future) or Leaf(future)


def describe_executor_call(future: object, waiting: Waiting) -> None:
    """A call in another thread: which thread that is, or that none has begun with it."""
    found = _find_call(future)
    waiting.text = "a call in another thread"
    if found is not None:
        import threading

        thread = getattr(threading, "_active", {}).get(found[0])
        name = instance_attributes(thread).get("_name")
        waiting.text = f"a call in thread {name}" if type(name) is str else waiting.text
    elif instance_attributes(future).get("_state") == "PENDING":
        waiting.text = "a call for another thread"
        waiting.detail = "not begun"
    waiting.obj = future


def install() -> None:
    unwrap_stackitem.register(concurrent.futures.Future, unwrap_executor_future)
    describe_leaf.register(concurrent.futures.Future, describe_executor_call)
    for owner, name in PLUMBING:
        if _code_of(owner, name) is not None:
            customize(getattr(owner, name), hide=True)
