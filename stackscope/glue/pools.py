"""What the glue of libraries with pools of connections has in common."""

from __future__ import annotations

from stackscope.model.waiting import Amount
from stackscope.snapshot.lent import Lent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Optional

    from stackscope.model.waiting import Waiting


def describe_connection_wait(
    waiting: Waiting, pool: object, used: Optional[int], limit: object
) -> None:
    """Say that a connection of a pool is waited for, and how many there are.

    Args:
        waiting: To be filled in.
        pool: The pool.
        used: How many connections are in use; ``None`` if that isn't known.
        limit: How many there may be; anything but an `int` if that isn't known.
    """
    waiting.clear()
    waiting.call = "a free connection"
    waiting.obj = waiting.lock = pool
    if used is not None:
        total = limit if type(limit) is int else None
        waiting.amounts = [Amount(used, "connection in use", total, "connections in use")]


def thing_itself(thing: object) -> Iterable[Lent]:
    """For `lent_in`: what the pool has lent is this very thing."""
    return [Lent(thing)]


def nothing_known(pool: object) -> Iterable[object]:
    """For `lent_by`: the pool doesn't know what it has lent; each thing knows its pool."""
    return ()
