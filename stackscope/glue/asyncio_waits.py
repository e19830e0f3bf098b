"""asyncio: what a task waits for.

A function here for each function of asyncio's that waits, which adds to a `Waiting` what the frame of that
function tells: how many others wait, how much time is left, which tasks have to finish. They are hooks of
`stackscope.waiting`, and each of them can be read alone.
"""

from __future__ import annotations

import asyncio
import asyncio.base_events
import asyncio.locks
import asyncio.queues
import asyncio.selector_events
import asyncio.streams
import asyncio.subprocess
import asyncio.tasks
import socket
from collections import deque
from types import FunctionType, MemberDescriptorType

from stackscope.codes import get_code
from stackscope.frames import local_value
from stackscope.glue.asyncio import (
    FUTURES,
    TASKS,
    chained,
    done_callbacks,
    free_variables,
    internal,
    is_done,
    shielded,
    state_of_group,
    time_until,
)
from stackscope.glue.asyncio import time_left as timeout_left
from stackscope.glue.reading import class_attribute, instance_attributes, is_instance
from stackscope.numbers import task_numbers
from stackscope.waiting import Waiting, awaited_object, describe_call, describe_leaf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Tuple

    from stackscope.model import Frame

    Describer = Callable[[Frame, Waiting], None]

LONGEST_LINE = 100
"""Where more wait for the same, we don't look who is at which place: that would take quadratic time."""

MOST_SEARCHED = 500
"""In more tasks than that we don't search for the ones that ``as_completed()`` waits for."""

# ---------------------------------------------------------------- phrases


def count(number: int, noun: str) -> str:
    """``1 waiter``, ``2 waiters``."""
    return f"{number} {noun}{'s' * (number != 1)}"


def ordinal(number: int) -> str:
    """``1st``, ``2nd``, ``3rd``, ``4th``."""
    tens = number // 10 % 10
    return f"{number}{'th' if tens == 1 else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def joined(*parts: str) -> str:
    """The parts that are not empty."""
    return ", ".join([part for part in parts if part])


def label(task: Any) -> str:
    """What to call a task: ``task 3 (Task-7)``."""
    from stackscope.render.safe import cut, safe_text

    cls = TASKS[1] if is_instance(task, TASKS[1:]) else asyncio.Task
    return f"task {task_numbers.of(task)} ({cut(safe_text(cls.get_name(task)), 60)})"


# ----------------------------------------------------------------- reading


def variable(frame: Frame, name: str) -> Any:
    """A local variable of a frame, ``None`` if it has no value."""
    return local_value(frame.pyframe, name)[1]


def attributes_of_self(frame: Frame) -> Dict[str, Any]:
    """What is stored in the object whose method the frame executes."""
    return instance_attributes(variable(frame, "self"))


def length(thing: object) -> Optional[int]:
    """How many elements a built-in container has."""
    if any(type(thing) is cls for cls in (deque, list, set, dict, bytearray)):
        return len(thing)  # type: ignore[arg-type]
    return None


def pending(futures: object) -> Tuple[List[object], int]:
    """Those of ``futures`` that are not done, and how many there are."""
    if not any(type(futures) is cls for cls in (deque, list, set, tuple)):
        return [], 0
    known = list(futures)  # type: ignore[call-overload]
    return [future for future in known if not is_done(future)], len(known)


def timer_left(handle: Any, loop: Any = None) -> str:
    """How much time is left until a timer of an event loop fires, in words."""
    if handle is None:
        return ""
    if is_instance(handle, (asyncio.TimerHandle,)):
        attributes = {"_loop": getattr(handle, "_loop", None)}
        return time_until(asyncio.TimerHandle.when(handle), attributes["_loop"] or loop)
    if type(handle).__module__.partition(".")[0] == "uvloop" and loop is not None:
        return time_until(handle.when(), loop)
    return ""


def waiters(obj: Any, name: str = "_waiters") -> str:
    """How many wait for something."""
    number = length(instance_attributes(obj).get(name))
    return "" if number is None else count(number, "waiter")


def place_in_line(line: object, waiting: Waiting) -> str:
    """Which place in a queue of waiting futures is that of the one at the end of the stack."""
    leaf = waiting.obj
    if type(line) is not deque:
        return ""
    total = count(len(line), "waiter")
    if len(line) < 2 or len(line) > LONGEST_LINE:
        return total
    index = next((i for i, future in enumerate(list(line)) if future is leaf), None)
    return total if index is None else f"{ordinal(index + 1)} of {total}"


# ------------------------------------------------------- futures and tasks


def awaited_by_task(task: object) -> object:
    """What a task awaits, for those whose stack goes on elsewhere."""
    return internal(task, "_fut_waiter")


def describe_task(task: object, waiting: Waiting) -> None:
    """Another task."""
    waiting.text = label(task)
    waiting.tasks = [task]
    waiting.obj = task


def describe_future(future: object, waiting: Waiting) -> None:
    """What ``gather()`` and ``shield()`` return, a call in a thread pool; any other future."""
    waiting.obj = future
    children = internal(future, "_children")
    if type(children) is list:
        waiting.text = f"gather() of {len(children)}"
        left, _ = pending(children)
        waiting.tasks = left
        waiting.detail = f"{len(children) - len(left)} done" if len(left) < len(children) else ""
        return
    inner: Any = shielded(future)
    if inner is not None:
        waiting.text = "shield()"
        waiting.tasks = [inner]
        waiting.detail = label(inner) if is_instance(inner, TASKS) else "a future"
        return
    source = chained(future)
    if source is not None and not is_instance(source, FUTURES):
        from stackscope.glue.concurrent_futures import describe_executor_call

        describe_executor_call(source, waiting)


# -------------------------------------------------- functions of asyncio.tasks


def describe_sleep(frame: Frame, waiting: Waiting) -> None:
    """``sleep()``: the time left."""
    waiting.detail = timer_left(variable(frame, "h"), variable(frame, "loop"))


def describe_wait(frame: Frame, waiting: Waiting) -> None:
    """``wait()``: how many are done, of how many."""
    futures = variable(frame, "fs")
    left, total = pending(futures)
    first = variable(frame, "return_when")
    waiting.tasks = left
    waiting.detail = joined(
        f"{total - len(left)} of {total} done",
        f"until the {first.lower().replace('_', ' ')}"
        if first in ("FIRST_COMPLETED", "FIRST_EXCEPTION")
        else "",
        timer_left(variable(frame, "timeout_handle"), variable(frame, "loop")),
    )


def describe_wait_for(frame: Frame, waiting: Waiting) -> None:
    """``wait_for()``: the time left, and what for."""
    future = variable(frame, "fut")
    inner = str(waiting)
    if is_instance(future, TASKS):
        waiting.tasks = [future]
        inner = label(future)
    elif is_instance(future, FUTURES):
        waiting.tasks = waiting.tasks or [future]
    left = timer_left(variable(frame, "timeout_handle"), variable(frame, "loop"))
    waiting.detail = joined(left or _timeout_of(frame), inner)


def _timeout_of(frame: Frame) -> str:
    """The time left in the ``async with timeout()`` that ``wait_for()`` is since 3.12."""
    from stackscope.contexts import contexts_active_in_frame

    contexts = frame.contexts or contexts_active_in_frame(frame.pyframe, frame.origin)
    timeouts = [c.obj for c in contexts if type(c.obj) is getattr(asyncio, "Timeout", None)]
    left = timeout_left(timeouts[0]) if timeouts else ""
    return left if left != "no deadline" else ""


def describe_as_completed(frame: Frame, waiting: Waiting) -> None:
    """``as_completed()``: how many are still to come."""
    todo = attributes_of_self(frame).get("_todo")  # 3.13+
    if todo is None:
        todo = _awaited_through(variable(frame, "done"))
    waiting.text = "as_completed()"
    waiting.detail = ""
    waiting.obj = None
    if todo is not None:
        waiting.tasks, _ = pending(todo)
        waiting.detail = f"{len(waiting.tasks)} still to come"


def _awaited_through(queue: object) -> object:
    """What ``as_completed()`` waits for, up to 3.12, where only the awaited tasks know about it."""
    from stackscope.glue.asyncio_loops import all_tasks_of

    getters = instance_attributes(queue).get("_getters")
    tasks = all_tasks_of(internal(getters[0], "_loop")) if type(getters) is deque else []
    if len(tasks) > MOST_SEARCHED:
        return None
    for task in tasks:
        for callback in done_callbacks(task):
            if type(callback) is FunctionType and callback.__code__.co_name == "_on_completion":
                variables = free_variables(callback)
                if variables.get("done") is queue:
                    return variables.get("todo")
    return None


def describe_to_thread(frame: Frame, waiting: Waiting) -> None:
    """``to_thread()``: the name of the thread."""
    waiting.detail = str(waiting)


# --------------------------------------------------------- locks and queues


def describe_lock(frame: Frame, waiting: Waiting) -> None:
    """``Lock.acquire()``, ``Semaphore.acquire()``: the place in the line."""
    waiting.detail = place_in_line(attributes_of_self(frame).get("_waiters"), waiting)
    waiting.obj = waiting.lock = variable(frame, "self")


def describe_event(frame: Frame, waiting: Waiting) -> None:
    """``Event.wait()``: how many wait."""
    waiting.obj = variable(frame, "self")
    waiting.detail = waiters(waiting.obj)


def describe_condition(frame: Frame, waiting: Waiting) -> None:
    """``Condition.wait()``: how many wait, or that it is notified and has to get the lock back."""
    lock = waiting.text
    waiting.obj = variable(frame, "self")
    waiting.detail = f"notified, {waiting}" if lock == "Lock.acquire()" else waiters(waiting.obj)


def describe_condition_wait_for(frame: Frame, waiting: Waiting) -> None:
    """``Condition.wait_for()``: as ``wait()``."""


def describe_barrier(frame: Frame, waiting: Waiting) -> None:
    """``Barrier.wait()``: how many of its parties are there."""
    waiting.obj = variable(frame, "self")
    known = instance_attributes(waiting.obj)
    waiting.detail = f"{known['_count']} of {known['_parties']} parties"


def _size(queue: Any) -> str:
    known = instance_attributes(queue)
    size, most = length(known.get("_queue")), known.get("_maxsize")
    if size is None:
        return ""
    return f"{size} of {most} items" if type(most) is int and most > 0 else count(size, "item")


def describe_get(frame: Frame, waiting: Waiting) -> None:
    """``Queue.get()``: the size, and the place in the line."""
    queue = variable(frame, "self")
    line = place_in_line(instance_attributes(queue).get("_getters"), waiting)
    waiting.detail = joined(_size(queue), line)
    waiting.obj = queue


def describe_put(frame: Frame, waiting: Waiting) -> None:
    """``Queue.put()``: the size, and the place in the line."""
    queue = variable(frame, "self")
    line = place_in_line(instance_attributes(queue).get("_putters"), waiting)
    waiting.detail = joined(_size(queue), line)
    waiting.obj = queue


def describe_join(frame: Frame, waiting: Waiting) -> None:
    """``Queue.join()``: the items that nobody has called ``task_done()`` for."""
    waiting.obj = variable(frame, "self")
    waiting.detail = f"{instance_attributes(waiting.obj)['_unfinished_tasks']} unfinished"


def describe_task_group(frame: Frame, waiting: Waiting) -> None:
    """The end of an ``async with TaskGroup()``: the tasks that have to finish."""
    waiting.obj = variable(frame, "self")
    left, _ = pending(instance_attributes(waiting.obj).get("_tasks"))
    waiting.text = "end of TaskGroup"
    waiting.tasks = left
    waiting.detail = joined(count(len(left), "task"), state_of_group(waiting.obj))


# ------------------------------------------------------- streams and sockets


def describe_reader(frame: Frame, waiting: Waiting) -> None:
    """``StreamReader.read()`` and the like: where from, and what is there already."""
    reader = variable(frame, "self")
    known = instance_attributes(reader)
    size = length(known.get("_buffer"))
    waiting.obj = reader
    waiting.detail = joined(
        _peer(known.get("_transport")), f"{size} bytes buffered" if size is not None else ""
    )


def describe_writer(frame: Frame, waiting: Waiting) -> None:
    """``StreamWriter.drain()`` and ``wait_closed()``: where to."""
    waiting.obj = variable(frame, "self")
    waiting.detail = _peer(instance_attributes(waiting.obj).get("_transport"))


def _peer(transport: object) -> str:
    """The other end of a connection, or the pipe, as far as the transport has noted it."""
    slot = class_attribute(type(transport), "_extra")
    extra = slot.__get__(transport) if type(slot) is MemberDescriptorType else None
    if type(extra) is not dict:
        return ""
    for name in ("peername", "sockname"):
        address = dict.get(extra, name)
        # Others than these are no socket's, and are not even asked whether they are empty.
        if any(type(address) is kind for kind in (bytes, int, str, tuple)) and address:
            return _address_text(address)
    return ""


def _address_text(address: Any) -> str:
    from stackscope.render.safe import cut, safe_repr

    if type(address) is tuple and len(address) >= 2:
        host, port = address[:2]
        if type(host) is str and type(port) is int:
            return f"{host}:{port}"
    return cut(safe_repr(address), 60)


def describe_socket(frame: Frame, waiting: Waiting) -> None:
    """``loop.sock_recv()`` and the like: which socket."""
    sock = variable(frame, "sock")
    waiting.obj = sock
    if is_instance(sock, (socket.socket,)):
        waiting.detail = f"socket {socket.socket.fileno(sock)}"


def describe_process(frame: Frame, waiting: Waiting) -> None:
    """``Process.wait()`` and ``communicate()``: which process."""
    waiting.obj = variable(frame, "self")
    pid = instance_attributes(waiting.obj).get("pid")
    waiting.tasks = []
    waiting.detail = f"process {pid}" if type(pid) is int else ""


def describe_nothing(frame: Frame, waiting: Waiting) -> None:
    """A call of which the name tells enough."""


# ------------------------------------------------------------- installation

CALLS: Tuple[Tuple[object, Tuple[str, ...], Describer], ...] = (
    (asyncio.tasks, ("sleep",), describe_sleep),
    (asyncio.tasks, ("_wait",), describe_wait),
    (asyncio.tasks, ("wait_for",), describe_wait_for),
    (asyncio.tasks, ("as_completed", "_wait_for_one"), describe_as_completed),
    (asyncio.tasks, ("_AsCompletedIterator", "_wait_for_one"), describe_as_completed),
    (asyncio, ("to_thread",), describe_to_thread),
    (asyncio, ("Lock", "acquire"), describe_lock),
    (asyncio, ("Semaphore", "acquire"), describe_lock),
    (asyncio, ("Event", "wait"), describe_event),
    (asyncio, ("Condition", "wait"), describe_condition),
    (asyncio, ("Condition", "wait_for"), describe_condition_wait_for),
    (asyncio, ("Barrier", "wait"), describe_barrier),
    (asyncio, ("Queue", "get"), describe_get),
    (asyncio, ("Queue", "put"), describe_put),
    (asyncio, ("Queue", "join"), describe_join),
    (asyncio, ("TaskGroup", "__aexit__"), describe_task_group),
    (asyncio, ("StreamReader", "read"), describe_reader),
    (asyncio, ("StreamReader", "readexactly"), describe_reader),
    (asyncio, ("StreamReader", "readline"), describe_reader),
    (asyncio, ("StreamReader", "readuntil"), describe_reader),
    (asyncio, ("StreamWriter", "drain"), describe_writer),
    (asyncio, ("StreamWriter", "wait_closed"), describe_writer),
    (asyncio.subprocess, ("Process", "wait"), describe_process),
    (asyncio.subprocess, ("Process", "communicate"), describe_process),
    (asyncio.base_events, ("Server", "serve_forever"), describe_nothing),
)

SOCKET_CALLS = (
    "sock_accept",
    "sock_connect",
    "sock_recv",
    "sock_recv_into",
    "sock_recvfrom",
    "sock_recvfrom_into",
    "sock_sendall",
    "sock_sendto",
)


def install() -> None:
    for task_type in set(TASKS):
        awaited_object.register(task_type, awaited_by_task)
        describe_leaf.register(task_type, describe_task)
    for future_type in set(FUTURES):
        describe_leaf.register(future_type, describe_future)
    for owner, path, describer in CALLS:
        register_call(owner, path, describer)
    for name in SOCKET_CALLS:
        register_call(asyncio.selector_events.BaseSelectorEventLoop, (name,), describe_socket)


def register_call(owner: object, path: Tuple[str, ...], describer: Describer) -> None:
    """Register a function that this version may lack."""
    function: Any = owner
    inside = list(path)
    while inside and hasattr(function, inside[0]):
        function = getattr(function, inside.pop(0))
    if function is owner:
        return
    try:
        code = get_code(function, *inside)  # what is left is defined inside a function
    except (TypeError, ValueError):
        return
    describe_call.register(code, describer)
