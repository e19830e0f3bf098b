"""Threads: a `threading.Thread` is the stack that it runs. How it was started is hidden.

So is the number of a thread, as ``Thread.ident`` or ``threading.get_ident()`` gives it; other
numbers are leaves. Some libraries, such as gevent, put greenlets in the place of threads.
"""

from __future__ import annotations

import sys
import threading
import time
from _thread import get_ident
from collections import deque

from stackscope.extraction.hooks import customize, unwrap_stackitem, yields_frames
from stackscope.glue.describing import (
    begin_anew,
    code_of,
    greenlet_with_number,
    register_call,
    variable,
)
from stackscope.interpreter.frames.blocking import lock_awaited_in
from stackscope.interpreter.running import (
    stacks_before,
    this_thread,
    thread_frames_and_error,
)
from stackscope.model.stacks import StackSlice
from stackscope.model.waiting import Amount, Waiting
from stackscope.safe.objects import instance_attributes, mro_of
from stackscope.snapshot.user_code import register_machinery
from stackscope.snapshot.waits import register_wait_in_c
from stackscope.snapshot.waking import belongings_of, register_endless, wakers_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Iterator, List, Optional

    from stackscope.model.stacks import Frame


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
    known = instance_attributes(condition)
    is_notified = waiting.lock is not None and waiting.lock is known.get("_lock")
    waiting.clear()
    waiting.obj = condition
    waiting.lock = waiting.lock if is_notified else None
    waiting.notes = ["notified"] if is_notified else []
    if not is_notified:
        note_waiters(waiting, condition)


def note_waiters(waiting: Waiting, condition: object) -> None:
    """Say how many wait for a condition."""
    waiters = instance_attributes(condition).get("_waiters")
    waiting.count = len(waiters) if type(waiters) is deque else None


def note_timeout(waiting: Waiting, frame: Frame) -> None:
    """Say how much time is left of a wait that has a deadline."""
    end = variable(frame, "endtime")
    if type(end) is float:
        waiting.seconds_left = end - time.monotonic()


def describe_wait_for(frame: Frame, waiting: Waiting) -> None:
    """``Condition.wait_for()``: as ``wait()``, with the time left."""
    note_timeout(waiting, frame)


def describe_semaphore(frame: Frame, waiting: Waiting) -> None:
    """``Semaphore.acquire()``, and that of an ``RLock`` that is written in Python."""
    waiting.clear()
    waiting.obj = waiting.lock = variable(frame, "self")
    note_timeout(waiting, frame)


def describe_event(frame: Frame, waiting: Waiting) -> None:
    """``Event.wait()``: how many wait."""
    waiting.clear()
    waiting.obj = variable(frame, "self")
    waiting.lock = None
    note_waiters(waiting, instance_attributes(waiting.obj).get("_cond"))


def describe_barrier(frame: Frame, waiting: Waiting) -> None:
    """``Barrier.wait()``: how many of its parties are there."""
    waiting.clear()
    waiting.obj, waiting.lock = variable(frame, "self"), None
    known = instance_attributes(waiting.obj)
    waiting.amounts = [Amount(known["_count"], "party", known["_parties"], plural="parties")]


def describe_join(frame: Frame, waiting: Waiting) -> None:
    """``Thread.join()``, which takes a lock up to 3.12: the thread that has to end."""
    waiting.clear()
    waiting.obj, waiting.lock = variable(frame, "self"), None
    waiting.tasks = [waiting.obj]
    waiting.inner = Waiting(obj=waiting.obj)


def describe_shutdown(frame: Frame, waiting: Waiting) -> None:
    """The end of the main thread: the threads that the process waits for."""
    begin_anew(waiting)
    main = getattr(threading, "_main_thread", None)
    threads = list(getattr(threading, "_active", {}).values())
    waiting.tasks = [
        thread
        for thread in threads
        if thread is not main and instance_attributes(thread).get("_daemonic") is False
    ]
    waiting.amounts = [Amount(len(waiting.tasks), "thread")]
    waiting.parts = [Waiting(obj=thread, tasks=[thread]) for thread in waiting.tasks]
    if len(waiting.tasks) == 1:
        waiting.parts = []
        waiting.amounts, waiting.inner = [], Waiting(obj=waiting.tasks[0])


def wakers_of_condition(frame: Frame) -> List[object]:
    """``Condition.wait()``: whoever notifies has the condition, or at least its list of waiters."""
    condition, waiter = variable(frame, "self"), variable(frame, "waiter")
    if lock_awaited_in(frame.pyframe, {id(waiter): waiter}) is not waiter:
        return []  # it has been notified
    return [condition, instance_attributes(condition)["_waiters"]]


RUNS_WITH = frozenset(("_args", "_context", "_kwargs", "_target"))
"""The attributes of a ``Thread`` that only its own ``run()`` uses."""


def belongings_of_thread(thread: threading.Thread) -> List[object]:
    """What somebody has stored in a thread."""
    known = instance_attributes(thread)
    return [value for name, value in known.items() if name not in RUNS_WITH]


CALLS = (
    ("Barrier.wait", describe_barrier),
    ("Condition.wait", describe_condition),
    ("Condition.wait_for", describe_wait_for),
    ("Event.wait", describe_event),
    ("Semaphore.acquire", describe_semaphore),
    ("_RLock.acquire", describe_semaphore),
    ("Thread.join", describe_join),
    ("_shutdown", describe_shutdown),
)

WAIT_IN_C = ("Thread.join", "_shutdown")
"""Functions that wait in code without frames, from 3.13 on."""


def install() -> None:
    """Register what is known about threads."""
    unwrap_stackitem.register(int, unwrap_number)
    # gevent replaces the class by one that is derived from it.
    for cls in mro_of(threading.Thread)[:-1]:
        unwrap_stackitem.register(cls, unwrap_thread)
        belongings_of.register(cls, belongings_of_thread)
        for name in ("run", "_bootstrap", "_bootstrap_inner"):
            method = getattr(cls, name, None)
            if method is not None:
                customize(method, hide=True)
    for path, describer in CALLS:
        register_call(threading, path, describer)
    for path in WAIT_IN_C:
        code = code_of(threading, path)
        if code is not None:
            register_wait_in_c(code, in_lock=sys.version_info < (3, 13))
    code = code_of(threading, "Condition.wait")
    if code is not None:
        register_wait_in_c(code, in_lock=True)
        wakers_in.register(code, wakers_of_condition)
    code = code_of(threading, "Event.wait")
    if code is not None:
        register_endless(code, in_main_thread=True)
    register_machinery("threading", ["_bootstrap", "_bootstrap_inner"])
