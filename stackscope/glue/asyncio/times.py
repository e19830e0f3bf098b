"""asyncio: when tasks were made, and when they ran.

Task factories would not do: a program may set one of its own, at any time. What makes a task, with
whatever factory, is the loop's ``create_task()``; what runs a step of one is ``Handle._run()``
(Lib/asyncio/base_events.py and events.py, 3.8 to 3.15). Both are methods written in Python, so one
replacement of each in its class serves all loops of all threads, also those to come. uvloop's loops
get theirs in ``uvloop.Loop``, whose base is written in Cython; what runs their steps is in C.
"""

from __future__ import annotations

import asyncio.base_events
import asyncio.events
import functools
import sys
from types import (
    BuiltinMethodType,
    CoroutineType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
)

from stackscope.extraction.hooks import customize
from stackscope.glue.asyncio.futures import TASKS
from stackscope.safe.interruptions import attempt
from stackscope.safe.objects import class_attribute, is_instance, namespace_of
from stackscope.snapshot.times import (
    is_recording,
    made,
    moment,
    record_of,
    register_recorder,
)
from stackscope.snapshot.user_code import register_wrapper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable, Dict, List, Optional, Tuple

    from stackscope.snapshot.times import Record

    Wrapper = Callable[[Any], Callable[..., Any]]

__all__ = ["forget_loops", "install", "record_loops"]

NO_OWNERS = (FunctionType,)
"""Types of callbacks that are no methods, and are met often."""

C_DESCRIPTORS = (GetSetDescriptorType, MemberDescriptorType)

_replaced: List[Tuple[type, str, Any, Any]] = []
"""What was replaced: the class, the name, what stood there, and what stands there now."""

_owner_readers: Dict[type, Any] = {
    MethodType: namespace_of(MethodType)["__self__"].__get__,
    BuiltinMethodType: namespace_of(BuiltinMethodType)["__self__"].__get__,
}
"""For types of callbacks written in C, what reads the object that one is a method of. A task in C
has its steps called by objects of a type of its own, which is added when one is met."""


def _replace(cls: type, name: str, wrap: Wrapper) -> None:
    """Put a function that calls the method of a class in the place of it."""
    before = namespace_of(cls).get(name)
    inner = class_attribute(cls, name)
    if inner is None or getattr(cls, "__flags__", 0) & IMMUTABLE or _is_replaced(before):
        return
    wrapper = wrap(inner)
    setattr(cls, name, wrapper)
    _replaced.append((cls, name, before, wrapper))


IMMUTABLE = 1 << 8
"""``Py_TPFLAGS_IMMUTABLETYPE``, 3.10+."""


def _is_replaced(method: object) -> bool:
    return any(method is wrapper for _, _, _, wrapper in _replaced)


def forget_loops(owner: type) -> None:
    """Undo all of `_replace` in a class. What others have put around ours goes on calling that."""
    for entry in list(_replaced):
        cls, name, before, wrapper = entry
        if cls is not owner or namespace_of(cls).get(name) is not wrapper:
            continue
        if before is None:
            delattr(cls, name)
        else:
            setattr(cls, name, before)
        _replaced.remove(entry)


# --------------------------------------------------------------------- making


def _making(is_timed: bool) -> Wrapper:
    """What stands in the place of ``create_task()``."""

    def wrap(inner: Callable[..., Any]) -> Callable[..., Any]:
        def create_task(self: Any, *args: Any, **kwargs: Any) -> Any:
            began = moment()
            task = inner(self, *args, **kwargs)
            if is_recording():
                attempt(None, _note_task, task, began, is_timed, args, sys._getframe(1))
            return task

        return _as_wrapper(create_task, inner)

    return wrap


def _note_task(
    task: object, began: float, is_timed: bool, args: Tuple[Any, ...], frame: FrameType
) -> None:
    """Record a task that was just made. If it was started eagerly, it has run already."""
    known = record_of(task)
    if known is not None and known.made_at is not None:
        return  # a loop has called the method of the class that it is derived from
    record = made(task, began, frame, is_timed=is_timed)
    if record is not None and record.busy is not None and _has_run(args[0] if args else None):
        record.ran_at = moment()
        record.busy = record.ran_at - began


def _has_run(coroutine: object) -> bool:
    """Whether a coroutine of which a task was just made has run: eager tasks came with 3.12."""
    if sys.version_info < (3, 12) or type(coroutine) is not CoroutineType:
        return False
    return coroutine.cr_suspended or coroutine.cr_frame is None


# --------------------------------------------------------------------- running


def _running(inner: Callable[..., Any]) -> Callable[..., Any]:
    """What stands in the place of ``Handle._run()``."""

    def _run(self: Any) -> Any:
        record = _record_of_step(self._callback) if is_recording() else None
        if record is None:
            return inner(self)
        record.begins()
        try:
            return inner(self)
        finally:
            record.ends()

    return _as_wrapper(_run, inner)


def _record_of_step(callback: object) -> Optional[Record]:
    """What is recorded of the task that a callback runs a step of; ``None`` if it runs none."""
    read = _owner_readers.get(type(callback))
    if read is None:
        read = _learn_reader(type(callback))
        if read is None:
            return None
    task = read(callback)
    record = record_of(task)
    if record is None and is_instance(task, TASKS):
        return made(task, None, None, is_timed=True)  # it was there before, or is made otherwise
    return record


def _learn_reader(cls: type) -> Any:
    """What reads the object that a callback is a method of, for a type that is new.

    The callbacks that run the steps of a task are of types written in C, and there are few.
    """
    if cls in NO_OWNERS:
        return None
    found = class_attribute(cls, "__self__")
    if type(found) not in C_DESCRIPTORS:
        return None
    _owner_readers[cls] = found.__get__  # type: ignore[union-attr]
    return _owner_readers[cls]


# ----------------------------------------------------------------- installation


def _as_wrapper(function: Any, inner: Callable[..., Any]) -> Callable[..., Any]:
    functools.update_wrapper(function, inner)
    register_wrapper(function.__code__, "asyncio")
    customize(function.__code__, hide=True)
    wrapper: Callable[..., Any] = function
    return wrapper


def record_loops(cls: type, *, is_timed: bool = False) -> None:
    """Record the tasks of the loops of a class, which has a ``create_task()`` of its own.

    Args:
        cls: The class of the loops.
        is_timed: Whether they run their steps by ``Handle._run()``.
    """
    _replace(cls, "create_task", _making(is_timed))


def start() -> None:
    """Begin to record. Of tasks that are there already, it isn't known when they were made."""
    record_loops(asyncio.base_events.BaseEventLoop, is_timed=True)
    _replace(asyncio.events.Handle, "_run", _running)


def stop() -> None:
    """Record nothing more."""
    forget_loops(asyncio.base_events.BaseEventLoop)
    forget_loops(asyncio.events.Handle)


def install() -> None:
    """Register what records asyncio's tasks."""
    register_recorder("asyncio", start, stop)
