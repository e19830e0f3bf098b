"""Exceptions inside groups, of whatever type these are."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Type


def exception_in(exc: BaseException, wanted: Type[BaseException]) -> Optional[BaseException]:
    """The first exception of a type: ``exc`` itself, or one in it, if it is a group."""
    todo: List[BaseException] = [exc]
    while todo:
        one = todo.pop()
        if isinstance(one, wanted):
            return one
        members = getattr(one, "exceptions", None)
        if isinstance(members, tuple):  # no group has its type everywhere
            todo.extend([member for member in members if isinstance(member, BaseException)])
    return None
