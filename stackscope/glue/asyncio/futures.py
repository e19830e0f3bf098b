"""asyncio: what tasks and futures know of each other, read without running their code."""

from __future__ import annotations

import asyncio.tasks
import gc
import sys
from types import FunctionType, GetSetDescriptorType

from stackscope.extraction.extraction import looked_up_once, seconds_spent
from stackscope.glue.describing import Deadline
from stackscope.glue.functions import is_in_c
from stackscope.interpreter.facts import FREE_THREADED
from stackscope.safe.objects import class_attribute, is_instance
from stackscope.safe.text import safe_text
from stackscope.snapshot.numbers import natural_order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Tuple

# The ones written in Python, where asyncio.Task and asyncio.Future are the ones written in C.
PyTask: Any = getattr(asyncio.tasks, "_PyTask", asyncio.Task)
PyFuture: Any = getattr(asyncio.futures, "_PyFuture", asyncio.Future)

TASKS = (asyncio.Task, PyTask)
FUTURES = (asyncio.Future, PyFuture)
BUILT_INS = (asyncio.Task, asyncio.Future)  # a task first, for it is a future as well


FIRST = 10
"""How many callbacks of a future are searched for the one that its maker has added."""

_readers = {
    (id(cls), name): reader.__get__
    for cls in {asyncio.Task, asyncio.Future}
    for base in reversed(cls.__mro__)
    for name, reader in list(base.__dict__.items())
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


def _first_callbacks(future: object) -> List[FunctionType]:
    """Those of the first callables that ``future`` will call when it is done that are functions.

    ``_callbacks`` of a future in C makes a list of all of them: with a thousand tasks that wait for
    the same one, a thousand times a thousand. What it refers to are the first one, and a list of
    the others (``FutureObj_traverse`` in Modules/_asynciomodule.c).
    """
    found: List[FunctionType] = []
    if asyncio.Future is not PyFuture and is_instance(future, (asyncio.Future,)):
        lists: List[List[Any]] = []
        for referent in gc.get_referents(future):
            kind = type(referent)
            if kind is FunctionType:
                found.append(referent)
            elif kind is list:
                lists.append(referent)
    else:
        entries = internal(future, "_callbacks")
        lists = [entries] if type(entries) is list else []
    for entries in lists:
        for entry in entries[:FIRST]:  # one of the lists may be the result, with anything in it
            callback = entry[0] if type(entry) is tuple and entry else entry
            if type(callback) is FunctionType:
                found.append(callback)
    return found


def free_variables(function: FunctionType) -> Dict[str, Any]:
    """The variables that a function uses of those around it, as far as they have a value."""
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            pass
    return found


_source_finders: List[Callable[[object], object]] = []


def register_source_finder(find: Callable[[object], object]) -> None:
    """Have the futures of a library looked through that get their results from somewhere else.

    Args:
        find: Gets a done callback of a future. If that tells where the result of the future will
            come from, it gives this: another future, a task, or a stack item such as a generator
            that computes it; else ``None``.
    """
    if find not in _source_finders:
        _source_finders.append(find)


def behind(future: object) -> Tuple[object, object]:
    """What ``future`` shields, and where its result will come from; at a single look at it."""
    callbacks = _first_callbacks(future)
    if not callbacks:
        return None, None
    return _shielded(callbacks), _source(future, callbacks)


def _source(future: object, callbacks: List[FunctionType]) -> object:
    """Where the result of ``future`` will come from, as far as its own callbacks tell.

    `asyncio.futures._chain_future` connects a future of another thread or loop with the one that
    gets its result (3.8 to 3.15); so do ``run_in_executor()``, ``to_thread()`` and
    ``wrap_future()``.
    """
    for callback in callbacks:
        if callback.__code__.co_name == "_call_check_cancel":
            return free_variables(callback).get("source")
        for find in _source_finders:
            source = find(callback)
            if source is not None and source is not future:
                return source
    return None


def shielded(future: object) -> object:
    """What ``asyncio.shield()`` protects, if ``future`` is what it has returned."""
    return _shielded(_first_callbacks(future))


def _shielded(callbacks: List[FunctionType]) -> object:
    for callback in callbacks:
        if callback.__code__.co_name == "_outer_done_callback":
            return free_variables(callback).get("inner")
    return None


def children_of(future: object) -> Optional[List[Any]]:
    """The futures that ``gather()`` has put together, if ``future`` is what it has returned."""
    if type(future) is asyncio.Future:
        return None  # what it returns is of a class of its own
    children = internal(future, "_children")
    return children if type(children) is list else None


def _nothing_left() -> Dict[int, Tuple[object, List[Any]]]:
    """What is known of those that are left, when an extraction begins."""
    return {}


def left_of(future: object, children: List[Any]) -> List[Any]:
    """The children of a future of ``gather()`` that aren't done: the same list for all that ask."""
    known = looked_up_once(_nothing_left)
    if id(future) not in known:
        known[id(future)] = future, [child for child in list(children) if not is_done(child)]
    return known[id(future)][1]


MOST_WRAPPERS = 100
"""How many futures around each other are looked through for the frames of a call."""


def frames_behind(future: object) -> List[Any]:
    """The stack that goes on where ``future`` is awaited: that of a call in a thread pool.

    Whatever wraps that, as long as nothing else is waited for at the same time. Tasks have stacks
    of their own.
    """
    for _ in range(MOST_WRAPPERS):
        if is_instance(future, TASKS):
            return []
        if not is_instance(future, FUTURES):
            return _frames_of_source(future)
        children = children_of(future)
        if children is None:
            inner, source = behind(future)
            inner = source if inner is None else inner
        else:
            left = left_of(future, children)
            inner = left[0] if len(left) == 1 else None
        if inner is None or is_done(future):
            return []
        future = inner
    return []


def _frames_of_source(source: object) -> List[Any]:
    concurrent = sys.modules.get("concurrent.futures._base")
    cls = None if concurrent is None else vars(concurrent).get("Future")
    if cls is None or not is_instance(source, (cls,)):
        return [source]
    from stackscope.glue.stdlib.concurrent_futures import frames_of_call

    return list(frames_of_call(source))


def state_of(future: object) -> Optional[str]:
    """``PENDING``, ``CANCELLED`` or ``FINISHED``; ``None`` if it is no future of asyncio's."""
    state = internal(future, "_state")
    return state if type(state) is str and is_instance(future, FUTURES) else None


def is_done(future: object) -> bool:
    """Whether a future or task of asyncio's has a result. Others are taken for pending."""
    read = _readers.get((id(type(future)), "_state"))
    if read is not None:
        return bool(read(future) != "PENDING")
    return state_of(future) in ("CANCELLED", "FINISHED")


def name_of(task: Any) -> str:
    """The name of a task, which asyncio makes when it is first asked for it."""
    name = asyncio.Task.get_name(task) if _is_in_c(task) else internal(task, "_name")
    return safe_text(name) if type(name) is str else "?"


def coroutine_of(task: Any) -> Any:
    """The coroutine of a task."""
    return asyncio.Task.get_coro(task) if _is_in_c(task) else internal(task, "_coro")


def requests_to_cancel(task: Any) -> int:
    """How often a task has been cancelled without taking that back, from 3.11 on."""
    if _is_in_c(task):
        return asyncio.Task.cancelling(task) if hasattr(asyncio.Task, "cancelling") else 0
    count = internal(task, "_num_cancels_requested")
    return count if type(count) is int else 0


def _is_in_c(task: object) -> bool:
    """Whether it is a task of which the methods that asyncio has are written in C."""
    if asyncio.Task is PyTask:
        return False
    return type(task) is asyncio.Task or is_instance(task, (asyncio.Task,))


def name_in_order(task: object) -> List[Tuple[int, str]]:
    """A sorting key by which ``Task-9`` comes before ``Task-10``."""
    return natural_order(name_of(task))


def time_until(moment: float, loop: Any) -> Deadline:
    """How far away a moment by the clock of a loop is, whatever the loop does meanwhile.

    What an extraction takes is not the program's, and doesn't count.
    """
    clock: Any = class_attribute(type(loop), "time")
    # A clock of the program's own isn't asked, for that would run its code.
    is_asyncios = type(clock) is FunctionType and clock.__module__ == "asyncio.base_events"
    if is_asyncios or is_in_c(clock):
        return Deadline(moment - clock(loop) + seconds_spent(), moment, "loop")
    return Deadline(None, moment, "loop")
