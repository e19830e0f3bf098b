"""trio: threads that run for a task, and tasks that run for a thread.

``trio.to_thread.run_sync()`` goes on into the frames of its thread, ``trio.from_thread.run()`` into
the task that runs the call.
"""

from __future__ import annotations

import sys
from types import FunctionType

import trio._core._run

from stackscope.extraction.codes import get_code
from stackscope.extraction.extraction import threads_with_frames
from stackscope.extraction.hooks import customize
from stackscope.glue.describing import code_of, hide_functions
from stackscope.glue.stdlib.contextvars import called_in_context
from stackscope.glue.trio.runners import runners
from stackscope.interpreter.frames import local_value
from stackscope.interpreter.same_code import same_code
from stackscope.model.stacks import Frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, List, Optional, Tuple

_threads: Any = sys.modules.get("trio._threads")
WAIT_TASK_RESCHEDULED = get_code(trio.lowlevel.wait_task_rescheduled)
WORKER_FN = code_of(trio.to_thread, "run_sync.worker_fn")
WORKER: Any = getattr(sys.modules.get("trio._core._thread_cache"), "WorkerThread", None)
HANDLE_JOB = code_of(WORKER, "_handle_job")


def elaborate_to_thread(frame: Frame, next_inner: object) -> object:
    """``to_thread.run_sync()``: the frames of the thread, from the function that it was to call.

    They come instead of the rest while the task waits for the thread. If the thread has called back
    in, with ``from_thread.run()``, they come before that call.
    """
    found = find_worker(frame.pyframe)
    if found is None:
        return None
    frame.hide = True
    _, inner = found
    if next_inner is None or not isinstance(next_inner, Frame):
        return inner
    code = next_inner.pyframe.f_code
    return inner if same_code(code, WAIT_TASK_RESCHEDULED) else [*inner, next_inner]


def find_worker(call: FrameType) -> Optional[Tuple[int, List[FrameType]]]:
    """The number of the thread that runs a ``to_thread.run_sync()`` call, and what it runs.

    ``None`` if no thread has begun with it.
    """
    jobs = [local_value(call, name) for name in ("worker_fn", "contextvars_aware_worker_fn")]
    jobs = [job for job in jobs if job[0]]
    if not jobs:
        return None
    for ident, frames in threads_with_frames():
        for index, frame in enumerate(frames):
            if same_code(frame.f_code, HANDLE_JOB):
                found, fn = local_value(frame, "fn")
                if found and any(fn is job for _, job in jobs):
                    inner = _after_worker(frames[index + 1 :])
                    return None if inner is None else (ident, inner)
    return None


def _after_worker(frames: List[FrameType]) -> Optional[List[FrameType]]:
    """The frames below trio's own function in a worker thread."""
    for index, frame in enumerate(frames):
        if same_code(frame.f_code, WORKER_FN):
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


def install() -> None:
    """Register what concerns threads."""
    customize(trio.to_thread.run_sync, elaborate=elaborate_to_thread)
    customize(trio.from_thread.run, hide=True, elaborate=elaborate_from_thread)
    hide_functions(trio.to_thread, ["run_sync.worker_fn"])
    hide_functions(WORKER, ["_handle_job", "_work"])
    hide_functions(  # up to 0.22
        trio.from_thread,
        [
            "run.callback.unprotected_afn",
            "run.callback.await_in_trio_thread_task",
            "run_sync.callback",
            "run_sync.callback.unprotected_fn",
        ],
    )
    for name in ("Run", "RunSync"):  # 0.23+
        cls = getattr(_threads, name, None)
        for method in list(vars(cls).values()) if isinstance(cls, type) else ():
            if type(method) is FunctionType:
                customize(method, hide=True)
