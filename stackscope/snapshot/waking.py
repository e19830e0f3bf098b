"""What ends the wait of a task, other than the end of another task, as glue tells of it.

A task of which nobody has told what wakes it is taken as one that anything may wake.
"""

from __future__ import annotations

import functools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List, Sequence

__all__ = ["limited_tasks", "register_limits", "silent_about", "token_of", "waker_of"]


@functools.singledispatch
def waker_of(task: Any) -> object:
    """Hook: what anybody has to have who wakes a task, such as the future that it awaits.

    It may be the task itself. Dispatches on the type of ``task``.

    Args:
        task: A task that waits.

    Returns:
        The object; ``None`` if that isn't known.
    """
    return None


@functools.singledispatch
def token_of(task: Any) -> object:
    """Hook: something that is another object for each wait of a task.

    Dispatches on the type of ``task``.

    Args:
        task: A task that waits.
    """
    return waker_of(task)


@functools.singledispatch
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
