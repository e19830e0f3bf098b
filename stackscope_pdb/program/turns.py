"""One prompt at a time in a process: the threads that stop take turns, in order of arrival.

A thread has its turn from its stop until it goes on. What stops meanwhile in the same thread, as in
a signal handler, or in what the prompt itself has called, belongs to that turn and doesn't wait.

A signal handler may come between any two instructions of this module and stop, too. So there is no
lock around the list of the threads: each change of it is a single call, and who waits looks again.
"""

from __future__ import annotations

import sys
import threading
import time
import weakref
from _thread import allocate_lock, get_ident
from contextlib import contextmanager

from stackscope_pdb.program import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, List, Optional

SECONDS_BETWEEN_LOOKS = 2.0
"""How often who waits looks whether the thread that has its turn is still alive."""

A_MOMENT = 0.02
"""Seconds in which the thread that had its turn before writes what it is about to, in whole lines.

`print` writes the end of a line for itself.
"""


_stopped: List[turn] = []
"""What the threads wait for, or have, that have stopped: in order of arrival. The first one has its
turn."""

_has_ended = False
_last_prompt: Optional[int] = None
"""The thread of the prompt before this one, as the operating system numbers it."""

_last_thread: Optional[Callable[[], object]] = None
"""Gives the same one as `threading` knows it, if it does and the thread is still there."""


class turn:  # noqa: N801  (as a function would be: a generator takes several times as long)
    """Wait for this thread's turn, and have it meanwhile.

    Gives whether there is to be a prompt: not if the program ends by now.
    """

    __slots__ = ("_has_waited", "_outer", "_signal", "ident")

    def __enter__(self) -> bool:
        self.ident: int = get_ident()
        self._signal: Any = None
        self._has_waited = False
        self._outer: Optional[turn] = _of_this_thread() if _stopped else None
        try:
            if self._outer is None:
                _stopped.append(self)
            if len(_stopped) > 1:
                self._has_waited = _wait_for_turn(self._outer or self)
                if self._has_waited and not _has_ended:
                    time.sleep(A_MOMENT)
        except BaseException:
            self._has_waited = True
            self.__exit__()
            raise
        return not _has_ended

    def __exit__(self, *exc: object) -> None:
        if self._outer is None:
            _leave(self)
        elif self._has_waited:
            self._outer.wake()  # what it was woken for was seen here, not where it waited before

    def wake(self) -> None:
        """Let the thread look again whether it is its turn."""
        try:
            if self._signal is not None:
                self._signal.release()
        except RuntimeError:  # it is going to look anyway
            pass

    def get_ready(self) -> None:
        """It may have to wait, and looks before it does. Most threads don't need a lock for it."""
        if self._signal is None:
            signal = allocate_lock()
            signal.acquire()
            self._signal = signal

    def wait(self) -> None:
        """Wait to be woken."""
        self._signal.acquire(timeout=SECONDS_BETWEEN_LOOKS)


@contextmanager
def released() -> Iterator[None]:
    """Let others have their turns, while this thread, which has its own, runs code."""
    mine = _of_this_thread()
    if mine is None:
        yield
        return
    _leave(mine)
    try:
        yield
    finally:
        _stopped.append(mine)
        _wait_for_turn(mine)


def end() -> None:
    """The program ends, and no thread gets the prompt any more."""
    global _has_ended
    _has_ended = True
    for one in _stopped[:]:
        one.wake()


def waiting() -> List[int]:
    """The identifiers of the threads that wait for their turn, in order of arrival."""
    return [one.ident for one in _stopped[1:]]


def holder() -> Optional[int]:
    """The identifier of the thread that has its turn."""
    first = _first()
    return None if first is None else first.ident


def is_as_before() -> bool:
    """Whether the prompt before this one was surely in this thread, and no other one waits."""
    if _last_thread is None or _stopped[1:]:
        return False
    known: Any = threading._active.get(get_ident())  # type: ignore[attr-defined]
    return known is not None and _last_thread() is known


def look_again() -> None:
    """The next prompt may be elsewhere than the one before, whatever thread that was in."""
    global _last_thread
    _last_thread = None


def has_moved() -> bool:
    """Whether the prompt before this one was in another thread."""
    global _last_prompt, _last_thread
    known: Any = threading._active.get(get_ident())  # type: ignore[attr-defined]
    # One that wasn't started by `threading` may have the same entry as one that has ended.
    is_sure = known is not None and type(known) is not threading._DummyThread
    _last_thread = weakref.ref(known) if is_sure else None
    # Not `get_ident`, which gevent may have replaced: a greenlet is no thread to the user.
    before, _last_prompt = _last_prompt, threading.get_native_id()
    return before not in (None, _last_prompt)


def _first() -> Optional[turn]:
    for first in _stopped[:1]:
        return first
    return None


def _of_this_thread() -> Optional[turn]:
    ident = get_ident()
    for one in _stopped[:]:
        if one.ident == ident:
            return one
    return None


def _wait_for_turn(mine: turn) -> bool:
    """Wait; whether there was anything to wait for."""
    has_waited = False
    mine.get_ready()
    while True:
        first = _first()
        if first is None or first is mine or _has_ended or sys.is_finalizing():
            return has_waited
        has_waited = True
        mine.wait()
        if _first() is first and first.ident not in sys._current_frames():
            _leave(first)  # its thread has ended without a word


def _leave(one: turn) -> None:
    try:
        _stopped.remove(one)
    except ValueError:  # it is a fork's, or was taken for dead
        pass
    first = _first()
    if first is not None:
        first.wake()


def _forget_other_process() -> None:
    """After a fork, only the thread that called it is there."""
    global _last_prompt, _last_thread
    _last_prompt, _last_thread = None, None
    ident = get_ident()
    _stopped[:] = [one for one in _stopped if one.ident == ident]


process.after_fork(_forget_other_process)
