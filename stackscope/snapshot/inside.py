"""Who is inside of which context managers: what tells who holds a lock."""

from __future__ import annotations

import sys

from stackscope.safe.objects import instance_attributes, mro_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Tuple, Union

    from stackscope.model.snapshot import TaskNode, ThreadNode
    from stackscope.model.stacks import Context

    Entry = Tuple[Context, Union[TaskNode, ThreadNode]]

__all__ = ["Inside"]

MODULES = ("anyio._core._synchronization", "asyncio.locks", "threading", "trio._sync")
"""Those that have a class ``Condition``, which is made of a lock."""


class Inside:
    """The contexts that are active for each object, and the tasks or threads that they are in.

    Attributes:
        objects: The objects, by their ids.
    """

    def __init__(self) -> None:
        self.objects: Dict[int, object] = {}
        self._entries: Dict[int, List[Entry]] = {}
        modules = [sys.modules.get(name) for name in MODULES]
        self._conditions = [vars(one).get("Condition") for one in modules if one is not None]

    def add(self, context: Context, node: Union[TaskNode, ThreadNode]) -> None:
        """Take note of a context."""
        for obj in (context.obj, self.lock_of_condition(context.obj)):
            if obj is not None:
                self.objects[id(obj)] = obj
                self._entries.setdefault(id(obj), []).append((context, node))

    def of(self, obj: object) -> List[Entry]:
        """The contexts of an object."""
        return self._entries.get(id(obj), [])

    def lock_of_condition(self, obj: object) -> object:
        """The lock that a condition of a library that is known has; ``None`` for anything else."""
        bases = mro_of(type(obj))
        if not any(base is one for one in self._conditions for base in bases):
            return None
        return instance_attributes(obj).get("_lock")
