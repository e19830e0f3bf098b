"""greenlet: all greenlets of the process that have begun and not ended."""

from __future__ import annotations

import sys
from typing import Any

import greenlet

from stackscope.extraction.hooks import elaborate_frame
from stackscope.glue.greenlets.greenlet import (
    all_greenlets,
    frame_of,
    frames_of,
    parent_of,
    running_greenlets,
)
from stackscope.interpreter.heap import subclasses
from stackscope.interpreter.running import this_thread
from stackscope.safe.objects import instance_attributes, is_instance
from stackscope.safe.text import class_name
from stackscope.snapshot.runtimes import FoundItem, register_finder
from stackscope.snapshot.survey import Survey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Callable, Dict, List, Mapping, Optional, Sequence

_folded: Dict[type, Callable[[Any], Optional[int]]] = {}
_plain: List[type] = [greenlet.greenlet]
_thread_readers: List[Callable[[Any], object]] = []


def register_folded(cls: type, thread_of: Callable[[Any], Optional[int]]) -> None:
    """Leave greenlets of a class out, and show those that they have started as the thread's own.

    Args:
        cls: The class.
        thread_of: Gives the identifier of the thread that such a greenlet runs in.
    """
    _folded[cls] = thread_of


def register_plain(cls: type) -> None:
    """Call greenlets of a class by their functions, for the class says nothing about them."""
    if cls not in _plain:
        _plain.append(cls)


def register_thread_reader(read: Callable[[Any], object]) -> None:
    """Have greenlets known that stand in the place of threads.

    Args:
        read: Gives the ``Thread`` that a greenlet has been given for, if it has.
    """
    if read not in _thread_readers:
        _thread_readers.append(read)


def types() -> Sequence[type]:
    """The classes of greenlets."""
    return subclasses(greenlet.greenlet)


def find_greenlets(survey: Survey) -> List[FoundItem]:
    """The greenlets that are alive, but for those that are shown as a part of a thread's stack.

    Those that stand for whole threads are shown if they wait while another greenlet of their thread
    runs, to which they aren't a parent.
    """
    items = all_greenlets()
    if not items:
        return []
    current = greenlet.getcurrent()
    running = {this_thread(): current, **running_greenlets()}
    threads = {id(item): ident for ident, item in running.items()}
    mains: Dict[int, int] = {}
    drawn: Dict[int, int] = {}  # the threads of those that the running ones return to
    for ident, item in running.items():
        parent = parent_of(item)
        if parent is None:
            mains[id(item)] = ident
        while parent is not None:
            drawn[id(parent)] = ident
            parent = parent_of(parent)
    found = []
    owners = {**mains, **drawn}
    for item in items:
        parent = parent_of(item)
        innermost = frame_of(item)
        if id(item) in drawn or is_instance(item, tuple(_folded)):
            continue
        if innermost is not None and not function_of(innermost) and frames_of(innermost):
            continue  # there is nothing but machinery
        if parent is None and (innermost is None or _thread_of(item) is not None):
            continue
        thread = threads.get(id(item))
        state = "suspended"
        if thread is not None:
            state = "running here" if item is current else "running elsewhere"
        one = FoundItem(
            item,
            name_of(item, innermost if thread is None else sys._current_frames().get(thread)),
            state,
            owner_of(item, owners),
            is_running=innermost is None,
        )
        if thread is not None and parent is not None:
            one.called_by = frame_of(parent)
        found.append(one)
    return found


def owner_of(item: Any, threads: Mapping[int, int]) -> object:
    """The greenlet that ``item`` returns to; if that is a part of a thread, the thread's number."""
    parent = parent_of(item)
    while parent is not None and is_instance(parent, tuple(_folded)):
        tell = next(_folded[cls] for cls in _folded if is_instance(parent, (cls,)))
        ident = tell(parent)
        if ident is not None:
            return ident
        parent = parent_of(parent)
    return threads.get(id(parent), parent)


def name_of(item: Any, innermost: Optional[FrameType]) -> str:
    """What to call a greenlet: by its thread, if it is one; by its class; by its function.

    A name that somebody has given it, as ``Greenlet.name`` of gevent, comes before its class.
    """
    thread_name = instance_attributes(_thread_of(item)).get("_name")
    for name in (thread_name, instance_attributes(item).get("name")):
        if type(name) is str:
            return name
    if parent_of(item) is None:
        return "main greenlet"
    if not any(type(item) is cls for cls in _plain):
        return class_name(item)
    return function_of(innermost) or class_name(item)


def function_of(innermost: Optional[FrameType]) -> str:
    """The name of the function that a greenlet was started with, past how its library starts it."""
    for frame in frames_of(innermost):
        if elaborate_frame.for_code(frame.f_code) is None:
            return frame.f_code.co_name
    return ""


def _thread_of(item: Any) -> object:
    """The thread that ``item`` stands for, if it does."""
    found = (read(item) for read in _thread_readers)
    return next((thread for thread in found if thread is not None), None)


def install() -> None:
    """Have greenlets found."""
    register_finder("greenlet", types, find_greenlets, asks_survey=False)
