"""anyio on asyncio: task groups with their tasks, cancel scopes, and threads that run for a task.

A task that waits in ``to_thread.run_sync()`` goes on into the frames of its thread; a thread that waits in
``from_thread.run()`` into the task that runs the call.
"""

from __future__ import annotations

import math
from types import FunctionType

import anyio._backends._asyncio

from stackscope.codes import get_code
from stackscope.frames import local_value
from stackscope.glue.anyio import (
    count,
    describe_limiter,
    describe_lock,
    describe_method,
    describe_nothing,
    describe_semaphore,
    elaborate_cancel_scope,
    label,
    register_call,
    scope_describers,
    task_finders,
    variable,
)
from stackscope.glue.asyncio import TASKS, internal, name_in_order, time_until
from stackscope.glue.contextvars import called_in_context
from stackscope.glue.reading import instance_attributes, is_instance
from stackscope.glue.threading import name_of_thread, threads_with_frames
from stackscope.hooks import customize, elaborate_context
from stackscope.waiting import Waiting
from stackscope.walk import child_stack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any, List, Optional, Tuple

    from stackscope.model import Context, Frame

backend: Any = anyio._backends._asyncio

# ------------------------------------------------------------ cancel scopes


def describe_scope(scope: Any) -> str:
    """The state of a cancel scope in words: ``4.2 s left, shielded, cancelled``."""
    # Not its properties: there may be more to them than there is now.
    deadline = getattr(scope, "_deadline", math.inf)
    if deadline == math.inf:
        parts = ["no deadline"]
    else:
        loop = internal(getattr(scope, "_host_task", None), "_loop")
        known = loop is not None
        parts = [time_until(deadline, loop) if known else f"until {deadline:.1f}"]
    if getattr(scope, "_shield", False):
        parts.append("shielded")
    if getattr(scope, "_cancel_called", False):
        parts.append(f"cancelled{_reason(scope)}")
    return ", ".join(parts)


def _reason(scope: Any) -> str:
    """Why a scope is cancelled, as far as somebody has said so, in brackets."""
    from stackscope.render.safe import cut, safe_text

    message = getattr(scope, "_cancel_reason", None)  # 4.11+
    reason = reason_in(message) if type(message) is str else None
    return f" ({cut(safe_text(reason), 200)})" if reason else ""


def reason_in(message: str) -> Optional[str]:
    """The reason in a message that a task is cancelled with, without what anyio puts before it."""
    if not message.startswith(MESSAGES):
        return message
    _, _, reason = message.partition("; reason: ")
    return reason or None


MESSAGES = ("Cancelled via cancel scope ", "Cancelled by cancel scope ")
"""How anyio's own messages begin (anyio/_backends/_asyncio.py, 4.16, and others since 4.0)."""


# -------------------------------------------------------------- task groups


def elaborate_task_group(group: object, context: Context) -> None:
    """A task group: the stacks of its tasks, in the order in which they were started."""
    context.children = [child_stack(task, for_task=True) for task in tasks_of(group)]
    scope = instance_attributes(group).get("cancel_scope")
    words = "" if scope is None else describe_scope(scope)
    if words and words != "no deadline":
        context.description = f"TaskGroup: {words}"


def tasks_of(group: object) -> List[Any]:
    """The tasks of a task group, in the order in which they were started."""
    attributes = instance_attributes(group)
    tasks = attributes.get("_tasks")
    if type(tasks) is set:  # 4.1+
        found = list(tasks)
    else:
        scope = attributes.get("cancel_scope")
        host = getattr(scope, "_host_task", None)
        found = [task for task in list(getattr(scope, "_tasks", ())) if task is not host]
        found = [task for task in found if _is_child(task, host)]
    found = [task for task in found if is_instance(task, TASKS)]
    return sorted(found, key=_order(found))


def _is_child(task: Any, host: Any) -> bool:
    """Whether a task was started by ``host``, where its group doesn't say which ones are its own."""
    state = backend._task_states.get(task)
    return getattr(state, "parent_id", None) == id(host)


def _order(tasks: List[Any]) -> Any:
    """A sorting key: anyio's own list of all tasks is in the order in which they began."""
    states = getattr(backend, "_task_states", None)
    references = getattr(states, "data", None)
    if len(tasks) < 2 or type(references) is not dict:
        return name_in_order
    places = {id(reference()): place for place, reference in enumerate(list(references))}
    return lambda task: (places.get(id(task), len(places)), name_in_order(task))


# ------------------------------------------------------------------ threads


def elaborate_to_thread(frame: Frame, next_inner: object) -> object:
    """``to_thread.run_sync()``: the frames of the thread, from the function that it was to call."""
    found = find_worker(frame.pyframe)
    return (found[1] or None) if found is not None else None


def find_worker(call: FrameType) -> Optional[Tuple[int, List[FrameType]]]:
    """The number of the thread that is busy with a call of ``to_thread.run_sync()``, and what it runs.

    ``None`` if no thread has begun with it.
    """
    future = local_value(call, "future")[1]
    if future is None:
        return None
    for ident, frames in threads_with_frames():
        for index, frame in enumerate(frames):
            if frame.f_code is WORKER_RUN and local_value(frame, "future")[1] is future:
                return ident, called_in_context(frames[index + 1 :])
    return None


def elaborate_from_thread(frame: Frame, next_inner: object) -> object:
    """``from_thread.run()``, which waits for a future: the task that runs the call."""
    found, future = local_value(frame.pyframe, "f")
    return task_for(future) if found else None


def task_for(future: object) -> object:
    """The task that sets a `concurrent.futures.Future`; ``None`` if there is none yet.

    `asyncio.futures._chain_future` connects the two (3.8 to 3.15).
    """
    callbacks = instance_attributes(future).get("_done_callbacks")
    for callback in list(callbacks) if type(callbacks) is list else ():
        if type(callback) is FunctionType and callback.__code__.co_name == "_call_check_cancel":
            cells = dict(zip(callback.__code__.co_freevars, callback.__closure__ or ()))
            try:
                return cells["source"].cell_contents
            except (KeyError, ValueError):
                continue
    return None


# -------------------------------------------------------------------- waits


def describe_task_group(frame: Frame, waiting: Waiting) -> None:
    """The end of ``async with create_task_group()``: the tasks that have to finish."""
    waiting.obj = variable(frame, "self")
    waiting.tasks = list(tasks_of(waiting.obj))
    waiting.text = "end of TaskGroup"
    scope = instance_attributes(waiting.obj).get("cancel_scope")
    cancelled = ", cancelled" if getattr(scope, "_cancel_called", False) else ""
    waiting.detail = count(len(waiting.tasks), "task") + cancelled


def describe_worker(frame: Frame, waiting: Waiting) -> None:
    """``to_thread.run_sync()``: the thread that does it; before that, what it waits for to get one."""
    found = find_worker(frame.pyframe)
    if found is not None:
        waiting.text = f"in thread {name_of_thread(found[0])}"
        waiting.detail = ""


def describe_start(frame: Frame, waiting: Waiting) -> None:
    """``TaskGroup.start()``: the task that has to call ``started()``."""
    waiting.obj = variable(frame, "self")
    task = variable(frame, "task")
    handle = variable(frame, "handle")  # 4.14+
    if handle is not None:
        task = next((one for one in tasks_of(waiting.obj) if _handle_of(one) is handle), None)
    if is_instance(task, TASKS):
        waiting.tasks = [task]
        waiting.detail = label(task)


def _handle_of(task: Any) -> object:
    """The `TaskHandle` of a task, which is what runs it."""
    pyframe = getattr(task.get_coro(), "cr_frame", None)
    return None if pyframe is None else local_value(pyframe, "self")[1]


# ------------------------------------------------------------- installation


def _code_of(owner: object, *names: str) -> Optional[CodeType]:
    try:
        return get_code(getattr(owner, names[0]), *names[1:])
    except (AttributeError, TypeError, ValueError):
        return None


WORKER_RUN = _code_of(getattr(backend, "WorkerThread", None), "run")

WAITS = {
    "Event.wait": describe_method,
    "Lock.acquire": describe_lock,  # 4.5+; before, that of the core
    "Semaphore.acquire": describe_semaphore,
    "CapacityLimiter.acquire": describe_nothing,
    "CapacityLimiter.acquire_on_behalf_of": describe_limiter,
    "TaskGroup.__aexit__": describe_task_group,
    "TaskGroup.start": describe_start,
}


def install() -> None:
    scope_describers[backend.CancelScope] = describe_scope
    task_finders[backend.TaskGroup] = tasks_of
    elaborate_context.register(backend.CancelScope, elaborate_cancel_scope)
    elaborate_context.register(backend.TaskGroup, elaborate_task_group)
    owner = getattr(backend, "AsyncIOBackend", backend)  # 4.0+
    hooks = {
        (owner, "run_sync_in_worker_thread"): elaborate_to_thread,
        (owner, "run_async_from_thread"): elaborate_from_thread,
        (getattr(backend, "WorkerThread", None), "run"): None,
        (backend.TaskGroup, "_run_wrapped_task"): None,  # up to 4.0
        (getattr(backend, "Runner", None), "run"): None,  # its own one, up to 3.10
    }
    for (cls, name), hook in hooks.items():
        if _code_of(cls, name) is not None:
            customize(getattr(cls, name), hide=True, elaborate=hook)
    for names in (("run", "wrapper"), ("run_async_from_thread", "task_wrapper")):
        code = _code_of(owner, *names)
        if code is not None:
            customize(code, hide=True)
    for path, describer in WAITS.items():
        register_call(backend, path, describer)
    register_call(owner, "sleep", describe_nothing)
    register_call(owner, "run_sync_in_worker_thread", describe_worker)
