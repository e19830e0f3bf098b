"""asyncio: the event loops and tasks of the process, and who owns each task."""

from __future__ import annotations

import asyncio
import asyncio.base_events
import asyncio.events
import asyncio.runners
import asyncio.tasks
import gc
from collections import deque
from itertools import islice
from types import CoroutineType, FunctionType, GeneratorType, MethodType

from stackscope.extraction.codes import get_code
from stackscope.extraction.extraction import looked_up_once, threads_with_frames
from stackscope.extraction.hooks import customize, unwrap_stackitem
from stackscope.extraction.walk import Leaf
from stackscope.glue.asyncio.futures import (
    TASKS,
    PyTask,
    coroutine_of,
    done_callbacks,
    free_variables,
    internal,
    is_done,
    name_in_order,
    name_of,
    requests_to_cancel,
    state_of,
    time_until,
)
from stackscope.glue.functions import is_in_c
from stackscope.interpreter.facts import FREE_THREADED
from stackscope.interpreter.frames import local_value
from stackscope.interpreter.heap import instances, subclasses
from stackscope.interpreter.running import this_thread
from stackscope.interpreter.same_code import code_key
from stackscope.safe.objects import (
    class_attribute,
    instance_attributes,
    is_instance,
    mro_of,
    namespace_of,
)
from stackscope.safe.text import class_name, safe_text
from stackscope.snapshot.runtimes import Runtime, register_runtime
from stackscope.snapshot.survey import Survey, unique
from stackscope.snapshot.threads import name_of_thread
from stackscope.snapshot.user_code import register_machinery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

    from stackscope.model.stacks import Stack

    OwnerFinder = Callable[[Any], Optional[Tuple[object, object]]]

ATTEMPTS = 1000
"""How often to copy a set of tasks that other threads may change meanwhile."""

OTHER_TASKS = tuple(
    getattr(asyncio.tasks, name)
    for name in ("_all_tasks", "_scheduled_tasks", "_eager_tasks")
    if type(asyncio.all_tasks) is FunctionType and hasattr(asyncio.tasks, name)
)
"""Where asyncio keeps all tasks: a WeakSet up to 3.11, a WeakSet and a set in 3.12 and 3.13.

`asyncio.all_tasks()` iterates over these in Python code, and has to start anew whenever another
thread starts a task. From 3.14 on the tasks are in a list of the interpreter's that is read while
all threads are stopped (`_asyncio_all_tasks_impl` in _asynciomodule.c).
"""


def get_loop(future: Any) -> Any:
    """The event loop of a future or task."""
    return internal(future, "_loop")


def _all_known_tasks() -> List[Any]:
    """All tasks of all loops, up to 3.13; some of them may be done."""
    return [task for known in OTHER_TASKS for task in _tasks_in(known)]


def _tasks_in(known: Any) -> List[Any]:
    """The tasks in a WeakSet or set of asyncio's."""
    # A single call of list() on a set of weak references runs no Python code, so no other thread
    # runs.
    references = getattr(known, "data", None)
    if type(references) is not set:
        return list(known)
    tasks = [ref() for ref in list(references)]
    return [task for task in tasks if task is not None]


ASKED_OF_TASKS = ("__eq__", "__getattribute__", "__hash__", "done", "get_loop")
"""What `asyncio.all_tasks` may call of a task."""


def _tasks_of_loop(loop: Any) -> List[Any]:
    """The tasks of a loop, from 3.14 on."""
    others = [task for known in _OTHERS for task in _tasks_in(known)]
    kinds = subclasses(asyncio.Task)
    if others or not all(map(_is_plain, kinds)):
        # It would run code of the program.
        found = [*instances(kinds), *others]
        return [task for task in unique(found) if get_loop(task) is loop and not is_done(task)]
    for attempt in range(ATTEMPTS):
        try:
            return list(asyncio.all_tasks(loop))
        except RuntimeError:  # a set has changed size, since another thread runs
            if attempt == ATTEMPTS - 1:
                raise
    return []


_OTHERS: Tuple[Any, ...] = tuple(
    [getattr(asyncio.tasks, name, ()) for name in ("_scheduled_tasks", "_eager_tasks")]
)
"""The tasks that are not written in C."""


def _is_plain(cls: type) -> bool:
    """Whether a class of tasks overrides nothing that `asyncio.all_tasks` calls."""
    return class_attribute(cls, "__getattr__") is None and all(
        class_attribute(cls, name) is class_attribute(asyncio.Task, name) for name in ASKED_OF_TASKS
    )


def known_loops() -> List[Any]:
    """The loops that are known without asking the collector: those that run, or have tasks."""
    return looked_up_once(_find_loops)


def _find_loops() -> List[Any]:
    found = [asyncio._get_running_loop()]
    found += [loop for _, loop in looked_up_once(_find_running)]
    if OTHER_TASKS:
        found += [get_loop(task) for task in _all_known_tasks() if not is_done(task)]
    return [loop for loop in unique(found) if loop is not None]


def loops_without_frames() -> List[Any]:
    """The loops, as uvloop's, that run without a frame that tells of them, wherever they run."""
    kinds = subclasses(asyncio.AbstractEventLoop)
    usual = asyncio.BaseEventLoop
    return instances([cls for cls in kinds if not any(one is usual for one in mro_of(cls))])


def known_tasks() -> List[Any]:
    """The tasks of the `known_loops` that are not done."""
    return looked_up_once(_find_tasks)


def _find_tasks() -> List[Any]:
    if OTHER_TASKS:
        return [task for task in _all_known_tasks() if not is_done(task)]
    return [task for loop in known_loops() for task in _tasks_of_loop(loop)]


def handles_of(loop: Any) -> List[Any]:
    """What a loop will call: as soon as it gets to it, or later. Up to uvloop, not all is known."""
    if is_instance(loop, (asyncio.BaseEventLoop,)):
        attributes = instance_attributes(loop)
        waiting = [attributes.get("_ready"), attributes.get("_scheduled")]
    else:
        # uvloop has nothing else in queues of that kind (uvloop/loop.pyx, 0.14 to 0.23).
        waiting = [one for one in gc.get_referents(loop) if type(one) is deque]
    return [
        handle for one in waiting if type(one) is deque or type(one) is list for handle in list(one)
    ]


def timers_of(loop: Any) -> List[Any]:
    """What a loop will call at some later time."""
    if is_instance(loop, (asyncio.BaseEventLoop,)):
        scheduled = instance_attributes(loop).get("_scheduled")
        return list(scheduled) if type(scheduled) is list else []
    # uvloop has them in a set (``_timers`` in uvloop/loop.pyx, 0.14 to 0.23).
    sets = [one for one in gc.get_referents(loop) if type(one) is set]
    return [one for each in sets for one in list(each) if type(one).__name__ == "TimerHandle"]


def name_of_loop_thread(loop: Any) -> Optional[str]:
    """The name of the thread that a loop runs in; ``None`` if that isn't known."""
    for ident, running in looked_up_once(_find_running):
        if running is loop:
            return name_of_thread(ident) or f"{ident:#x}"
    return None


def _find_running() -> List[Tuple[int, Any]]:
    return [
        (ident, loop)
        for ident, frames in threads_with_frames()
        for frame in frames
        for loop in loop_run_by(frame)
    ]


def coroutines_to_begin() -> List[Tuple[Any, object, Any]]:
    """What ``run_coroutine_threadsafe()`` was given, and its loop hasn't yet made a task of.

    Gives the coroutine, the future that the caller has, and the loop.
    """
    return looked_up_once(_find_coroutines)


def _find_coroutines() -> List[Tuple[Any, object, Any]]:
    found = []
    for loop in known_loops():
        for handle in handles_of(loop):
            for one in gc.get_referents(handle):
                if type(one) is FunctionType and one.__code__ is _THREADSAFE:
                    variables = free_variables(one)
                    found.append((variables.get("coro"), variables.get("future"), loop))
    return found


_THREADSAFE = get_code(asyncio.run_coroutine_threadsafe, "callback")
"""What ``run_coroutine_threadsafe()`` has a loop call (3.8 to 3.15)."""


def name_of_coroutine(coroutine: Any) -> str:
    """What a coroutine is called; that of another type than those of Python is not asked."""
    if type(coroutine) in (CoroutineType, GeneratorType):
        return safe_text(coroutine.__qualname__)
    return class_name(coroutine)


def current_task(loop: object) -> Any:
    """The task that a loop is running; by identity, for `asyncio.current_task` hashes the loop."""
    known = getattr(asyncio.tasks, "_current_tasks", None)
    for running, task in list(known.items()) if type(known) is dict else ():
        if running is loop:
            return task
    # From 3.14 on, a field of the thread that runs the loop.
    return None if OTHER_TASKS else asyncio.current_task(loop)  # type: ignore[arg-type]


class AsyncioLoops(Runtime):
    """asyncio's event loops, uvloop's among them."""

    def __init__(self) -> None:
        self._by_loop: Optional[Dict[int, List[Any]]] = None
        self._loops: List[Any] = []
        self._running: List[Any] = []

    def types(self) -> Sequence[type]:
        return () if OTHER_TASKS else subclasses(asyncio.AbstractEventLoop)

    def loops(self, survey: Survey) -> List[object]:
        """Loops from the frames that run them, from their tasks, and from the collector."""
        self._running = [loop for _, loop in running_loops(survey)]
        self._running.append(asyncio._get_running_loop())
        found: List[Any] = list(self._running)
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
        if is_instance(loop, (asyncio.BaseEventLoop,)):
            return instance_attributes(loop).get("_thread_id") is not None
        for cls in mro_of(type(loop)):
            asks: Any = namespace_of(cls).get("is_running")
            if is_in_c(asks):
                return bool(asks(loop))
        return any(loop is running for running in self._running)

    def current(self, loop: Any) -> object:
        return current_task(loop)

    def failed(self, loop: Any) -> List[Tuple[object, BaseException]]:
        found = [
            (task, _error_not_asked_for(task)) for task in _done_tasks() if get_loop(task) is loop
        ]
        failed = [(task, error) for task, error in found if error is not None]
        return sorted(failed, key=lambda pair: name_in_order(pair[0]))

    def to_begin(self, loop: Any) -> List[object]:
        return [coroutine for coroutine, _, its_loop in coroutines_to_begin() if its_loop is loop]

    def seconds_late(self, loop: Any) -> Optional[float]:
        """As the timers of asyncio's own loops tell (Lib/asyncio/base_events.py, 3.8 to 3.15)."""
        timers = instance_attributes(loop).get("_scheduled")
        if type(timers) is not list:
            return None
        moments = [timer._when for timer in list(timers) if not timer._cancelled]
        left = time_until(min(moments), loop).seconds_left if moments else None
        return None if left is None else -left

    def task_name(self, task: Any) -> str:
        return name_of(task)

    def owner(self, task: Any) -> Tuple[object, object]:
        """A task reports its end to the group that it was started in."""
        for callback in done_callbacks(task):
            for find in _owner_finders:
                found = find(callback)
                if found is not None:
                    return found
        return None, None

    def cancel_reason(self, task: Any) -> Optional[str]:
        """The message of ``Task.cancel()``, or what is the reason in it."""
        waiter = internal(task, "_fut_waiter")
        for future in (task, waiter):  # a task that waits hands it on
            message = None if future is None else internal(future, "_cancel_message")  # 3.9+
            if type(message) is str:
                break
        else:
            return None
        for cut in _reason_cutters:
            message = None if message is None else cut(message)
        return message

    def state(self, task: Any, stack: Stack) -> str:
        if is_done(task):
            return "done"
        is_cancelling = bool(requests_to_cancel(task)) or internal(task, "_must_cancel") is True
        waiter = internal(task, "_fut_waiter")
        if waiter is None or is_done(waiter):
            # up to 3.10, what tells is that the future it waited for was cancelled
            is_cancelling = is_cancelling or state_of(waiter) == "CANCELLED"
            if is_cancelling:
                return "cancelling"
            if _coroutine_runs(task):
                return "starting" if is_instance(stack.leaf, TASKS) else "running"
            return "ready"
        return "cancelling" if is_cancelling else "waiting"


def _error_not_asked_for(task: Any) -> Optional[BaseException]:
    """The exception that a task has ended with, if that is what asyncio would log at its end."""
    if internal(task, "_log_traceback") is not True:
        return None
    error = internal(task, "_exception")
    return error if is_instance(error, (BaseException,)) else None


def _done_tasks() -> List[Any]:
    """The tasks that are done and alive, as far as they are known.

    From 3.14 on asyncio forgets them. Then they are those that a suspended task has in a variable,
    or in a container or object that it has in a variable, or in a container in such an object.
    """
    return looked_up_once(_find_done_tasks)


def _find_done_tasks() -> List[Any]:
    if OTHER_TASKS:
        return [task for task in _all_known_tasks() if is_done(task)]
    found: List[Any] = []
    left = MOST_SEARCHED
    for task in known_tasks():
        coroutine = coroutine_of(task)
        while type(coroutine) is CoroutineType and left > 0:
            for value in _values_in(coroutine):
                inside = _contents(value)
                for one in list(inside):
                    if type(one) in CONTAINERS:
                        inside += _contents(one)
                left -= 1 + len(inside)
                found += [one for one in (value, *inside) if is_instance(one, TASKS)]
            coroutine = coroutine.cr_await
    return unique([task for task in found if is_done(task)])


CONTAINERS = (list, set, tuple, dict, frozenset, deque)

MOST_SEARCHED = 20_000
"""How many objects are looked at for tasks that failed."""


def _values_in(coroutine: Any) -> List[object]:
    """The values of a suspended coroutine's variables; nothing of one that may be running."""
    frame = None if FREE_THREADED or coroutine.cr_running else coroutine.cr_frame
    if frame is None:
        return []
    return [local_value(frame, name)[1] for name in frame.f_code.co_varnames]


def _contents(value: object) -> List[object]:
    """What is in a container, or in the attributes of an object."""
    kind = type(value)
    items: Any
    if kind is dict:
        items = value.values()  # type: ignore[attr-defined]
    elif kind in CONTAINERS:
        items = value
    else:
        items = instance_attributes(value).values()
    return list(islice(items, 1000)) if len(items) <= MOST_SEARCHED else []


_owner_finders: List[OwnerFinder] = []
_reason_cutters: List[Callable[[str], Optional[str]]] = []


def register_owner_finder(find: OwnerFinder) -> None:
    """Have tasks shown below the task groups of a library that is built on asyncio.

    Args:
        find: Gets a done callback of a task. If it is one by which a task group learns of the
            task's end, it gives that group and the task that has opened it; else ``None``.
    """
    if find not in _owner_finders:
        _owner_finders.append(find)


def register_reason_cutter(cut: Callable[[str], Optional[str]]) -> None:
    """Have what a library says when it cancels a task cut down to the reason.

    Args:
        cut: Gets the message of ``Task.cancel()``. Gives the reason in it, ``None`` if there is
            none, or all of a message that isn't the library's own.
    """
    if cut not in _reason_cutters:
        _reason_cutters.append(cut)


def find_task_group(callback: Any) -> Optional[Tuple[object, object]]:
    """The `asyncio.TaskGroup` that gave a task its callback.

    Source: Lib/asyncio/taskgroups.py, 3.11 to 3.15.
    """
    if type(callback) is not MethodType:
        return None
    if getattr(callback.__func__, "__name__", "") != "_on_task_done":
        return None
    group = callback.__self__
    return group, instance_attributes(group).get("_parent_task")


def _coroutine_runs(task: Any) -> bool:
    """Whether the task is being run, though another one is current, which was started eagerly."""
    coroutine = coroutine_of(task)
    # Not a class of the program's, whose attributes may run its code.
    if type(coroutine) not in (CoroutineType, GeneratorType):
        return False
    return any(getattr(coroutine, name, False) for name in ("cr_running", "gi_running"))


# ---------------------------------------------------------- running loops


def running_loops(survey: Survey) -> List[Tuple[int, Any]]:
    """The loops that run in any thread, as far as frames show, with the threads' identifiers."""
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

_RUN_CODES = {
    code_key(function.__code__): name
    for function, name in _RUN_FRAMES
    if type(function) is FunctionType
}


def frames_of_loop(loop: Any) -> List[FrameType]:
    """What an event loop is running in its thread, outermost first; nothing if that isn't known."""
    for _, frames in threads_with_frames():
        for index in range(len(frames) - 1, -1, -1):
            if any(item is loop for item in loop_run_by(frames[index])):
                return frames[index:]
    return _frames_of_current_task(loop)


def loop_run_by(frame: FrameType) -> List[Any]:
    """The event loop that a frame runs, in a list; none if it runs none."""
    variable = _RUN_CODES.get(code_key(frame.f_code))
    return [] if variable is None else _loop_in(frame, variable)


def _frames_of_current_task(loop: Any) -> List[FrameType]:
    """The frames from the current task of a loop on, for loops that have no frame of their own."""
    coroutine = coroutine_of(current_task(loop))
    outer = coroutine.cr_frame if type(coroutine) is CoroutineType else None
    for _, frames in threads_with_frames() if outer is not None else ():
        for index, frame in enumerate(frames):
            if frame is outer:
                return frames[index:]
    return []


EVENT_LOOP_PLUMBING = (
    (asyncio.base_events.BaseEventLoop, "run_until_complete"),
    (asyncio.base_events.BaseEventLoop, "run_forever"),
    (asyncio.base_events.BaseEventLoop, "_run_once"),
    (asyncio.events.Handle, "_run"),
    (getattr(asyncio, "Runner", None), "run"),
    (PyTask, "__init__"),
    (PyTask, "_Task__eager_start"),  # 3.12+
    (PyTask, "_Task__step"),
    (PyTask, "_Task__step_run_and_handle_result"),  # 3.12+
    (PyTask, "_Task__wakeup"),
)
"""Methods that are between ``asyncio.run()`` and the code that runs in a task or callback.

``Task.__init__`` is there where a task is started eagerly.
"""


def unwrap_loop(loop: asyncio.AbstractEventLoop) -> object:
    """An event loop: what it is running in its thread. One that isn't running is a leaf."""
    return frames_of_loop(loop) or Leaf(loop)


def unwrap_runner(runner: object) -> object:
    """An `asyncio.Runner`: its event loop, once it has one."""
    return instance_attributes(runner).get("_loop") or Leaf(runner)


# ------------------------------------------------------------ installation


def install() -> None:
    """Register what concerns loops."""
    unwrap_stackitem.register(asyncio.AbstractEventLoop, unwrap_loop)
    if hasattr(asyncio, "Runner"):  # 3.11+
        unwrap_stackitem.register(asyncio.Runner, unwrap_runner)
    for cls, name in EVENT_LOOP_PLUMBING:
        if type(getattr(cls, name, None)) is FunctionType:
            customize(getattr(cls, name), hide=True)
    register_owner_finder(find_task_group)
    register_runtime("asyncio", "asyncio loop", TASKS, AsyncioLoops)
    register_machinery("asyncio.base_events", ["run_forever", "run_until_complete", "_run_once"])
    register_machinery("asyncio.events", ["_run"])
    register_machinery("asyncio.runners")
    register_machinery("asyncio.windows_events", ["run_forever"])
