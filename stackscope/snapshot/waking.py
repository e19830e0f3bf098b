"""What ends the wait of a task, other than the end of another task, as glue tells of it.

A task of which nobody has told what wakes it is taken as one that anything may wake.
"""

from __future__ import annotations

from stackscope.extraction.registrations import single_dispatch
from stackscope.snapshot.waits import ask_about

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Callable, Dict, List, Optional, Sequence

    from stackscope.model.stacks import Stack

__all__ = [
    "is_endless",
    "limited_tasks",
    "limits_are_known",
    "register_endless",
    "register_limits",
    "silent_about",
    "token_of",
    "turn_of",
    "wakers_of",
    "wakers_of_task",
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


def wakers_of_task(task: object) -> Sequence[object]:
    """What `wakers_of` says of a task."""
    found: Sequence[object] = ask_about(wakers_of, task) or ()
    return found


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

    It is asked only if a task is its own waker. Dispatches on the type of ``task``.

    Args:
        task: A task that waits.
    """
    return ()


_limits: List[Callable[[Sequence[object]], List[object]]] = []


def register_limits(find: Callable[[Sequence[object]], List[object]]) -> None:
    """Have the tasks found of which a timer ends the wait, or cancels it.

    Args:
        find: Gets all tasks that wait, and gives those of them.
    """
    if find not in _limits:
        _limits.append(find)


def limited_tasks(tasks: Sequence[object]) -> List[object]:
    """The tasks of which a timer ends the wait, or cancels it."""
    return [task for find in _limits for task in find(tasks)]


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


_endless: Dict[int, CodeType] = {}


def register_endless(code: CodeType) -> None:
    """Say of a function that who calls it wants to wait until it is cancelled.

    Args:
        code: Its code.
    """
    _endless[id(code)] = code


def is_endless(stack: Stack) -> bool:
    """Whether something waits on purpose until it is cancelled."""
    return any(id(frame.pyframe.f_code) in _endless for frame in stack.frames)
