"""SQLAlchemy: a task goes on in the greenlet in which it runs synchronous code.

All of SQLAlchemy's asyncio is synchronous code in a greenlet, which is suspended while its task
awaits something for it. Who waits for a connection is told who has those of the pool.
"""

from __future__ import annotations

import sys

from stackscope.extraction.hooks import customize
from stackscope.glue.describing import code_of, variable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from stackscope.model.stacks import Frame

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


def install() -> None:
    """Register what is known about SQLAlchemy."""
    for module in SPAWNERS:
        code = code_of(sys.modules.get(module), "greenlet_spawn")
        if code is not None:
            customize(code, elaborate=elaborate_greenlet_spawn)
