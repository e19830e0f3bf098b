"""Ages of tasks: when each was made and where, how long it has run, and when it ran last.

Nothing of that is known unless it is recorded, which costs a little for each task and each of its
steps. So it is up to you: call `install()`, best before the first task is made. Snapshots then have
it in `stackscope.TaskNode`, and drawings, dumps, filters and the debugger show it.
"""

from __future__ import annotations

from stackscope.glue import make_ready
from stackscope.snapshot.times import is_recording, start_recording, stop_recording

__all__ = ["install", "is_installed", "uninstall"]


def install() -> None:
    """Record the times of tasks from now on, in all event loops and runs of all threads.

    Doing it twice is harmless. Of tasks that are there already it is found when they ran last, but
    not how old they are. trio and uvloop have to be imported before; after importing one of them
    later, call it again.

    Example:
        >>> import asyncio
        >>> stackscope.clock.install()
        >>> async def main():
        ...     await asyncio.sleep(0.01)
        ...     (task,) = stackscope.extract_all().tasks()
        ...     return task
        >>> task = asyncio.run(main())
        >>> task.age > 0.005, task.busy < task.age, task.last_ran
        (True, True, 0.0)
        >>> stackscope.clock.uninstall()
    """
    import asyncio  # noqa: F401  (the program may import it after this)

    make_ready()
    start_recording()


def uninstall() -> None:
    """Record nothing more, and forget what was recorded.

    All is as it was before `install`, also in loops that run on. Doing it twice is harmless.
    """
    stop_recording()


def is_installed() -> bool:
    """Whether the times of tasks are recorded."""
    return is_recording()
