"""An exception with all that belong to it: what it was raised from, and the members of groups.

It knows exceptions, but no debugger. Nothing of an exception is asked for in a way that its class
could take a hand in.
"""

from __future__ import annotations

import sys

from stackscope.safe.objects import (
    cause_of,
    context_of,
    exceptions_in_group,
    suppresses_context,
    traceback_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Iterator, List, Optional, Set, Tuple

    from stackscope import Stack

MOST = 999
"""The most exceptions that are looked at, as in the standard debugger."""


class Related:
    """One of the exceptions, in the order of their numbers.

    Args:
        exception: The exception.
        depth: How many groups it is inside, each level of causes included.
        relation: What it is to the one that it is shown below: ``"member"`` of that group,
            ``"cause"`` of that member; ``""`` at the top.
    """

    def __init__(self, exception: BaseException, depth: int, relation: str) -> None:
        self.exception = exception
        self.depth = depth
        self.relation = relation

    @property
    def traceback(self) -> Optional[TracebackType]:
        """Its traceback, if it was ever raised."""
        return traceback_of(self.exception)

    def stack(self) -> Optional[Stack]:
        """The frames that it has passed, if it was ever raised."""
        import stackscope

        return None if self.traceback is None else stackscope.extract(self.traceback)


class Raised:
    """The exception that is looked at.

    Args:
        exception: The one that ended the program, or whatever.

    Attributes:
        current: Which of those that belong to it is looked at now.
    """

    def __init__(self, exception: BaseException) -> None:
        self.exception = exception
        self.current = exception

    def entries(self) -> List[Related]:
        """All that belong to it: its causes before it, the members of a group after it."""
        return list(_walk(self.exception))

    def only_leaf(self) -> Optional[BaseException]:
        """The one exception in a group, and in the groups in it, if it is one and was raised."""
        todo, leaves = [self.exception], []
        for found in todo:
            members = exceptions_in_group(found)
            todo.extend(member for member in members if len(todo) < MOST)
            if not members:
                leaves.append(found)
        if len(leaves) != 1 or leaves[0] is self.exception or traceback_of(leaves[0]) is None:
            return None
        return leaves[0]

    def number_of(self, exception: BaseException) -> int:
        """The number of an exception that belongs to it."""
        numbers = (n for n, entry in enumerate(self.entries()) if entry.exception is exception)
        return next(numbers, 0)


def _walk(exception: BaseException) -> Iterator[Related]:
    seen: Set[int] = set()
    todo: List[Tuple[BaseException, int, str]] = []
    todo.extend((link, 0, "") for link in reversed(_chain(exception)))
    while todo and len(seen) < MOST:
        found, depth, relation = todo.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        yield Related(found, depth, relation)
        below = [(member, depth + 1, "member") for member in exceptions_in_group(found)]
        if relation == "member":
            causes = _chain(found)[:-1]
            below += [(cause, depth + 1, "cause") for cause in reversed(causes)]
        todo.extend(reversed(below))


def _chain(exception: BaseException) -> List[BaseException]:
    """An exception and what it was raised from, the oldest first."""
    found = [exception]
    while len(found) < MOST:
        older = cause_of(found[-1])
        if older is None and not suppresses_context(found[-1]):
            older = context_of(found[-1])
        if older is None or any(older is known for known in found):
            break
        found.append(older)
    return found[::-1]


def exception_of(traceback: Optional[TracebackType]) -> Optional[BaseException]:
    """The exception that a traceback belongs to, if it is one that Python still knows."""
    if traceback is None:
        return None
    known = [sys.exc_info()[1]]
    known += [getattr(sys, name, None) for name in ("last_exc", "last_value")]
    for exception in known:
        if exception is not None and _shares(traceback, traceback_of(exception)):
            return exception
    return None


def _shares(one: TracebackType, other: Optional[TracebackType]) -> bool:
    """Whether one of two tracebacks is the end of the other one."""
    return _ends_with(one, other) or _ends_with(other, one)


def _ends_with(whole: Optional[TracebackType], end: Optional[TracebackType]) -> bool:
    while whole is not None and whole is not end:
        whole = whole.tb_next
    return whole is not None
