"""asyncio: the event loops and tasks of the process, and who owns each task."""

from __future__ import annotations

import asyncio
import asyncio.base_events
import asyncio.events
import asyncio.runners
import asyncio.tasks
import sys
from types import FunctionType, MethodType

from stackscope.frames import local_value
from stackscope.glue.asyncio import TASKS, done_callbacks, free_variables, internal, is_done
from stackscope.glue.reading import instance_attributes, is_instance
from stackscope.heap import subclasses
from stackscope.running import callers, this_thread, thread_frames
from stackscope.runtimes import Runtime, Survey, unique
from stackscope.walk import current_extraction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Dict, List, Optional, Sequence, Tuple

    from stackscope.model import Stack

ATTEMPTS = 1000
"""How often to copy a set of tasks that other threads may change meanwhile."""

OTHER_TASKS = tuple(
    getattr(asyncio.tasks, name)
    for name in ("_all_tasks", "_scheduled_tasks", "_eager_tasks")
    if sys.version_info < (3, 14) and hasattr(asyncio.tasks, name)
)
"""Where asyncio keeps all tasks: a WeakSet up to 3.11, a WeakSet and a set in 3.12 and 3.13.

`asyncio.all_tasks()` iterates over these in Python code, and has to start anew whenever another thread
starts a task. From 3.14 on the tasks are in a list of the interpreter's that is read while all threads are
stopped (`_asyncio_all_tasks_impl` in _asynciomodule.c).
"""


def get_loop(future: Any) -> Any:
    """The event loop of a future or task."""
    return internal(future, "_loop")


def _all_known_tasks() -> List[Any]:
    """All tasks of all loops, up to 3.13; some of them may be done."""
    found: List[Any] = []
    for known in OTHER_TASKS:
        # A single call of list() on a set of weak references runs no Python code, so no other thread runs.
        references = getattr(known, "data", None)
        if type(references) is set:
            found += [ref() for ref in list(references)]
        else:
            found += list(known)
    return [task for task in found if task is not None]


def _tasks_of_loop(loop: Any) -> List[Any]:
    for attempt in range(ATTEMPTS):
        try:
            return list(asyncio.all_tasks(loop))
        except RuntimeError:  # a set has changed size, since another thread runs
            if attempt == ATTEMPTS - 1:
                raise
    return []


def all_tasks_of(loop: object) -> List[Any]:
    """The tasks of a loop that are not done."""
    if OTHER_TASKS:
        return [t for t in _all_known_tasks() if get_loop(t) is loop and not is_done(t)]
    return _tasks_of_loop(loop)


class AsyncioLoops(Runtime):
    """asyncio's event loops, uvloop's among them. Made anew for each snapshot."""

    name = "asyncio"

    def __init__(self) -> None:
        self._by_loop: Optional[Dict[int, List[Any]]] = None
        self._loops: List[Any] = []
        self._current: Dict[int, Any] = {}

    def types(self) -> Sequence[type]:
        return () if OTHER_TASKS else subclasses(asyncio.AbstractEventLoop)

    def loops(self, survey: Survey) -> List[object]:
        """Loops from the frames that run them, from their tasks, and from the collector."""
        found: List[Any] = [loop for _, loop in running_loops(survey)]
        found.append(asyncio._get_running_loop())
        self._find_tasks()
        found += self._loops
        found += survey.instances(self.types())
        return [
            loop
            for loop in unique(found)
            if loop is not None and (self.tasks(loop) or self.is_running(loop))
        ]

    def _find_tasks(self) -> None:
        if not OTHER_TASKS:
            return
        by_loop: Dict[int, List[Any]] = {}
        for task in _all_known_tasks():
            loop = get_loop(task)
            if loop is not None and not is_done(task):
                if id(loop) not in by_loop:
                    self._loops.append(loop)
                by_loop.setdefault(id(loop), []).append(task)
        self._by_loop = by_loop

    def tasks(self, loop: Any) -> List[object]:
        if self._by_loop is None:
            if OTHER_TASKS:
                self._find_tasks()
            else:
                self._by_loop = {}
        by_loop = self._by_loop
        assert by_loop is not None
        if id(loop) not in by_loop:
            by_loop[id(loop)] = [] if OTHER_TASKS else unique(_tasks_of_loop(loop))
            self._loops.append(loop)
        return by_loop[id(loop)]

    def thread(self, loop: Any, survey: Survey) -> Optional[int]:
        for ident, item in running_loops(survey):
            if item is loop:
                return ident
        if asyncio._get_running_loop() is loop:  # uvloop has no frame of its own
            return this_thread()
        return None

    def is_running(self, loop: Any) -> bool:
        return bool(loop.is_running())

    def current(self, loop: Any) -> object:
        return asyncio.current_task(loop)

    def task_name(self, task: Any) -> str:
        for cls in TASKS:
            if type(task) is cls or is_instance(task, (cls,)):
                return str(cls.get_name(task))
        return str(task.get_name())

    def owner(self, task: Any) -> Tuple[object, object]:
        """A task reports its end to the group that it was started in."""
        for callback in done_callbacks(task):
            if type(callback) is MethodType:
                # Lib/asyncio/taskgroups.py, 3.11 to 3.15
                if getattr(callback.__func__, "__name__", "") == "_on_task_done":
                    group = callback.__self__
                    return group, instance_attributes(group).get("_parent_task")
            elif type(callback) is FunctionType and callback.__code__.co_name == "task_done":
                found = _owner_in_anyio(callback)
                if found is not None:
                    return found
        return None, None

    def cancel_reason(self, task: Any) -> Optional[str]:
        """The message of ``Task.cancel()``, without what anyio puts before it."""
        waiter = internal(task, "_fut_waiter")
        for future in (task, waiter):  # a task that waits hands it on
            message = None if future is None else internal(future, "_cancel_message")  # 3.9+
            if type(message) is str:
                break
        else:
            return None
        anyio = sys.modules.get("stackscope.glue.anyio_asyncio")
        return message if anyio is None else anyio.reason_in(message)

    def state(self, task: Any, stack: Stack) -> str:
        if is_done(task):
            return "done"
        cancelling = getattr(task, "cancelling", None)  # 3.11+
        is_cancelling = bool(cancelling and cancelling()) or bool(internal(task, "_must_cancel"))
        waiter = internal(task, "_fut_waiter")
        if waiter is None or waiter.done():
            # up to 3.10, what tells is that the future it waited for was cancelled
            is_cancelling = is_cancelling or (waiter is not None and waiter.cancelled())
            if is_cancelling:
                return "cancelling"
            return "running" if _coroutine_runs(task) else "ready"
        return "cancelling" if is_cancelling else "waiting"


def _owner_in_anyio(callback: FunctionType) -> Optional[Tuple[object, object]]:
    """The task group that has given a task the function ``task_done`` (anyio/_backends/_asyncio.py)."""
    if not (callback.__module__ or "").startswith("anyio."):
        return None
    group = free_variables(callback)["self"]
    scope = instance_attributes(group).get("cancel_scope")
    parent = getattr(scope, "_host_task", None)
    return group, parent


def _coroutine_runs(task: Any) -> bool:
    """Whether the task is just being run: that of an eager task may run inside another one."""
    for cls in TASKS:
        if is_instance(task, (cls,)):
            coroutine = cls.get_coro(task)
            return any(getattr(coroutine, name, False) for name in ("cr_running", "gi_running"))
    return False


# ---------------------------------------------------------- running loops


def running_loops(survey: Survey) -> List[Tuple[int, Any]]:
    """The loops that run in any thread, as far as frames show them, with the threads' identifiers."""
    found: List[Tuple[int, Any]] = []
    for function, variable in _RUN_FRAMES:
        for ident, frame in survey.calls(function):
            found += [(ident, loop) for loop in _loop_in(frame, variable)]
    return found


def _loop_in(frame: FrameType, variable: str) -> List[Any]:
    owner, _, attribute = variable.partition(".")
    is_bound, value = local_value(frame, owner)
    if is_bound and attribute:
        value = instance_attributes(value).get(attribute)
    return [value] if is_bound and value is not None else []


_RUN_FRAMES: Tuple[Tuple[object, str], ...] = (
    (asyncio.base_events.BaseEventLoop.run_forever, "self"),
    # uvloop's methods have no frames; but whoever starts it by asyncio.run() has.
    (getattr(getattr(asyncio, "Runner", None), "run", None), "self._loop"),  # 3.11+
    (asyncio.runners.run, "loop"),  # up to 3.10
)


def frames_of_loop(loop: Any) -> List[FrameType]:
    """What an event loop is running in its thread, outermost first; nothing if that isn't known."""
    codes = {id(getattr(function, "__code__", None)): name for function, name in _RUN_FRAMES}
    for ident in list(sys._current_frames()):
        if ident == this_thread():
            extraction = current_extraction()
            frames = [] if extraction is None else callers(extraction.caller)
        else:
            frames = thread_frames(ident)
        for index in range(len(frames) - 1, -1, -1):
            name = codes.get(id(frames[index].f_code))
            if name is not None and any(item is loop for item in _loop_in(frames[index], name)):
                return frames[index:]
    return _frames_of_current_task(loop)


def _frames_of_current_task(loop: Any) -> List[FrameType]:
    """The frames from the current task of a loop on, for loops that have no frame of their own."""
    task = asyncio.current_task(loop)
    coroutine = None if task is None else task.get_coro()
    outer = getattr(coroutine, "cr_frame", None)
    extraction = current_extraction()
    for ident in list(sys._current_frames()) if outer is not None else ():
        is_here = ident == this_thread() and extraction is not None
        frames = callers(extraction.caller) if is_here else thread_frames(ident)  # type: ignore[union-attr]
        for index, frame in enumerate(frames):
            if frame is outer:
                return frames[index:]
    return []
