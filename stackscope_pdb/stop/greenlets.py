"""The frames that a greenlet returns to: to ``f_back`` its stack ends where it was switched to."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import List, Optional

__all__ = ["frames_inward", "frames_outside"]


def frames_outside(frame: FrameType, end: Optional[FrameType] = None) -> List[FrameType]:
    """The frames of the greenlets that this thread's current one returns to, outermost first.

    Args:
        frame: The outermost frame of the current greenlet.
        end: The outermost frame to give, if it is among them.

    Returns:
        Nothing in a main greenlet, and where nobody has imported greenlet.
    """
    if frame.f_back is not None or "greenlet" not in sys.modules:
        return []
    import stackscope

    found = [one.pyframe for one in stackscope.extract_until(frame, with_contexts=False).frames]
    if not found or found.pop() is not frame:
        return []
    for index, one in enumerate(found):
        if one is end:
            return found[index:]
    return found


def frames_inward(frame: FrameType) -> List[FrameType]:
    """A running frame of this thread, and its callers, outermost first."""
    frames = [frame]
    while frames[-1].f_back is not None:
        frames.append(frames[-1].f_back)
    frames.reverse()
    return [*frames_outside(frames[0]), *frames]
