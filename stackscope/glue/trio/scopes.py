"""trio: tasks, nurseries and cancel scopes.

A task is its coroutine. What trio does to put a task to sleep is hidden and pruned. The nursery of
``async with trio.open_nursery()`` takes the place of its manager, and its child tasks are the
context's `children`. A cancel scope says in its description how much time is left, and whether and
why it is cancelled.
"""

from __future__ import annotations

import math

import trio
import trio._core._run

from stackscope.extraction.extraction import child_stack
from stackscope.extraction.hooks import (
    customize,
    elaborate_context,
    unwrap_context,
    unwrap_context_generator,
    unwrap_stackitem,
)
from stackscope.glue.clocks import began_work, deadline_since, register_worker
from stackscope.glue.describing import Deadline, ScopeState, code_of
from stackscope.glue.trio.runners import runner_of
from stackscope.model.stacks import Frame
from stackscope.render.words import scope_text
from stackscope.safe.objects import instance_attributes
from stackscope.safe.text import cut, safe_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Tuple

    from stackscope.model.stacks import Context

PLUMBING = (
    "wait_task_rescheduled",
    "cancel_shielded_checkpoint",
    "temporarily_detach_coroutine_object",
    "permanently_detach_coroutine_object",
)
"""Functions of `trio.lowlevel` that do nothing but yield to trio's scheduler."""


# ------------------------------------------------------ tasks and nurseries


def unwrap_task(task: trio.lowlevel.Task) -> object:
    """A task: its coroutine."""
    return task.coro


def unwrap_nursery_manager(manager: object, context: Context) -> object:
    """What ``trio.open_nursery()`` gives: the nursery, once it is entered."""
    return instance_attributes(manager).get("_nursery")


def elaborate_nursery(nursery: trio.Nursery, context: Context) -> None:
    """A nursery: the stacks of its child tasks, in the order in which they were started.

    What is special about its cancel scope goes into the description.
    """
    context.children = stacks_of_children(nursery)
    state = state_of_scope(nursery.cancel_scope)
    if not state.is_plain:
        context.description = f"nursery: {scope_text(state)}"


def stacks_of_children(nursery: trio.Nursery) -> List[Any]:
    """The stacks of the tasks in a nursery, the oldest first."""
    return [child_stack(task, for_task=True) for task in sorted(nursery.child_tasks, key=_age)]


def _age(task: trio.lowlevel.Task) -> Tuple[int, str]:
    # The counter is private. Without it, the order should at least not change from one time to the
    # next.
    return getattr(task, "_counter", 0), task.name


# ------------------------------------------------------------ cancel scopes


def elaborate_cancel_scope(scope: trio.CancelScope, context: Context) -> None:
    """A cancel scope: the time left, whether it is a shield, whether and why it is cancelled."""
    context.description = f"cancel scope: {scope_text(state_of_scope(scope))}"


def describe_timeout(frame: Frame, context: Context) -> None:
    """``trio.fail_after()`` and ``fail_at()``: as the cancel scope inside."""
    for inner in frame.contexts:
        if type(inner.obj) is trio.CancelScope and context.description is not None:
            context.description += f": {scope_text(state_of_scope(inner.obj))}"


def state_of_scope(scope: trio.CancelScope) -> ScopeState:
    """The state of a cancel scope."""
    # Not by its properties, for `cancel_called` cancels a scope whose deadline has passed.
    deadline = getattr(scope, "_deadline", math.inf)
    is_cancelled = bool(getattr(scope, "_cancel_called", False))
    return ScopeState(
        None if deadline == math.inf else time_left_until(deadline, runner_of(scope)),
        getattr(scope, "_relative_deadline", math.inf),  # 0.27+, until it is entered
        bool(getattr(scope, "_shield", False)),
        is_cancelled,
        reason_of(scope) if is_cancelled else "",
    )


def reason_of(scope: Any) -> str:
    """Why a scope is cancelled, where trio takes note of that (0.31+)."""
    reason = getattr(scope, "_cancel_reason", None)
    source = getattr(reason, "source", None)
    text = getattr(reason, "reason", None)
    if type(source) is not str:
        return ""
    if type(text) is not str:
        return source
    return f"{source}: {cut(safe_text(text), 200)}"


def time_until(moment: float, runner: Any) -> Optional[Deadline]:
    """How far away a moment by the clock of a run is, whatever the run does meanwhile.

    ``None`` if it never comes.
    """
    if moment == math.inf:
        return None
    clock = getattr(runner, "clock", None)
    # A clock of the program's own isn't asked, for that would run its code.
    if clock is None or type(clock).__module__.partition(".")[0] != "trio":
        return Deadline(None, moment, "run")
    return Deadline(moment - clock.current_time(), moment, "run")


def time_left_until(moment: float, runner: Any) -> Optional[Deadline]:
    """How far away a moment by the clock of a run was when the run last looked."""
    deadline = time_until(moment, runner)
    began = began_work(runner)
    if deadline is None or deadline.seconds_left is None or began is None:
        return deadline
    return deadline_since(began, moment, "run")


# ------------------------------------------------------------- installation


def install() -> None:
    """Register what concerns tasks, nurseries and scopes."""
    # A generator, which a run's thread resumes when events have come (trio/_core/_run.py, 0.22+).
    register_worker(code_of(trio._core._run, "unrolled_run"), "runner", "now")
    unwrap_stackitem.register(trio.lowlevel.Task, unwrap_task)
    elaborate_context.register(trio.Nursery, elaborate_nursery)
    unwrap_context.register(type_of_nursery_manager(), unwrap_nursery_manager)
    elaborate_context.register(trio.CancelScope, elaborate_cancel_scope)
    for name in ("fail_after", "fail_at"):
        unwrap_context_generator.register(getattr(trio, name), describe_timeout)
    for name in PLUMBING:
        customize(getattr(trio.lowlevel, name), hide=True, prune=True)


def type_of_nursery_manager() -> type:
    """The type of what ``trio.open_nursery()`` gives."""
    # The argument keeps open_nursery() from asking the run that is going on, for there may be none.
    manager: Any = trio.open_nursery(strict_exception_groups=True)
    return type(manager)
