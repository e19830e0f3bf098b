"""Threads: a `threading.Thread` is the stack that it runs. How it was started is hidden.

So is the number of a thread, as ``Thread.ident`` or ``threading.get_ident()`` gives it; other numbers are
leaves. With gevent's monkey patches, threads are greenlets.
"""

from __future__ import annotations

import sys
import threading
from _thread import get_ident

from stackscope.hooks import customize, unwrap_stackitem, yields_frames
from stackscope.model import StackSlice
from stackscope.running import callers, this_thread, thread_frames, thread_frames_and_error
from stackscope.walk import current_extraction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable, Iterator, List, Tuple

_bases: Callable[[type], Tuple[type, ...]] = type.__dict__["__mro__"].__get__


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


def greenlet_with_number(number: int) -> List[Any]:
    """The greenlet that gevent has given a thread's place and number to, in a list; none if there is none."""
    if "gevent" not in sys.modules:
        return []
    from stackscope.glue.greenlet import reachable

    return [item for item in reachable() if id(item) == number]


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


def frames_of_threads() -> Iterator[List[FrameType]]:
    """The frames of each thread, outermost first. Those of this one end where it asks for them."""
    for _, frames in threads_with_frames():
        yield frames


def threads_with_frames() -> Iterator[Tuple[int, List[FrameType]]]:
    """The number of each thread, and its frames as `frames_of_threads` gives them."""
    here = this_thread()
    for ident in list(sys._current_frames()):
        if ident != here:
            yield ident, thread_frames(ident)
        else:
            extraction = current_extraction()
            yield ident, callers(sys._getframe() if extraction is None else extraction.caller)


def name_of_thread(ident: int) -> str:
    """The name of a thread, without the lock of `threading.enumerate`, which somebody may hold."""
    name = getattr(getattr(threading, "_active", {}).get(ident), "_name", None)
    return name if type(name) is str else f"{ident:#x}"


def _is_alive(thread: threading.Thread) -> bool:
    """Whether the thread is running. Its identifier alone may belong to a later thread."""
    ident = threading.Thread.ident.__get__(thread)
    if getattr(threading, "_active", {}).get(ident, thread) is not thread:
        return False
    # Not the program's method if it has one, but that of the kind of thread object that `threading` makes
    # for a thread that somebody else has started.
    for cls in _bases(type(thread)):
        if cls.__module__ == "threading" and "is_alive" in cls.__dict__:
            return bool(cls.__dict__["is_alive"](thread))
    return False


def install() -> None:
    unwrap_stackitem.register(int, unwrap_number)
    # gevent replaces the class by one that is derived from it.
    for cls in _bases(threading.Thread)[:-1]:
        unwrap_stackitem.register(cls, unwrap_thread)
        for name in ("run", "_bootstrap", "_bootstrap_inner"):
            method = getattr(cls, name, None)
            if method is not None:
                customize(method, hide=True)
