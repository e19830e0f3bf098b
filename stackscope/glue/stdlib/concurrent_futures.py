"""concurrent.futures: the future of a call in a thread pool is the stack of that call.

How a worker thread gets at its call is hidden. Who else makes futures of this kind, such as process
pools or ``asyncio.run_coroutine_threadsafe()``, tells what these stand for by
`stackscope.glue.describing.register_maker`.
"""

from __future__ import annotations

import concurrent.futures
import gc
import re
import sys
from collections import deque

from stackscope.extraction.extraction import looked_up_once, threads_with_frames
from stackscope.extraction.hooks import unwrap_stackitem
from stackscope.extraction.walk import Leaf
from stackscope.glue.describing import (
    callback_readers,
    code_of,
    hide_functions,
    makers,
    note_thread,
    register_call,
    variable,
)
from stackscope.glue.functions import name_in_c
from stackscope.interpreter.frames import local_value
from stackscope.interpreter.running import (
    dormant_stacks,
    own_frames,
    this_thread,
    thread_frames,
)
from stackscope.model.waiting import Amount, Waiting
from stackscope.safe.objects import instance_attributes
from stackscope.snapshot.idle import register_idle
from stackscope.snapshot.threads import name_of_thread, thread_with_number
from stackscope.snapshot.user_code import register_machinery
from stackscope.snapshot.waits import (
    describe_leaf,
    describe_object,
    finished_by,
    register_worker_loop,
    tasks_behind,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

    from stackscope.model.stacks import Frame

__all__ = [
    "describe_executor_call",
    "frames_of_call",
    "install",
    "is_pending",
    "register_queue",
    "register_worker",
]

PLUMBING = ("_worker", "_WorkItem.run", "WorkerContext.run")  # the last one is there from 3.14 on
"""What is between a worker thread and the function that it calls, in concurrent.futures.thread."""

_codes: Dict[int, CodeType] = {}
"""The code of that, and of what `register_worker` was told, by id."""

_runs: Dict[int, CodeType] = {}
"""The functions by which work items of executors run their calls, by id."""

_workers: Dict[int, CodeType] = {}
"""The functions that the threads of a pool execute, by id."""


def register_worker(run: object) -> None:
    """Have the calls of another executor found in the threads that run them.

    Args:
        run: The method of its work items that makes the call. Each of them has the future of its
            call as its attribute ``future``.
    """
    code = getattr(run, "__code__", None)
    if code is not None:
        _runs[id(code)] = _codes[id(code)] = code


_queues: Dict[int, Tuple[CodeType, Callable[[FrameType], Sequence[object]]]] = {}


def register_queue(run: object, items: Callable[[FrameType], Sequence[object]]) -> None:
    """Have the calls found that wait until a certain thread gets to them.

    Args:
        run: The function by which that thread does one of them after the other.
        items: Gives the work items that wait, from a frame of that function.
    """
    code = getattr(run, "__code__", None)
    if code is not None:
        _queues[id(code)] = (code, items)


# ------------------------------------------------------------------ all pools


class Pool:
    """One thread pool, as far as its workers show it.

    Args:
        name: Its name.
        thread: The name of the only thread that may do what is in its queue, if it is no pool at
            all.
    """

    def __init__(self, name: str, thread: Optional[str] = None) -> None:
        self.name = name
        self.thread = thread
        self.busy: List[int] = []
        """The identifiers of the threads that are at work for it."""
        self.workers: Optional[List[object]] = None
        """These threads, once they were asked for: all calls in the queue have one list of them."""
        self.total = 0


class Pools:
    """All calls in thread pools, as far as the frames of the workers show them.

    Attributes:
        running: By the id of a future: the identifier of the thread that is at its call, and the
            work item.
        queued: By the id of a future: the pool in whose queue the call is, and the work item.
    """

    def __init__(self) -> None:
        self.running: Dict[int, Tuple[int, object]] = {}
        self.queued: Dict[int, Tuple[Pool, object]] = {}
        pools: Dict[int, Tuple[object, Pool]] = {}
        for ident, frames in threads_with_frames():
            pool = None
            for frame in frames:
                if id(frame.f_code) in _workers:
                    found, queue = local_value(frame, "work_queue")
                    if found:
                        _, pool = pools.setdefault(id(queue), (queue, Pool(_pool_name(ident))))
                        pool.total += 1
                elif id(frame.f_code) in _queues:
                    name = name_of_thread(ident) or f"{ident:#x}"
                    self._enqueue(Pool(name, name), _queues[id(frame.f_code)][1](frame))
                elif id(frame.f_code) in _runs:
                    found, item = local_value(frame, "self")
                    future = instance_attributes(item).get("future") if found else None
                    if future is not None:
                        self.running[id(future)] = (ident, item)
                        if pool is not None:
                            pool.busy.append(ident)
                            pool = None
        for queue, pool in pools.values():
            self._enqueue(pool, items_of_queue(queue))

    def _enqueue(self, pool: Pool, items: Sequence[object]) -> None:
        for item in items:
            future = instance_attributes(item).get("future")
            if future is not None:
                self.queued[id(future)] = (pool, item)


def _pool_name(ident: int) -> str:
    """The name of the pool that a worker belongs to: that of the thread, without its number."""
    return re.sub(r"_\d+\Z", "", name_of_thread(ident) or f"{ident:#x}")


def items_of_queue(queue: object) -> List[object]:
    """What is in a ``queue.SimpleQueue``, the oldest first; nothing for other kinds of queue.

    A list inside it up to 3.12, a ring of references later (Modules/_queuemodule.c).
    """
    own = instance_attributes(queue).get("_queue")  # the one in Python, as PyPy has it
    if type(own) is deque:
        return list(own)
    found: List[object] = []
    for referent in gc.get_referents(queue):
        if type(referent) is list:
            found += list(referent)
        elif type(referent) is not type:
            found.append(referent)
    return found


def the_pools() -> Pools:
    """All calls in thread pools."""
    return looked_up_once(Pools)


# ------------------------------------------------------------------ one call


def frames_of_call(future: object) -> List[FrameType]:
    """The frames of the call that ``future`` stands for, outermost first, if a thread runs it."""
    if not _may_run(future):
        return []
    known = the_pools().running.get(id(future))
    if known is not None:
        frames = thread_frames(known[0])
        if known[0] == this_thread():
            here = this_thread()
            frames = next(own for ident, own in threads_with_frames() if ident == here)
        return _frames_inside(frames, future)
    for innermost in dormant_stacks():  # a greenlet in a thread's place
        inner = _frames_inside(own_frames(innermost), future)
        if inner:
            return inner
    return []


def _may_run(future: object) -> bool:
    # concurrent/futures/_base.py, 3.8 to 3.15
    return bool(instance_attributes(future).get("_state", "RUNNING") == "RUNNING")


def is_pending(future: object) -> bool:
    """Whether a future has no result yet."""
    return instance_attributes(future).get("_state") in ("PENDING", "RUNNING")


def _frames_inside(frames: Sequence[FrameType], future: object) -> List[FrameType]:
    """The frames of a call, from the stack that may be at it."""
    for index, frame in enumerate(frames):
        if id(frame.f_code) in _runs and _is_work_item_of(frame, future):
            inner = list(frames[index + 1 :])
            while inner and id(inner[0].f_code) in _codes:
                del inner[0]
            return inner
    return []


def _is_work_item_of(frame: FrameType, future: object) -> bool:
    found, item = local_value(frame, "self")
    return found and instance_attributes(item).get("future") is future


def unwrap_executor_future(future: concurrent.futures.Future[Any]) -> object:
    """The future of a call in a thread pool: the call, while it runs.

    That of ``run_coroutine_threadsafe()``: the task.
    """
    chained = behind_future(future) if is_pending(future) else []
    return chained[0] if len(chained) == 1 else frames_of_call(future) or Leaf(future)


def function_in_c(item: object) -> Optional[str]:
    """The function that a work item calls, if it is one in C, which has no frame.

    A work item has ``fn`` up to 3.13, and a tuple ``task`` from 3.14 on.
    """
    known = instance_attributes(item)
    task = known.get("task")
    if type(task) is tuple and len(task) > 1:
        return name_in_c(task[0], task[1])
    return name_in_c(known.get("fn"), known.get("args"))


# ------------------------------------------------------------ what a future stands for


def describe_executor_call(future: object, waiting: Waiting) -> None:
    """A call in another thread: which thread that is, or that none has begun with it."""
    waiting.obj = future
    if not is_pending(future):
        return
    waiting.tasks = tasks_behind([future])
    pools = the_pools()
    running = pools.running.get(id(future))
    if running is not None:
        ident, item = running
        note_thread(waiting, ident)
        waiting.function = function_in_c(item)
        return
    queued = pools.queued.get(id(future))
    if queued is not None:
        pool, _ = queued
        waiting.call = f"a call for {f'thread {pool.thread}' if pool.thread else 'another thread'}"
        waiting.notes = ["not begun"]
        if pool.busy and len(pool.busy) == pool.total:
            note_queue(waiting, pool)
        return
    for describe in makers:
        if describe(future, waiting):
            return
    if frames_of_call(future):
        waiting.call = "a call in another thread"


def note_queue(waiting: Waiting, pool: Pool) -> None:
    """Say that a call has to wait until one of the workers of its pool is free.

    Args:
        waiting: To be filled in.
        pool: Its pool.
    """
    waiting.pool = pool.name
    waiting.ahead = Amount(len(pool.busy), "busy worker")
    if pool.workers is None:
        threads = [thread_with_number(ident) for ident in pool.busy]
        pool.workers = [thread for thread in threads if thread is not None]
    waiting.workers = pool.workers


# ---------------------------------------------------------- what threads wait for


def describe_result(frame: Frame, waiting: Waiting) -> None:
    """``Future.result()`` and ``exception()`` in a thread: what the future stands for."""
    future = variable(frame, "self")
    waiting.clear()
    waiting.lock, waiting.obj, waiting.holders = None, future, []
    waiting.tasks = tasks_behind([future])
    waiting.inner = describe_object(future)


def describe_wait(frame: Frame, waiting: Waiting) -> None:
    """``concurrent.futures.wait()``: how many are done."""
    _describe_futures(frame, waiting)
    first = variable(frame, "return_when")
    waiting.call = "concurrent.futures.wait()"
    waiting.needs_all = first != concurrent.futures.FIRST_COMPLETED
    if first in (concurrent.futures.FIRST_COMPLETED, concurrent.futures.FIRST_EXCEPTION):
        waiting.notes = [f"until the {first.lower().replace('_', ' ')}"]


def describe_as_completed(frame: Frame, waiting: Waiting) -> None:
    """``concurrent.futures.as_completed()``: how many are done."""
    _describe_futures(frame, waiting)
    waiting.call = "concurrent.futures.as_completed()"
    waiting.needs_all = False


def _describe_futures(frame: Frame, waiting: Waiting) -> None:
    futures = variable(frame, "fs")
    waiting.clear()
    waiting.lock, waiting.obj, waiting.holders = None, None, []
    if any(type(futures) is cls for cls in (list, set, tuple)):
        left = [one for one in futures if is_pending(one)]
        waiting.tasks = tasks_behind(left)
        waiting.amounts = [
            Amount(len(futures) - len(left), "done", len(futures), plural="done"),
        ]
        waiting.parts = [describe_object(one) for one in left[:MOST_PARTS]]


MOST_PARTS = 100
"""How many of the futures that something waits for at once are described."""


def behind_future(future: object) -> List[object]:
    """What has to finish first, where another future is chained to this one."""
    callbacks = instance_attributes(future).get("_done_callbacks")
    found: List[object] = []
    for callback in list(callbacks) if type(callbacks) is list else []:
        for find in callback_readers:
            source = find(callback)
            if source is not None and source is not future:
                found.append(source)
    return found


def _install_pools(module: object) -> None:
    """Register what concerns the module with the thread pools, if it is imported."""
    hide_functions(module, PLUMBING)
    for path, table in zip(PLUMBING, (_workers, _runs, _codes)):
        code = code_of(module, path)
        if code is not None:
            table[id(code)] = _codes[id(code)] = code
            if table is _workers:
                register_worker_loop(code)


def install() -> None:
    """Register what concerns thread pools."""
    unwrap_stackitem.register(concurrent.futures.Future, unwrap_executor_future)
    describe_leaf.register(concurrent.futures.Future, describe_executor_call)
    finished_by.register(concurrent.futures.Future, behind_future)
    _install_pools(sys.modules.get("concurrent.futures.thread"))
    for name in ("result", "exception"):
        register_call(concurrent.futures.Future, name, describe_result)
    register_call(concurrent.futures, "wait", describe_wait)
    register_call(concurrent.futures, "as_completed", describe_as_completed)
    register_machinery("concurrent.futures.thread", ["_worker", "run"])
    register_idle("concurrent.futures.thread", ["_worker"])
