"""How far a look at all tasks has come, and whether whoever waits for it has had enough.

Each task is looked at twice: first its stack is read, so that all stacks are of about the same
time. What the task does and waits for is found out later.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Collection, Iterable, Iterator, Optional, TypeVar

    T = TypeVar("T")

__all__ = ["Looking"]


class Looking:
    """One look.

    Args:
        progress: See `stackscope.extract_all`; ``None`` costs nothing.
    """

    def __init__(self, progress: Optional[Callable[[float], object]]) -> None:
        self._progress = progress
        self._count = 0
        self._has_ended = False

    def found(self, tasks: Collection[T]) -> Iterable[T]:
        """Those tasks of a loop whose stacks are to be read."""
        return tasks if self._progress is None else self._counted(tasks, 0.0)

    def described(self, tasks: Collection[T]) -> Iterable[T]:
        """Those that are to be described: all that were found, unless the look ends only now."""
        if self._progress is None or self._has_ended:
            return tasks
        self._count = 0
        return self._counted(tasks, 0.5)

    def _counted(self, tasks: Collection[T], share: float) -> Iterator[T]:
        total = 2 * (self._count + len(tasks))
        for task in tasks:
            if self._is_enough(share + self._count / total):
                return
            yield task
            self._count += 1

    def _is_enough(self, share: float) -> bool:
        progress = self._progress
        if not self._has_ended and progress is not None:
            self._has_ended = progress(share) is False
        return self._has_ended
