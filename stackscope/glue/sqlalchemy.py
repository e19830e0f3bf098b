"""SQLAlchemy: a task goes on in the greenlet in which it runs synchronous code.

All of SQLAlchemy's asyncio is synchronous code in a greenlet, which is suspended while its task
awaits something for it. Who waits for a connection is told who has those of the pool.
"""

from __future__ import annotations

import sys
from types import MemberDescriptorType

from stackscope.extraction.hooks import customize
from stackscope.glue.describing import code_of, register_call, variable
from stackscope.model.waiting import Amount
from stackscope.safe.objects import class_attribute, instance_attributes
from stackscope.safe.text import class_name
from stackscope.snapshot.belongings import register_pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, Tuple

    from stackscope.model.stacks import Frame
    from stackscope.model.waiting import Waiting

    Pairs = Iterator[Tuple[object, object]]

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
    waiting.clear()
    waiting.call = f"{class_name(pool)}.connect()"
    waiting.obj = waiting.lock = pool
    attributes = instance_attributes(pool)
    size = instance_attributes(attributes.get("_pool")).get("maxsize")
    overflow, most = attributes.get("_overflow"), attributes.get("_max_overflow")
    if type(size) is int and type(overflow) is int and type(most) is int:
        noun = "connection in use"
        waiting.amounts = [Amount(size + overflow, noun, size + most, "connections in use")]
    if lines:
        waiting.place, waiting.count = lines[0]
    if times:
        waiting.seconds_left = times[0]


def from_fairy(fairy: object) -> Pairs:
    """What stands for a connection as long as that is in use."""
    if _attribute(fairy, "dbapi_connection") is not None:
        yield _attribute(fairy, "_pool"), fairy


def from_connection(connection: object) -> Pairs:
    """``Connection``."""
    fairy = _attribute(connection, "_dbapi_connection")
    if fairy is not None:
        yield from from_fairy(fairy)


def from_session(session: object) -> Pairs:
    """``Session``: the connections of its transactions."""
    transaction = _attribute(session, "_transaction")
    while transaction is not None:
        known = _attribute(transaction, "_connections")
        for entry in list(known.values()) if type(known) is dict else ():
            yield from from_connection(entry[0])
        transaction = _attribute(transaction, "_parent")


def _through(name: str, read: Callable[[object], Pairs]) -> Callable[[object], Pairs]:
    """What an attribute has."""

    def read_attribute(obj: object) -> Pairs:
        return read(_attribute(obj, name))

    return read_attribute


def _attribute(obj: object, name: str) -> Any:
    """An attribute that is stored in an object itself, or in a slot of it."""
    stored = instance_attributes(obj)
    if name in stored:
        return stored[name]
    slot = class_attribute(type(obj), name)
    return slot.__get__(obj) if type(slot) is MemberDescriptorType else None


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
        known = [
            (getattr(sys.modules.get(module), name, None), read)
            for module, name, read in BELONGINGS
        ]
        register_pool(pool, [(cls, read) for cls, read in known if isinstance(cls, type)])
