"""greenlet: all greenlets of the process that have begun and not ended."""

from __future__ import annotations

import sys
from typing import Any

import greenlet

from stackscope.glue.greenlet import frame_of, frames_of, parent_of
from stackscope.glue.reading import instance_attributes, is_instance
from stackscope.heap import subclasses
from stackscope.hooks import elaborate_frame
from stackscope.render.safe import class_name
from stackscope.running import this_thread
from stackscope.runtimes import Found, Survey, register_finder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Callable, Dict, List, Optional, Sequence

_active: Any = greenlet.greenlet.__dict__["__bool__"]

folded: Dict[type, Callable[[Any], Optional[int]]] = {}
"""Classes of greenlets that are machinery, with functions that tell which thread one of them runs in.

They are left out, and the greenlets that they have started are shown as the thread's own.
"""


plain: List[type] = [greenlet.greenlet]
"""Classes of greenlets that are called by their functions, for they say nothing themselves."""


def types() -> Sequence[type]:
    """The classes of greenlets."""
    return subclasses(greenlet.greenlet)


def find_greenlets(survey: Survey) -> List[Found]:
    """The greenlets that are alive.

    Those that stand for whole threads are shown if they wait while another greenlet of their thread runs.
    """
    current = greenlet.getcurrent()
    drawn = [current]  # with the stack of this thread
    while parent_of(drawn[-1]) is not None:
        drawn.append(parent_of(drawn[-1]))
    found = []
    for item in survey.instances(types()):
        is_main = parent_of(item) is None
        if not _active(item) or is_instance(item, tuple(folded)):
            continue
        innermost = frame_of(item)
        if is_main and (
            innermost is None
            or not function_of(innermost)  # there is nothing but machinery
            or _thread_of(item) is not None
            or any(item is one for one in drawn)
        ):
            continue
        if item is current:
            state = "running here"
        else:
            state = "running elsewhere" if innermost is None else "suspended"
        found.append(Found(item, name_of(item), state, owner_of(item, drawn[-1])))
    return found


def owner_of(item: Any, main: Any) -> object:
    """The greenlet that ``item`` returns to, or the number of the thread whose main one that is."""
    parent = parent_of(item)
    while parent is not None and is_instance(parent, tuple(folded)):
        tell = next(folded[cls] for cls in folded if is_instance(parent, (cls,)))
        ident = tell(parent)
        if ident is not None:
            return ident
        parent = parent_of(parent)
    return this_thread() if parent is main else parent


def name_of(item: Any) -> str:
    """What to call a greenlet: by its thread, if it is one; by its class; by its function."""
    thread_name = instance_attributes(_thread_of(item)).get("_name")
    if type(thread_name) is str:
        return thread_name
    if parent_of(item) is None:
        return "main greenlet"
    if not any(type(item) is cls for cls in plain):
        return class_name(item)
    innermost = sys._getframe() if item is greenlet.getcurrent() else frame_of(item)
    return function_of(innermost) or class_name(item)


def function_of(innermost: Optional[FrameType]) -> str:
    """The name of the function that a greenlet was started with, past how a library starts greenlets."""
    for frame in frames_of(innermost):
        if elaborate_frame.for_code(frame.f_code) is None:
            return frame.f_code.co_name
    return ""


def _thread_of(item: Any) -> object:
    """The thread that ``item`` has been given for, by gevent's monkey patches."""
    threading = sys.modules.get("threading") if "gevent" in sys.modules else None
    return getattr(threading, "_active", {}).get(id(item))


def install() -> None:
    register_finder("greenlet", types, find_greenlets)
