"""Ages of tasks: when and where each was created, how long it has run, and when it last ran.

Recording this costs a little for each task and each of its steps, so it is off by default. Call
`install` before the first task is created. Then `stackscope.TaskNode` has the times, and drawings,
dumps, filters and the debugger show them.
"""

from __future__ import annotations

from stackscope.glue import make_ready
from stackscope.snapshot.times import is_recording, start_recording, stop_recording

__all__ = ["install", "is_installed", "uninstall"]


def install() -> None:
    """Record the times of tasks from now on, in the event loops of all threads.

    Of tasks that exist already, it is recorded when they last ran; their ages stay unknown. Import
    trio and uvloop first; if you import one of them later, call this again. Calling it twice is
    harmless.

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
    """Stop recording, and forget what was recorded. See the example of `install`.

    Everything is as it was before `install`, even in running loops. Calling it twice is harmless.
    """
    stop_recording()


def is_installed() -> bool:
    """Whether the times of tasks are recorded.

    Example:
        >>> stackscope.clock.is_installed()
        False
    """
    return is_recording()
