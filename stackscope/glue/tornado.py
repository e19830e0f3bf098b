"""tornado: what ``@gen.coroutine`` makes of a generator, and its locks.

The future that such a function gives has a done callback that holds its `Runner`, which has the
generator, and the future that this has yielded.
"""

from __future__ import annotations

from collections import deque
from types import FunctionType

import tornado.gen
import tornado.locks

from stackscope.extraction.hooks import unwrap_stackitem
from stackscope.extraction.walk import Leaf
from stackscope.glue.asyncio.futures import TASKS, free_variables, register_source_finder
from stackscope.glue.asyncio.waits import become
from stackscope.glue.describing import register_call, variable
from stackscope.safe.objects import instance_attributes, is_instance, qualname_of
from stackscope.safe.text import safe_text
from stackscope.snapshot.waits import describe_leaf, describe_object, finished_by

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

    from stackscope.model.stacks import Frame
    from stackscope.model.waiting import Waiting


def find_runner(callback: object) -> object:
    """The runner of the coroutine whose future has a callback.

    Source: tornado/gen.py, 5.0 to 6.5.
    """
    if type(callback) is FunctionType and callback.__code__.co_name == "<lambda>":
        runner = free_variables(callback).get("runner")
        return runner if is_instance(runner, (tornado.gen.Runner,)) else None
    return None


def unwrap_runner(runner: object) -> List[object]:
    """A runner: its generator, and what this has yielded. A task has a stack of its own."""
    known = instance_attributes(runner)
    future = known.get("future")
    return [known.get("gen"), Leaf(future) if is_instance(future, TASKS) else future]


def describe_runner(runner: object, waiting: Waiting) -> None:
    """A runner: what its generator has yielded."""
    become(waiting, describe_object(instance_attributes(runner).get("future")))


def behind_runner(runner: object) -> List[object]:
    """The same for the tasks behind it."""
    future = instance_attributes(runner).get("future")
    return [] if future is None else [future]


def describe_lock(frame: Frame, waiting: Waiting) -> None:
    """``async with lock:``: how many wait."""
    waiting.clear()
    lock = variable(frame, "self")
    known = instance_attributes(lock)
    waiters = instance_attributes(known.get("_block")).get("_waiters", known.get("_waiters"))
    waiting.call = f"{safe_text(qualname_of(type(lock)))}.acquire()"
    waiting.obj = waiting.lock = lock
    waiting.count = len(waiters) if type(waiters) is deque else None


def install() -> None:
    """Register what is known about tornado."""
    register_source_finder(find_runner)
    unwrap_stackitem.register(tornado.gen.Runner, unwrap_runner)
    describe_leaf.register(tornado.gen.Runner, describe_runner)
    finished_by.register(tornado.gen.Runner, behind_runner)
    for name in ("Lock", "Semaphore"):
        register_call(tornado.locks, f"{name}.__aenter__", describe_lock)
