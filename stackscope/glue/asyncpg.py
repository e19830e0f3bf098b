"""asyncpg: a task that waits for a connection of a pool, and who has these."""

from __future__ import annotations

import sys

from stackscope.glue.describing import register_call, register_class, variable
from stackscope.glue.pools import describe_connection_wait
from stackscope.safe.objects import stored_attribute
from stackscope.snapshot.lent import Lent, lent_by, lent_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, List, Optional

    from stackscope.model.stacks import Frame
    from stackscope.model.waiting import Waiting

# A pool has a fixed number of holders, each of which has a connection, or makes one when needed.


def describe_acquire(frame: Frame, waiting: Waiting) -> Optional[bool]:
    """``pool.acquire()``: how many connections there are."""
    if variable(frame, "ch") is not None:
        return False  # it has got one, and connects it
    pool = variable(frame, "self")
    used, limit = len(holders_in_use(pool)), stored_attribute(pool, "_maxsize")
    describe_connection_wait(waiting, pool, used, limit)
    return None


def holders_in_use(pool: object) -> List[object]:
    """The holders whose connections are lent."""
    holders = stored_attribute(pool, "_holders")
    if type(holders) is not list:
        return []
    return [one for one in list(holders) if stored_attribute(one, "_in_use") is not None]


def holder_of_proxy(proxy: object) -> Iterable[Lent]:
    """What ``acquire()`` gives: until it is given back."""
    holder = stored_attribute(proxy, "_holder")
    return [] if holder is None else [Lent(holder)]


def holder_of_context(context: object) -> Iterable[Lent]:
    """``async with pool.acquire()``."""
    return holder_of_proxy(stored_attribute(context, "connection"))


def install() -> None:
    """Register what is known about pools of asyncpg's."""
    module = sys.modules.get("asyncpg.pool")
    register_call(module, "Pool._acquire._acquire_impl", describe_acquire)
    register_class(lent_by, module, "Pool", holders_in_use)
    register_class(lent_in, module, "PoolAcquireContext", holder_of_context)
    register_class(lent_in, module, "PoolConnectionProxy", holder_of_proxy)
