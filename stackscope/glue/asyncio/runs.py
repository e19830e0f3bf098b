"""asyncio: what a thread runs an event loop for, and so waits for itself."""

from __future__ import annotations

import asyncio
import asyncio.base_events

from stackscope.glue.describing import code_of, variable
from stackscope.snapshot.needs import runs_until

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stackscope.model.stacks import Frame

__all__ = ["install"]


def future_of_run(frame: Frame) -> object:
    """``loop.run_until_complete()``: the task."""
    return variable(frame, "future")


def task_of_runner(frame: Frame) -> object:
    """``Runner.run()``, of which other loops may have the only frame."""
    return variable(frame, "task")


def install() -> None:
    """Register what runs loops."""
    for owner, path, find in (
        (asyncio.base_events, "BaseEventLoop.run_until_complete", future_of_run),
        (asyncio, "Runner.run", task_of_runner),
    ):
        code = code_of(owner, path)
        if code is not None:
            runs_until.register(code, find)
