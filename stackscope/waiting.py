"""What a task waits for, in words and as objects.

`describe_wait` puts it together from two kinds of hooks, which glue registers: `describe_leaf`, for the
object at the end of a stack, and `describe_call`, for the function that is waiting for it. Each of them
adds what it knows to a `Waiting`; the innermost one goes first.
"""

from __future__ import annotations

import functools

from stackscope.codes import code_dispatch
from stackscope.model import Stack
from stackscope.places import calls_below_user, is_runtime_frame, name_of_call
from stackscope.records import record
from stackscope.slots import CO_ANY_GENERATOR
from stackscope.walk import implementation, interrupts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

    from stackscope.model import Frame

__all__ = [
    "Waiting",
    "awaited_object",
    "describe_call",
    "describe_leaf",
    "describe_wait",
    "name_holders",
]


HELD_BY = "held by "
"""What comes before the task that has the lock another one waits for."""

MOST_HOLDERS = 3
"""So many holders of one lock are named."""


@record
class Waiting:
    """What something waits for.

    Args:
        text: The call that waits, such as ``"Lock.acquire()"``, or what is awaited.
        detail: More about it: ``"2nd of 3 waiters"``, ``"9.5 s left"``; empty if nothing is known.
        tasks: The tasks and futures that have to finish first, as far as they are known.
        obj: What is waited on, such as a lock, a queue or an event; ``None`` if that is unknown.
        lock: The lock that somebody else has to let go of, if it is a lock.
    """

    text: str
    detail: str
    tasks: List[object]
    obj: object = None
    lock: object = None

    def __init__(
        self,
        text: str,
        detail: str = "",
        tasks: Optional[List[object]] = None,
        obj: object = None,
        lock: object = None,
    ) -> None:
        self.text = text
        self.detail = detail
        self.tasks = [] if tasks is None else tasks
        self.obj = obj
        self.lock = lock

    def __str__(self) -> str:
        return f"{self.text}: {self.detail}" if self.detail else self.text


@functools.singledispatch
def awaited_object(item: Any) -> object:
    """Hook: what a stack item such as a task waits for, if its stack has no leaf.

    Dispatches on the type of ``item``.
    """
    return None


@functools.singledispatch
def describe_leaf(leaf: Any, waiting: Waiting) -> None:
    """Hook: say what waiting for an object means. Dispatches on the type of ``leaf``.

    Args:
        leaf: The object.
        waiting: To be filled in.
    """


def _frame_code(frame: Frame, waiting: object = None) -> CodeType:
    return frame.pyframe.f_code


@code_dispatch(_frame_code)
def describe_call(frame: Frame, waiting: Waiting) -> None:
    """Hook: say what a function is waiting for. Dispatches on the code of the function.

    Args:
        frame: The frame of the function.
        waiting: What is known about the frames below it. To be changed.
    """


def name_holders(waiting: Waiting, tasks: Sequence[object], label: Callable[[Any], str]) -> None:
    """Add the tasks that hold what one waits for, where a library knows them.

    Args:
        waiting: What is known about the wait.
        tasks: The tasks.
        label: Gives the name of a task.
    """
    if tasks:
        names = [label(task) for task in tasks[:MOST_HOLDERS]]
        more = f" and {len(tasks) - MOST_HOLDERS} more" if len(tasks) > MOST_HOLDERS else ""
        waiting.detail += f", {HELD_BY}{', '.join(names)}{more}"
        waiting.tasks = [*waiting.tasks, *tasks]


def describe_wait(stack: Stack) -> Optional[Waiting]:
    """What a suspended stack waits for.

    Args:
        stack: The stack of a task, a coroutine or the like.

    Returns:
        A description, or ``None`` if there is nothing that it waits for, or nothing is known.

    Example:
        >>> import asyncio
        >>> async def main():
        ...     task = asyncio.ensure_future(asyncio.Event().wait())
        ...     await asyncio.sleep(0)
        ...     return str(describe_wait(extract(task)))
        >>> asyncio.run(main())
        'Event.wait(): 1 waiter'
    """
    leaf = stack.leaf
    if leaf is None and stack.root is not None:
        leaf = _ask(_hook(awaited_object, stack.root), stack.root)
    waiting = Waiting("")
    if leaf is not None:
        _ask(_hook(describe_leaf, leaf), leaf, waiting)
    calls = _calls(stack)
    described: Optional[Frame] = None
    has_words = False
    for frame in reversed(calls):
        describe = describe_call.for_code(frame.pyframe.f_code)
        if describe is not None:
            text = waiting.text
            _ask(describe, frame, waiting)
            has_words = waiting.text != text
            if not has_words:
                waiting.text = name_of_call(frame)
            described = frame
    if calls and described is not calls[0] and (described is not None or not waiting.text):
        _name_outer_call(waiting, calls[0], described, has_words)
    if not waiting.text:
        if leaf is None:
            return None
        waiting.text = f"a {type.__dict__['__name__'].__get__(type(leaf))}"
    return waiting


def _calls(stack: Stack) -> List[Frame]:
    """What waits, outermost first: the calls below the innermost frame of the user's.

    Where a task waits for what another thread does, that is the call that has handed it to the thread,
    even if it is hidden.
    """
    frames = stack.frames
    index = len(frames) - 1
    while index > 0 and not _is_suspended(frames[index]):
        index -= 1
    if not frames or not _is_suspended(frames[index]):
        return calls_below_user(stack)
    last = frames[index]
    calls = calls_below_user(Stack(stack.root, frames[: index + 1]))
    hands_over = last.hide and describe_call.for_code(last.pyframe.f_code) is not None
    return [*calls, last] if hands_over else calls


def _is_suspended(frame: Frame) -> bool:
    """Whether this frame waits in a coroutine or generator, and not in a call that another thread runs for it."""
    return frame.origin is not None and bool(frame.pyframe.f_code.co_flags & CO_ANY_GENERATOR)


def _name_outer_call(
    waiting: Waiting, outer: Frame, described: Optional[Frame], has_words: bool
) -> None:
    """Say that ``outer`` is what the user has called, where a frame below it was described."""
    if has_words and is_runtime_frame(outer.pyframe):
        return  # the words of a hook say more than its name
    # A private function is the inside of the one that is named, such as wait() and _wait().
    if described is not None and (has_words or not described.funcname.startswith("_")):
        waiting.detail = str(waiting)
    waiting.text = name_of_call(outer)


_hooks: Dict[Tuple[int, int], Tuple[type, int, Any]] = {}


def _hook(hook: Any, item: object) -> Optional[Callable[..., Any]]:
    """The implementation of a hook for the type of ``item``, remembered: `implementation` takes a while."""
    cls = type(item)
    key = (id(hook), id(cls))
    known = _hooks.get(key)
    count = len(hook.registry)
    if known is not None and known[0] is cls and known[1] == count:
        return known[2]  # type: ignore[no-any-return]
    found = implementation(hook, cls)
    if len(_hooks) > 500:  # classes that are made all the time would be kept alive
        _hooks.clear()
    _hooks[key] = (cls, count, found)
    return found  # type: ignore[no-any-return]


def _ask(hook: Optional[Callable[..., Any]], *args: Any) -> Any:
    """What a hook gives. What it raises costs what it would have told."""
    if hook is None:
        return None
    try:
        return hook(*args)
    except BaseException as exc:
        if interrupts(exc):
            raise
        return None
