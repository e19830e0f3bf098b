"""Who an object is among the tasks, the threads and the like of the process.

Those who draw ask here, whether the object is alive or was read from a file.
"""

from __future__ import annotations

from stackscope.model.saved import SavedObject
from stackscope.snapshot.numbers import item_numbers, task_numbers, thread_numbers
from stackscope.snapshot.runtimes import kind_of_item, name_of_task
from stackscope.snapshot.threads import is_thread, name_in_threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Union

__all__ = ["TASK", "THREAD", "Identity", "identity_of", "number_of", "number_of_item"]

TASK, THREAD = "task", "thread"


class Identity:
    """Who an object is.

    Args:
        kind: `TASK`, `THREAD`, or what a finder calls it, such as ``"greenlet"``; empty if it is
            none of these.
        number: Its number among those of its kind.
        name: What its library calls it.
        subject: What it is about, if it is a task.
    """

    __slots__ = ("kind", "name", "number", "subject")

    def __init__(self, kind: str, number: int, name: str, subject: Optional[str] = None) -> None:
        self.kind: str = kind
        self.number: int = number
        self.name: str = name
        self.subject: Optional[str] = subject


NOBODY = Identity("", 0, "")


def identity_of(obj: object) -> Union[Identity, SavedObject]:
    """Who an object is. A task or thread that has no number yet is given one."""
    if type(obj) is SavedObject:
        return obj
    name = name_of_task(obj)
    if name is not None:
        return Identity(TASK, task_numbers.of(obj), name, task_numbers.subject_of(obj))
    if is_thread(obj):
        return Identity(THREAD, thread_numbers.of(obj), name_in_threading(obj))
    number = item_numbers.known(obj)
    return NOBODY if number is None else Identity(kind_of_item(obj), number, "")


def number_of(obj: object) -> int:
    """The number of an object among those of its kind. One of no known kind counts as a task."""
    found = identity_of(obj)
    return found.number if found.kind or found is obj else task_numbers.of(obj)


def number_of_item(obj: object) -> Optional[int]:
    """The number of a greenlet or the like; ``None`` if ``obj`` is none."""
    if type(obj) is SavedObject:
        return None if obj.kind in ("", TASK, THREAD) else obj.number
    return item_numbers.known(obj)
