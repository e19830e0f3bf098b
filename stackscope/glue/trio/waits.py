"""trio: what a task waits for.

A function here for each of trio's that waits, which adds to a `Waiting` what the frame of that
function tells. They are hooks of `stackscope.snapshot.waits`.
"""

from __future__ import annotations

import socket
from typing import Any

import trio

from stackscope.extraction.contexts import contexts_active_in_frame
from stackscope.glue.describing import (
    code_of,
    describe_channel,
    describe_nothing,
    note_thread,
    register_call,
    socket_text,
    variable,
)
from stackscope.glue.functions import name_in_c
from stackscope.glue.trio.runners import runner_of_task, runners
from stackscope.glue.trio.scopes import state_of_scope, time_left_until, type_of_nursery_manager
from stackscope.glue.trio.threads import find_worker
from stackscope.model.waiting import Amount
from stackscope.render.words import cancellation_text
from stackscope.safe.objects import is_instance
from stackscope.snapshot.needs import runs_until
from stackscope.snapshot.waits import describe_leaf, describe_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Tuple

    from stackscope.glue.describing import Describer
    from stackscope.model.stacks import Frame
    from stackscope.model.waiting import Waiting


def describe_task(task: Any, waiting: Waiting) -> None:
    """Another task."""
    waiting.tasks = [task]


def describe_sleep_until(frame: Frame, waiting: Waiting) -> None:
    """``sleep_until()``, and so ``sleep()``: the time left."""
    task = _task_of(frame)
    found = runners() if task is None else [runner_of_task(task)]
    if len(found) == 1 and found[0] is not None:
        deadline = time_left_until(variable(frame, "deadline"), found[0])
        if deadline is not None:
            deadline.note_in(waiting)


def _task_of(frame: Frame) -> Any:
    """The task that a frame is of, as far as the cancel scope of ``sleep_until()`` knows it."""
    contexts = frame.contexts or contexts_active_in_frame(frame.pyframe, frame.origin)
    for context in contexts:
        for task in list(getattr(getattr(context.obj, "_cancel_status", None), "_tasks", ())):
            return task
    return None


def describe_event(frame: Frame, waiting: Waiting) -> None:
    """``Event.wait()``: how many wait."""
    event = waiting.obj = variable(frame, "self")
    waiting.clear()
    waiting.count = len(event._tasks)


def describe_park(frame: Frame, waiting: Waiting) -> None:
    """``ParkingLot.park()``: how many wait."""
    lot = variable(frame, "self")
    # Somebody may have put the task elsewhere (`ParkingLot.repark`).
    now = getattr(variable(frame, "task"), "custom_sleep_data", None)
    lot = waiting.obj = now if type(now) is trio.lowlevel.ParkingLot else lot
    waiting.clear()
    waiting.count = len(lot._parked)


def describe_condition(frame: Frame, waiting: Waiting) -> None:
    """``Condition.wait()``: how many wait, or that it is notified and has to get the lock back."""
    condition = variable(frame, "self")
    # A task that is notified is put in the lot of the lock (`ParkingLot.repark`).
    lot = getattr(condition._lock, "_lot", None)
    is_notified = waiting.lock is condition._lock or (lot is not None and waiting.obj is lot)
    waiting.clear()
    waiting.obj = condition
    if is_notified:
        waiting.lock = condition._lock
        owner = getattr(waiting.lock, "_owner", None)
        waiting.holders = [] if owner is None else [owner]
        waiting.notes = ["notified"]
    else:
        waiting.count = len(condition._lot._parked)


def describe_semaphore(frame: Frame, waiting: Waiting) -> None:
    """``Semaphore.acquire()``: how many wait."""
    waiting.obj = waiting.lock = variable(frame, "self")
    waiting.clear()
    waiting.count = len(waiting.lock._lot._parked)  # type: ignore[attr-defined]


def describe_lock(frame: Frame, waiting: Waiting) -> None:
    """``Lock.acquire()``: who has it, and how many wait."""
    owner = getattr(variable(frame, "self"), "_owner", None)
    waiting.holders = [] if owner is None else [owner]
    describe_semaphore(frame, waiting)


def describe_limiter(frame: Frame, waiting: Waiting) -> None:
    """``CapacityLimiter.acquire()``: how many tokens are taken and by whom, and how many wait."""
    describe_semaphore(frame, waiting)
    limiter: Any = waiting.obj
    taken = list(limiter._borrowers)
    waiting.amounts = [Amount(len(taken), "borrowed", limiter._total_tokens, plural="borrowed")]
    waiting.holders = [one for one in taken if type(one) is trio.lowlevel.Task]


def describe_memory_channel(frame: Frame, waiting: Waiting) -> None:
    """``send()`` and ``receive()`` of a memory channel: how full it is, and who else is there."""
    channel = waiting.obj = variable(frame, "self")
    state = channel._state
    sends = frame.funcname == "send"
    waiters = state.send_tasks if sends else state.receive_tasks
    describe_channel(waiting, state, len(state.data), len(waiters), sends=sends)


def describe_nursery(frame: Frame, waiting: Waiting) -> None:
    """The end of ``async with open_nursery()``: the tasks that have to finish."""
    nursery = waiting.obj = variable(frame, "self")
    waiting.clear()
    waiting.tasks = list(nursery.child_tasks)
    waiting.amounts = [Amount(len(waiting.tasks), "task")]
    state = state_of_scope(nursery.cancel_scope)
    if state.is_cancelled:
        waiting.notes = ["shielded"] if state.is_shielded else []
        waiting.notes.append(cancellation_text(state))


def describe_end_of_nursery(frame: Frame, waiting: Waiting) -> None:
    """The same, by the name of the statement."""
    waiting.call = "end of nursery"


def describe_start(frame: Frame, waiting: Waiting) -> None:
    """``Nursery.start()``: the task that has to call ``started()``."""
    nursery = variable(frame, "old_nursery")
    waiting.clear()
    waiting.obj = variable(frame, "self")
    waiting.tasks = list(nursery.child_tasks) if nursery is not None else waiting.tasks
    if len(waiting.tasks) == 1:
        waiting.inner = describe_object(waiting.tasks[0])


def describe_socket(frame: Frame, waiting: Waiting) -> None:
    """``wait_readable()`` and ``wait_writable()``: which socket."""
    for name in ("sock", "fd"):
        sock = variable(frame, name)
        if type(sock) is int:
            waiting.resource = f"socket {sock}"
        elif is_instance(sock, (socket.socket,)):
            waiting.resource = socket_text(sock)


def describe_socket_method(frame: Frame, waiting: Waiting) -> None:
    """``recv()``, ``send()`` and the like of a socket, which all have the same code."""
    name = getattr(variable(frame, "fn"), "__name__", None)
    waiting.call = f"socket.{name}()" if type(name) is str else "a socket"


def describe_process(frame: Frame, waiting: Waiting) -> None:
    """``Process.wait()``: which process."""
    process = waiting.obj = variable(frame, "self")
    waiting.clear()
    waiting.resource = f"process {process.pid}"


def describe_to_thread(frame: Frame, waiting: Waiting) -> None:
    """``to_thread.run_sync()``: the thread that does it, or what the call waits for to get one."""
    found = find_worker(frame.pyframe)
    if found is not None:
        waiting.clear()
        note_thread(waiting, found[0])
        if not found[1]:
            waiting.function = name_in_c(variable(frame, "sync_fn"), variable(frame, "args"))
    elif waiting.call:
        waiting.wrap()
    waiting.call = "trio.to_thread.run_sync()"


def main_task_of_run(frame: Frame) -> object:
    """``trio.run()``: the main task."""
    return getattr(variable(frame, "runner"), "main_task", None)


# --------------------------------------------------------------- installation

_socket = getattr(trio, "_socket", None)

CALLS: Tuple[Tuple[Any, str, Describer], ...] = (
    (trio, "sleep", describe_nothing),
    (trio, "sleep_until", describe_sleep_until),
    (trio, "sleep_forever", describe_nothing),
    (trio, "Event.wait", describe_event),
    (trio, "Lock.acquire", describe_lock),
    (trio, "Semaphore.acquire", describe_semaphore),
    (trio, "CapacityLimiter.acquire", describe_nothing),
    (trio, "CapacityLimiter.acquire_on_behalf_of", describe_limiter),
    (trio, "Condition.wait", describe_condition),
    (trio, "MemorySendChannel.send", describe_memory_channel),
    (trio, "MemoryReceiveChannel.receive", describe_memory_channel),
    (trio, "Nursery._nested_child_finished", describe_nursery),
    (trio, "Nursery.start", describe_start),
    (trio, "Process.wait", describe_process),
    (trio.to_thread, "run_sync", describe_to_thread),
    (trio.lowlevel, "ParkingLot.park", describe_park),
    (trio.lowlevel, "wait_readable", describe_socket),
    (trio.lowlevel, "wait_writable", describe_socket),
    (_socket, "_make_simple_sock_method_wrapper.wrapper", describe_socket_method),
)


def install() -> None:
    """Register what concerns waits."""
    describe_leaf.register(trio.lowlevel.Task, describe_task)
    for owner, path, describer in CALLS:
        register_call(owner, path, describer)
    register_call(type_of_nursery_manager(), "__aexit__", describe_end_of_nursery)
    code = code_of(trio, "run")
    if code is not None:
        runs_until.register(code, main_task_of_run)
