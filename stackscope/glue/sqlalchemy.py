"""SQLAlchemy: a task goes on in the greenlet in which it runs synchronous code.

All of SQLAlchemy's asyncio is synchronous code in a greenlet, which is suspended while its task
awaits something for it. Who waits for a connection is told who has those of the pool.
"""

from __future__ import annotations

import sys

from stackscope.extraction.hooks import customize
from stackscope.glue.asyncio.waits import note_timeout
from stackscope.glue.describing import code_of, register_call, register_class, variable
from stackscope.glue.pools import describe_connection_wait, nothing_known
from stackscope.safe.objects import instance_attributes, stored_attribute
from stackscope.safe.text import class_name
from stackscope.snapshot.lent import Lent, lent_by, lent_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, Optional

    from stackscope.model.stacks import Frame
    from stackscope.model.waiting import Waiting

    Things = Iterator[Lent]

SPAWNERS = ("sqlalchemy.util.concurrency", "sqlalchemy.util._concurrency_py3k")
"""The modules that may have ``greenlet_spawn()``: 2.1, and those before."""


def elaborate_greenlet_spawn(frame: Frame, next_inner: object) -> Any:
    """What runs in the greenlet, and then what it awaits."""
    item = variable(frame, "context")
    if item is None:
        return None
    from stackscope.glue.greenlets.greenlet import frame_of, is_greenlet

    if not is_greenlet(item) or frame_of(item) is None:
        return None  # it runs, and its frames follow, or it hasn't begun
    return [item, next_inner]


# ------------------------------------------------------------------------- pools


def describe_checkout(frame: Frame, waiting: Waiting) -> None:
    """A wait for a connection of a pool: how many are in use, the place in the line, the time."""
    pool = variable(frame, "self")
    layers = list(waiting.layers())
    lines = [(layer.place, layer.count) for layer in layers if layer.count is not None]
    times = [layer.seconds_left for layer in layers if layer.seconds_left is not None]
    attributes = instance_attributes(pool)
    size = instance_attributes(attributes.get("_pool")).get("maxsize")
    overflow, most = attributes.get("_overflow"), attributes.get("_max_overflow")
    used = limit = None
    if type(size) is int and type(overflow) is int and type(most) is int:
        used, limit = size + overflow, size + most
    describe_connection_wait(waiting, pool, used, limit)
    waiting.call = f"{class_name(pool)}.connect()"
    if lines:
        waiting.place, waiting.count = lines[0]
    if times:
        waiting.seconds_left = times[0]


def describe_timeout(frame: Frame, waiting: Waiting) -> Optional[bool]:
    """SQLAlchemy's own ``wait_for()``: the time left in the ``async with timeout()`` that it is."""
    note_timeout(waiting, frame)
    return False


def from_fairy(fairy: object) -> Things:
    """What stands for a connection as long as that is in use."""
    if stored_attribute(fairy, "dbapi_connection") is not None:
        yield Lent(fairy, stored_attribute(fairy, "_pool"))


def from_connection(connection: object) -> Things:
    """``Connection``."""
    fairy = stored_attribute(connection, "_dbapi_connection")
    if fairy is not None:
        yield from from_fairy(fairy)


def from_session(session: object) -> Things:
    """``Session``: the connections of its transactions."""
    transaction = stored_attribute(session, "_transaction")
    while transaction is not None:
        known = stored_attribute(transaction, "_connections")
        for entry in list(known.values()) if type(known) is dict else ():
            yield from from_connection(entry[0])
        transaction = stored_attribute(transaction, "_parent")


def _through(name: str, read: Callable[[object], Things]) -> Callable[[object], Things]:
    """What an attribute has."""

    def read_attribute(obj: object) -> Things:
        return read(stored_attribute(obj, name))

    return read_attribute


BELONGINGS = (
    ("sqlalchemy.pool.base", "_ConnectionFairy", from_fairy),
    ("sqlalchemy.engine.base", "Connection", from_connection),
    ("sqlalchemy.engine.base", "Transaction", _through("connection", from_connection)),
    ("sqlalchemy.orm.session", "Session", from_session),
    ("sqlalchemy.orm.session", "SessionTransaction", _through("session", from_session)),
    (
        "sqlalchemy.ext.asyncio.engine",
        "AsyncConnection",
        _through("sync_connection", from_connection),
    ),
    (
        "sqlalchemy.ext.asyncio.engine",
        "AsyncTransaction",
        _through("connection", _through("sync_connection", from_connection)),
    ),
    ("sqlalchemy.ext.asyncio.session", "AsyncSession", _through("sync_session", from_session)),
    (
        "sqlalchemy.ext.asyncio.session",
        "AsyncSessionTransaction",
        _through("session", _through("sync_session", from_session)),
    ),
)
"""What somebody has who uses a connection: the module, the class, and how to get to that."""


def install() -> None:
    """Register what is known about SQLAlchemy."""
    for module in SPAWNERS:
        code = code_of(sys.modules.get(module), "greenlet_spawn")
        if code is not None:
            customize(code, elaborate=elaborate_greenlet_spawn)
    pools = sys.modules.get("sqlalchemy.pool.impl")
    pool = getattr(pools, "QueuePool", None)
    if isinstance(pool, type):
        register_call(pools, "QueuePool._do_get", describe_checkout)
        register_call(sys.modules.get("sqlalchemy.util.compat"), "wait_for", describe_timeout)
        lent_by.register(pool, nothing_known)
        for module, name, read in BELONGINGS:
            register_class(lent_in, sys.modules.get(module), name, read)
