"""asgiref: calls between threads and event loops, on which all of Django's async code is built.

``sync_to_async()`` awaits a call in a thread pool, or in a thread that waits in ``async_to_sync()``
and meanwhile does what it is given. How the calls get there is hidden.
"""

from __future__ import annotations

from collections import deque
from types import CoroutineType

import asgiref.current_thread_executor
import asgiref.sync

from stackscope.extraction.extraction import looked_up_once
from stackscope.glue.asyncio.futures import coroutine_of
from stackscope.glue.asyncio.loops import get_loop, known_tasks, name_of_loop_thread
from stackscope.glue.describing import hide_functions, register_call, variable
from stackscope.glue.functions import name_in_c
from stackscope.glue.stdlib.concurrent_futures import register_queue, register_worker
from stackscope.interpreter.frames import local_value
from stackscope.safe.objects import instance_attributes
from stackscope.snapshot.waits import describe_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Dict, List

    from stackscope.model.stacks import Frame
    from stackscope.model.waiting import Waiting

HIDDEN = (
    "SyncToAsync.thread_handler",
    "SyncToAsync.__call__.func",
    "SyncToAsync.__call__.func.run_child",
    "AsyncToSync.main_wrap",
    "AsyncToSync.__call__.new_loop_wrap",
)
"""What is between a call and the function that is called, in one version or another."""


def items_of_executor(frame: FrameType) -> List[object]:
    """The calls that wait for the thread that is in ``run_until_future()``."""
    known = instance_attributes(local_value(frame, "self")[1])
    items = known.get("_work_items")
    if items is None:  # up to 3.8
        items = instance_attributes(known.get("_work_queue")).get("queue")
    return list(items) if type(items) is deque else []


def describe_sync_to_async(frame: Frame, waiting: Waiting) -> None:
    """``sync_to_async()``: the call in a thread that it is, even if that is one in C."""
    waiting.call = "sync_to_async()"
    call = waiting.inner
    if call is not None and call.thread is not None and call.function is None:
        call.function = name_in_c(variable(frame, "child"))


def describe_async_to_sync(frame: Frame, waiting: Waiting) -> None:
    """``async_to_sync()`` in a thread: the task that executes the coroutine."""
    task = looked_up_once(_tasks_by_coroutine).get(id(variable(frame, "awaitable")))
    waiting.clear()
    waiting.call = "async_to_sync()"
    waiting.lock, waiting.obj, waiting.holders = None, task, []
    if task is not None:
        waiting.tasks = [task]
        waiting.inner = describe_object(task)
        waiting.loop_thread = name_of_loop_thread(get_loop(task))


def _tasks_by_coroutine() -> Dict[int, object]:
    """All tasks, by the ids of their coroutines, and of those that these await."""
    found: Dict[int, object] = {}
    for task in known_tasks():
        coroutine = coroutine_of(task)
        found[id(coroutine)] = task
        if type(coroutine) is CoroutineType and coroutine.cr_await is not None:
            found.setdefault(id(coroutine.cr_await), task)
    return found


def install() -> None:
    """Register what is known about asgiref."""
    executor = asgiref.current_thread_executor
    item = getattr(executor, "_WorkItem", None)
    register_worker(getattr(item, "run", None))
    run = getattr(executor.CurrentThreadExecutor, "run_until_future", None)
    register_queue(run, items_of_executor)
    hide_functions(asgiref.sync, HIDDEN)
    hide_functions(executor, ["_WorkItem.run", "CurrentThreadExecutor.run_until_future"])
    register_call(asgiref.sync, "SyncToAsync.__call__", describe_sync_to_async)
    register_call(asgiref.sync, "AsyncToSync.__call__", describe_async_to_sync)
