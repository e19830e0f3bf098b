"""Threads: a `threading.Thread` is the stack that it runs. How it was started is hidden.

So is the number of a thread, as ``Thread.ident`` or ``threading.get_ident()`` gives it; other
numbers are leaves. Some libraries, such as gevent, put greenlets in the place of threads.
"""

from __future__ import annotations

import threading
from _thread import get_ident

from stackscope.extraction.hooks import customize, unwrap_stackitem, yields_frames
from stackscope.glue.describing import greenlet_with_number, register_call, variable
from stackscope.interpreter.running import (
    stacks_before,
    this_thread,
    thread_frames_and_error,
)
from stackscope.model.stacks import StackSlice
from stackscope.safe.objects import instance_attributes, mro_of
from stackscope.snapshot.user_code import register_machinery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Iterator, List, Optional

    from stackscope.model.stacks import Frame
    from stackscope.model.waiting import Waiting


def unwrap_thread(thread: threading.Thread) -> Any:
    """A thread: its stack, or nothing if it isn't running."""
    ident = _number_of(thread)
    if ident is None or not _is_alive(thread, ident):
        return []
    if ident == get_ident():
        return StackSlice()
    return _of_thread(ident) or greenlet_with_number(ident)


def _of_thread(ident: int) -> Any:
    frames, error = thread_frames_and_error(ident)
    if error is not None:
        return _frames_before(frames, error)
    return [*stacks_before(ident, frames), *frames]


@yields_frames
def _frames_before(frames: List[FrameType], error: RuntimeError) -> Iterator[FrameType]:
    yield from frames
    raise error


def unwrap_number(number: int) -> object:
    """The number of a running thread: its stack. Another number is a leaf."""
    if type(number) is not int:  # a bool, say
        return None
    if number == this_thread():
        return StackSlice()
    found = _of_thread(number)
    if not found and number in getattr(threading, "_active", {}):
        found = greenlet_with_number(number)
    return found or None


def _number_of(thread: threading.Thread) -> Optional[int]:
    """``thread.ident``, but what the thread itself has stored."""
    ident = instance_attributes(thread).get("_ident")
    if type(ident) is int:
        return ident
    known = list(getattr(threading, "_active", {}).items())
    return next((number for number, other in known if other is thread), None)


def _is_alive(thread: threading.Thread, ident: int) -> bool:
    """Whether the thread is running. Its identifier alone may belong to a later thread.

    ``Thread.is_alive()`` may change something and, up to 3.12, take a lock.
    """
    known = getattr(threading, "_active", {})
    return not known or known.get(ident) is thread


# -------------------------------------------------------------------- waits


def describe_condition(frame: Frame, waiting: Waiting) -> None:
    """``Condition.wait()``: no lock, unless it is notified and has to get its own one back."""
    condition = variable(frame, "self")
    is_notified = waiting.lock is instance_attributes(condition).get("_lock")
    waiting.clear()
    waiting.obj = condition
    waiting.lock = waiting.lock if is_notified else None
    waiting.notes = ["notified"] if is_notified else []


def describe_semaphore(frame: Frame, waiting: Waiting) -> None:
    """``Semaphore.acquire()``, and that of an ``RLock`` that is written in Python."""
    waiting.clear()
    waiting.obj = waiting.lock = variable(frame, "self")


def describe_join(frame: Frame, waiting: Waiting) -> None:
    """``Thread.join()``, which takes a lock up to 3.12."""
    waiting.clear()
    waiting.obj, waiting.lock = variable(frame, "self"), None


CALLS = (
    ("Condition.wait", describe_condition),
    ("Semaphore.acquire", describe_semaphore),
    ("_RLock.acquire", describe_semaphore),
    ("Thread.join", describe_join),
)


def install() -> None:
    """Register what is known about threads."""
    unwrap_stackitem.register(int, unwrap_number)
    # gevent replaces the class by one that is derived from it.
    for cls in mro_of(threading.Thread)[:-1]:
        unwrap_stackitem.register(cls, unwrap_thread)
        for name in ("run", "_bootstrap", "_bootstrap_inner"):
            method = getattr(cls, name, None)
            if method is not None:
                customize(method, hide=True)
    for path, describer in CALLS:
        register_call(threading, path, describer)
    register_machinery("threading", ["_bootstrap", "_bootstrap_inner"])
