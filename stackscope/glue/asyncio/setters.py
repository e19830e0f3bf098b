"""asyncio: who gives a future its result, where the future itself doesn't tell.

A future that ``gather()`` or ``shield()`` has made knows what it waits for. Any other one gets its
result from somebody who has a reference to it: a done callback of a task or of another future, or
a timer. So all of these are looked through once, and those noted whose code sets a result.
"""

from __future__ import annotations

import functools
import gc
from types import BuiltinMethodType, FunctionType, MethodDescriptorType, MethodType

from stackscope.extraction.extraction import looked_up_once
from stackscope.glue.asyncio.futures import (
    FUTURES,
    TASKS,
    done_callbacks,
    free_variables,
    is_done,
)
from stackscope.glue.asyncio.loops import handles_of, known_loops, known_tasks
from stackscope.safe.objects import arguments_of_partial, function_of_partial, is_instance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Tuple

__all__ = ["Setters", "the_setters"]

SETS = ("set_result", "set_exc")
"""What is in the name of each function that gives a future its result: ``set_result_unless_…``."""

MOST_INSIDE = 20
"""How many objects that call each other are looked through in one callback."""


class Setters:
    """All futures of which it is known who sets them.

    Attributes:
        by_future: By the id of a future: the tasks and futures at whose end it is set.
        timers: By the id of a future: the timer that sets it.
        awaited_by_queue: By the id of the queue that ``as_completed()`` has up to 3.12: the set of
            the futures that are still to come.
    """

    def __init__(self) -> None:
        self.by_future: Dict[int, List[object]] = {}
        self.timers: Dict[int, Any] = {}
        self.awaited_by_queue: Dict[int, object] = {}
        self._seen: Dict[int, object] = {}
        todo: List[object] = list(known_tasks())
        while todo:
            future = todo.pop()
            if id(future) in self._seen:
                continue
            self._seen[id(future)] = future
            for callback in done_callbacks(future):
                todo += self._read(future, callback)
        for loop in known_loops():
            for handle in handles_of(loop):
                self._read_handle(handle)

    def _read(self, future: object, callback: object) -> Iterator[object]:
        """Take note of a done callback. Gives the futures that it acts on."""
        if type(callback) is FunctionType and callback.__code__.co_name == "_on_completion":
            variables = free_variables(callback)
            if "todo" in variables and "done" in variables:  # as_completed()
                self.awaited_by_queue[id(variables["done"])] = variables["todo"]
        acted_on, sets = _futures_in(callback)
        others = [one for one in acted_on if one is not future and not is_done(one)]
        # Which one of several it sets is unknown.
        if sets and len(others) == 1:
            self.by_future.setdefault(id(others[0]), []).append(future)
        yield from others

    def _read_handle(self, handle: object) -> None:
        """Take note of a call that a loop will make later."""
        fields = gc.get_referents(handle)
        called: List[object] = [one for one in fields if _is_called(one)]
        args = [arg for one in fields if type(one) is tuple for arg in one]
        acted_on, sets = _futures_in(*called, *args)
        others = [one for one in acted_on if not is_done(one)]
        if sets and len(others) == 1:
            self.timers[id(others[0])] = handle


def the_setters() -> Setters:
    """Who sets which futures."""
    return looked_up_once(Setters)


def _is_called(obj: object) -> bool:
    return is_instance(obj, (FunctionType, MethodType, BuiltinMethodType, functools.partial))


def _futures_in(*objects: object) -> Tuple[List[object], bool]:
    """The futures that some callables have taken along, and whether their code sets results."""
    found: Dict[int, object] = {}
    sets = False
    todo = list(objects)
    for _ in range(MOST_INSIDE):
        if not todo:
            break
        obj = todo.pop()
        cls = type(obj)
        if cls is FunctionType:
            function: Any = obj
            code = function.__code__
            sets = sets or _sets(code.co_name) or any(map(_sets, code.co_names + code.co_freevars))
            todo += free_variables(function).values()
            todo += function.__defaults__ or ()
        elif cls is MethodType:
            method: Any = obj
            todo += (method.__func__, method.__self__)
        elif is_instance(obj, (BuiltinMethodType,)):  # from 3.9 on there is a class derived from it
            built_in: Any = obj
            sets = sets or _sets(built_in.__name__)
            todo.append(built_in.__self__)
        elif cls is MethodDescriptorType:
            descriptor: Any = obj
            sets = sets or _sets(descriptor.__name__)
        elif cls is functools.partial:
            todo.append(function_of_partial(obj))
            todo += arguments_of_partial(obj)
        elif is_instance(obj, FUTURES) and not is_instance(obj, TASKS):
            found[id(obj)] = obj
    return list(found.values()), sets


def _sets(name: str) -> bool:
    return any(part in name for part in SETS)
