"""The event loop of this thread, which slept while something was done at the prompt.

It is woken; and what asyncio has noted down of Ctrl-C is taken back, which was the debugger's.
"""

from __future__ import annotations

import signal
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


def forget_interrupts() -> None:
    """Let the asyncio loop of this thread not call what the program has set for Ctrl-C.

    The interpreter writes the number of each signal into a socket of the loop, whoever handles it
    (``set_wakeup_fd`` in Lib/asyncio/unix_events.py). In other loops, such as that of uvloop, this
    changes nothing.
    """
    loop = _loop_that_handles_interrupts()
    if loop is None:
        return
    try:
        noted = loop._ssock.recv(4096)
    except (BlockingIOError, InterruptedError):
        return
    rest = noted.replace(bytes([signal.SIGINT]), b"")
    if rest:
        loop._csock.send(rest)


def note_interrupt() -> None:
    """Have the asyncio loop of this thread call what the program has set for Ctrl-C."""
    loop = _loop_that_handles_interrupts()
    if loop is not None:
        loop._csock.send(bytes([signal.SIGINT]))


def _loop_that_handles_interrupts() -> Any:
    asyncio: Any = sys.modules.get("asyncio")
    loop: Any = asyncio._get_running_loop() if asyncio is not None else None
    handlers = getattr(loop, "_signal_handlers", None)
    is_known = hasattr(loop, "_ssock") and hasattr(loop, "_csock")
    return loop if is_known and handlers and signal.SIGINT in handlers else None
