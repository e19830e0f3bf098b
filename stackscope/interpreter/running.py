"""The frames of running stacks: this thread's, and those of other threads.

A running stack is known by its innermost frame; the others follow from ``f_back``. Where to look
for a frame that is running somewhere is decided in `_running_stacks` alone.

A thread may have more than one stack, of which one is running while the others wait for it to
finish, or to be switched to: those of its greenlets. Glue tells of them, by `register_stacks`.
"""

from __future__ import annotations

import _thread
import gc
import sys
import time
from _thread import get_ident
from itertools import accumulate, chain, compress, islice, repeat, starmap, takewhile
from operator import methodcaller, truth
from types import BuiltinFunctionType, FrameType

from stackscope.interpreter.facts import (
    CO_ANY_GENERATOR,
    COLLECTS_IN_CALLS,
    IS_PYPY,
    MAKES_FRAMES,
    has_gil,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple, TypeVar

    R = TypeVar("R")

__all__ = [
    "at_once",
    "callers",
    "dormant_stacks",
    "keep_frames",
    "number_in_threading",
    "own_frames",
    "register_stacks",
    "slice_frames",
    "this_thread",
    "thread_frames",
    "thread_frames_and_error",
    "thread_stack",
    "uncollected",
]

_getattr: Callable[[Any, Any], Any] = getattr

SEARCHES = 3
"""How many times a running frame is looked for: a thread may return from it and enter it
meanwhile."""

STANDSTILL = 0.0005
"""Seconds without a step after which a thread counts as waiting. It matters where there is no
GIL."""


def register_stacks(
    *,
    waiting: Optional[Callable[[], Iterable[FrameType]]] = None,
    waiting_elsewhere: Optional[Callable[[int, FrameType], Iterable[FrameType]]] = None,
    dormant: Optional[Callable[[], Iterable[FrameType]]] = None,
    number_in_threading: Optional[Callable[[int], int]] = None,
) -> None:
    """Tell of stacks that a thread has beside the one that it runs, such as those of greenlets.

    Args:
        waiting: Gives the innermost frames of the stacks that this thread's running one will return
            to, next one first. An exception that leaves the running stack goes on at the first one.
        waiting_elsewhere: Gives the same for another thread, of which it gets the number and the
            outermost frame of its running stack. It may take long.
        dormant: Gives the innermost frames of all stacks that some thread could switch to. It may
            take long.
        number_in_threading: Gives the number by which `threading` knows a thread, for that of
            `this_thread`. It may take long.
    """
    known = {
        "waiting": waiting,
        "waiting_elsewhere": waiting_elsewhere,
        "dormant": dormant,
        "number": number_in_threading,
    }
    _registered.update((name, function) for name, function in known.items() if function is not None)


def _nothing(*args: object) -> Tuple[FrameType, ...]:
    return ()


def _number_as_it_is(ident: int) -> int:
    return ident


_registered: Dict[str, Callable[..., Any]] = {
    "waiting": _nothing,
    "waiting_elsewhere": _nothing,
    "dormant": _nothing,
    "number": _number_as_it_is,
}


def dormant_stacks() -> Iterable[FrameType]:
    """The innermost frames of all stacks that some thread could switch to."""
    found: Iterable[FrameType] = _registered["dormant"]()
    return found


def number_in_threading(ident: int) -> int:
    """The number by which `threading` knows a thread, for that of `this_thread`."""
    number: int = _registered["number"](ident)
    return number


def slice_frames(
    outer: Optional[FrameType],
    inner: Optional[FrameType],
    limit: Optional[int],
    caller: Optional[FrameType],
) -> Iterator[FrameType]:
    """The frames that a `stackscope.StackSlice` names, outermost first.

    Args:
        outer: As in the slice.
        inner: As in the slice.
        limit: As in the slice.
        caller: The frame where the stack of this thread ends.

    Raises:
        RuntimeError: ``outer`` doesn't run. It has been given nevertheless.
    """
    if limit is not None:
        limit = max(limit, 0)
    if outer is None:
        yield from _last(callers(caller if inner is None else inner), limit)
        return
    if inner is None:
        frames = find_running(outer, caller)
        if frames:
            yield from frames if limit is None else frames[:limit]
            return
    else:
        frames = callers(inner, outer)
        if frames:
            yield from _last(frames, limit)
            return
    if limit != 0:
        yield outer
    raise RuntimeError(
        "Couldn't find where the above frame is running, so can't continue traceback"
    )


def callers(inner: Optional[FrameType], outer: Optional[FrameType] = None) -> List[FrameType]:
    """``inner`` and its callers up to ``outer``, outermost first; nothing if that is no caller.

    From the outermost frame of this thread's running stack it goes on to the stack that waits for
    it.
    """
    frames = []
    frame = inner
    kept = keep_frames(inner)
    while frame is not None:
        frames.append(frame)
        if frame is outer:
            break
        frame = frame.f_back or _caller_in_waiting_stack(frame)
        if frame is inner:
            frame = None  # on PyPy, the frames of a greenlet that doesn't run form a ring
    else:
        if outer is not None:
            return []
    del kept
    frames.reverse()
    return frames


def own_frames(inner: Optional[FrameType]) -> List[FrameType]:
    """``inner`` and its callers on the very stack that it runs on, outermost first."""
    frames = []
    frame = inner
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
        if frame is inner:
            break
    frames.reverse()
    return frames


def _caller_in_waiting_stack(outermost: FrameType) -> Optional[FrameType]:
    """The frame that goes on when ``outermost``, which has no ``f_back``, is left."""
    innermost: Optional[FrameType] = sys._getframe()
    try:
        found: Iterable[FrameType] = _registered["waiting"]()
        for waiting in found:
            if own_frames(innermost)[0] is outermost:
                return waiting
            innermost = waiting
        return None
    finally:
        del innermost  # or this frame would keep itself alive, and so all its callers


def thread_frames(ident: int) -> List[FrameType]:
    """The frames of another thread, outermost first; none if it runs no Python code."""
    if not has_gil():
        return thread_frames_and_error(ident)[0]
    for _ in range(SEARCHES):
        try:
            frames = _thread_frames_at_once(ident)
        except SystemError:
            # PyPy: while compiled code is being left, what it says of callers may be void.
            if not IS_PYPY:
                raise
        else:
            if not _is_cut_off(frames):
                return frames
    return _thread_frames_at_once(ident)


def thread_stack(ident: int) -> List[FrameType]:
    """The same, and before them those of the stacks that wait for the running one to finish."""
    frames = thread_frames(ident)
    return [*stacks_before(ident, frames), *frames]


def stacks_before(ident: int, frames: List[FrameType]) -> List[FrameType]:
    """The frames of the stacks that another thread's running stack will return to.

    Args:
        ident: The number of the thread.
        frames: Its frames, outermost first. If it has gone on to another stack since, there is no
            telling.
    """
    if not frames or not has_gil():
        return []
    found: List[FrameType] = []
    for innermost in _registered["waiting_elsewhere"](ident, frames[0]):
        found = [*own_frames(innermost), *found]
    is_still_there = bool(found) and thread_frames(ident)[:1] == frames[:1]
    return found if is_still_there else []


def _is_cut_off(frames: List[FrameType]) -> bool:
    """Whether PyPy hasn't told a generator's caller, as happens in a busy thread."""
    return IS_PYPY and bool(frames) and bool(frames[0].f_code.co_flags & CO_ANY_GENERATOR)


def _thread_frames_at_once(ident: int) -> List[FrameType]:
    """The same, while there is a GIL.

    The thread may run on between any two of our instructions, and ``f_back`` of a generator's frame
    that is left is ``None``: following it in a loop sometimes ends halfway. So all of it is done by
    a single call of `list`, which doesn't come back to the interpreter's loop, where threads take
    turns. (On PyPy `operator.methodcaller` would: it is Python code.)
    """
    innermost = map(dict.get, islice(iter(sys._current_frames, None), 1), (ident,))
    steps = accumulate(chain(innermost, repeat("f_back")), _getattr)
    frames: List[FrameType] = uncollected(list, takewhile(truth, steps))
    frames.reverse()
    return frames


def thread_frames_and_error(ident: int) -> Tuple[List[FrameType], Optional[RuntimeError]]:
    """As `thread_frames`, and what has kept us from finding all frames."""
    if not has_gil():
        return _frames_without_gil(ident)
    frames = thread_frames(ident)
    if _is_cut_off(frames):
        return frames, RuntimeError("PyPy doesn't tell just now what has called the above frame")
    return frames, None


def _frames_without_gil(ident: int) -> Tuple[List[FrameType], Optional[RuntimeError]]:
    """The same, where a thread runs on while its frames are followed.

    The callers of a frame that is left just now lead to memory that is no frame any more. So they
    are followed if the thread stands still, which those do that wait for something. Of others there
    is the innermost frame.
    """
    before = _position_without_gil(ident)
    for _ in range(SEARCHES):
        if before is None:
            return [], None
        time.sleep(STANDSTILL)
        after = _position_without_gil(ident)
        if after == before:
            frames = own_frames(before[0])
            if _position_without_gil(ident) == before:
                return frames, None
        before = after
    return [before[0]] if before else [], RuntimeError(
        "The thread runs on, so that without the GIL the callers of the above frame can't be found"
    )


def _position_without_gil(ident: int) -> Optional[Tuple[FrameType, int]]:
    """Where a thread is: its innermost frame, and the instruction there."""
    frame = sys._current_frames().get(ident)
    return None if frame is None else (frame, frame.f_lasti)


def uncollected(function: Callable[[Any], R], item: object) -> R:
    """``function(item)`` without garbage collection, for what makes other threads' frames."""
    if not MAKES_FRAMES or not _thread._count():
        return function(item)
    return at_once(function, item)


def at_once(function: Callable[[Any], R], item: object) -> R:
    """``function(item)``, a function in C, without anything else that happens meanwhile.

    The collector may come in it, so it is turned off. All in one call into C: no thread can turn it
    on or off meanwhile.
    """
    if not COLLECTS_IN_CALLS:
        return function(item)
    enabled: List[bool] = []
    steps: Iterator[Any] = chain(
        map(enabled.append, starmap(gc.isenabled, ((),))),
        starmap(gc.disable, ((),)),
        map(function, (item,)),
        map(methodcaller("__call__"), compress((gc.enable,), enabled)),
    )
    try:
        return list(steps)[2]  # type: ignore[no-any-return]
    except BaseException:
        if enabled == [True]:
            gc.enable()
        raise


def keep_frames(inner: Optional[FrameType]) -> List[FrameType]:
    """The frames to hold on to while ``f_back`` is followed, maybe in another thread."""
    if not MAKES_FRAMES or inner is None:
        return []
    return uncollected(
        list, takewhile(truth, accumulate(chain((inner,), repeat("f_back")), _getattr))
    )


def this_thread() -> int:
    """The number by which ``sys._current_frames()`` knows this thread.

    gevent puts a function of its own in the place of ``get_ident()``, which numbers greenlets.
    """
    if type(get_ident) is BuiltinFunctionType:
        ident: int = get_ident()
        return ident
    here: Optional[FrameType] = sys._getframe()
    frames = sys._current_frames()
    innermost = None
    try:
        for ident, innermost in frames.items():
            if innermost is here:
                return ident
        return get_ident()
    finally:
        del here, frames, innermost


def _last(frames: List[FrameType], limit: Optional[int]) -> List[FrameType]:
    return frames if limit is None else frames[max(len(frames) - limit, 0) :]


def find_running(outer: FrameType, caller: Optional[FrameType]) -> List[FrameType]:
    """``outer`` and what it is calling, on whichever stack it runs."""
    for _ in range(SEARCHES):
        for frames in _running_stacks(caller):
            for index, frame in enumerate(frames):
                if frame is outer:
                    return frames[index:]
    return []


def _running_stacks(caller: Optional[FrameType]) -> Iterator[List[FrameType]]:
    """Each stack that runs in this process, this thread's first, and then the dormant ones.

    A generator that has switched to another greenlet still counts as running.
    """
    yield callers(caller)
    here = this_thread()
    for ident in list(sys._current_frames()):
        if ident != here:
            yield thread_stack(ident)
    for innermost in dormant_stacks():
        yield own_frames(innermost)
