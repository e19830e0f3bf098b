"""Who is inside of which context managers: what tells who holds a lock."""

from __future__ import annotations

from stackscope.safe.objects import instance_attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Tuple, Union

    from stackscope.model.snapshot import TaskNode, ThreadNode
    from stackscope.model.stacks import Context

    Entry = Tuple[Context, Union[TaskNode, ThreadNode]]

__all__ = ["Inside", "lock_of_condition"]


class Inside:
    """The contexts that are active for each object, and the tasks or threads that they are in.

    Attributes:
        objects: The objects, by their ids.
    """

    def __init__(self) -> None:
        self.objects: Dict[int, object] = {}
        self._entries: Dict[int, List[Entry]] = {}

    def add(self, context: Context, node: Union[TaskNode, ThreadNode]) -> None:
        """Take note of a context."""
        lock = lock_of_condition(context.obj)
        for obj in (context.obj, lock):
            if obj is not None:
                self.objects[id(obj)] = obj
                self._entries.setdefault(id(obj), []).append((context, node))

    def of(self, obj: object) -> List[Entry]:
        """The contexts of an object."""
        return self._entries.get(id(obj), [])


def lock_of_condition(obj: object) -> object:
    """The lock that a ``Condition`` of a library that is known has; ``None`` for anything else."""
    cls = type(obj)
    if cls.__name__ != "Condition" or cls.__module__.partition(".")[0] not in LIBRARIES:
        return None
    return instance_attributes(obj).get("_lock")


LIBRARIES = ("anyio", "asyncio", "threading", "trio")
