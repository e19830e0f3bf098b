"""asyncio: what tasks and futures know of each other, read without running their code."""

from __future__ import annotations

import asyncio.tasks
from types import FunctionType, GetSetDescriptorType

from stackscope.glue.describing import Deadline
from stackscope.interpreter.facts import FREE_THREADED
from stackscope.safe.objects import class_attribute, is_instance
from stackscope.snapshot.numbers import natural_order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Dict, List, Tuple

# The ones written in Python, where asyncio.Task and asyncio.Future are the ones written in C.
PyTask: Any = getattr(asyncio.tasks, "_PyTask", asyncio.Task)
PyFuture: Any = getattr(asyncio.futures, "_PyFuture", asyncio.Future)

TASKS = (asyncio.Task, PyTask)
FUTURES = (asyncio.Future, PyFuture)
BUILT_INS = (asyncio.Task, asyncio.Future)  # a task first, for it is a future as well


_readers = {
    (id(cls), name): reader.__get__
    for cls in {asyncio.Task, asyncio.Future}
    for name, reader in cls.__dict__.items()
    if type(reader) is GetSetDescriptorType
}
"""Reads the private attributes of the tasks and futures that are written in C."""

if FREE_THREADED:
    from stackscope.glue.asyncio.without_gil import guard

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
    """The variables that a function uses of those around it, as far as they have a value."""
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
    from stackscope.glue.stdlib.concurrent_futures import frames_of_call

    return frames_of_call(source)


def is_done(future: Any) -> bool:
    """Whether a future or task of asyncio's has a result. Others are taken for pending."""
    for cls in (asyncio.Task, asyncio.Future, PyTask, PyFuture):
        if type(future) is cls or is_instance(future, (cls,)):
            return bool(cls.done(future))
    return False


def name_in_order(task: Any) -> List[Tuple[int, str]]:
    """A sorting key by which ``Task-9`` comes before ``Task-10``."""
    get_name = PyTask.get_name if is_instance(task, (PyTask,)) else asyncio.Task.get_name
    return natural_order(get_name(task))


def time_until(moment: float, loop: Any) -> Deadline:
    """How far away a moment by the clock of a loop is."""
    clock = class_attribute(type(loop), "time")
    # A clock of the program's own isn't asked, for that would run its code.
    if type(clock) is FunctionType and clock.__module__ != "asyncio.base_events":
        return Deadline(None, moment, "loop")
    return Deadline(moment - clock(loop), moment, "loop")
