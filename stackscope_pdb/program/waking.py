"""Wakes the event loop of this thread, which slept while something was done at the prompt."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _nothing() -> None:
    pass


def wake_loops() -> None:
    """Let a loop that sleeps below a signal handler look for work, such as a task now ready."""
    asyncio: Any = sys.modules.get("asyncio")
    loop: Any = asyncio._get_running_loop() if asyncio is not None else None
    if loop is not None:
        loop.call_soon_threadsafe(_nothing)
    trio: Any = sys.modules.get("trio.lowlevel")
    if trio is not None:
        try:
            token = trio.current_trio_token()
        except RuntimeError:  # none runs in this thread
            return
        token.run_sync_soon(_nothing, idempotent=True)
