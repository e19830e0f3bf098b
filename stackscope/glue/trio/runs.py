"""trio: the runs of the process and their tasks, and who owns each task."""

from __future__ import annotations

import os
from typing import Any

import trio
import trio._core._run

from stackscope.glue.trio.runners import runner_in
from stackscope.glue.trio.scopes import reason_of, time_until
from stackscope.interpreter.running import this_thread
from stackscope.snapshot.idle import register_idle
from stackscope.snapshot.runtimes import Runtime, register_runtime
from stackscope.snapshot.survey import Survey, unique
from stackscope.snapshot.user_code import register_machinery, register_runtime_package

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Sequence, Tuple

    from stackscope.model.stacks import Stack

run: Any = trio._core._run

ATTEMPTS = 1000
"""How often to copy the set of tasks that another thread may change meanwhile."""


class TrioRuns(Runtime):
    """The runs of trio."""

    def types(self) -> Sequence[type]:
        return [run.Runner]

    def loops(self, survey: Survey) -> List[object]:
        """Runs from the frames that are busy with them, and from the collector."""
        found = [loop for _, loop in self._run_frames(survey)]
        found += survey.instances(self.types())
        return [loop for loop in unique(found) if type(loop) is run.Runner and loop.tasks]  # type: ignore[attr-defined]

    def _run_frames(self, survey: Survey) -> List[Tuple[int, Any]]:
        found = [
            (ident, runner_in(frame))
            for name in ("run", "unrolled_run")
            for ident, frame in survey.calls(getattr(run, name, None))
        ]
        return [(ident, runner) for ident, runner in found if runner is not None]

    def thread(self, loop: Any, survey: Survey) -> Optional[int]:
        if getattr(run.GLOBAL_RUN_CONTEXT, "runner", None) is loop:
            return this_thread()
        found = [ident for ident, item in self._run_frames(survey) if item is loop]
        return found[0] if found else None

    def is_running(self, loop: Any) -> bool:
        return bool(loop.tasks)

    def tasks(self, loop: Any) -> List[object]:
        for attempt in range(ATTEMPTS):
            try:
                tasks = list(loop.tasks)
            except RuntimeError:  # the set changed while another thread runs
                if attempt == ATTEMPTS - 1:
                    raise
                continue
            return [task for task in tasks if not self._is_plumbing(loop, task)]
        return []

    def _is_plumbing(self, loop: Any, task: Any) -> bool:
        """Whether a task is one that every run has: the root task, or that of TrioToken."""
        code = getattr(task.coro, "cr_code", None)
        module = os.sep + os.path.join("trio", "_core", "_entry_queue.py")
        return task is loop.init_task or (code is not None and code.co_filename.endswith(module))

    def current(self, loop: Any) -> object:
        context = run.GLOBAL_RUN_CONTEXT
        if getattr(context, "runner", None) is loop:
            return getattr(context, "task", None)
        return next((task for task in self.tasks(loop) if _coroutine_runs(task)), None)

    def task_name(self, task: Any) -> str:
        return str(task.name)

    def owner(self, task: Any) -> Tuple[object, object]:
        nursery = task.parent_nursery
        return nursery, (nursery.parent_task if nursery is not None else None)

    def cancel_reason(self, task: Any) -> Optional[str]:
        """That of the innermost scope around the task that is cancelled."""
        status = getattr(task, "_cancel_status", None)
        while status is not None:
            scope = getattr(status, "_scope", None)
            if getattr(scope, "_cancel_called", False):
                return reason_of(scope) or None
            status = getattr(status, "_parent", None)
        return None

    def seconds_late(self, loop: Any) -> Optional[float]:
        """As its deadlines tell, of which the earliest stands first (trio/_core/_run.py, 0.22+)."""
        heap = loop.deadlines._heap
        deadline = time_until(heap[0][0], loop) if heap else None
        left = None if deadline is None else deadline.seconds_left
        return None if left is None else -left

    def state(self, task: Any, stack: Stack) -> str:
        status = getattr(task, "_cancel_status", None)
        if getattr(status, "effectively_cancelled", False):
            return "cancelling"
        # set while it is in the run queue
        return "ready" if getattr(task, "_next_send_fn", None) is not None else "waiting"


def _coroutine_runs(task: Any) -> bool:
    return any(getattr(task.coro, name, False) for name in ("cr_running", "gi_running"))


def install() -> None:
    """Register what concerns runs."""
    register_runtime("trio", "trio run", [trio.lowlevel.Task], TrioRuns)
    register_runtime_package("trio")
    register_machinery("trio._core._run", ["run", "unrolled_run", "guest_tick"])
    register_machinery("trio._threads", ["run", "run_sync", "unprotected_fn"])
    register_idle("trio._core._thread_cache", ["_work"])
