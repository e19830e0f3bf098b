"""The stack of this very thread, read at once."""

from __future__ import annotations

import sys

from stackscope.extraction.contexts import contexts_at_rest
from stackscope.interpreter.bytecode import analyze
from stackscope.interpreter.facts import FREE_THREADED
from stackscope.interpreter.frames import choosing
from stackscope.interpreter.running import callers, own_frames
from stackscope.model.stacks import Frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import List, Optional

__all__ = ["read_own"]

_new = Frame.__new__


def read_own(caller: Optional[FrameType], with_contexts: bool) -> List[Frame]:
    """The frames of this thread, innermost first.

    Args:
        caller: The innermost one.
        with_contexts: Whether to look for contexts. Those of a frame are a list; ``()`` if nobody
            has looked for them, or they can't be told by the frame alone.
    """
    pyframes = callers(caller)
    reader = choosing.reader() if with_contexts and not FREE_THREADED else None
    if not _is_here(caller):
        reader = None
    # Before them may be those of greenlets, to which a finalizer could switch.
    first_own = len(pyframes) - (0 if reader is None else len(own_frames(caller)))
    frames = []
    for pyframe in reversed(pyframes):
        frame = _new(Frame)  # what isn't set here is as the class says
        frame.pyframe = pyframe
        frame.lineno = pyframe.f_lineno or 0
        frame.origin = None
        frame.contexts = ()
        frames.append(frame)
        if reader is None or len(pyframes) - len(frames) < first_own:
            continue
        analysis = analyze(pyframe.f_code, pyframe.f_globals)
        if not analysis.blocks:
            frame.contexts = []
            continue
        resting = reader.at_rest_here(pyframe, analysis)
        contexts = contexts_at_rest(reader, pyframe, analysis, resting)
        if contexts is not None:
            frame.contexts = contexts
    return frames


def _is_here(frame: Optional[FrameType]) -> bool:
    """Whether a frame is running on the stack of this thread; the one of another may move on."""
    running: Optional[FrameType] = sys._getframe(1)
    while running is not None and running is not frame:
        running = running.f_back
    return running is not None
