"""asyncio, with uvloop's loops as far as they are the same.

=============  ==============================================================================
`stacks`       tasks, futures, task groups and timeouts as stacks and contexts
`loops`        the event loops and tasks of the process, and who owns each task
`eager`        tasks that run inside others
`waits`        what a task waits for
`waking`       what wakes a task, and which ones a timer wakes or cancels
`setters`      who gives futures their results that don't tell themselves
`clocks`       how far away moments are
`runs`         what a thread runs a loop for
`times`        when tasks were made, and when they ran
`reprs`        what tasks and queues are called that hold others
`futures`      what tasks and futures know of each other, read without running their code
`without_gil`  the same where there is no GIL
=============  ==============================================================================
"""

from __future__ import annotations

from stackscope.glue.asyncio import loops, reprs, runs, stacks, times, waits, waking

__all__ = ["install"]


def install() -> None:
    """Register all that is known about asyncio."""
    stacks.install()
    reprs.install()
    loops.install()
    waits.install()
    waking.install()
    runs.install()
    times.install()
