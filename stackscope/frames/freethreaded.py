"""Builds without the global interpreter lock: which frames hold still, and how those are read.

The frames of this thread do, and in a program with one thread all frames do. A suspended generator may be
resumed by another thread at any time. Then its objects are taken from `gc.get_referents`, which stops all
threads (``gc_get_referents`` in Python/gc_free_threading.c of 3.13), and what is read from memory are only
addresses to find them by; that memory is the generator's own, which we hold. A frame that another thread
is running can't be read.
"""

from __future__ import annotations

import _thread
import gc
import sys
from types import AsyncGeneratorType, CodeType, CoroutineType, FrameType, GeneratorType
from typing import Optional, Union

from stackscope.frames.base import FrameMoved, Moment, Reader
from stackscope.frames.interpreterframe import HeldMoment, InterpreterFrameReader
from stackscope.slots import CO_ANY_GENERATOR, has_gil

Owner = Union[AsyncGeneratorType, CoroutineType, GeneratorType]  # type: ignore[type-arg]

_is_warned = False


def reader_for(usual: Reader, frame: FrameType, origin: object) -> Optional[Reader]:
    """The reader to use for ``frame``; ``None`` if another thread is running it.

    Args:
        usual: the reader to use where nothing moves.
        frame: the frame.
        origin: the generator, coroutine or async generator that it belongs to, if known.
    """
    if has_gil() or _runs_here(frame) or _is_only_thread() or not usual.is_alive(frame):
        return usual
    owner = None if _is_running(usual, frame) else _owner(frame, origin)
    if owner is None or not _is_suspended(owner):
        _warn_once()
        return None
    assert isinstance(usual, InterpreterFrameReader)
    return SuspendedReader(usual, owner)


def _is_only_thread() -> bool:
    # _count() doesn't know threads that weren't started by Python; _current_frames() stops all threads.
    return _thread._count() == 0 and len(sys._current_frames()) == 1


def _is_running(usual: Reader, frame: FrameType) -> bool:
    if not frame.f_code.co_flags & CO_ANY_GENERATOR:
        return True
    try:
        moment = usual.moment(frame, frame.f_code)
    except FrameMoved:
        return True
    return moment is not None and moment.depth < 0


def _runs_here(frame: FrameType) -> bool:
    running: Optional[FrameType] = sys._getframe()
    while running is not None:
        if running is frame:
            return True
        running = running.f_back
    return False


def _owner(frame: FrameType, origin: object) -> Optional[Owner]:
    """The generator, coroutine or async generator that ``frame`` belongs to."""
    if _frame_of(origin) is frame:
        return origin  # type: ignore[return-value]
    return next((item for item in gc.get_referrers(frame) if _frame_of(item) is frame), None)


def _frame_of(item: object) -> Optional[FrameType]:
    if type(item) is GeneratorType:
        return item.gi_frame
    if type(item) is CoroutineType:
        return item.cr_frame
    return item.ag_frame if type(item) is AsyncGeneratorType else None


def _is_suspended(owner: Owner) -> bool:
    """Whether nobody is running ``owner``; it may not have begun yet."""
    if type(owner) is GeneratorType:
        return not owner.gi_running
    if type(owner) is CoroutineType:
        return not owner.cr_running
    assert type(owner) is AsyncGeneratorType
    # ag_running is also true while it waits in an await
    return bool(getattr(owner, "ag_suspended", False)) or not owner.ag_running


def _warn_once() -> None:
    global _is_warned  # noqa: PLW0603
    if _is_warned:
        return
    _is_warned = True
    import warnings

    from stackscope.model import InspectionWarning

    warnings.warn(
        "Without the GIL, frames that another thread is running are shown without their context managers.",
        InspectionWarning,
        stacklevel=4,
    )


class SuspendedReader(Reader):
    """Reads the frame of one suspended generator, which another thread may resume."""

    def __init__(self, usual: InterpreterFrameReader, owner: Owner) -> None:
        self.usual = usual
        self.owner = owner

    def moment(self, frame: FrameType, code: CodeType) -> Optional[Moment]:
        moment = self.usual.moment_of(HeldMoment, frame)
        if moment is None:
            return None
        if moment.depth < 0:
            raise FrameMoved  # it has been resumed
        moment.held = {id(item): item for item in gc.get_referents(self.owner)}
        return moment

    def is_alive(self, frame: FrameType) -> bool:
        return self.usual.is_alive(frame)
