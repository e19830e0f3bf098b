"""Threads: a `threading.Thread` is the stack that it runs. How it was started is hidden."""

from __future__ import annotations

import threading
from _thread import get_ident

from stackscope.hooks import customize, unwrap_stackitem
from stackscope.model import StackSlice
from stackscope.running import thread_frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Tuple

_bases: Callable[[type], Tuple[type, ...]] = type.__dict__["__mro__"].__get__


def unwrap_thread(thread: threading.Thread) -> Any:
    """A thread: its stack, or nothing if it isn't running."""
    ident = threading.Thread.ident.__get__(thread)
    if ident is None or not _is_alive(thread):
        return []
    if ident == get_ident():
        return StackSlice()
    return thread_frames(ident)


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
    unwrap_stackitem.register(threading.Thread, unwrap_thread)
    for name in ("run", "_bootstrap", "_bootstrap_inner"):
        method = getattr(threading.Thread, name, None)
        if method is not None:
            customize(method, hide=True)
