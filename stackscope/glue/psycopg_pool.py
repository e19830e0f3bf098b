"""psycopg_pool: what waits for a connection of a pool, and who has these, in tasks and threads."""

from __future__ import annotations

import sys

from stackscope.glue.describing import register_call, register_class, variable
from stackscope.glue.pools import describe_connection_wait, nothing_known
from stackscope.safe.objects import stored_attribute
from stackscope.snapshot.lent import Lent, lent_by, lent_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Optional

    from stackscope.model.stacks import Frame
    from stackscope.model.waiting import Waiting

# A pool doesn't know what it has lent. But each connection knows the pool that has lent it.


def describe_getconn(frame: Frame, waiting: Waiting) -> Optional[bool]:
    """``pool.connection()`` and ``pool.getconn()``: how many connections there are."""
    if variable(frame, "pos") is None or variable(frame, "conn") is not None:
        return False  # it isn't in the line
    pool = variable(frame, "self")
    known, idle = stored_attribute(pool, "_nconns"), stored_attribute(pool, "_pool")
    limit, line = stored_attribute(pool, "_max_size"), stored_attribute(pool, "_waiting")
    used = None
    if type(known) is int and type(limit) is int:
        used = known - len(idle) if hasattr(type(idle), "__len__") else known
    describe_connection_wait(waiting, pool, used, limit)
    if hasattr(type(line), "popleft"):
        waiting.count = len(line)
    return None


def connection_itself(connection: object) -> Iterable[Lent]:
    """A connection: it knows the pool that has lent it."""
    pool = stored_attribute(connection, "_pool")
    return [] if pool is None else [Lent(connection, pool)]


POOLS = (
    ("psycopg_pool.pool", "ConnectionPool"),
    ("psycopg_pool.pool_async", "AsyncConnectionPool"),
    ("psycopg_pool.null_pool", "NullConnectionPool"),
    ("psycopg_pool.null_pool_async", "AsyncNullConnectionPool"),
)

CONNECTIONS = (("psycopg", "Connection"), ("psycopg", "AsyncConnection"))


def install() -> None:
    """Register what is known about pools of psycopg's."""
    for name, cls in POOLS:
        module = sys.modules.get(name)
        pool = getattr(module, cls, None)
        register_call(pool, "_getconn_unchecked", describe_getconn)
        register_call(pool, "getconn", describe_getconn)  # up to 3.1
        register_class(lent_by, module, cls, nothing_known)
    for name, cls in CONNECTIONS:
        register_class(lent_in, sys.modules.get(name), cls, connection_itself)
