"""trio: the objects that it has for its runs, and the run that something belongs to."""

from __future__ import annotations

import weakref

import trio
import trio._core._run

from stackscope.extraction.extraction import threads_with_frames
from stackscope.glue.describing import code_of
from stackscope.interpreter.frames import local_value
from stackscope.interpreter.same_code import same_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, List

# What is private, and may be elsewhere in some other version.
_run: Any = trio._core._run

# A run that has nothing to do waits in run() itself; what it does is in the generator
# unrolled_run() (trio/_core/_run.py, 0.22 to 0.35).
RUN_CODES = [
    code for code in (code_of(_run, n) for n in ("run", "unrolled_run")) if code is not None
]

_known_runners: weakref.WeakSet[Any] = weakref.WeakSet()
"""Runs that were found by their frames, for a run in guest mode has no frame most of the time."""


def runners() -> List[Any]:
    """The objects that trio has for the runs of this process, as far as their frames show."""
    mine = getattr(_run.GLOBAL_RUN_CONTEXT, "runner", None)
    found = [] if mine is None else [mine]
    for _, frames in threads_with_frames():
        for frame in frames:
            runner = runner_in(frame)
            if runner is not None and not any(runner is other for other in found):
                found.append(runner)
    _known_runners.update(found)
    return found + [old for old in known_runners() if not any(old is one for one in found)]


def runner_in(frame: FrameType) -> Any:
    """The run that a frame is busy with, or waits for the next event of; else ``None``."""
    if any(same_code(frame.f_code, code) for code in RUN_CODES):
        return local_value(frame, "runner")[1]
    return None


def known_runners() -> List[Any]:
    """Those of the runs that were found before that have not ended."""
    return [runner for runner in list(_known_runners) if runner.tasks]


def runner_of(scope: trio.CancelScope) -> Any:
    """The run that an active cancel scope belongs to; ``None`` if that can't be found."""
    task = _some_task(getattr(scope, "_cancel_status", None))
    if task is not None:
        return runner_of_task(task)
    found = runners()
    return found[0] if len(found) == 1 else None


def runner_of_task(task: Any) -> Any:
    """The run that has a task; ``None`` if that can't be found."""
    mine = getattr(_run.GLOBAL_RUN_CONTEXT, "runner", None)
    for candidates in (lambda: [mine], known_runners, runners):
        for runner in candidates():
            if runner is not None and task in runner.tasks:
                return runner
    return None


def _some_task(status: Any) -> Any:
    """A task that a cancel status, or one below it, applies to."""
    todo = [status]
    for one in todo:
        try:
            for task in getattr(one, "_tasks", ()):
                return task
            todo += list(getattr(one, "_children", ()))
        except RuntimeError:  # the set changed while another thread runs
            continue
    return None
