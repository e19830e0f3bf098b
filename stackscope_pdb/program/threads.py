"""Ends all threads of the program after `quit`, the main thread first.

What it does it does in a thread of its own, which the `threading` module doesn't know, so that the
program, as it ends, doesn't wait for that.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
from _thread import allocate_lock, get_ident, start_new_thread

from stackscope_pdb.facts import JOINS_POOLS_EARLY
from stackscope_pdb.program.ending import LONGEST_EXIT
from stackscope_pdb.program.exits import exit_in_progress
from stackscope_pdb.program.machinery import outward
from stackscope_pdb.program.tracing import stop_fast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List, Optional, Tuple

PATIENCE = 1.0
"""Seconds that threads get to end, before something stronger is done."""

STEP = 0.02
LOOKS = 3

_has_begun = False
_worker: List[int] = []
_is_over, _is_done, _is_main_told = allocate_lock(), allocate_lock(), allocate_lock()
_is_over.acquire()
_is_done.acquire()
_is_main_told.acquire()


class _AtExit(Exception):
    """The interpreter ends, and all threads have."""


def end_all(is_leaving: Callable[[], bool]) -> None:
    """See to it that all threads end.

    The main thread has been told when this returns: it may wait for this one, and must not go on as
    if nothing had happened once this one has ended.

    Args:
        is_leaving: Says whether the exception has been raised that ends this one.
    """
    global _has_begun
    if _has_begun:
        wait_until_main_is_told()
        return
    _has_begun = True
    import atexit

    try:
        start_new_thread(_work, (threading.get_ident(), is_leaving))
    except RuntimeError:  # the interpreter is about to end
        return
    if JOINS_POOLS_EARLY:
        atexit.register(_let_go, threading.get_ident())
    wait_until_main_is_told()


def wait_until_main_is_told() -> None:
    """Wait until the main thread knows, or is to know, that the program ends."""
    if _is_main_told.acquire(timeout=PATIENCE):
        _is_main_told.release()


def _work(first: int, is_leaving: Callable[[], bool]) -> None:
    _worker.append(get_ident())
    try:
        _end_all(first, is_leaving)
    except _AtExit:
        pass
    finally:
        _is_done.release()


def _let_go(first: int) -> None:
    """Have our thread and our tracing end before the interpreter does: 3.9 may crash else.

    Up to 3.12 the interpreter doesn't wait for a thread any more of which a join() was interrupted
    (``_wait_for_tstate_lock`` in Lib/threading.py). The one where the user quit is waited for here.
    """
    if first != get_ident():
        _wait_until(lambda: first not in sys._current_frames(), LONGEST_EXIT)
    sys.setprofile(None)
    sys.settrace(None)
    stop_fast()
    if get_ident() not in _worker:
        _is_over.release()
        try:
            _is_done.acquire(timeout=PATIENCE)
        except KeyboardInterrupt:  # it was on its way to this thread, which ends by now
            pass


def _end_all(first: int, is_leaving: Callable[[], bool]) -> None:
    main = threading.main_thread()
    try:
        if first != main.ident:
            _end(main.ident)
    finally:
        _is_main_told.release()
    _wait_until(is_leaving, LONGEST_EXIT)
    if not is_leaving():
        _end(first)
    if not _wait_until(lambda: not main.is_alive(), PATIENCE):
        _end_others(first)
        if first != main.ident and not _is_in_exit(main.ident):
            _end(main.ident)  # a signal just before a system call isn't seen
        _wait_until(lambda: not main.is_alive())
    _end_others(first)
    has_ended = _wait_until(lambda: not _others(), PATIENCE)
    # Up to 3.9.7, a join() that was interrupted may leave a lock that is waited for in the end.
    if not has_ended or not _stops_waiting(main.ident):
        _end_process()


def _others() -> List[threading.Thread]:
    """The threads that the program's end waits for, without the main one."""
    main = threading.main_thread()
    return [one for one in threading.enumerate() if one is not main and not one.daemon]


def _end_others(first: int) -> None:
    for thread in _others():
        if thread.ident != first:
            _end(thread.ident)


def _stops_waiting(ident: Optional[int]) -> bool:
    """Whether the interpreter comes to an end soon, as far as that waits for threads."""
    looks = LOOKS

    def is_past() -> bool:
        nonlocal looks  # it may wait in several places, one after the other
        looks = LOOKS if _waits_for_threads(ident) else looks - 1
        return looks <= 0

    return _wait_until(is_past, PATIENCE)


def _waits_for_threads(ident: Optional[int]) -> bool:
    """Whether the end of the interpreter has begun, and waits for threads, also those of pools."""
    frames = outward(sys._current_frames().get(ident or 0))
    return any(frame.f_code.co_name in ("_shutdown", "_python_exit") for frame in frames)


def _is_in_exit(ident: Optional[int]) -> bool:
    return exit_in_progress(sys._current_frames().get(ident or 0)) is not None


def _wait_until(is_so: Callable[[], bool], seconds: float = math.inf) -> bool:
    """Look again and again, for a number of seconds in which the process gets its share.

    On a busy machine that takes longer: it is the looks that count, between which others run.
    """
    looks = seconds / STEP
    while not is_so():
        looks -= 1
        if looks < 0:
            return False
        if _is_over.acquire(timeout=STEP):
            raise _AtExit
    return True


def _end_process() -> None:
    """Do what the interpreter does at its end, which waits for threads that don't end."""
    import atexit

    try:
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    finally:
        os._exit(1)


def _end(ident: Optional[int]) -> None:
    """Have a thread end, if it still runs."""
    frame = sys._current_frames().get(ident or 0)
    if ident is None or frame is None or _end_loop(ident):
        return
    if ident == threading.main_thread().ident:
        _interrupt_main()
    else:
        _raise_in(ident)


def _end_loop(ident: int) -> bool:
    """End the event loop that runs in a thread, if one does."""
    from stackscope_pdb.program import loops

    names = [thread.name for thread in threading.enumerate() if thread.ident == ident]
    found = False
    for library, loop in _loops_in(names):
        found = loops.end_from_outside(library, loop) or found
    return found


def _loops_in(names: List[str]) -> List[Tuple[str, Any]]:
    import stackscope

    snapshot = stackscope.extract_all(with_contexts=False, threads=False)
    return [
        (node.library, node.loop)
        for node in snapshot.loops
        if node.is_running and node.thread in names
    ]


def _interrupt_main() -> None:
    """Have the main thread end, also if it waits in a system call."""
    from stackscope_pdb.program.ending import state

    ident = threading.main_thread().ident or 0
    if not callable(signal.getsignal(signal.SIGINT)):
        _raise_in(ident)
        return
    state.interrupts_main = True
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(ident, signal.SIGINT)
    else:
        import _thread

        _thread.interrupt_main()


def _raise_in(ident: int) -> None:
    """Raise the exception in a thread as soon as that runs code of Python."""
    from stackscope_pdb.program.ending import Quit

    try:
        import ctypes

        raise_in: Any = ctypes.pythonapi.PyThreadState_SetAsyncExc
    except (ImportError, AttributeError):  # PyPy
        return
    raise_in(ctypes.c_ulong(ident), ctypes.py_object(Quit))
