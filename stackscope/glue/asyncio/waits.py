"""asyncio: what a task waits for.

A function here for each function of asyncio's that waits, which adds to a `Waiting` what the frame
of that function tells: how many others wait, how much time is left, which tasks have to finish.
They are hooks of `stackscope.snapshot.waits`, and each of them can be read alone.
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
from collections import deque
from types import FunctionType, MemberDescriptorType

from stackscope.extraction.contexts import contexts_active_in_frame
from stackscope.extraction.extraction import looked_up_once
from stackscope.glue.asyncio.clocks import time_left_until
from stackscope.glue.asyncio.futures import (
    FUTURES,
    TASKS,
    behind,
    children_of,
    free_variables,
    internal,
    is_done,
    left_of,
)
from stackscope.glue.asyncio.loops import (
    coroutines_to_begin,
    name_of_coroutine,
    name_of_loop_thread,
)
from stackscope.glue.asyncio.setters import the_setters
from stackscope.glue.asyncio.stacks import deadline_of_timeout, state_of_group
from stackscope.glue.describing import (
    address_text,
    describe_nothing,
    register_call,
    register_callback_reader,
    register_maker,
    socket_text,
    variable,
)
from stackscope.model.waiting import Amount, Waiting
from stackscope.safe.objects import (
    class_attribute,
    instance_attributes,
    is_instance,
    stored_attribute,
)
from stackscope.snapshot.waits import (
    awaited_object,
    describe_leaf,
    describe_object,
    describe_unknown,
    finished_by,
    is_open,
    tasks_behind,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Tuple

    from stackscope.glue.describing import Describer
    from stackscope.model.stacks import Frame

_other_timers: List[type] = []
"""What `register_timer` was told."""

LONGEST_LINE = 100
"""The longest queue in which places are looked for: that takes quadratic time for all who wait in
it."""

MOST_PARTS = 20
"""How many of the futures that something waits for at once are described."""

# ----------------------------------------------------------------- reading


def attributes_of_self(frame: Frame) -> Dict[str, Any]:
    """What is stored in the object whose method the frame executes."""
    return instance_attributes(variable(frame, "self"))


def length(thing: object) -> Optional[int]:
    """How many elements a built-in container has."""
    kind = type(thing)
    for cls in (deque, list, set, dict, bytearray):
        if kind is cls:
            return len(thing)  # type: ignore[arg-type]
    return None


def pending(futures: object) -> Tuple[List[object], int]:
    """Those of ``futures`` that are not done, and how many there are."""
    if not any(type(futures) is cls for cls in (deque, list, set, tuple)):
        return [], 0
    known = list(futures)  # type: ignore[call-overload]
    return [future for future in known if not is_done(future)], len(known)


def register_timer(cls: type) -> None:
    """Make the timers of another event loop known, whose `when` is safe to call."""
    _other_timers.append(cls)


def note_timer(waiting: Waiting, handle: Any, loop: Any = None) -> None:
    """Say how much time is left until a timer of an event loop fires."""
    if handle is None:
        return
    if is_instance(handle, (asyncio.TimerHandle,)):
        moment, its_loop = stored_attribute(handle, "_when"), stored_attribute(handle, "_loop")
        if moment is not None:
            time_left_until(moment, loop if its_loop is None else its_loop).note_in(waiting)
    elif is_instance(handle, _other_timers) and loop is not None:
        time_left_until(handle.when(), loop).note_in(waiting)


def note_line(waiting: Waiting, line: object) -> None:
    """Say how long a queue of waiting futures is, and the place of the awaited one."""
    leaf = waiting.obj
    if type(line) is not deque:
        return
    waiting.count = len(line)
    if 2 <= len(line) <= LONGEST_LINE:
        index = next((i for i, future in enumerate(list(line)) if future is leaf), None)
        waiting.place = None if index is None else index + 1


# ------------------------------------------------------- futures and tasks


def awaited_by_task(task: object) -> object:
    """What a task awaits, for those whose stack goes on elsewhere."""
    return internal(task, "_fut_waiter")


def describe_task(task: object, waiting: Waiting) -> None:
    """Another task."""
    waiting.tasks = [task]


def describe_future(future: object, waiting: Waiting) -> None:
    """What ``gather()`` and ``shield()`` return, a call in a thread pool; any other future."""
    children = children_of(future)
    if children is not None:
        become(waiting, gathering_once(future, children))
        return
    inner, source = behind(future)
    if inner is not None:
        waiting.call, waiting.is_wrapper = "shield()", True
        waiting.tasks = tasks_behind([inner])
        waiting.inner = describe_object(inner)
        if not is_told(waiting.inner) and not is_instance(inner, TASKS):
            waiting.inner.call = "a future"
        return
    if source is not None:
        become(waiting, describe_object(source))
        its_loop = internal(future, "_loop")
        if any(internal(task, "_loop") is its_loop for task in waiting.tasks):
            waiting.loop_thread = None  # it's no other loop


def gathering_once(future: object, children: List[object]) -> Waiting:
    """What waiting for a future of ``gather()`` means, found out once for all that wait for it."""
    known = looked_up_once(_no_gatherings)
    if id(future) not in known:
        known[id(future)] = describe_gathering(future, children)
    return known[id(future)]


def _no_gatherings() -> Dict[int, Waiting]:
    """What is known of the futures of ``gather()``, by their ids, when an extraction begins."""
    return {}


def describe_gathering(future: object, children: List[object]) -> Waiting:
    """The future of ``gather()``: how many are left, and the tasks behind these."""
    left, total = left_of(future, children), len(children)
    waiting = Waiting(f"gather() of {total}", future)
    if left:
        note_tasks(waiting, tasks_behind([future]))
    if len(left) < total:
        waiting.amounts = [Amount(total - len(left), "done", plural="done")]
    return waiting


def become(waiting: Waiting, other: Waiting) -> None:
    """Make a wait what another one is."""
    fields = vars(waiting)
    fields.clear()
    fields.update(vars(other))


def is_told(waiting: Waiting) -> bool:
    """Whether more is known of a wait than what is awaited."""
    return bool(waiting.call) or waiting.thread is not None or bool(waiting.tasks)


def describe_set_future(future: object, waiting: Waiting) -> None:
    """A future that a done callback of a task, or a timer, will give its result."""
    setters = the_setters()
    others = setters.by_future.get(id(future), [])
    timer = setters.timers.get(id(future))
    if not others and timer is None:
        return
    waiting.call = "a future"
    if others:
        note_futures(waiting, others)
        waiting.needs_all = False
        if len(others) == 1:
            waiting.parts, waiting.inner = [], describe_object(others[0])
    note_timer(waiting, timer, internal(future, "_loop"))


def note_futures(waiting: Waiting, futures: Sequence[object]) -> None:
    """Say of a wait for several futures which tasks are behind them, and what else.

    Args:
        waiting: To be filled in.
        futures: Those that aren't done.
    """
    note_tasks(waiting, tasks_behind(futures))


def note_tasks(waiting: Waiting, tasks: List[object]) -> None:
    """Say of a wait which tasks are behind it, and what is known of futures among them."""
    waiting.tasks = tasks
    others = [one for one in tasks if not is_instance(one, TASKS)]
    parts = [describe_object(one) for one in others[:MOST_PARTS]]
    waiting.parts = [part for part in parts if is_told(part)]


def behind_future(future: object) -> List[object]:
    """What has to finish before a future of asyncio's has a result."""
    children = children_of(future)
    if children is not None:
        return left_of(future, children)
    for one in behind(future):
        if one is not None:
            return [one]
    return [] if is_done(future) else the_setters().by_future.get(id(future), [])


def is_open_future(future: object) -> bool:
    """Whether a future stands for nothing of which it is known that it alone gives the result."""
    return children_of(future) is None and all(one is None for one in behind(future))


def is_open_task(task: object) -> bool:
    """A task has its result when it ends."""
    return False


def behind_task(task: object) -> List[object]:
    """Nothing: a task stands for itself."""
    return []


# ------------------------------------------- futures of threads for what loops do


def read_chain(callback: object) -> object:
    """The task that gives a future of another thread its result, from a callback of that future.

    So ``run_coroutine_threadsafe()`` connects the two.
    """
    if type(callback) is FunctionType and callback.__code__.co_name == "_call_check_cancel":
        source = free_variables(callback).get("source")
        return source if is_instance(source, FUTURES) else None
    return None


def describe_coroutine_elsewhere(future: object, waiting: Waiting) -> bool:
    """The future of ``run_coroutine_threadsafe()``: its task, or the coroutine that is to be one.

    Args:
        future: The future, which another thread may wait for.
        waiting: To be filled in.
    """
    tasks = [one for one in waiting.tasks if is_instance(one, FUTURES)]
    if len(tasks) == 1:
        become(waiting, describe_object(tasks[0]))
        waiting.loop_thread = name_of_loop_thread(internal(tasks[0], "_loop"))
        return True
    for coroutine, its_future, loop in coroutines_to_begin():
        if its_future is future:
            waiting.call = f"coroutine {name_of_coroutine(coroutine)}()"
            waiting.notes = ["not begun"]
            waiting.loop_thread = name_of_loop_thread(loop)
            return True
    return False


# -------------------------------------------------- functions of asyncio.tasks


def describe_sleep(frame: Frame, waiting: Waiting) -> None:
    """``sleep()``: the time left."""
    note_timer(waiting, variable(frame, "h"), variable(frame, "loop"))


def describe_wait(frame: Frame, waiting: Waiting) -> None:
    """``wait()``: how many are done, of how many."""
    waiting.clear()
    left, total = pending(variable(frame, "fs"))
    first = variable(frame, "return_when")
    note_futures(waiting, left)
    waiting.needs_all = first != asyncio.FIRST_COMPLETED
    waiting.amounts = [Amount(total - len(left), "done", total, plural="done")]
    if first in (asyncio.FIRST_COMPLETED, asyncio.FIRST_EXCEPTION):
        waiting.notes = [f"until the {first.lower().replace('_', ' ')}"]
    note_timer(waiting, variable(frame, "timeout_handle"), variable(frame, "loop"))


def describe_wait_for(frame: Frame, waiting: Waiting) -> None:
    """``wait_for()``: the time left, and what for."""
    future = variable(frame, "fut")
    waiting.wrap()
    waiting.is_time_limit = True
    if is_instance(future, FUTURES) and not is_done(future):
        waiting.tasks = tasks_behind([future])
        waiting.inner = describe_object(future)
    note_timer(waiting, variable(frame, "timeout_handle"), variable(frame, "loop"))
    if waiting.seconds_left is None and waiting.deadline is None:
        note_timeout(waiting, frame)


def note_timeout(waiting: Waiting, frame: Frame) -> None:
    """The time left in the ``async with timeout()`` that ``wait_for()`` is since 3.12."""
    contexts = frame.contexts or contexts_active_in_frame(frame.pyframe, frame.origin)
    timeouts = [c.obj for c in contexts if type(c.obj) is getattr(asyncio, "Timeout", None)]
    if timeouts:
        deadline = deadline_of_timeout(timeouts[0])
        if deadline is not None:
            deadline.note_in(waiting)


def describe_as_completed(frame: Frame, waiting: Waiting) -> None:
    """``as_completed()``: how many are still to come."""
    todo = attributes_of_self(frame).get("_todo")  # 3.13+
    if todo is None:  # up to 3.12, where only the awaited ones know about it
        todo = the_setters().awaited_by_queue.get(id(variable(frame, "done")))
    waiting.clear()
    waiting.call = "as_completed()"
    waiting.obj = None
    if todo is not None:
        left, _ = pending(todo)
        note_futures(waiting, left)
        waiting.needs_all = False
        waiting.amounts = [Amount(len(left), "still to come", plural="still to come")]


def describe_to_thread(frame: Frame, waiting: Waiting) -> None:
    """``to_thread()``: the name of the thread."""
    waiting.wrap()


# --------------------------------------------------------- locks and queues


def describe_lock(frame: Frame, waiting: Waiting) -> None:
    """``Lock.acquire()``, ``Semaphore.acquire()``: the place in the line."""
    waiting.clear()
    note_line(waiting, attributes_of_self(frame).get("_waiters"))
    waiting.obj = waiting.lock = variable(frame, "self")


def describe_event(frame: Frame, waiting: Waiting) -> None:
    """``Event.wait()``: how many wait."""
    waiting.clear()
    waiting.obj = variable(frame, "self")
    waiting.count = length(instance_attributes(waiting.obj).get("_waiters"))


def describe_condition(frame: Frame, waiting: Waiting) -> None:
    """``Condition.wait()``: how many wait, or that it is notified and has to get the lock back."""
    if waiting.lock is None:
        describe_event(frame, waiting)
        return
    waiting.wrap()
    waiting.obj = variable(frame, "self")
    waiting.notes = ["notified"]


def describe_barrier(frame: Frame, waiting: Waiting) -> None:
    """``Barrier.wait()``: how many of its parties are there."""
    waiting.clear()
    waiting.obj = variable(frame, "self")
    known = instance_attributes(waiting.obj)
    waiting.amounts = [Amount(known["_count"], "party", known["_parties"], plural="parties")]


def note_size(waiting: Waiting, queue: Any) -> None:
    """Say how full a queue is."""
    known = instance_attributes(queue)
    size, most = length(known.get("_queue")), known.get("_maxsize")
    if size is not None:
        has_limit = type(most) is int and most > 0
        waiting.amounts = [Amount(size, "item", most if has_limit else None)]


def describe_get(frame: Frame, waiting: Waiting) -> None:
    """``Queue.get()``: the size, and the place in the line."""
    _describe_queue(frame, waiting, "_getters")


def describe_put(frame: Frame, waiting: Waiting) -> None:
    """``Queue.put()``: the size, and the place in the line."""
    _describe_queue(frame, waiting, "_putters")


def _describe_queue(frame: Frame, waiting: Waiting, line: str) -> None:
    queue = variable(frame, "self")
    waiting.clear()
    note_line(waiting, instance_attributes(queue).get(line))
    note_size(waiting, queue)
    waiting.obj = queue


def describe_join(frame: Frame, waiting: Waiting) -> None:
    """``Queue.join()``: the items that nobody has called ``task_done()`` for."""
    waiting.clear()
    waiting.obj = variable(frame, "self")
    left = instance_attributes(waiting.obj)["_unfinished_tasks"]
    waiting.amounts = [Amount(left, "unfinished", plural="unfinished")]


def describe_task_group(frame: Frame, waiting: Waiting) -> None:
    """The end of an ``async with TaskGroup()``: the tasks that have to finish."""
    waiting.clear()
    waiting.call = "end of TaskGroup"
    waiting.obj = variable(frame, "self")
    waiting.tasks, _ = pending(instance_attributes(waiting.obj).get("_tasks"))
    waiting.amounts = [Amount(len(waiting.tasks), "task")]
    waiting.notes = state_of_group(waiting.obj)


# ------------------------------------------------------- streams and sockets


def describe_reader(frame: Frame, waiting: Waiting) -> None:
    """``StreamReader.read()`` and the like: where from, and what is there already."""
    reader = variable(frame, "self")
    known = instance_attributes(reader)
    size = length(known.get("_buffer"))
    waiting.clear()
    waiting.obj = reader
    waiting.resource = peer_of(known.get("_transport"))
    if size is not None:
        waiting.amounts = [Amount(size, "bytes buffered", plural="bytes buffered")]


def describe_writer(frame: Frame, waiting: Waiting) -> None:
    """``StreamWriter.drain()`` and ``wait_closed()``: where to."""
    waiting.clear()
    waiting.obj = variable(frame, "self")
    waiting.resource = peer_of(instance_attributes(waiting.obj).get("_transport"))


def peer_of(transport: object) -> Optional[str]:
    """The other end of a connection, as far as the transport has noted it; else this end."""
    slot = class_attribute(type(transport), "_extra")
    extra = slot.__get__(transport) if type(slot) is MemberDescriptorType else None
    if type(extra) is not dict:
        return None
    for name, beginning in (("peername", ""), ("sockname", "socket at ")):
        address = dict.get(extra, name)
        # Others than these are no socket's, and are not even asked whether they are empty.
        if any(type(address) is kind for kind in (bytes, int, str, tuple)) and address:
            return beginning + address_text(address)
    return None


def describe_socket(frame: Frame, waiting: Waiting) -> None:
    """``loop.sock_recv()`` and the like: which socket."""
    sock = variable(frame, "sock")
    waiting.clear()
    waiting.obj = sock
    waiting.resource = socket_text(sock)


def describe_process(frame: Frame, waiting: Waiting) -> None:
    """``Process.wait()`` and ``communicate()``: which process."""
    waiting.clear()
    waiting.obj = variable(frame, "self")
    pid = instance_attributes(waiting.obj).get("pid")
    waiting.tasks = []
    waiting.resource = f"process {pid}" if type(pid) is int else None


# ------------------------------------------------------------- installation

CALLS: Tuple[Tuple[object, str, Describer], ...] = (
    (asyncio.tasks, "sleep", describe_sleep),
    (asyncio.tasks, "_wait", describe_wait),
    (asyncio.tasks, "wait_for", describe_wait_for),
    (asyncio.tasks, "as_completed._wait_for_one", describe_as_completed),
    (asyncio.tasks, "_AsCompletedIterator._wait_for_one", describe_as_completed),
    (asyncio, "to_thread", describe_to_thread),
    (asyncio, "Lock.acquire", describe_lock),
    (asyncio, "Semaphore.acquire", describe_lock),
    (asyncio, "Event.wait", describe_event),
    (asyncio, "Condition.wait", describe_condition),
    (asyncio, "Condition.wait_for", describe_nothing),
    (asyncio, "Barrier.wait", describe_barrier),
    (asyncio, "Queue.get", describe_get),
    (asyncio, "Queue.put", describe_put),
    (asyncio, "Queue.join", describe_join),
    (asyncio, "TaskGroup.__aexit__", describe_task_group),
    (asyncio, "StreamReader.read", describe_reader),
    (asyncio, "StreamReader.readexactly", describe_reader),
    (asyncio, "StreamReader.readline", describe_reader),
    (asyncio, "StreamReader.readuntil", describe_reader),
    (asyncio, "StreamWriter.drain", describe_writer),
    (asyncio, "StreamWriter.wait_closed", describe_writer),
    (asyncio.subprocess, "Process.wait", describe_process),
    (asyncio.subprocess, "Process.communicate", describe_process),
    (asyncio.base_events, "Server.serve_forever", describe_nothing),
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
    """Register what concerns waits."""
    for task_type in set(TASKS):
        awaited_object.register(task_type, awaited_by_task)
        describe_leaf.register(task_type, describe_task)
        describe_unknown.register(task_type, describe_task)
        finished_by.register(task_type, behind_task)
        is_open.register(task_type, is_open_task)
    for future_type in set(FUTURES):
        describe_leaf.register(future_type, describe_future)
        describe_unknown.register(future_type, describe_set_future)
        finished_by.register(future_type, behind_future)
        is_open.register(future_type, is_open_future)
    register_callback_reader(read_chain)
    register_maker(describe_coroutine_elsewhere)
    for owner, path, describer in CALLS:
        register_call(owner, path, describer)
    for name in SOCKET_CALLS:
        register_call(asyncio.selector_events.BaseSelectorEventLoop, name, describe_socket)
