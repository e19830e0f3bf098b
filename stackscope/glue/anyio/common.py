"""anyio: what is the same on both backends.

A `BlockingPortal` as a context is its task group; a thread that waits in ``portal.call()`` goes on
into the task that runs the call. What concerns the backends is in
`stackscope.glue.anyio.on_asyncio` and `stackscope.glue.anyio.on_trio`.
"""

from __future__ import annotations

import sys
from types import CoroutineType

from stackscope.extraction.extraction import threads_with_frames
from stackscope.extraction.hooks import (
    customize,
    elaborate_context,
    unwrap_context,
    unwrap_context_generator,
)
from stackscope.glue.describing import (
    code_of,
    describe_channel,
    describe_nothing,
    register_call,
    variable,
)
from stackscope.glue.functions import name_in_c
from stackscope.interpreter.frames.variables import local_value
from stackscope.interpreter.resumable import cr_await
from stackscope.interpreter.same_code import same_code
from stackscope.model.stacks import Frame
from stackscope.model.waiting import Amount
from stackscope.render.words import scope_text
from stackscope.safe.objects import instance_attributes, stored_attribute
from stackscope.snapshot.user_code import register_machinery, register_runtime_package

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Callable, Dict, Iterable, List, Optional

    from stackscope.glue.describing import ScopeState
    from stackscope.model.stacks import Context, Stack
    from stackscope.model.waiting import Waiting

_scope_readers: Dict[type, Callable[[Any], ScopeState]] = {}
_task_finders: Dict[type, Callable[[Any], Iterable[Any]]] = {}

_callers: List[Optional[CodeType]] = []
"""The functions of the backends that call, in a thread of theirs, what ``run_sync()`` was given."""


def register_backend(
    scope_type: type,
    state_of_scope: Callable[[Any], ScopeState],
    group_type: type,
    tasks_of: Callable[[Any], Iterable[Any]],
    caller: Optional[CodeType],
) -> None:
    """Make the classes of a backend known.

    Args:
        scope_type: Its cancel scopes.
        state_of_scope: Gives the state of one of them.
        group_type: Its task groups.
        tasks_of: Gives the tasks of one of them.
        caller: The function that calls, in a thread, what ``to_thread.run_sync()`` was given.
    """
    _callers.append(caller)
    _scope_readers[scope_type] = state_of_scope
    _task_finders[group_type] = tasks_of
    elaborate_context.register(scope_type, elaborate_cancel_scope)


def tasks_of_group(group: object) -> List[Any]:
    """The tasks of a task group, whatever backend it is of; none for anything else."""
    find = _task_finders.get(type(group))
    return [] if find is None else list(find(group))


# ------------------------------------------------------------ cancel scopes


def state_of_scope(scope: object) -> Optional[ScopeState]:
    """The state of a cancel scope; ``None`` for what isn't one."""
    read = _scope_readers.get(type(scope))
    return None if read is None else read(scope)


def elaborate_cancel_scope(scope: object, context: Context) -> None:
    """A cancel scope: how much time is left, whether it is a shield, whether it is cancelled."""
    state = state_of_scope(scope)
    if state is not None:
        context.description = f"cancel scope: {scope_text(state)}"


def elaborate_timeout(frame: Frame, context: Context) -> None:
    """``fail_after()`` and the like, which are generators: as the cancel scope inside."""
    state = _scope_in(frame)
    if state is not None and context.description is not None:
        context.description += f": {scope_text(state)}"


def _scope_in(frame: Frame) -> Optional[ScopeState]:
    """The state of the first cancel scope around a frame, or around its generator."""
    for context in frame.contexts:
        state = state_of_scope(context.obj)
        inner: Optional[Stack] = context.inner_stack
        if state is None and inner is not None and inner.frames:
            state = _scope_in(inner.frames[0])  # fail_after() is made of fail_at() since 4.15
        if state is not None:
            return state
    return None


def elaborate_fail_after(manager: object, context: Context) -> None:
    """What ``fail_after()`` gives up to 3.7: as the cancel scope inside."""
    state = state_of_scope(instance_attributes(manager).get("_cancel_scope"))
    if state is not None:
        context.description = f"fail_after(...): {scope_text(state)}"


# ---------------------------------------------------------------- portals


def unwrap_portal(portal: object, context: Context) -> object:
    """A `BlockingPortal`: its task group."""
    return instance_attributes(portal).get("_task_group")


def unwrap_blocking_manager(manager: object, context: Context) -> object:
    """What ``portal.wrap_async_context_manager(cm)`` gives: ``cm``."""
    return instance_attributes(manager).get("_async_cm")


def elaborate_portal_call(frame: Frame, next_inner: object) -> object:
    """``portal.call()``, which waits for a future: the task that runs the call."""
    if type(next_inner) is not Frame or next_inner.funcname != "result":
        return None
    _, future = local_value(next_inner.pyframe, "self")
    _, portal = local_value(frame.pyframe, "self")
    group = instance_attributes(portal).get("_task_group")
    finder = _task_finders.get(type(group))
    for task in [] if finder is None or future is None else finder(group):
        if _runs_call_for(task, future):
            return task
    return None


def _runs_call_for(task: Any, future: object) -> bool:
    """Whether a task is the one that will set ``future``."""
    coroutine = task.coro if hasattr(task, "coro") else task.get_coro()
    for _ in range(10):
        pyframe = getattr(coroutine, "cr_frame", None)
        if pyframe is None:
            return False
        if _calls_function(pyframe.f_code):
            return local_value(pyframe, "future")[1] is future
        coroutine = cr_await(coroutine)
    return False


def _calls_function(code: CodeType) -> bool:
    """Whether it is the code of the task that runs a call for a portal."""
    function = code_of(sys.modules.get("anyio.from_thread"), "BlockingPortal._call_func")
    return same_code(code, function)


# ------------------------------------------------------------------- waits


def describe_method(frame: Frame, waiting: Waiting) -> None:
    """A method that leads to another library's: the details are that one's."""
    waiting.obj = variable(frame, "self")
    if waiting.lock is not None:
        waiting.lock = waiting.obj  # it is the one that stands in an ``async with``


def describe_end_of_group(frame: Frame, waiting: Waiting) -> None:
    """The end of ``async with create_task_group()``: the details are the other library's."""
    waiting.call = "end of TaskGroup"
    waiting.obj = variable(frame, "self")


def describe_stream(frame: Frame, waiting: Waiting) -> None:
    """``send()`` and ``receive()`` of a memory object stream: how full it is, who else is there."""
    stream = waiting.obj = variable(frame, "self")
    state = stream._state
    sends = frame.funcname == "send"
    waiters = state.waiting_senders if sends else state.waiting_receivers
    describe_channel(waiting, state, len(state.buffer), len(waiters), sends=sends)


def describe_waiters(frame: Frame, waiting: Waiting) -> None:
    """What has a line of those that wait: how many that are."""
    waiter = waiting.obj = variable(frame, "self")
    waiting.clear()
    waiting.count = len(waiter._waiters)


def describe_condition(frame: Frame, waiting: Waiting) -> None:
    """``Condition.wait()``: how many wait, or that it is notified and has to get the lock back."""
    lock = stored_attribute(variable(frame, "self"), "_lock")
    is_notified = waiting.lock is not None and waiting.lock is lock
    describe_waiters(frame, waiting)
    if is_notified:
        waiting.count, waiting.notes = None, ["notified"]


def describe_semaphore(frame: Frame, waiting: Waiting) -> None:
    """``Semaphore.acquire()`` where anyio implements it: how many wait."""
    waiting.lock = variable(frame, "self")
    describe_waiters(frame, waiting)


def describe_lock(frame: Frame, waiting: Waiting) -> None:
    """``Lock.acquire()`` where anyio implements it: who has it, and how many wait."""
    owner: Any = getattr(variable(frame, "self"), "_owner_task", None)
    if type(owner) is getattr(_module("_core._testing"), "TaskInfo", None):  # up to 4.4
        waiting.holder_names = [owner.name or "?"]
    elif owner is not None:
        waiting.holders = [owner]
    describe_semaphore(frame, waiting)


def describe_limiter(frame: Frame, waiting: Waiting) -> None:
    """``CapacityLimiter.acquire()`` of anyio's own: how many tokens are taken, how many wait."""
    limiter = waiting.obj = waiting.lock = variable(frame, "self")
    taken = list(limiter._borrowers)
    waiting.clear()
    waiting.holders = [one for one in taken if hasattr(type(one), "get_name")]
    waiting.amounts = [Amount(len(taken), "borrowed", limiter._total_tokens, plural="borrowed")]
    waiting.count = len(limiter._wait_queue)


def describe_to_thread(frame: Frame, waiting: Waiting) -> None:
    """``to_thread.run_sync()``: what the backend says of it."""
    if waiting.thread is None and waiting.inner is None and waiting.call:
        waiting.wrap()  # else the backend has done that
    waiting.call = "anyio.to_thread.run_sync()"
    idents = [stored_attribute(thread, "_ident") for thread in waiting.workers]
    for ident, frames in threads_with_frames() if idents else ():
        if ident in idents and any(same_code(frames[-1].f_code, code) for code in _callers):
            waiting.function = name_in_c(variable(frame, "func"), variable(frame, "args"))


def describe_stop(frame: Frame, waiting: Waiting) -> None:
    """The task that keeps a `BlockingPortal` going."""
    waiting.clear()
    waiting.call = "BlockingPortal.stop()"
    waiting.obj = variable(frame, "self")


# ------------------------------------------------------------ scopes of tasks


def own_scope_of(coroutine: object) -> object:
    """The cancel scope that anyio has put around a task, by its outermost coroutine (4.14+).

    It is that of the `TaskHandle` which everybody gets who starts the task.
    """
    frame = coroutine.cr_frame if type(coroutine) is CoroutineType else None
    if frame is None or frame.f_code.co_name != "_run_coro":
        return None
    return stored_attribute(local_value(frame, "self")[1], "_cancel_scope")


# ------------------------------------------------------------- installation

CALLS = (
    ("_core._eventloop", "sleep", describe_nothing),
    ("_core._eventloop", "sleep_forever", describe_nothing),
    ("_core._eventloop", "sleep_until", describe_nothing),
    ("_core._synchronization", "Condition.wait", describe_condition),
    ("_core._synchronization", "Lock.acquire", describe_lock),
    ("_core._synchronization", "Semaphore.acquire", describe_semaphore),
    ("to_thread", "run_sync", describe_to_thread),
    ("from_thread", "BlockingPortal.sleep_until_stopped", describe_stop),
    ("streams.memory", "MemoryObjectReceiveStream.receive", describe_stream),
    ("streams.memory", "MemoryObjectSendStream.send", describe_stream),
)
"""Functions by module and name. To ask `anyio` itself for them would import them, since 4.15."""


def _module(name: str) -> Any:
    """A module of anyio's, if it has been imported."""
    return sys.modules.get(f"anyio.{name}")


def install() -> None:
    """Register what is known about those modules of anyio's that have been imported."""
    portal = getattr(_module("from_thread"), "BlockingPortal", None)
    if portal is not None:
        unwrap_context.register(portal, unwrap_portal)
        customize(portal.call, elaborate=elaborate_portal_call)
    blocking = getattr(_module("from_thread"), "_BlockingAsyncContextManager", None)
    if blocking is not None:
        unwrap_context.register(blocking, unwrap_blocking_manager)
    install_timeouts()
    run_coro = getattr(getattr(_module("_core._tasks"), "TaskHandle", None), "_run_coro", None)
    if run_coro is not None:  # 4.14+
        customize(run_coro, hide=True)
    for name, path, describer in CALLS:
        register_call(_module(name), path, describer)
    register_runtime_package("anyio")
    register_machinery("anyio._core._eventloop", ["run"])
    register_machinery("anyio.pytest_plugin")


def install_timeouts() -> None:
    """Register what makes cancel scopes."""
    manager_type = getattr(_module("_core._tasks"), "FailAfterContextManager", None)
    if manager_type is not None:  # up to 3.7
        elaborate_context.register(manager_type, elaborate_fail_after)
        return
    for name in ("fail_after", "fail_at"):
        function = getattr(_module("_core._tasks"), name, None)
        if function is not None:
            unwrap_context_generator.register(function, elaborate_timeout)
