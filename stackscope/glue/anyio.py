"""anyio: what is the same on both backends.

A `BlockingPortal` as a context is its task group; a thread that waits in ``portal.call()`` goes on into the
task that runs the call. What concerns the backends is in `stackscope.glue.anyio_asyncio` and
`stackscope.glue.anyio_trio`; the state of cancel scopes is put into words here.
"""

from __future__ import annotations

import sys

import anyio
import anyio.from_thread
import anyio.streams.memory

from stackscope.codes import get_code
from stackscope.frames import local_value
from stackscope.glue.reading import instance_attributes
from stackscope.hooks import (
    customize,
    elaborate_context,
    unwrap_context,
    unwrap_context_generator,
)
from stackscope.model import Frame
from stackscope.numbers import task_numbers
from stackscope.resumable import cr_await
from stackscope.waiting import HELD_BY, Waiting, describe_call, name_holders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Callable, Dict, Iterable, Optional

    from stackscope.model import Context

scope_describers: Dict[type, Callable[[Any], str]] = {}
"""For the cancel scopes of each backend, what gives their state in words. The backends' glue adds its own."""

task_finders: Dict[type, Callable[[Any], Iterable[Any]]] = {}
"""The same for task groups and their tasks."""

# ------------------------------------------------------------ cancel scopes


def describe_scope(scope: object) -> Optional[str]:
    """The state of a cancel scope in words: ``4.2 s left, shielded, cancelled``."""
    describer = scope_describers.get(type(scope))
    return None if describer is None else describer(scope)


def elaborate_cancel_scope(scope: object, context: Context) -> None:
    """A cancel scope: how much time is left, whether it is a shield, whether it is cancelled."""
    context.description = f"cancel scope: {describe_scope(scope)}"


def describe_timeout(frame: Frame, context: Context) -> None:
    """``fail_after()`` and the like, which are generators: as the cancel scope inside."""
    for inner in frame.contexts:
        text = describe_scope(inner.obj)
        if text is not None and context.description is not None:
            context.description += f": {text}"
            return
        inner_stack = inner.inner_stack  # fail_after() is made of fail_at() since 4.15
        if inner_stack is not None and ": " in (inner.description or ""):
            context.description = (
                f"{context.description}: {(inner.description or '').partition(': ')[2]}"
            )
            return


def elaborate_fail_after(manager: object, context: Context) -> None:
    """What ``fail_after()`` gives up to 3.7: as the cancel scope inside."""
    text = describe_scope(instance_attributes(manager).get("_cancel_scope"))
    if text is not None:
        context.description = f"fail_after(...): {text}"


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
    finder = task_finders.get(type(group))
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
        if pyframe.f_code is CALL_FUNC:
            return local_value(pyframe, "future")[1] is future
        coroutine = cr_await(coroutine)
    return False


def _code_of(*names: str) -> Optional[CodeType]:
    thing: Any = anyio.from_thread
    for name in names:
        thing = getattr(thing, name, None)
    try:
        return get_code(thing)
    except (TypeError, ValueError):
        return None


CALL_FUNC = _code_of("BlockingPortal", "_call_func")

# ------------------------------------------------------------------- waits


def count(number: int, noun: str) -> str:
    """``1 waiter``, ``2 waiters``."""
    return f"{number} {noun}{'s' * (number != 1)}"


def variable(frame: Frame, name: str) -> Any:
    """A local variable of a frame, ``None`` if it has no value."""
    return local_value(frame.pyframe, name)[1]


def describe_nothing(frame: Frame, waiting: Waiting) -> None:
    """A call of which the name tells enough, and the frames below it the details."""


def describe_method(frame: Frame, waiting: Waiting) -> None:
    """A method that leads to another library's: the details are that one's."""
    waiting.obj = variable(frame, "self")
    if waiting.lock is not None:
        waiting.lock = waiting.obj  # it is the one that stands in an ``async with``


def describe_end_of_group(frame: Frame, waiting: Waiting) -> None:
    """The end of ``async with create_task_group()``: the details are the other library's."""
    waiting.text = "end of TaskGroup"
    waiting.obj = variable(frame, "self")


def describe_stream(frame: Frame, waiting: Waiting) -> None:
    """``send()`` and ``receive()`` of a memory object stream: how full it is, and who else is there."""
    stream = waiting.obj = variable(frame, "self")
    state = stream._state
    sends = frame.funcname == "send"
    waiters = state.waiting_senders if sends else state.waiting_receivers
    others = state.open_receive_channels if sends else state.open_send_channels
    waiting.detail = (
        f"{len(state.buffer)} of {state.max_buffer_size:g} items, {count(len(waiters), 'waiter')}, "
        + count(others, "receiver" if sends else "sender")
    )


def describe_lock(frame: Frame, waiting: Waiting) -> None:
    """``Lock.acquire()`` where anyio implements it: who has it, and how many wait."""
    lock = waiting.obj = waiting.lock = variable(frame, "self")
    waiting.detail = count(len(lock._waiters), "waiter")
    owner = getattr(lock, "_owner_task", None)
    if owner is not None:
        waiting.detail += f", {HELD_BY}{label(owner)}"
        is_task = type(owner).__name__ != "TaskInfo"  # up to 4.4, it is only told about the task
        waiting.tasks = [owner] if is_task else []


def label(task: Any) -> str:
    """What to call a task, or what anyio knows of one."""
    from stackscope.render.safe import cut, safe_text

    if hasattr(task, "get_name"):
        return f"task {task_numbers.of(task)} ({cut(safe_text(task.get_name()), 60)})"
    return f"task {cut(safe_text(task.name), 60)}"


def describe_waiters(frame: Frame, waiting: Waiting) -> None:
    """``Condition.wait()`` where anyio implements it: how many wait."""
    waiter = waiting.obj = variable(frame, "self")
    waiting.detail = count(len(waiter._waiters), "waiter")


def describe_semaphore(frame: Frame, waiting: Waiting) -> None:
    """``Semaphore.acquire()`` where anyio implements it: how many wait."""
    describe_waiters(frame, waiting)
    waiting.lock = waiting.obj


def describe_limiter(frame: Frame, waiting: Waiting) -> None:
    """``CapacityLimiter.acquire()`` where anyio implements it: how many tokens are taken, how many wait."""
    limiter = waiting.obj = waiting.lock = variable(frame, "self")
    waiting.detail = f"{len(limiter._borrowers)} of {limiter._total_tokens} borrowed, " + count(
        len(limiter._wait_queue), "waiter"
    )
    tasks = [one for one in list(limiter._borrowers) if hasattr(type(one), "get_name")]
    name_holders(waiting, tasks, label)


def describe_to_thread(frame: Frame, waiting: Waiting) -> None:
    """``to_thread.run_sync()``: what the backend says of it."""
    is_said = waiting.text.endswith("to_thread.run_sync()")
    waiting.detail = waiting.detail if is_said else str(waiting)
    waiting.text = "anyio.to_thread.run_sync()"


def describe_stop(frame: Frame, waiting: Waiting) -> None:
    """The task that keeps a `BlockingPortal` going."""
    waiting.text = "BlockingPortal.stop()"
    waiting.detail = ""
    waiting.obj = variable(frame, "self")


def register_call(owner: Any, path: str, describer: Callable[[Frame, Waiting], None]) -> None:
    """Register a function, given by its path, that this version may lack, or have from elsewhere."""
    for name in path.split("."):
        owner = getattr(owner, name, None)
    try:
        if str(getattr(owner, "__module__", "")).startswith("anyio"):
            describe_call.register(get_code(owner), describer)
    except (TypeError, ValueError):
        pass


# ------------------------------------------------------------- installation

CALLS = {
    "sleep": describe_nothing,
    "sleep_forever": describe_nothing,
    "sleep_until": describe_nothing,
    "Condition.wait": describe_waiters,
    "Lock.acquire": describe_lock,
    "Semaphore.acquire": describe_semaphore,
    "to_thread.run_sync": describe_to_thread,
    "from_thread.BlockingPortal.sleep_until_stopped": describe_stop,
    "streams.memory.MemoryObjectReceiveStream.receive": describe_stream,
    "streams.memory.MemoryObjectSendStream.send": describe_stream,
}


def install() -> None:
    portal = anyio.from_thread.BlockingPortal
    unwrap_context.register(portal, unwrap_portal)
    customize(portal.call, elaborate=elaborate_portal_call)
    blocking = getattr(anyio.from_thread, "_BlockingAsyncContextManager", None)
    if blocking is not None:
        unwrap_context.register(blocking, unwrap_blocking_manager)
    install_timeouts()
    run_coro = getattr(getattr(anyio, "TaskHandle", None), "_run_coro", None)
    if run_coro is not None:  # 4.14+
        customize(run_coro, hide=True)
    for path, describer in CALLS.items():
        register_call(anyio, path, describer)


def install_timeouts() -> None:
    """Register what makes cancel scopes."""
    manager_type = getattr(sys.modules.get("anyio._core._tasks"), "FailAfterContextManager", None)
    if manager_type is not None:  # up to 3.7
        elaborate_context.register(manager_type, elaborate_fail_after)
        return
    for name in ("fail_after", "fail_at"):
        function = getattr(anyio, name, None)
        if function is not None:
            unwrap_context_generator.register(function, describe_timeout)
