"""trio: what a task waits for.

A function here for each of trio's that waits, which adds to a `Waiting` what the frame of that function
tells. They are hooks of `stackscope.waiting`.
"""

from __future__ import annotations

import socket
from typing import Any

import trio

from stackscope.codes import get_code
from stackscope.frames import local_value
from stackscope.glue.reading import class_attribute
from stackscope.glue.threading import name_of_thread
from stackscope.glue.trio import describe_scope, find_worker, runner_of_task, runners, time_until
from stackscope.numbers import task_numbers
from stackscope.waiting import HELD_BY, Waiting, describe_call, name_holders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Optional, Tuple

    from stackscope.model import Frame

    Describer = Callable[[Frame, Waiting], None]


def count(number: int, noun: str) -> str:
    """``1 waiter``, ``2 waiters``."""
    return f"{number} {noun}{'s' * (number != 1)}"


def variable(frame: Frame, name: str) -> Any:
    """A local variable of a frame, ``None`` if it has no value."""
    return local_value(frame.pyframe, name)[1]


def parked(lot: Any) -> str:
    """How many tasks wait in a parking lot."""
    return count(len(lot._parked), "waiter")


def label(task: Any) -> str:
    """What to call a task."""
    from stackscope.render.safe import cut, safe_text

    return f"task {task_numbers.of(task)} ({cut(safe_text(task.name), 60)})"


# ----------------------------------------------------------------- describers


def describe_nothing(frame: Frame, waiting: Waiting) -> None:
    """A call of which the name tells enough, or a frame below it has told already."""


def describe_sleep_until(frame: Frame, waiting: Waiting) -> None:
    """``sleep_until()``, and so ``sleep()``: the time left."""
    deadline = variable(frame, "deadline")
    task = _task_of(frame)
    found = runners() if task is None else [runner_of_task(task)]
    if len(found) == 1 and found[0] is not None:
        waiting.detail = time_until(deadline, found[0])


def _task_of(frame: Frame) -> Any:
    """The task that a frame is of, as far as the cancel scope of ``sleep_until()`` knows it."""
    from stackscope.contexts import contexts_active_in_frame

    contexts = frame.contexts or contexts_active_in_frame(frame.pyframe, frame.origin)
    for context in contexts:
        for task in list(getattr(getattr(context.obj, "_cancel_status", None), "_tasks", ())):
            return task
    return None


def describe_event(frame: Frame, waiting: Waiting) -> None:
    """``Event.wait()``: how many wait."""
    event = waiting.obj = variable(frame, "self")
    waiting.detail = count(len(event._tasks), "waiter")


def describe_park(frame: Frame, waiting: Waiting) -> None:
    """``ParkingLot.park()``: how many wait."""
    waiting.obj = variable(frame, "self")
    waiting.detail = parked(waiting.obj)


def describe_lock(frame: Frame, waiting: Waiting) -> None:
    """``Lock.acquire()``: who has it, and how many wait."""
    lock = waiting.obj = waiting.lock = variable(frame, "self")
    owner = lock._owner
    waiting.tasks = [] if owner is None else [owner]
    held = "" if owner is None else f", {HELD_BY}{label(owner)}"
    waiting.detail = parked(lock._lot) + held


def describe_semaphore(frame: Frame, waiting: Waiting) -> None:
    """``Semaphore.acquire()``: how many wait."""
    semaphore = waiting.obj = waiting.lock = variable(frame, "self")
    waiting.detail = parked(semaphore._lot)


def describe_limiter(frame: Frame, waiting: Waiting) -> None:
    """``CapacityLimiter.acquire()``: how many tokens are taken, and how many wait."""
    limiter: Any = variable(frame, "self")
    waiting.obj = waiting.lock = limiter
    waiting.detail = (
        f"{len(limiter._borrowers)} of {limiter._total_tokens} borrowed, {parked(limiter._lot)}"
    )
    tasks = [one for one in list(limiter._borrowers) if type(one) is trio.lowlevel.Task]
    name_holders(waiting, tasks, label)


def describe_condition(frame: Frame, waiting: Waiting) -> None:
    """``Condition.wait()``: how many wait."""
    condition = waiting.obj = variable(frame, "self")
    waiting.detail = parked(condition._lot)


def describe_channel(frame: Frame, waiting: Waiting) -> None:
    """``send()`` and ``receive()`` of a memory channel: how full it is, and who else is there."""
    channel = waiting.obj = variable(frame, "self")
    state = channel._state
    sends = frame.funcname == "send"
    tasks = state.send_tasks if sends else state.receive_tasks
    most = state.max_buffer_size
    others = state.open_receive_channels if sends else state.open_send_channels
    waiting.detail = (
        f"{len(state.data)} of {most:g} items, {count(len(tasks), 'waiter')}, "
        + count(others, "receiver" if sends else "sender")
    )


def describe_nursery(frame: Frame, waiting: Waiting) -> None:
    """The end of ``async with open_nursery()``: the tasks that have to finish."""
    nursery = waiting.obj = variable(frame, "self")
    waiting.tasks = list(nursery.child_tasks)
    cancelled = ""
    if getattr(nursery.cancel_scope, "_cancel_called", False):
        cancelled = ", " + describe_scope(nursery.cancel_scope).partition(", ")[2]
    waiting.detail = count(len(waiting.tasks), "task") + cancelled


def describe_end_of_nursery(frame: Frame, waiting: Waiting) -> None:
    """The same, by the name of the statement."""
    waiting.text = "end of nursery"


def describe_start(frame: Frame, waiting: Waiting) -> None:
    """``Nursery.start()``: the task that has to call ``started()``."""
    nursery = variable(frame, "old_nursery")
    waiting.obj = variable(frame, "self")
    waiting.tasks = list(nursery.child_tasks) if nursery is not None else waiting.tasks
    waiting.detail = ", ".join([label(task) for task in waiting.tasks])


def describe_socket(frame: Frame, waiting: Waiting) -> None:
    """``wait_readable()`` and ``wait_writable()``: which socket."""
    for name in ("sock", "fd"):
        found, sock = local_value(frame.pyframe, name)
        if type(sock) is socket.socket:
            sock = sock.fileno()
        if found and type(sock) is int:
            waiting.detail = f"socket {sock}"


def describe_process(frame: Frame, waiting: Waiting) -> None:
    """``Process.wait()``: which process."""
    process = waiting.obj = variable(frame, "self")
    waiting.detail = f"process {process.pid}"


def describe_to_thread(frame: Frame, waiting: Waiting) -> None:
    """``to_thread.run_sync()``: the thread that does it; before that, what it waits for to get one."""
    found = find_worker(frame.pyframe)
    if found is not None:
        waiting.detail = f"in thread {name_of_thread(found[0])}"
    elif waiting.text:
        waiting.detail = str(waiting)
    waiting.text = "trio.to_thread.run_sync()"


# --------------------------------------------------------------- installation

CALLS: Tuple[Tuple[Any, Tuple[str, ...], Describer], ...] = (
    (trio, ("sleep",), describe_nothing),
    (trio, ("sleep_until",), describe_sleep_until),
    (trio, ("sleep_forever",), describe_nothing),
    (trio, ("Event", "wait"), describe_event),
    (trio, ("Lock", "acquire"), describe_lock),
    (trio, ("Semaphore", "acquire"), describe_semaphore),
    (trio, ("CapacityLimiter", "acquire"), describe_nothing),
    (trio, ("CapacityLimiter", "acquire_on_behalf_of"), describe_limiter),
    (trio, ("Condition", "wait"), describe_condition),
    (trio, ("MemorySendChannel", "send"), describe_channel),
    (trio, ("MemoryReceiveChannel", "receive"), describe_channel),
    (trio, ("Nursery", "_nested_child_finished"), describe_nursery),
    (trio, ("Nursery", "start"), describe_start),
    (trio, ("Process", "wait"), describe_process),
    (trio.to_thread, ("run_sync",), describe_to_thread),
    (trio.lowlevel, ("ParkingLot", "park"), describe_park),
    (trio.lowlevel, ("wait_readable",), describe_socket),
    (trio.lowlevel, ("wait_writable",), describe_socket),
)


def register_call(owner: Any, path: Tuple[str, ...], describer: Describer) -> None:
    """Register a function that this version may lack."""
    function = _find(owner, path)
    try:
        if function is not None:
            describe_call.register(get_code(function), describer)
    except (TypeError, ValueError):  # no longer Python code
        pass


def _find(owner: Any, path: Tuple[str, ...]) -> Optional[Any]:
    for name in path:
        owner = (
            class_attribute(owner, name) if isinstance(owner, type) else getattr(owner, name, None)
        )
    return owner


def install() -> None:
    for owner, path, describer in CALLS:
        register_call(owner, path, describer)
    from stackscope.glue.trio import _type_of_nursery_manager

    register_call(_type_of_nursery_manager(), ("__aexit__",), describe_end_of_nursery)
