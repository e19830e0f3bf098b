"""Builds without the global interpreter lock: which frames hold still, and how those are read.

The frames of this thread do, and in a program with one thread all frames do. A suspended generator
may be resumed by another thread at any time, and one that waits for a callee may go on. Then its
objects are taken from `gc.get_referents`, which stops all threads (``gc_get_referents`` in
Python/gc_free_threading.c of 3.13), and what is read from memory are only addresses to find them
by; that memory is the generator's own, which we hold. A frame that another thread is running can't
be read.
"""

from __future__ import annotations

import gc
import sys
from types import CodeType, FrameType
from typing import TYPE_CHECKING, List, Optional, Sequence, Tuple

from stackscope.interpreter.facts import CO_ANY_GENERATOR
from stackscope.interpreter.frames import choosing
from stackscope.interpreter.frames.base import FrameMoved, Reader
from stackscope.interpreter.frames.interpreterframe import HeldMoment, InterpreterFrameReader
from stackscope.interpreter.resumable import TRIES, frame_of, is_alone, owner_of
from stackscope.safe.text import is_silent

if TYPE_CHECKING:
    from stackscope.interpreter.resumable import Owner

_is_warned = False


def reader_for(usual: Reader, frame: FrameType, origin: object) -> Optional[Reader]:
    """The reader to use for ``frame``; ``None`` if another thread is running it.

    Args:
        usual: the reader to use where nothing moves.
        frame: the frame.
        origin: the generator, coroutine or async generator that it belongs to, if known.
    """
    if is_alone() or _runs_here(frame) or not usual.is_alive(frame):
        return usual
    owner: Optional[Owner] = None
    if not _is_running(usual, frame):
        owner = origin if frame_of(origin) is frame else owner_of(frame)  # type: ignore[assignment]
    if owner is None:
        _warn_once()
        return None
    assert isinstance(usual, InterpreterFrameReader)
    return SuspendedReader(usual, owner)


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


def values_in(frame: FrameType, slots: Sequence[int]) -> Optional[List[Tuple[bool, object]]]:
    """Values of a generator's variables that another thread may resume, if they are bound.

    ``frame.f_locals`` would make references to objects that the thread may be freeing. If the
    generator never holds still, all its variables count as unbound.

    Args:
        frame: the generator's frame.
        slots: the slots of the variables.

    Returns:
        `None` if the frame holds still, or isn't that of a generator: ``f_locals`` is to be asked
        then.
    """
    usual = choosing.reader()
    if not isinstance(usual, InterpreterFrameReader) or is_alone() or _runs_here(frame):
        return None
    owner = owner_of(frame) if usual.is_alive(frame) else None
    if owner is None:
        return None
    reader = SuspendedReader(usual, owner)
    for _ in range(TRIES):
        try:
            moment = reader.moment(frame, frame.f_code)
            if moment is None:
                return None
            addresses = moment.pointers(slots)
            found = iter(moment.objects([s for s, address in zip(slots, addresses) if address]))
            return [(bool(address), next(found) if address else None) for address in addresses]
        except FrameMoved:
            continue
    unbound: List[Tuple[bool, object]] = [(False, None)]
    return unbound * len(slots)


def _warn_once() -> None:
    global _is_warned  # noqa: PLW0603
    if _is_warned or is_silent():
        return
    _is_warned = True
    import warnings

    from stackscope.interpreter.facts import InspectionWarning

    warnings.warn(
        "Without the GIL, frames that another thread is running are shown without their context "
        "managers.",
        InspectionWarning,
        stacklevel=4,
    )


class SuspendedReader(Reader):
    """Reads the frame of one waiting generator, which another thread may resume.

    Also of one that waits for what it yields from to be closed: it counts as running then, but has
    no place in any thread's stack (``gen_close`` in Objects/genobject.c).
    """

    def __init__(self, usual: InterpreterFrameReader, owner: Owner) -> None:
        self.usual = usual
        self.owner = owner

    def moment(self, frame: FrameType, code: CodeType) -> Optional[HeldMoment]:
        moment = self.usual.moment_of(HeldMoment, frame)
        if moment is None:
            return None
        if moment.depth < 0:
            raise FrameMoved  # it has been resumed
        moment.held = {id(item): item for item in gc.get_referents(self.owner)}
        return moment

    def is_alive(self, frame: FrameType) -> bool:
        return self.usual.is_alive(frame)
