"""Threads: a `threading.Thread` is the stack that it runs. How it was started is hidden.

So is the number of a thread, as ``Thread.ident`` or ``threading.get_ident()`` gives it; other
numbers are leaves. Some libraries, such as gevent, put greenlets in the place of threads.
"""

from __future__ import annotations

import threading
from _thread import get_ident

from stackscope.extraction.hooks import customize, unwrap_stackitem, yields_frames
from stackscope.interpreter.running import (
    this_thread,
    thread_frames_and_error,
)
from stackscope.model.stacks import StackSlice
from stackscope.safe.objects import mro_of
from stackscope.snapshot.user_code import register_machinery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable, Iterator, List


def unwrap_thread(thread: threading.Thread) -> Any:
    """A thread: its stack, or nothing if it isn't running."""
    ident = threading.Thread.ident.__get__(thread)
    if ident is None or not _is_alive(thread):
        return []
    if ident == get_ident():
        return StackSlice()
    return _of_thread(ident) or greenlet_with_number(ident)


def _of_thread(ident: int) -> Any:
    frames, error = thread_frames_and_error(ident)
    return frames if error is None else _frames_before(frames, error)


@yields_frames
def _frames_before(frames: List[FrameType], error: RuntimeError) -> Iterator[FrameType]:
    yield from frames
    raise error


_greenlet_finders: List[Callable[[int], List[Any]]] = []


def register_greenlet_finder(find: Callable[[int], List[Any]]) -> None:
    """Have the greenlets of a library shown that stand in the place of threads.

    Args:
        find: Gives the greenlet with the number of a thread, in a list; none if there is none.
    """
    if find not in _greenlet_finders:
        _greenlet_finders.append(find)


def greenlet_with_number(number: int) -> List[Any]:
    """The greenlet that has a thread's place and number, in a list; none if there is none."""
    return [item for find in _greenlet_finders for item in find(number)]


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


def _is_alive(thread: threading.Thread) -> bool:
    """Whether the thread is running. Its identifier alone may belong to a later thread."""
    ident = threading.Thread.ident.__get__(thread)
    if getattr(threading, "_active", {}).get(ident, thread) is not thread:
        return False
    # Not the program's method if it has one, but that of the kind of thread object that `threading`
    # makes for a thread that somebody else has started.
    for cls in mro_of(type(thread)):
        if cls.__module__ == "threading" and "is_alive" in cls.__dict__:
            return bool(cls.__dict__["is_alive"](thread))
    return False


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
    register_machinery("threading", ["_bootstrap", "_bootstrap_inner"])
