"""The CPU time that a thread of this process has used, which proves that it hasn't run.

The frame and instruction at which a thread stands don't prove it: in a loop they are the same in
each round. Linux counts the time of each thread in nanoseconds. The number of a thread's clock is
made as ``MAKE_THREAD_CPUCLOCK`` does in the kernel (include/linux/posix-timers.h); of a thread that
is gone, or of another process, the kernel gives an error. Not so ``time.pthread_getcpuclockid``: it
reads memory that may be freed by then. Other systems have no such clock that Python can read.
"""

from __future__ import annotations

import _thread
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

__all__ = ["is_exact", "thread_nanoseconds"]

TRIES = 5
"""How often two readings of a clock have to differ, for the thread that reads it."""

CPUCLOCK_SCHED = 2
CPUCLOCK_PERTHREAD_MASK = 4


def thread_nanoseconds(native_id: int) -> Optional[int]:
    """The CPU time of a thread in nanoseconds; ``None`` if that isn't known.

    Args:
        native_id: What `threading.Thread.native_id` says.
    """
    if sys.platform != "linux" or native_id <= 0:  # 0 would be this thread
        return None
    clock = (~native_id << 3) | CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED
    try:
        return time.clock_gettime_ns(clock)
    except (OSError, OverflowError, TypeError):  # TypeError from 3.14 on, if it is too large
        return None


def is_exact() -> bool:
    """Whether a thread can't run without a change of its clock, as far as this thread shows.

    Where the clock counts ticks of some milliseconds, it may.
    """
    if sys.platform != "linux":
        return False
    native_id = _thread.get_native_id()
    readings = [thread_nanoseconds(native_id) for _ in range(TRIES)]
    return None not in readings and len(set(readings)) == TRIES
