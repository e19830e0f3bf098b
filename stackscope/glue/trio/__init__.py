"""trio.

=========  =====================================================================
`scopes`   tasks, nurseries and cancel scopes as stacks and contexts
`threads`  threads that run for a task, and tasks that run for a thread
`runs`     the runs of the process and their tasks, and who owns each task
`runners`  the objects that trio has for its runs
`waits`    what a task waits for
`times`    when tasks were made, and when they ran
`waking`   what wakes a task, and which ones have a deadline
=========  =====================================================================
"""

from __future__ import annotations

from stackscope.glue.trio import runs, scopes, threads, times, waits, waking

__all__ = ["install"]


def install() -> None:
    """Register all that is known about trio."""
    scopes.install()
    threads.install()
    runs.install()
    waits.install()
    times.install()
    waking.install()
