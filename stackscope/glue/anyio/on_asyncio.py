"""anyio on asyncio: task groups with their tasks, cancel scopes, and threads that run for a task.

A task that waits in ``to_thread.run_sync()`` goes on into the frames of its thread; a thread that
waits in ``from_thread.run()`` into the task that runs the call.
"""

from __future__ import annotations

import math
from itertools import islice
from types import FunctionType

import anyio._backends._asyncio

from stackscope.extraction.extraction import child_stack, threads_with_frames
from stackscope.extraction.hooks import customize, elaborate_context
from stackscope.glue.anyio.common import (
    describe_limiter,
    describe_lock,
    describe_method,
    describe_semaphore,
    own_scope_of,
    register_backend,
)
from stackscope.glue.asyncio.clocks import time_left_until
from stackscope.glue.asyncio.futures import (
    TASKS,
    coroutine_of,
    free_variables,
    internal,
    name_in_order,
)
from stackscope.glue.asyncio.loops import register_owner_finder, register_reason_cutter
from stackscope.glue.asyncio.waits import peer_of
from stackscope.glue.asyncio.waking import register_scope
from stackscope.glue.describing import (
    Deadline,
    ScopeState,
    code_of,
    describe_nothing,
    hide_functions,
    note_thread,
    register_call,
    socket_text,
    variable,
)
from stackscope.glue.stdlib.contextvars import called_in_context
from stackscope.interpreter.frames.variables import local_value
from stackscope.interpreter.same_code import same_code
from stackscope.model.waiting import Amount
from stackscope.render.words import scope_text
from stackscope.safe.objects import instance_attributes, is_instance, stored_attribute
from stackscope.safe.text import cut, safe_text
from stackscope.snapshot.idle import register_idle
from stackscope.snapshot.user_code import register_machinery
from stackscope.snapshot.waits import describe_object
from stackscope.snapshot.waking import Limit, cancellers_of, register_limits, silent_about

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

    from stackscope.model.stacks import Context, Frame
    from stackscope.model.waiting import Waiting

backend: Any = anyio._backends._asyncio

MOST_IN_SCOPE = 10
"""How many tasks and scopes inside a cancel scope are looked at."""

# ------------------------------------------------------------ cancel scopes


def state_of_scope(scope: Any) -> ScopeState:
    """The state of a cancel scope."""
    # Not by its properties: there may be more to them than there is now.
    is_cancelled = bool(getattr(scope, "_cancel_called", False))
    return ScopeState(
        _deadline_of(scope),
        is_shielded=bool(getattr(scope, "_shield", False)),
        is_cancelled=is_cancelled,
        reason=_reason_of(scope) if is_cancelled else "",
    )


def _deadline_of(scope: Any) -> Optional[Deadline]:
    moment = getattr(scope, "_deadline", math.inf)
    if moment == math.inf:
        return None
    loop = internal(getattr(scope, "_host_task", None), "_loop")
    return Deadline(None, moment, "loop") if loop is None else time_left_until(moment, loop)


def _reason_of(scope: Any) -> str:
    """Why a scope is cancelled, as far as somebody has said so."""
    message = getattr(scope, "_cancel_reason", None)  # 4.11+
    reason = reason_in(message) if type(message) is str else None
    return cut(safe_text(reason), 200) if reason else ""


def reason_in(message: str) -> Optional[str]:
    """The reason in a message that a task is cancelled with, without what anyio puts before it."""
    if not message.startswith(MESSAGES):
        return message
    _, _, reason = message.partition("; reason: ")
    return reason or None


MESSAGES = ("Cancelled via cancel scope ", "Cancelled by cancel scope ")
"""How anyio's own messages begin (anyio/_backends/_asyncio.py, 4.16, and others since 4.0)."""


def tasks_with_deadlines(tasks: Sequence[object]) -> List[Limit]:
    """The tasks that a cancel scope around them cancels some day, or cancels already.

    Each has the scopes of its own among these, and those around the group that it is in. What is
    around a shielded scope doesn't concern it.
    """
    data = getattr(getattr(backend, "_task_states", None), "data", None)
    outermost: Dict[int, object] = {}
    found: List[Limit] = []
    for reference, state in list(data.items()) if type(data) is dict else ():
        scope = getattr(state, "cancel_scope", None)
        limit = _outermost_limit(scope, outermost)
        if limit is not None:
            found.append(Limit(reference(), [limit]))
    return found


def _outermost_limit(scope: object, known: Dict[int, object]) -> object:
    """The scope that cancels the most of what is inside a scope; ``None`` if none does.

    Args:
        scope: The scope.
        known: What this has given so far, by the ids of the scopes.
    """
    passed: List[object] = []
    limit = None
    for one in _scopes_from(scope):
        if id(one) in known:
            limit = known[id(one)]
            break
        passed.append(one)
    for one in reversed(passed):
        if limit is None and _cancels(one):
            limit = one
        known[id(one)] = limit
    return limit


def _scopes_from(scope: object) -> Iterator[Any]:
    """The scopes that cancel what is inside a scope, from this one outwards."""
    while scope is not None:
        yield scope
        is_shielded = getattr(scope, "_shield", False)
        scope = None if is_shielded else getattr(scope, "_parent_scope", None)


def _cancels(scope: object) -> bool:
    """Whether a scope cancels what is inside it some day, or does so already."""
    is_cancelled: bool = getattr(scope, "_cancel_called", False)
    return is_cancelled or getattr(scope, "_deadline", math.inf) != math.inf


def scopes_around(task: Any) -> List[object]:
    """Who cancels a task has a cancel scope that it is in, or that is around its group.

    Those of groups don't count: all who have started something in one have that. Nor those that
    anyio puts around each task.
    """
    found: List[object] = []
    inner_host = task
    for scope in _scopes_from(getattr(_state_of(task), "cancel_scope", None)):
        host = getattr(scope, "_host_task", None)
        is_of_group = host is not inner_host or _has_tasks_of_others(scope, host)
        if not is_of_group and own_scope_of(coroutine_of(host)) is not scope:
            found.append(scope)
        inner_host = host  # a task begins within the scope of its group
    return found


def _state_of(task: object) -> object:
    """What anyio knows of a task, unless that may have an own way of comparing."""
    return backend._task_states.get(task) if type(task) in TASKS else None


def _has_tasks_of_others(scope: Any, host: object) -> bool:
    """Whether a scope is that of a group with tasks in it, as far as the first ones show."""
    some = list(islice(scope._child_scopes, MOST_IN_SCOPE))
    tasks = [getattr(inner, "_host_task", None) for inner in some]
    return any(task is not host for task in [*tasks, *islice(scope._tasks, MOST_IN_SCOPE)])


def structure_around(task: Any) -> List[object]:
    """What has scopes for other reasons than to cancel: the task's state, and other scopes."""
    found: List[object] = [_state_of(task)]
    for scope in scopes_around(task):
        found += list(scope._child_scopes)  # type: ignore[attr-defined]
        found.append(getattr(getattr(scope, "_parent_scope", None), "_child_scopes", None))
    return found


# -------------------------------------------------------------- task groups


def elaborate_task_group(group: object, context: Context) -> None:
    """A task group: the stacks of its tasks, in the order in which they were started."""
    context.children = [child_stack(task, for_task=True) for task in tasks_of(group)]
    scope = instance_attributes(group).get("cancel_scope")
    state = ScopeState() if scope is None else state_of_scope(scope)
    if not state.is_plain:
        context.description = f"TaskGroup: {scope_text(state)}"


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
    """Whether ``host`` started a task, where its group doesn't say which tasks are its own."""
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
    """The number of the thread that runs a ``to_thread.run_sync()`` call, and what it runs.

    ``None`` if no thread has begun with it.
    """
    future = local_value(call, "future")[1]
    if future is None:
        return None
    for ident, frames in threads_with_frames():
        for index, frame in enumerate(frames):
            if same_code(frame.f_code, WORKER_RUN) and local_value(frame, "future")[1] is future:
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


def find_task_group(callback: Any) -> Optional[Tuple[object, object]]:
    """The task group that gave a task the callback ``task_done`` (anyio/_backends/_asyncio.py)."""
    if type(callback) is not FunctionType or callback.__code__.co_name != "task_done":
        return None
    if not (callback.__module__ or "").startswith("anyio."):
        return None
    group = free_variables(callback)["self"]
    scope = instance_attributes(group).get("cancel_scope")
    return group, getattr(scope, "_host_task", None)


# -------------------------------------------------------------------- waits


def describe_task_group(frame: Frame, waiting: Waiting) -> None:
    """The end of ``async with create_task_group()``: the tasks that have to finish."""
    waiting.clear()
    waiting.call = "end of TaskGroup"
    waiting.obj = variable(frame, "self")
    waiting.tasks = list(tasks_of(waiting.obj))
    waiting.amounts = [Amount(len(waiting.tasks), "task")]
    scope = instance_attributes(waiting.obj).get("cancel_scope")
    waiting.notes = ["cancelled"] if getattr(scope, "_cancel_called", False) else []


def describe_worker(frame: Frame, waiting: Waiting) -> None:
    """``to_thread.run_sync()``: the thread that does it, or what the call waits for to get one."""
    found = find_worker(frame.pyframe)
    if found is not None:
        waiting.clear()
        waiting.call = ""
        note_thread(waiting, found[0])


def describe_start(frame: Frame, waiting: Waiting) -> None:
    """``TaskGroup.start()``: the task that has to call ``started()``."""
    waiting.obj = variable(frame, "self")
    task = variable(frame, "task")
    handle = variable(frame, "handle")  # 4.14+
    if handle is not None:
        task = next((one for one in tasks_of(waiting.obj) if _handle_of(one) is handle), None)
    if is_instance(task, TASKS):
        waiting.clear()
        waiting.tasks = [task]
        waiting.inner = describe_object(task)


def describe_transport(frame: Frame, waiting: Waiting) -> None:
    """``receive()`` and ``send()`` of a stream or a socket: which one."""
    stream = waiting.obj = variable(frame, "self")
    waiting.clear()
    waiting.resource = peer_of(instance_attributes(stream).get("_transport"))


def describe_raw_socket(frame: Frame, waiting: Waiting) -> None:
    """The same of a socket of Unix's."""
    stream = waiting.obj = variable(frame, "self")
    waiting.clear()
    waiting.resource = socket_text(instance_attributes(stream).get("_RawSocketMixin__raw_socket"))


def describe_process(frame: Frame, waiting: Waiting) -> None:
    """``Process.wait()``: which process."""
    process = waiting.obj = variable(frame, "self")
    waiting.clear()
    pid = instance_attributes(stored_attribute(process, "_process")).get("pid")
    waiting.resource = f"process {pid}" if type(pid) is int else None


def _handle_of(task: Any) -> object:
    """The `TaskHandle` of a task, which is what runs it."""
    pyframe = getattr(task.get_coro(), "cr_frame", None)
    return None if pyframe is None else local_value(pyframe, "self")[1]


# ------------------------------------------------------------- installation

_WORKER = getattr(backend, "WorkerThread", None)
WORKER_RUN = code_of(_WORKER, "run")

WAITS = {
    "Event.wait": describe_method,
    "Lock.acquire": describe_lock,  # 4.5+; before, that of the core
    "Semaphore.acquire": describe_semaphore,
    "CapacityLimiter.acquire": describe_nothing,
    "CapacityLimiter.acquire_on_behalf_of": describe_limiter,
    "ConnectedUDPSocket.receive": describe_transport,
    "ConnectedUDPSocket.send": describe_transport,
    "Process.wait": describe_process,
    "SocketStream.receive": describe_transport,
    "SocketStream.send": describe_transport,
    "TaskGroup.__aexit__": describe_task_group,
    "TaskGroup.start": describe_start,
    "UDPSocket.receive": describe_transport,
    "UDPSocket.send": describe_transport,
    "UNIXSocketStream.receive": describe_raw_socket,
    "UNIXSocketStream.send": describe_raw_socket,
}


def install() -> None:
    """Register what is known about anyio on asyncio."""
    register_backend(backend.CancelScope, state_of_scope, backend.TaskGroup, tasks_of, WORKER_RUN)
    register_scope(backend.CancelScope)
    register_limits(tasks_with_deadlines)
    for task_type in set(TASKS):
        cancellers_of.register(task_type, scopes_around)
        silent_about.register(task_type, structure_around)
    register_owner_finder(find_task_group)
    register_reason_cutter(reason_in)
    elaborate_context.register(backend.TaskGroup, elaborate_task_group)
    owner = getattr(backend, "AsyncIOBackend", backend)  # 4.0+
    for name, hook in (
        ("run_sync_in_worker_thread", elaborate_to_thread),
        ("run_async_from_thread", elaborate_from_thread),
    ):
        code = code_of(owner, name)
        if code is not None:
            customize(code, hide=True, elaborate=hook)
    hide_functions(owner, ["run.wrapper", "run_async_from_thread.task_wrapper"])
    hide_functions(_WORKER, ["run"])
    hide_functions(backend.TaskGroup, ["_run_wrapped_task"])  # up to 4.0
    hide_functions(getattr(backend, "Runner", None), ["run"])  # its own one, up to 3.10
    for path, describer in WAITS.items():
        register_call(backend, path, describer)
    register_call(owner, "sleep", describe_nothing)
    register_call(owner, "run_sync_in_worker_thread", describe_worker)
    register_machinery(
        "anyio._backends._asyncio", ["run", "wrapper", "_run_wrapped_task", "_run_coro"]
    )
    register_idle("anyio._backends._asyncio", ["run"], only_in_queue=True)
