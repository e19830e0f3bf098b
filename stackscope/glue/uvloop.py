"""uvloop: its timers, and which of its frames tell nothing.

Its loops, futures and timers are those of asyncio as far as others can see; but its coroutines are
made by Cython: see `stackscope.glue.cython`.
"""

from __future__ import annotations

import uvloop
import uvloop.loop

from stackscope.glue.asyncio.times import forget_loops, record_loops
from stackscope.glue.asyncio.waits import register_timer
from stackscope.snapshot.times import register_recorder
from stackscope.snapshot.user_code import register_machinery, register_runtime_package


def install() -> None:
    """Register what is known about uvloop."""
    register_runtime_package("uvloop")
    register_timer(vars(uvloop.loop)["TimerHandle"])  # the stubs don't have it
    register_machinery("uvloop", ["run", "wrapper"])
    register_recorder(
        "uvloop", lambda: record_loops(uvloop.Loop), lambda: forget_loops(uvloop.Loop)
    )
