"""greenlet: a greenlet is the stack that it runs, or will go on to run.

A thread's stack goes on from the greenlet that it runs into the stacks of that one's parents, the
way an exception would. The greenlet itself, as a stack item, gives its own frames only.

No greenlet knows its children, nor its thread; but each one that has begun refers to the main
greenlet of its thread, so that the collector can tell of it in little time.

On PyPy, greenlets are written in Python, on top of continulets. The frames of that are hidden.
"""

from __future__ import annotations

import sys
import weakref
from types import FunctionType

import greenlet

from stackscope.extraction.extraction import current_extraction, looked_up_once
from stackscope.extraction.hooks import customize, unwrap_stackitem
from stackscope.interpreter.frames import local_value
from stackscope.interpreter.heap import instances, referrers_of, subclasses
from stackscope.interpreter.running import (
    own_frames,
    register_stacks,
    this_thread,
    thread_frames,
)
from stackscope.safe.objects import class_attribute, instance_attributes, is_instance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional

__all__ = ["all_greenlets", "frames_of", "install", "running_greenlets", "unwrap_greenlet"]

WRITTEN_IN_PYTHON = type(greenlet.greenlet.switch) is FunctionType
"""On PyPy."""

# As they are in the class, whatever a subclass makes of them.
_frame = greenlet.greenlet.__dict__["gr_frame"].__get__
_dead = greenlet.greenlet.__dict__["dead"].__get__
_active = greenlet.greenlet.__dict__["__bool__"]
_parent = None if WRITTEN_IN_PYTHON else greenlet.greenlet.__dict__["parent"].__get__
_start = getattr(greenlet, "_greenlet_start", None)  # PyPy
_count_mains = getattr(getattr(greenlet, "_greenlet", None), "get_total_main_greenlets", None)  # 2+
_mains: List[Callable[[], Any]] = []
"""The main greenlets that a search of all objects has found: they need not be searched again."""
_thread_tellers: List[Callable[[Any], Optional[int]]] = []


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


def main_of(item: Any) -> Any:
    """The main greenlet of the thread that a greenlet belongs to."""
    parent = parent_of(item)
    while parent is not None:
        item, parent = parent, parent_of(parent)
    return item


# ------------------------------------------------------------------ all of them


def all_greenlets() -> List[Any]:
    """All greenlets that have begun and not ended, in no particular order.

    They are looked up once in an extraction: it takes long where there are many objects.
    """
    return looked_up_once(_find_all)


def _find_all() -> List[Any]:
    if _count_mains is not None and _count_mains() == 0:
        return []  # before getcurrent(), which would make one
    kinds = subclasses(greenlet.greenlet)
    if _count_mains is None:
        return [item for item in instances(kinds) if _active(item)]
    mains = [main_of(greenlet.getcurrent())]
    mains += _mains_beside(mains, [main for main in (ref() for ref in _mains) if main is not None])
    found = referrers_of(mains, kinds)
    # Greenlets of a class that is written in Python are found in all threads.
    others = _mains_beside(mains, [main_of(item) for item in found if _active(item)])
    if others:
        found += referrers_of(others, kinds)
    mains += others
    if len(mains) < _count_mains():  # some of a class in C, in threads that have no others
        found = instances(kinds)
        mains += _mains_beside(mains, [main_of(item) for item in found if _active(item)])
        _mains[:] = [weakref.ref(main) for main in mains]
    known = {id(item): item for item in (*mains, *found) if _active(item)}
    return list(known.values())


def _mains_beside(known: List[Any], others: List[Any]) -> List[Any]:
    ids = set(map(id, known))
    return list({id(one): one for one in others if id(one) not in ids}.values())


def is_greenlet(item: object) -> bool:
    """Whether an object is a greenlet."""
    return is_instance(item, (greenlet.greenlet,))


def dormant_stacks() -> Iterator[FrameType]:
    """The innermost frames of all greenlets that don't run."""
    for item in all_greenlets():
        frame = frame_of(item)
        if frame is not None:
            yield frame


# -------------------------------------------------------------- in other threads


def register_thread_teller(tell: Callable[[Any], Optional[int]]) -> None:
    """Have the threads of greenlets known by what a library says.

    Args:
        tell: Gives the number of the thread that a main greenlet is of, or ``None``.
    """
    if tell not in _thread_tellers:
        _thread_tellers.append(tell)


def running_greenlets() -> Dict[int, Any]:
    """What each other thread runs, by its number, if that is a greenlet beside its main one.

    They are looked up once in an extraction.
    """
    return looked_up_once(_find_running)


def _find_running() -> Dict[int, Any]:
    here = main_of(greenlet.getcurrent())
    candidates: Dict[int, List[Any]] = {}
    mains: Dict[int, Any] = {}
    for item in all_greenlets():
        main = main_of(item)
        # Without a frame it runs, or is suspended in code in C. There is one that runs if the main
        # one doesn't.
        if item is not main and main is not here and frame_of(item) is None:
            candidates.setdefault(id(main), []).append(item)
            mains[id(main)] = main
    runs = {key: _most_likely(found) for key, found in candidates.items()}
    runs = {key: item for key, item in runs.items() if frame_of(mains[key]) is not None}
    threads = {key: _thread_of_main(mains[key]) for key in runs}
    unknown = [key for key in runs if threads[key] is None]
    left = _threads_in_greenlets(threads.values()) if unknown else []
    if len(unknown) == len(left) == 1:
        threads[unknown[0]] = left[0]
    return {
        ident: runs[key]
        for key, ident in threads.items()
        if ident is not None and runs[key] is not None
    }


def _most_likely(candidates: List[Any]) -> Any:
    """Which of the greenlets without a frame runs; ``None`` if that is unknown.

    The one that others return to has frames as long as it doesn't run.
    """
    parents = [parent_of(item) for item in candidates]
    above = [item for item in candidates if any(item is parent for parent in parents)]
    likely = above or candidates
    return likely[0] if len(likely) == 1 else None


def _thread_of_main(main: Any) -> Optional[int]:
    """The number of the thread that a suspended main greenlet is of, if that is known."""
    told = [ident for ident in (tell(main) for tell in _thread_tellers) if ident is not None]
    if told:
        return told[0]
    outermost = frames_of(frame_of(main))[:1]
    if not outermost:
        return None
    if outermost[0].f_globals.get("__name__") == "__main__":
        return _main_thread()
    return _thread_begun_in(outermost[0])


def _main_thread() -> Optional[int]:
    thread = getattr(sys.modules.get("threading"), "_main_thread", None)
    ident = instance_attributes(thread).get("_ident")
    return ident if type(ident) is int else None


def _thread_begun_in(frame: FrameType) -> Optional[int]:
    """The number of the thread that has its outermost frame there, if `threading` has begun it."""
    if frame.f_code.co_name != "_bootstrap" or frame.f_globals.get("__name__") != "threading":
        return None
    ident = instance_attributes(local_value(frame, "self")[1]).get("_ident")
    return ident if type(ident) is int else None


def _threads_in_greenlets(known: Iterable[Optional[int]]) -> List[int]:
    """The other threads that may run a greenlet besides their main one."""
    found = []
    for ident in list(sys._current_frames()):
        if ident != this_thread() and ident not in known:
            frames = thread_frames(ident)
            if frames and _thread_begun_in(frames[0]) != ident:
                found.append(ident)
    return found


def stacks_of_parents_in(ident: int, outermost: FrameType) -> Iterator[FrameType]:
    """The innermost frames of the greenlets that another thread's current one will return to."""
    if _count_mains is None or _count_mains() == 0 or _thread_begun_in(outermost) == ident:
        return
    item = running_greenlets().get(ident)
    while item is not None:
        item = parent_of(item)
        frame = None if item is None else frame_of(item)
        if frame is not None:
            yield frame


def install() -> None:
    """Register what is known about the stacks of greenlets."""
    unwrap_stackitem.register(greenlet.greenlet, unwrap_greenlet)
    if WRITTEN_IN_PYTHON:
        register_stacks(dormant=dormant_stacks)
        hide_switching()
    else:
        register_stacks(
            waiting=stacks_of_parents,
            waiting_elsewhere=stacks_of_parents_in,
            dormant=dormant_stacks,
        )


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
