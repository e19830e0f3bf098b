"""redis: a client that waits for a connection of its pool, and who has these."""

from __future__ import annotations

import sys

from stackscope.glue.describing import register_call, register_class, variable
from stackscope.glue.pools import describe_connection_wait, thing_itself
from stackscope.safe.objects import stored_attribute
from stackscope.snapshot.lent import Lent, lent_by, lent_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, List, Optional

    from stackscope.model.stacks import Frame
    from stackscope.model.waiting import Waiting


def describe_pool_wait(frame: Frame, waiting: Waiting) -> Optional[bool]:
    """``get_connection()`` of a pool that blocks: how many connections there are."""
    if variable(frame, "connection") is not None:
        return False  # it has got one, and connects it
    pool = variable(frame, "self")
    used, limit = len(connections_in_use(pool)), stored_attribute(pool, "max_connections")
    describe_connection_wait(waiting, pool, used, limit)
    return None


def connections_in_use(pool: object) -> List[object]:
    """The connections that a pool has lent."""
    known = stored_attribute(pool, "_in_use_connections")
    return list(known) if type(known) is set else []


def connection_of(client: object) -> Iterable[Lent]:
    """A pipeline or a subscription: its connection, as long as it has one."""
    connection = stored_attribute(client, "connection")
    return [] if connection is None else [Lent(connection)]


CLIENTS = ("Monitor", "Pipeline", "PubSub")
"""Classes that keep a connection for themselves."""


def install() -> None:
    """Register what is known about redis, with tasks and with threads."""
    for package in ("redis", "redis.asyncio"):
        connections = sys.modules.get(f"{package}.connection")
        blocking = getattr(connections, "BlockingConnectionPool", None)
        register_call(blocking, "get_connection", describe_pool_wait)
        register_class(lent_by, connections, "ConnectionPool", connections_in_use)
        register_class(lent_in, connections, "AbstractConnection", thing_itself)
        for name in CLIENTS:
            register_class(lent_in, sys.modules.get(f"{package}.client"), name, connection_of)
