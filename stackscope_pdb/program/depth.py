"""Room for the debugger's own calls, where the program has come near the limit of recursion."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

IS_PYPY = sys.implementation.name == "pypy"

ROOM = 400
"""How many calls may be needed: those of a prompt, and of what draws a stack."""


class room_for_calls:  # noqa: N801  (nothing may be imported for it)
    """Meanwhile the limit is higher, if there is too little room below it.

    It is that of all threads, so it isn't changed without need.
    """

    def __enter__(self) -> None:
        """Raise the limit."""
        limit = sys.getrecursionlimit()
        self._limit: Optional[int] = None
        if is_room_scarce() and _can_set(limit):
            sys.setrecursionlimit(limit + ROOM)
            self._limit = limit

    def __exit__(self, *exc: object) -> None:
        """Put it back, unless it was set meanwhile."""
        limit, self._limit = self._limit, None
        if limit is not None and sys.getrecursionlimit() == limit + ROOM:
            sys.setrecursionlimit(limit)


def is_room_scarce() -> bool:
    """Whether there is too little room below the limit."""
    if IS_PYPY:
        return False
    deepest = sys.getrecursionlimit() - ROOM
    if deepest <= 0:
        return True
    try:
        sys._getframe(deepest)
    except ValueError:  # there are fewer calls
        return False
    return True


def _can_set(limit: int, deeper: int = 5) -> bool:
    """Whether a limit can be set from here, and from a little deeper.

    Up to 3.10 it can't be if that is within 50 calls (``_Py_RecursionLimitLowerWaterMark`` in
    Include/internal/pycore_ceval.h).
    """
    if deeper:
        return _can_set(limit, deeper - 1)
    try:
        sys.setrecursionlimit(limit)
    except RecursionError:
        return False
    return True
