"""trio: when tasks were made, and when they ran. An instrument in each run tells it.

Runs to come get theirs when they are set up, by the function that `trio.run()` and
`trio.lowlevel.start_guest_run()` call for that: ``setup_runner()`` in trio/_core/_run.py, 0.22+.
"""

from __future__ import annotations

import sys
from typing import Any

import trio
import trio._core._run

from stackscope.glue.trio.runners import runners
from stackscope.safe.interruptions import attempt
from stackscope.snapshot.times import (
    is_recording,
    made,
    moment,
    record_of,
    register_recorder,
)
from stackscope.snapshot.user_code import register_wrapper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Tuple

_run: Any = trio._core._run


class Recording(trio.abc.Instrument):
    """Records the tasks of the runs that it is added to."""

    def task_spawned(self, task: Any) -> None:
        """A task is made, by the function that calls us."""
        if is_recording():
            made(task, moment(), sys._getframe(1), is_timed=True)

    def before_task_step(self, task: Any) -> None:
        """A task begins to run."""
        record = record_of(task)
        if record is None and is_recording():
            record = made(task, None, None, is_timed=True)
        if record is not None:
            record.begins()

    def after_task_step(self, task: Any) -> None:
        """A task has stopped running."""
        record = record_of(task)
        if record is not None:
            record.ends()


RECORDING = Recording()
_replaced: Tuple[Any, ...] = ()
"""The function that sets up runs, and what stands in its place."""


def _setting_up(inner: Callable[..., Any]) -> Callable[..., Any]:
    """What stands in the place of ``setup_runner()``."""

    def setup_runner(*args: Any, **kwargs: Any) -> Any:
        runner = inner(*args, **kwargs)
        if is_recording():
            attempt(None, runner.instruments.add_instrument, RECORDING)
        return runner

    register_wrapper(setup_runner.__code__, "trio")
    return setup_runner


def start() -> None:
    """Begin to record. Of tasks that are there already, it isn't known when they were made."""
    global _replaced  # noqa: PLW0603
    inner = getattr(_run, "setup_runner", None)
    if inner is not None and not (_replaced and inner is _replaced[1]):
        wrapper = _setting_up(inner)
        _replaced = inner, wrapper
        _run.setup_runner = wrapper
    _in_all_runs("add_instrument")


def stop() -> None:
    """Record nothing more."""
    global _replaced  # noqa: PLW0603
    if _replaced and _run.setup_runner is _replaced[1]:
        _run.setup_runner = _replaced[0]
        _replaced = ()
    _in_all_runs("remove_instrument")


def _in_all_runs(name: str) -> None:
    """Have all runs add or remove the instrument, each in its own thread."""
    here = getattr(_run.GLOBAL_RUN_CONTEXT, "runner", None)
    for runner in attempt((), runners):
        if runner is here:
            _change(runner, name)
        else:
            # It raises RunFinishedError if the run has just ended.
            attempt(None, runner.entry_queue.run_sync_soon, _change, runner, name)


def _change(runner: Any, name: str) -> None:
    """Add or remove the instrument; it may have been done already."""
    attempt(None, getattr(runner.instruments, name), RECORDING)


def install() -> None:
    """Register what records trio's tasks."""
    register_recorder("trio", start, stop)
