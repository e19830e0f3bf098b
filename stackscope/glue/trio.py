"""trio: tasks, nurseries, cancel scopes, and threads that run for a task.

A task is its coroutine. What trio does to put a task to sleep is hidden and pruned. The nursery of
``async with trio.open_nursery()`` takes the place of its manager, and its child tasks are the context's
`children`. A cancel scope says in its description how much time is left, and whether and why it is
cancelled.

``trio.to_thread.run_sync()`` goes on into the frames of its thread, ``trio.from_thread.run()`` into the
task that runs the call. `stackscope.glue.trio_waits` tells what a task waits for, and
`stackscope.glue.trio_runs` finds the runs and tasks of the process.
"""

from __future__ import annotations

import math
import sys
import weakref
from types import FunctionType

import trio
import trio._core._run

from stackscope.codes import get_code
from stackscope.frames import local_value
from stackscope.glue.contextvars import called_in_context
from stackscope.glue.reading import instance_attributes
from stackscope.glue.threading import frames_of_threads, threads_with_frames
from stackscope.hooks import (
    customize,
    elaborate_context,
    unwrap_context,
    unwrap_context_generator,
    unwrap_stackitem,
)
from stackscope.model import Frame
from stackscope.walk import child_stack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any, List, Optional, Tuple

    from stackscope.model import Context

PLUMBING = (
    "wait_task_rescheduled",
    "cancel_shielded_checkpoint",
    "temporarily_detach_coroutine_object",
    "permanently_detach_coroutine_object",
)
"""Functions of `trio.lowlevel` that do nothing but yield to trio's scheduler."""

# What is private, and may be elsewhere in some other version.
_run: Any = trio._core._run
_threads: Any = sys.modules.get("trio._threads")

# ------------------------------------------------------ tasks and nurseries


def unwrap_task(task: trio.lowlevel.Task) -> object:
    """A task: its coroutine."""
    return task.coro


def unwrap_nursery_manager(manager: object, context: Context) -> object:
    """What ``trio.open_nursery()`` gives: the nursery, once it is entered."""
    return instance_attributes(manager).get("_nursery")


def elaborate_nursery(nursery: trio.Nursery, context: Context) -> None:
    """A nursery: the stacks of its child tasks, in the order in which they were started.

    What is special about its cancel scope goes into the description.
    """
    context.children = stacks_of_children(nursery)
    words = describe_scope(nursery.cancel_scope)
    if words != NO_DEADLINE:
        context.description = f"nursery: {words}"


def stacks_of_children(nursery: trio.Nursery) -> List[Any]:
    """The stacks of the tasks in a nursery, the oldest first."""
    return [child_stack(task, for_task=True) for task in sorted(nursery.child_tasks, key=_age)]


def _age(task: trio.lowlevel.Task) -> Tuple[int, str]:
    # The counter is private. Without it, the order should at least not change from one time to the next.
    return getattr(task, "_counter", 0), task.name


# ------------------------------------------------------------ cancel scopes

NO_DEADLINE = "no deadline"


def elaborate_cancel_scope(scope: trio.CancelScope, context: Context) -> None:
    """A cancel scope: the time left, whether it is a shield, whether and why it is cancelled."""
    context.description = f"cancel scope: {describe_scope(scope)}"


def describe_timeout(frame: Frame, context: Context) -> None:
    """``trio.fail_after()`` and ``fail_at()``: as the cancel scope inside."""
    for inner in frame.contexts:
        if type(inner.obj) is trio.CancelScope and context.description is not None:
            context.description += f": {describe_scope(inner.obj)}"


def describe_scope(scope: trio.CancelScope) -> str:
    """The state of a cancel scope in words: ``4.2 s left, shielded, cancelled (deadline)``."""
    # Not its properties, for `cancel_called` cancels a scope whose deadline has passed.
    parts = [time_left(scope)]
    if getattr(scope, "_shield", False):
        parts.append("shielded")
    if getattr(scope, "_cancel_called", False):
        reason = reason_of(scope)
        parts.append(f"cancelled ({reason})" if reason else "cancelled")
    return ", ".join(parts)


def reason_of(scope: Any) -> str:
    """Why a scope is cancelled, where trio takes note of that (0.31+)."""
    reason = getattr(scope, "_cancel_reason", None)
    source = getattr(reason, "source", None)
    text = getattr(reason, "reason", None)
    if type(source) is not str:
        return ""
    if type(text) is not str:
        return source
    from stackscope.render.safe import cut, safe_text

    return f"{source}: {cut(safe_text(text), 200)}"


def time_left(scope: trio.CancelScope) -> str:
    """How much time is left until the deadline of a scope, in words."""
    relative = getattr(scope, "_relative_deadline", math.inf)  # 0.27+, until it is entered
    if relative != math.inf:
        return f"{relative:.1f} s once entered"
    deadline = getattr(scope, "_deadline", math.inf)
    if deadline == math.inf:
        return NO_DEADLINE
    return time_until(deadline, runner_of(scope))


def time_until(deadline: float, runner: Any) -> str:
    """How far away a time by the clock of a run is, in words."""
    if deadline == math.inf:
        return NO_DEADLINE
    clock = getattr(runner, "clock", None)
    # A clock of the program's own isn't asked, for that would run its code.
    if clock is None or type(clock).__module__.partition(".")[0] != "trio":
        return f"until {deadline:.1f} by the clock of its run"
    left = deadline - clock.current_time()
    return f"{left:.1f} s left" if left >= 0 else f"{-left:.1f} s overdue"


# --------------------------------------------------------------------- runs

_known_runners: weakref.WeakSet[Any] = weakref.WeakSet()
"""Runs that were found by their frames, for a run in guest mode has no frame most of the time."""


def runners() -> List[Any]:
    """The objects that trio has for the runs of this process, as far as their frames show."""
    mine = getattr(_run.GLOBAL_RUN_CONTEXT, "runner", None)
    found = [] if mine is None else [mine]
    for frames in frames_of_threads():
        for frame in frames:
            runner = runner_in(frame)
            if runner is not None and not any(runner is other for other in found):
                found.append(runner)
    _known_runners.update(found)
    return found + [old for old in going_on() if not any(old is one for one in found)]


def runner_in(frame: FrameType) -> Any:
    """The run that a frame is busy with, or waits for the next event of; else ``None``."""
    if any(frame.f_code is code for code in RUN_CODES):
        return local_value(frame, "runner")[1]
    return None


def going_on() -> List[Any]:
    """Those of the runs that were found before that have not ended."""
    return [runner for runner in list(_known_runners) if runner.tasks]


def runner_of(scope: trio.CancelScope) -> Any:
    """The run that an active cancel scope belongs to; ``None`` if that can't be found."""
    task = _some_task(getattr(scope, "_cancel_status", None))
    if task is not None:
        return runner_of_task(task)
    found = runners()
    return found[0] if len(found) == 1 else None


def runner_of_task(task: Any) -> Any:
    """The run that has a task; ``None`` if that can't be found."""
    mine = getattr(_run.GLOBAL_RUN_CONTEXT, "runner", None)
    for candidates in (lambda: [mine], going_on, runners):
        for runner in candidates():
            if runner is not None and task in runner.tasks:
                return runner
    return None


def _some_task(status: Any) -> Any:
    """A task that a cancel status, or one below it, applies to."""
    todo = [status]
    for one in todo:
        try:
            for task in getattr(one, "_tasks", ()):
                return task
            todo += list(getattr(one, "_children", ()))
        except RuntimeError:  # the set changed while another thread runs
            continue
    return None


# ------------------------------------------------------------------ threads


def elaborate_to_thread(frame: Frame, next_inner: object) -> object:
    """``to_thread.run_sync()``: the frames of the thread, from the function that it was to call.

    They come instead of the rest while the task waits for the thread. If the thread has called back in,
    with ``from_thread.run()``, they come before that call.
    """
    found = find_worker(frame.pyframe)
    if found is None:
        return None
    frame.hide = True
    _, inner = found
    if next_inner is None or not isinstance(next_inner, Frame):
        return inner
    code = next_inner.pyframe.f_code
    return inner if code is WAIT_TASK_RESCHEDULED else [*inner, next_inner]


def find_worker(call: FrameType) -> Optional[Tuple[int, List[FrameType]]]:
    """The number of the thread that is busy with a call of ``to_thread.run_sync()``, and what it runs.

    ``None`` if no thread has begun with it.
    """
    jobs = [local_value(call, name) for name in ("worker_fn", "contextvars_aware_worker_fn")]
    jobs = [job for job in jobs if job[0]]
    if not jobs:
        return None
    for ident, frames in threads_with_frames():
        for index, frame in enumerate(frames):
            if frame.f_code is HANDLE_JOB:
                found, fn = local_value(frame, "fn")
                if found and any(fn is job for _, job in jobs):
                    inner = _after_worker(frames[index + 1 :])
                    return None if inner is None else (ident, inner)
    return None


def _after_worker(frames: List[FrameType]) -> Optional[List[FrameType]]:
    """The frames below trio's own function in a worker thread."""
    for index, frame in enumerate(frames):
        if frame.f_code is WORKER_FN:
            return called_in_context(frames[index + 1 :])
    return None


def elaborate_from_thread(frame: Frame, next_inner: object) -> object:
    """``from_thread.run()``: the system task that runs the call, if the call said in which run.

    Else the call is run by the task that waits for this thread, and is to be seen there.
    """
    found, token = local_value(frame.pyframe, "trio_token")
    if not found or token is None:
        return []
    return system_task_for(token, next_inner) if isinstance(next_inner, Frame) else None


def system_task_for(token: Any, sending: Frame) -> object:
    """The system task that runs what a frame has sent to a run and waits for."""
    queue = getattr(token, "_reentry_queue", None)
    marks = [local_value(sending.pyframe, name) for name in ("message_to_trio", "q")]
    for runner in runners():
        nursery = getattr(runner, "system_nursery", None)
        if nursery is None or queue is None or runner.entry_queue is not queue:
            continue
        for task in list(nursery.child_tasks):
            pyframe = getattr(task.coro, "cr_frame", None)
            if pyframe is not None and _holds(pyframe, marks):
                return task
    return None


def _holds(pyframe: FrameType, marks: List[Tuple[bool, object]]) -> bool:
    for name, (found, mark) in zip(("self", "q"), marks):
        known, value = local_value(pyframe, name)
        if found and known and value is mark:
            return True
    return False


# ------------------------------------------------------------- installation


def _code_of(owner: object, *names: str) -> Optional[CodeType]:
    """The code of a function that some version may lack."""
    try:
        return get_code(getattr(owner, names[0]), *names[1:])
    except (AttributeError, TypeError, ValueError):
        return None


# A run that has nothing to do waits in run() itself; what it does is in the generator unrolled_run()
# (trio/_core/_run.py, 0.22 to 0.35).
RUN_CODES = [
    code for code in (_code_of(_run, n) for n in ("run", "unrolled_run")) if code is not None
]

WAIT_TASK_RESCHEDULED = get_code(trio.lowlevel.wait_task_rescheduled)
WORKER_FN = _code_of(trio.to_thread, "run_sync", "worker_fn")
WORKER: Any = getattr(sys.modules.get("trio._core._thread_cache"), "WorkerThread", None)
HANDLE_JOB = _code_of(WORKER, "_handle_job")


def install() -> None:
    unwrap_stackitem.register(trio.lowlevel.Task, unwrap_task)
    elaborate_context.register(trio.Nursery, elaborate_nursery)
    unwrap_context.register(_type_of_nursery_manager(), unwrap_nursery_manager)
    elaborate_context.register(trio.CancelScope, elaborate_cancel_scope)
    for name in ("fail_after", "fail_at"):
        unwrap_context_generator.register(getattr(trio, name), describe_timeout)
    for name in PLUMBING:
        customize(getattr(trio.lowlevel, name), hide=True, prune=True)
    install_threads()
    from stackscope.glue import trio_waits

    trio_waits.install()


def install_threads() -> None:
    """Register what concerns threads."""
    customize(trio.to_thread.run_sync, elaborate=elaborate_to_thread)
    customize(trio.from_thread.run, hide=True, elaborate=elaborate_from_thread)
    for code in (WORKER_FN, HANDLE_JOB, _code_of(WORKER, "_work")):
        if code is not None:
            customize(code, hide=True)
    for path in (  # up to 0.22
        ("run", "callback", "unprotected_afn"),
        ("run", "callback", "await_in_trio_thread_task"),
        ("run_sync", "callback"),
        ("run_sync", "callback", "unprotected_fn"),
    ):
        code = _code_of(trio.from_thread, *path)
        if code is not None:
            customize(code, hide=True)
    for name in ("Run", "RunSync"):  # 0.23+
        cls = getattr(_threads, name, None)
        for method in list(vars(cls).values()) if isinstance(cls, type) else ():
            if type(method) is FunctionType:
                customize(method, hide=True)


def _type_of_nursery_manager() -> type:
    # The argument keeps open_nursery() from asking the run that is going on, for there may be none.
    manager: Any = trio.open_nursery(strict_exception_groups=True)
    return type(manager)
