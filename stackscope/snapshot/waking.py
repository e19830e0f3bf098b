"""What ends the wait of a task, other than the end of another task, as glue tells of it.

A task of which nobody has told what wakes it is taken as one that anything may wake.
"""

from __future__ import annotations

from typing import NamedTuple

from stackscope.extraction.codes import code_dispatch
from stackscope.extraction.registrations import single_dispatch
from stackscope.interpreter.frames.blocking import RLOCK, UNKNOWN, lock_awaited_in
from stackscope.model.snapshot import ThreadNode
from stackscope.safe.interruptions import attempt
from stackscope.safe.objects import is_instance
from stackscope.snapshot.inside import object_of
from stackscope.snapshot.threads import is_main
from stackscope.snapshot.waits import ask_about

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

    from stackscope.model.snapshot import Node
    from stackscope.model.stacks import Frame

__all__ = [
    "Limit",
    "belongings_of",
    "cancellers_of",
    "companions_of",
    "is_endless",
    "is_wrapped_scope",
    "limits_are_known",
    "limits_of",
    "register_endless",
    "register_limits",
    "register_wrapped_scope",
    "silent_about",
    "token_of",
    "turn_of",
    "untold_references",
    "wakers_in",
    "wakers_of",
    "wakers_of_node",
]


@single_dispatch
def wakers_of(task: Any) -> Sequence[object]:
    """Hook: what ends the wait of a task, such as the future that it awaits.

    Whoever wakes the task has one of these. It may be the task itself. Dispatches on the type of
    ``task``.

    Args:
        task: A task that waits.

    Returns:
        The objects; none if they aren't known.
    """
    return ()


@code_dispatch(lambda frame: frame.pyframe.f_code)
def wakers_in(frame: Frame) -> Sequence[object]:
    """Hook: what ends the wait of a thread whose innermost frame is one of a function.

    Dispatches on the code of the function.

    Args:
        frame: The frame.

    Returns:
        The objects: whoever ends the wait has one of these. None if they aren't known.
    """
    return ()


@single_dispatch
def cancellers_of(task: Any) -> Sequence[object]:
    """Hook: what cancels a task for whoever has it, such as cancel scopes that it is in.

    Not those of its group, or that a library makes for each task: too many have these. Dispatches
    on the type of ``task``.

    Args:
        task: A task that waits.
    """
    return ()


_scope_types: List[type] = []


def register_wrapped_scope(cls: type) -> None:
    """Say of a type of context manager that it has what `cancellers_of` gives, to cancel by it.

    Args:
        cls: The type.
    """
    _scope_types.append(cls)


def is_wrapped_scope(obj: object) -> bool:
    """Whether whoever has an object may cancel by it what is within."""
    return is_instance(obj, _scope_types)


def wakers_of_node(node: Node) -> Sequence[object]:
    """What ends the wait of a node: for a thread, what its innermost frame waits for."""
    if not isinstance(node, ThreadNode):
        task = object_of(node)
        found: Sequence[object] = ask_about(wakers_of, task) or ()
        return [*found, *(ask_about(cancellers_of, task) or ())] if found else found
    innermost = node.stack.frames[-1]
    hook = wakers_in.for_code(innermost.pyframe.f_code)
    if hook is not None:
        return attempt((), hook, innermost) or ()
    lock = attempt(None, lock_awaited_in, innermost.pyframe, {})
    return () if lock is None or lock is UNKNOWN or type(lock) is RLOCK else (lock,)


@single_dispatch
def belongings_of(item: Any) -> Sequence[object]:
    """Hook: what anybody has who has a task or the like, such as attributes that were set.

    Not what it needs to run: nobody else uses that. Dispatches on the type of ``item``.

    Args:
        item: A task, a thread or a greenlet.
    """
    return ()


@single_dispatch
def companions_of(item: Any) -> Sequence[object]:
    """Hook: what stands for an item, such as the ``Thread`` that a greenlet takes the place of.

    Who has that has only its `belongings_of`. Dispatches on the type of ``item``.

    Args:
        item: A greenlet or the like.
    """
    return ()


@single_dispatch
def untold_references(item: Any) -> Sequence[object]:
    """Hook: what something that waits refers to, where the collector doesn't tell that.

    Dispatches on the type of ``item``.

    Args:
        item: A greenlet or the like.

    Returns:
        The objects, once for each reference, but for those of its frames.
    """
    return ()


@single_dispatch
def token_of(task: Any) -> object:
    """Hook: something that is another object for each wait of a task; ``None`` if unknown.

    Dispatches on the type of ``task``.

    Args:
        task: A task that waits.
    """
    return None


@single_dispatch
def silent_about(task: Any) -> Sequence[object]:
    """Hook: what knows a task for other reasons than to wake it, such as its nursery.

    It is asked only if a task is its own waker, or has something that cancels it. Dispatches on the
    type of ``task``.

    Args:
        task: A task that waits.
    """
    return ()


class Limit(NamedTuple):
    """That a timer ends the wait of a task, or cancels it.

    Attributes:
        task: The task.
        by: What the timer does it by, as far as that is known. If a context manager that the task
            is in is among these, it isn't cancelled as a whole: what it has started outside that
            goes on.
        spreads: Whether what it waits for and has started is cancelled with it. Not where a library
            says of each task whether it is limited.
    """

    task: object
    by: Sequence[object] = ()
    spreads: bool = True


_limits: List[Callable[[Sequence[object]], List[Limit]]] = []


def register_limits(find: Callable[[Sequence[object]], List[Limit]]) -> None:
    """Have the tasks found of which a timer ends the wait, or cancels it.

    Args:
        find: Gets all tasks that wait, and gives the limits of those that have one.
    """
    if find not in _limits:
        _limits.append(find)


def limits_of(tasks: Sequence[object]) -> List[Limit]:
    """The limits of tasks of which a timer ends the wait, or cancels it."""
    return [limit for find in _limits for limit in find(tasks)]


@single_dispatch
def limits_are_known(item: Any) -> bool:
    """Hook: whether `register_limits` finds a thing that is no task if a timer wakes it.

    Dispatches on the type of ``item``, such as that of a greenlet.

    Args:
        item: What waits.
    """
    return False


@single_dispatch
def turn_of(loop: Any) -> Optional[float]:
    """Hook: when a loop has begun to call what it calls now, by its own clock.

    That is another moment for each turn of the loop. Dispatches on the type of ``loop``.

    Args:
        loop: An event loop or a run.

    Returns:
        The moment; ``None`` if the loop rests, or if that isn't known.
    """
    return None


_endless: Dict[int, Tuple[CodeType, bool]] = {}
"""The functions that are called to wait until something is cancelled, by the ids of their code."""


def register_endless(code: CodeType, *, in_main_thread: bool = False) -> None:
    """Say of a function that who calls it wants to wait until it is cancelled.

    Args:
        code: Its code.
        in_main_thread: Whether only the main thread wants that: until Ctrl-C.
    """
    _endless[id(code)] = code, in_main_thread


def is_endless(node: Node) -> bool:
    """Whether something waits on purpose until it is cancelled."""
    entries = [_endless.get(id(frame.pyframe.f_code)) for frame in node.stack.frames]
    return any(entry is not None and (not entry[1] or is_main(node)) for entry in entries)
