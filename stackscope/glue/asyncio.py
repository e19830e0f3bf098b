"""asyncio: tasks, futures, task groups and timeouts.

A task is its coroutine. What it awaits in the end is the stack's leaf: a future, or another task, whose
own stack isn't part of this one. A ``TaskGroup`` has its tasks as `children`, and ``asyncio.timeout()`` says
in its description how much time is left. The frames of the event loop below a running task are hidden.
"""

from __future__ import annotations

import asyncio
import asyncio.base_events
import asyncio.events
import asyncio.futures
import asyncio.tasks
import gc
import re
from types import FunctionType, GeneratorType

from stackscope.frames import local_value
from stackscope.glue.reading import class_attribute, instance_attributes, is_instance
from stackscope.hooks import customize, elaborate_context, unwrap_stackitem
from stackscope.walk import Leaf, child_stack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List, Optional, Tuple, Type

    from stackscope.model import Context, Frame

# The ones written in Python, where asyncio.Task and asyncio.Future are the ones written in C.
PyTask: Any = getattr(asyncio.tasks, "_PyTask", asyncio.Task)
PyFuture: Any = getattr(asyncio.futures, "_PyFuture", asyncio.Future)

EVENT_LOOP_PLUMBING = (
    (asyncio.base_events.BaseEventLoop, "run_until_complete"),
    (asyncio.base_events.BaseEventLoop, "run_forever"),
    (asyncio.base_events.BaseEventLoop, "_run_once"),
    (asyncio.events.Handle, "_run"),
    (getattr(asyncio, "Runner", None), "run"),
)
"""Methods that are between ``asyncio.run()`` and the code that runs in a task or callback."""

# ------------------------------------------------------- tasks and futures


def task_unwrapper(cls: Type[asyncio.Task[Any]]) -> Callable[[asyncio.Task[Any]], object]:
    """Make the hook for a class of tasks. It won't call what a subclass overrides."""
    done, get_coro = cls.done, cls.get_coro

    def unwrap_task(task: asyncio.Task[Any]) -> object:
        """A task: its coroutine. Nothing if it is finished."""
        # get_coro() of an eager task that finished at once crashes some releases of CPython 3.12.
        return [] if done(task) else get_coro(task)

    return unwrap_task


def unwrap_future_iterator(iterator: object) -> object:
    """What ``await future`` waits for: the future, as the leaf, even if it is a task."""
    for referent in gc.get_referents(iterator):
        if is_instance(referent, (asyncio.Future, PyFuture)):
            return Leaf(referent)
    return None


def elaborate_await(frame: Frame, next_inner: object) -> object:
    """``Future.__await__`` where it is written in Python: the future, as the leaf."""
    found, future = local_value(frame.pyframe, "self")
    if next_inner is not None or not found:
        return None
    frame.hide = True
    return Leaf(future)


# ------------------------------------------------------------- task groups


def elaborate_task_group(group: object, context: Context) -> None:
    """A task group: the stacks of its tasks, in the order of their names."""
    tasks = instance_attributes(group).get("_tasks")
    if type(tasks) is set:
        context.children = [
            child_stack(task, for_task=True) for task in sorted(tasks, key=name_in_order)
        ]


def name_in_order(task: Any) -> List[Tuple[int, str]]:
    """A sorting key by which ``Task-9`` comes before ``Task-10``."""
    get_name = PyTask.get_name if is_instance(task, (PyTask,)) else asyncio.Task.get_name
    parts = re.split(r"([0-9]+)", get_name(task))
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


# ---------------------------------------------------------------- timeouts


def elaborate_timeout(timeout: Any, context: Context) -> None:
    """``asyncio.timeout()``: how much time is left."""
    context.description = f"asyncio.timeout(): {time_left(timeout)}"


def time_left(timeout: Any) -> str:
    """What a timeout is at, in words."""
    task = instance_attributes(timeout).get("_task")
    if task is None:
        return "not entered"
    if timeout.expired():
        return "expired"
    deadline = timeout.when()
    if deadline is None:
        return "no deadline"
    loop = task.get_loop()
    clock = class_attribute(type(loop), "time")
    # A clock of the program's own isn't asked, for that would run its code.
    if type(clock) is FunctionType and clock.__module__ != "asyncio.base_events":
        return f"until {deadline:.1f} by the clock of its loop"
    left = deadline - clock(loop)
    return f"{left:.1f} s left" if left >= 0 else f"{-left:.1f} s overdue"


# ------------------------------------------------------------ installation


def install() -> None:
    for task_type in {asyncio.Task, PyTask}:
        unwrap_stackitem.register(task_type, task_unwrapper(task_type))
    iterator_type = _type_of_future_iterator()
    if iterator_type is not None:
        unwrap_stackitem.register(iterator_type, unwrap_future_iterator)
    customize(PyFuture.__await__, elaborate=elaborate_await)
    for cls, name in EVENT_LOOP_PLUMBING:
        if type(getattr(cls, name, None)) is FunctionType:
            customize(getattr(cls, name), hide=True)
    if hasattr(asyncio, "TaskGroup"):  # 3.11+
        elaborate_context.register(asyncio.TaskGroup, elaborate_task_group)
        elaborate_context.register(asyncio.Timeout, elaborate_timeout)


def _type_of_future_iterator() -> Optional[type]:
    """The type of what ``future.__await__()`` gives; ``None`` where that is a generator."""

    class NoLoop:
        """What a future asks its event loop when it is made."""

        def get_debug(self) -> bool:
            return False

    future: asyncio.Future[Any] = asyncio.Future(loop=NoLoop())  # type: ignore[arg-type]
    iterator = future.__await__()
    return None if type(iterator) is GeneratorType else type(iterator)
