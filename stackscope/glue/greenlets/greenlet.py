"""greenlet: a greenlet is the stack that it runs, or will go on to run.

Inside a greenlet, this thread's stack goes on into the stacks of its parents, the way an exception
would. The greenlet itself, as a stack item, gives its own frames only.

On PyPy, greenlets are written in Python, on top of continulets. The frames of that are hidden.
"""

from __future__ import annotations

import sys
from types import FunctionType

import greenlet

from stackscope.extraction.extraction import current_extraction
from stackscope.extraction.hooks import customize, unwrap_stackitem
from stackscope.interpreter.frames import local_value
from stackscope.interpreter.heap import instances, subclasses
from stackscope.interpreter.running import own_frames, register_stacks
from stackscope.safe.objects import class_attribute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Iterator, List, Optional

__all__ = ["frames_of", "install", "reachable", "unwrap_greenlet"]

WRITTEN_IN_PYTHON = type(greenlet.greenlet.switch) is FunctionType
"""On PyPy."""

# As they are in the class, whatever a subclass makes of them.
_frame = greenlet.greenlet.__dict__["gr_frame"].__get__
_dead = greenlet.greenlet.__dict__["dead"].__get__
_active = greenlet.greenlet.__dict__["__bool__"]
_parent = None if WRITTEN_IN_PYTHON else greenlet.greenlet.__dict__["parent"].__get__
_start = getattr(greenlet, "_greenlet_start", None)  # PyPy


def unwrap_greenlet(item: Any) -> List[FrameType]:
    """A greenlet: its frames; none if it is dead or hasn't started.

    Raises:
        RuntimeError: It runs in another thread. There is no telling in which one.
    """
    if item is greenlet.getcurrent():
        extraction = current_extraction()
        caller = sys._getframe(1) if extraction is None else extraction.caller
        return frames_of(caller)
    innermost = frame_of(item)
    if innermost is not None:
        return frames_of(innermost)
    if _dead(item) or not _active(item):
        return []
    raise RuntimeError("Can't dump the stack of a greenlet running in another thread")


def frame_of(item: Any) -> Optional[FrameType]:
    """The innermost frame of a greenlet that isn't running; else ``None``."""
    if WRITTEN_IN_PYTHON and _is_main_elsewhere(item):
        return None
    frame: Optional[FrameType] = _frame(item)
    if WRITTEN_IN_PYTHON and frame is not None and not _is_in(frame, item):
        return None
    return frame


def frames_of(innermost: Optional[FrameType]) -> List[FrameType]:
    """The frames of the greenlet that ``innermost`` is a frame of, outermost first."""
    frames = own_frames(innermost)
    if _start is not None:
        # Here, f_back goes on to whoever has switched to the greenlet.
        for index in range(len(frames) - 1, -1, -1):
            if frames[index].f_code is _start.__code__:
                return frames[index:]
    return frames


def _is_main_elsewhere(item: Any) -> bool:
    """Whether it is another thread's main greenlet, for which PyPy's ``gr_frame`` is ours."""
    thread = getattr(greenlet.getcurrent(), "_greenlet__thread_id", None)
    return (
        getattr(item, "_greenlet__main", False)
        and getattr(item, "_greenlet__thread_id", None) is not thread
    )


def _is_in(innermost: FrameType, item: Any) -> bool:
    """Whether a frame belongs to a greenlet; PyPy also says so of whoever has switched to it."""
    if getattr(item, "_greenlet__main", False):
        return True
    for frame in frames_of(innermost)[:1]:
        if _start is not None and frame.f_code is _start.__code__:
            return local_value(frame, "greenlet")[1] is item
    return False


def stacks_of_parents() -> Iterator[FrameType]:
    """The innermost frames of the greenlets that the current one will return to, next one first."""
    item = parent_of(greenlet.getcurrent())
    while item is not None:
        frame = frame_of(item)
        # An exception goes past one that is dead or hasn't started, to its parent.
        if frame is not None:
            yield frame
        item = parent_of(item)


def parent_of(item: Any) -> Any:
    """The greenlet that gets what leaves ``item``; ``None`` for a main greenlet."""
    return getattr(item, "parent", None) if _parent is None else _parent(item)


def reachable() -> List[Any]:
    """All greenlets that the garbage collector knows of, in no particular order."""
    return instances(subclasses(greenlet.greenlet))


def dormant_stacks() -> Iterator[FrameType]:
    """The innermost frames of all greenlets that don't run."""
    for item in reachable():
        frame = frame_of(item)
        if frame is not None:
            yield frame


def install() -> None:
    """Register what is known about the stacks of greenlets."""
    unwrap_stackitem.register(greenlet.greenlet, unwrap_greenlet)
    if WRITTEN_IN_PYTHON:
        register_stacks(dormant=dormant_stacks)
        hide_switching()
    else:
        register_stacks(waiting=stacks_of_parents, dormant=dormant_stacks)


def hide_switching() -> None:
    """Hide the functions by which greenlets are switched to and started, where they are Python."""
    for name in ("switch", "throw", "_greenlet__switch"):
        method = class_attribute(greenlet.greenlet, name)
        if method is not None:
            customize(method, hide=True)
    for name in ("_greenlet_start", "_greenlet_throw"):
        function = getattr(greenlet, name, None)
        if function is not None:
            customize(function, hide=True)
