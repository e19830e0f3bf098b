"""asyncio: tasks, futures, task groups and timeouts.

A task is its coroutine. What it awaits in the end is the stack's leaf: a future, or another task, whose
own stack isn't part of this one; a call in a thread pool is continued by the frames of its thread. A
``TaskGroup`` has its tasks as `children`, and ``asyncio.timeout()`` says in its description how much time is
left. The frames of the event loop below a running task are hidden. An event loop is what it is running.

`stackscope.glue.asyncio_waits` tells what a task waits for, `stackscope.glue.asyncio_loops` finds the
loops and tasks of the process.
"""

from __future__ import annotations

import asyncio
import asyncio.base_events
import asyncio.events
import asyncio.futures
import asyncio.tasks
import gc
import re
from types import FunctionType, GeneratorType, GetSetDescriptorType

from stackscope.frames import local_value
from stackscope.glue.reading import class_attribute, instance_attributes, is_instance
from stackscope.hooks import customize, elaborate_context, unwrap_stackitem
from stackscope.slots import FREE_THREADED
from stackscope.walk import Leaf, child_stack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable, Dict, List, Optional, Tuple, Type

    from stackscope.model import Context, Frame

# The ones written in Python, where asyncio.Task and asyncio.Future are the ones written in C.
PyTask: Any = getattr(asyncio.tasks, "_PyTask", asyncio.Task)
PyFuture: Any = getattr(asyncio.futures, "_PyFuture", asyncio.Future)

TASKS = (asyncio.Task, PyTask)
FUTURES = (asyncio.Future, PyFuture)
BUILT_INS = (asyncio.Task, asyncio.Future)  # a task first, for it is a future as well

EVENT_LOOP_PLUMBING = (
    (asyncio.base_events.BaseEventLoop, "run_until_complete"),
    (asyncio.base_events.BaseEventLoop, "run_forever"),
    (asyncio.base_events.BaseEventLoop, "_run_once"),
    (asyncio.events.Handle, "_run"),
    (getattr(asyncio, "Runner", None), "run"),
    (PyTask, "_Task__step"),
    (PyTask, "_Task__step_run_and_handle_result"),  # 3.12+
    (PyTask, "_Task__wakeup"),
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
    """What ``await future`` waits for: the future, as the leaf, even if it is a task.

    If the future stands for a call in a thread pool: the frames of that call.
    """
    for referent in gc.get_referents(iterator):
        cls = type(referent)
        if cls is asyncio.Task:
            return Leaf(referent)
        if cls is asyncio.Future or (cls is not type and is_instance(referent, FUTURES)):
            return executor_frames(referent) or Leaf(referent)
    return None


def unwrap_future(future: object) -> object:
    """A future: the frames of the call in a thread pool that it stands for, or the leaf."""
    inner = shielded(future)
    return executor_frames(future) or Leaf(future) if inner is None else inner


def elaborate_await(frame: Frame, next_inner: object) -> object:
    """``Future.__await__`` where it is written in Python: the future, as the leaf."""
    found, future = local_value(frame.pyframe, "self")
    if next_inner is not None or not found:
        return None
    frame.hide = True
    return executor_frames(future) or Leaf(future)


# ------------------------------------------- what futures know of each other


_readers = {
    (id(cls), name): reader.__get__
    for cls in {asyncio.Task, asyncio.Future}
    for name, reader in cls.__dict__.items()
    if type(reader) is GetSetDescriptorType
}
"""Reads the private attributes of the tasks and futures that are written in C."""

if FREE_THREADED:
    from stackscope.glue.asyncio_without_gil import guard

    guard(_readers)


def internal(future: object, name: str) -> Any:
    """A private attribute of a future or task; ``None`` if it has none such."""
    read = _readers.get((id(type(future)), name))
    if read is not None:
        return read(future)
    for cls in BUILT_INS:
        read = _readers.get((id(cls), name))
        if read is not None and is_instance(future, (cls,)):
            return read(future)
    # Instances of classes derived from the ones in C have attributes, but no __dict__ to look at.
    if hasattr(type(class_attribute(type(future), name)), "__get__"):
        return None
    try:
        return object.__getattribute__(future, name)
    except AttributeError:
        return None


def done_callbacks(future: object) -> List[Any]:
    """The callables that ``future`` will call when it is done."""
    entries = internal(future, "_callbacks")
    if type(entries) is not list:
        return []
    return [entry[0] if type(entry) is tuple else entry for entry in entries]


def callback_variable(future: object, function: str, variable: str) -> object:
    """A variable that a done callback of ``future`` has taken along from the function that made it.

    Args:
        future: The future.
        function: The name of the callback.
        variable: The name of its free variable.
    """
    entries = internal(future, "_callbacks")
    if type(entries) is not list:
        return None
    for entry in entries:
        callback = entry[0] if type(entry) is tuple else entry
        # Nearly all of them are no functions, but methods of tasks.
        if type(callback) is FunctionType and callback.__code__.co_name == function:
            return free_variables(callback).get(variable)
    return None


def free_variables(function: FunctionType) -> Dict[str, Any]:
    """The variables of the functions around it that a function uses, as far as they have a value."""
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            pass
    return found


def chained(future: object) -> object:
    """The future of another thread or loop whose result ``future`` will get.

    `asyncio.futures._chain_future` connects the two (3.8 to 3.15); so do ``run_in_executor()``,
    ``to_thread()`` and ``wrap_future()``.
    """
    return callback_variable(future, "_call_check_cancel", "source")


def shielded(future: object) -> object:
    """What ``asyncio.shield()`` protects, if ``future`` is what it has returned."""
    return callback_variable(future, "_outer_done_callback", "inner")


def executor_frames(future: object) -> List[FrameType]:
    """The frames of the call in a thread pool that ``future`` stands for."""
    source = chained(future)
    if source is None:
        return []
    from stackscope.glue import concurrent_futures

    return concurrent_futures.frames_of_call(source)  # type: ignore[arg-type]


def is_done(future: Any) -> bool:
    """Whether a future or task of asyncio's has a result. Others are taken for pending."""
    for cls in (asyncio.Task, asyncio.Future, PyTask, PyFuture):
        if type(future) is cls or is_instance(future, (cls,)):
            return bool(cls.done(future))
    return False


# ------------------------------------------------------------- event loops


def unwrap_loop(loop: asyncio.AbstractEventLoop) -> object:
    """An event loop: what it is running in its thread. One that isn't running is a leaf."""
    from stackscope.glue.asyncio_loops import frames_of_loop

    return frames_of_loop(loop) or Leaf(loop)


def unwrap_runner(runner: object) -> object:
    """An `asyncio.Runner`: its event loop, once it has one."""
    return instance_attributes(runner).get("_loop") or Leaf(runner)


# ------------------------------------------------------------- task groups


def elaborate_task_group(group: object, context: Context) -> None:
    """A task group: the stacks of its tasks, in the order of their names, and whether it is cancelled."""
    tasks = instance_attributes(group).get("_tasks")
    if type(tasks) is set:
        context.children = [
            child_stack(task, for_task=True) for task in sorted(tasks, key=name_in_order)
        ]
    words = state_of_group(group)
    if words:
        context.description = f"TaskGroup: {words}"


def state_of_group(group: object) -> str:
    """Whether a task group cancels its tasks, and how many of them have failed; empty if all is well."""
    attributes = instance_attributes(group)
    if attributes.get("_aborting") is not True:
        return ""
    errors = attributes.get("_errors")
    failed = f", {len(errors)} failed" if type(errors) is list and errors else ""
    return f"cancelled{failed}"


def name_in_order(task: Any) -> List[Tuple[int, str]]:
    """A sorting key by which ``Task-9`` comes before ``Task-10``."""
    get_name = PyTask.get_name if is_instance(task, (PyTask,)) else asyncio.Task.get_name
    return natural_order(get_name(task))


def natural_order(name: str) -> List[Tuple[int, str]]:
    """A sorting key that takes digits as numbers."""
    parts = re.split(r"([0-9]+)", name)
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
    return time_until(deadline, task.get_loop())


def time_until(deadline: float, loop: Any) -> str:
    """How far away a time by the clock of a loop is, in words."""
    clock = class_attribute(type(loop), "time")
    # A clock of the program's own isn't asked, for that would run its code.
    if type(clock) is FunctionType and clock.__module__ != "asyncio.base_events":
        return f"until {deadline:.1f} by the clock of its loop"
    left = deadline - clock(loop)
    return f"{left:.1f} s left" if left >= 0 else f"{-left:.1f} s overdue"


# ------------------------------------------------------------ installation


def install() -> None:
    from stackscope.glue import asyncio_waits

    for task_type in set(TASKS):
        unwrap_stackitem.register(task_type, task_unwrapper(task_type))
    for future_type in set(FUTURES):
        unwrap_stackitem.register(future_type, unwrap_future)
    iterator_type = _type_of_future_iterator()
    if iterator_type is not None:
        unwrap_stackitem.register(iterator_type, unwrap_future_iterator)
    unwrap_stackitem.register(asyncio.AbstractEventLoop, unwrap_loop)
    if hasattr(asyncio, "Runner"):  # 3.11+
        unwrap_stackitem.register(asyncio.Runner, unwrap_runner)
    if type(PyFuture.__await__) is FunctionType:
        customize(PyFuture.__await__, elaborate=elaborate_await)
    for cls, name in EVENT_LOOP_PLUMBING:
        if type(getattr(cls, name, None)) is FunctionType:
            customize(getattr(cls, name), hide=True)
    if hasattr(asyncio, "TaskGroup"):  # 3.11+
        elaborate_context.register(asyncio.TaskGroup, elaborate_task_group)
    if hasattr(asyncio, "Timeout"):  # 3.11+
        elaborate_context.register(asyncio.Timeout, elaborate_timeout)
    asyncio_waits.install()


def _type_of_future_iterator() -> Optional[type]:
    """The type of what ``future.__await__()`` gives; ``None`` where that is a generator."""

    class NoLoop:
        """What a future asks its event loop when it is made."""

        def get_debug(self) -> bool:
            return False

    future: asyncio.Future[Any] = asyncio.Future(loop=NoLoop())  # type: ignore[arg-type]
    iterator = future.__await__()
    return None if type(iterator) is GeneratorType else type(iterator)
