"""The tasks of the process at a stop, looked up once.

Event loops of the thread that stopped stand still while the prompt waits, so one look is enough for
all commands and for completion. Those of other threads go on: what is shown of them says when it
was seen, and `tasks` looks anew.
"""

from __future__ import annotations

import inspect
import sys
import time
from contextlib import contextmanager

from stackscope_pdb.stop.greenlets import frames_inward

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Dict, Iterator, List, Optional, Sequence, Tuple, Union

    from stackscope import Finding, Frame, ItemNode, LoopNode, Snapshot, Stack, TaskNode, ThreadNode

    Node = Union[TaskNode, ThreadNode, ItemNode]

CALLED = "stop_in_call"
"""The method that opens our prompt in the frame that has called for it: its argument ``frame``."""

_SUSPENDS = (
    inspect.CO_GENERATOR
    | inspect.CO_COROUTINE
    | inspect.CO_ITERABLE_COROUTINE
    | inspect.CO_ASYNC_GENERATOR
)
"""Marks the code of what can be suspended."""

_loops_of_prompts: List[object] = []
"""The event loops that a prompt is running in now. Their tasks are none of the program's."""


@contextmanager
def loop_of_prompt(loop: object) -> Iterator[None]:
    """Meanwhile the loop in which a prompt reads isn't taken for one of the program's."""
    _loops_of_prompts.append(loop)
    try:
        yield
    finally:
        _loops_of_prompts.remove(loop)


def is_loop_of_prompt(loop: object) -> bool:
    """Whether a prompt is running in an event loop now."""
    return any(loop is one for one in _loops_of_prompts)


class Snapshots:
    """What a stop knows about the tasks of the process.

    Attributes:
        drops: How often something was forgotten. While that stays the same, stacks of what is
            suspended are still true.
    """

    def __init__(self) -> None:
        self.drops: int = 0
        self._snapshot: Optional[Snapshot] = None
        self._by_id: Optional[Dict[int, TaskNode]] = None
        self._times_seen_at = 0.0

    def drop(self) -> None:
        """Forget it, since the program goes on, or has run some code."""
        self.drops += 1
        self._snapshot = self._by_id = None

    def tasks(self) -> Snapshot:
        """All tasks, with their contexts, and so with who holds the locks that they wait for."""
        now = time.monotonic()
        if self._snapshot is None:
            self._snapshot = _take()
        else:
            _let_times_run(self._snapshot, now - self._times_seen_at)
        self._times_seen_at = now
        return self._snapshot

    def tasks_now(self) -> Snapshot:
        """The same, looked up anew if some of them go on meanwhile."""
        if self._snapshot is not None and any(map(goes_on, self._snapshot.loops)):
            self.drop()
        return self.tasks()

    def find(self, obj: object) -> Optional[TaskNode]:
        """What is known about ``obj``, if it is a task that isn't done."""
        from stackscope import extract
        from stackscope.snapshot.runtimes import is_task

        if self._snapshot is None:
            extract(None)  # so that glue is ready, which knows what is a task
        if not is_task(obj):
            return None
        if self._by_id is None:
            self._by_id = {id(node.task): node for node in self.tasks().tasks()}
        return self._by_id.get(id(obj))

    def stopped_task(self) -> object:
        """The task that the program stopped in, if it did in one."""
        here = [loop for loop in self.tasks().loops if loop.is_here]
        running = [node for loop in here for node in loop.walk() if node.state == "running"]
        # A task may run another event loop, of which a task has stopped.
        by_frame = {
            id(node.stack.frames[0].pyframe): node.task for node in running if node.stack.frames
        }
        inward = list(map(id, frames_inward(sys._getframe())))  # our own frame among them
        found = [by_frame[key] for key in inward if key in by_frame]
        return found[-1] if found else running[0].task if running else None

    def loop_of(self, task: object) -> Optional[LoopNode]:
        """The loop of a task."""
        for loop in self.tasks().loops:
            if any(node.task is task for node in loop.walk()):
                return loop
        return None

    def task_of_frame(self, frame: Optional[FrameType]) -> Optional[Tuple[LoopNode, TaskNode]]:
        """The task that will run a suspended frame on, with its loop, if there is one."""
        for loop in self.tasks().loops:
            for node in loop.walk():
                if any(entry.pyframe is frame for entry in node.stack.frames):
                    return loop, node
        return None

    def seen_at(self) -> str:
        """The time of the look, as a person reads it."""
        from stackscope.render.words import time_of_day

        return time_of_day(self.tasks().taken_at)


def goes_on(loop: LoopNode) -> bool:
    """Whether a loop is running in another thread, which doesn't stand still."""
    return loop.is_running and not loop.is_here


def _let_times_run(snapshot: Snapshot, seconds: float) -> None:
    """Have less time left for all waits: a loop stands still at a stop, but its clock doesn't."""
    for node in snapshot.tasks():
        if node.waiting is not None:
            for wait in node.waiting.layers():
                if wait.seconds_left is not None:
                    wait.seconds_left -= seconds


def _take() -> Snapshot:
    snapshot = whole_snapshot()  # circles of tasks may lead through threads
    snapshot.threads = []  # there is a command of its own for these
    return snapshot


def whole_snapshot() -> Snapshot:
    """All tasks and threads as they are now, without the debugger's own loops and frames."""
    from stackscope import extract_all

    snapshot = extract_all()
    snapshot.loops = [loop for loop in snapshot.loops if not is_loop_of_prompt(loop.loop)]
    for thread in snapshot.threads:
        leave_out_debugger(thread.stack)
    for node in snapshot.tasks():
        if node.state in ("running", "starting") or _ends_in_call(node.stack):
            leave_out_debugger(node.stack)
    return snapshot


def _ends_in_call(stack: Stack) -> bool:
    """Whether a stack ends in what a thread runs for a suspended task: it may be stopped there."""
    return bool(stack.frames) and not stack.frames[-1].pyframe.f_code.co_flags & _SUSPENDS


def thread_nodes() -> List[ThreadNode]:
    """All threads as they are now."""
    return _threads_now(with_holders=False).threads


def threads_with_waits() -> Tuple[List[ThreadNode], List[List[Node]], List[Finding]]:
    """All threads as they are now, with who holds what they wait for.

    Returns:
        The threads, the circles of those that wait for each other, and what is stuck.
    """
    from stackscope.snapshot.diagnosing import diagnose_snapshot

    snapshot = _threads_now(with_holders=True)
    known = set(map(id, snapshot.threads))
    circles = [circle for circle in snapshot.cycles if any(id(node) in known for node in circle)]
    diagnosis = diagnose_snapshot(snapshot, deep=False, at_once=True)
    return snapshot.threads, circles, diagnosis.findings


def _threads_now(*, with_holders: bool) -> Snapshot:
    from stackscope import extract_all

    snapshot = extract_all(with_contexts=with_holders, tasks=with_holders)
    # Others may be stopped, too; and what runs is called from here, and would keep itself alive.
    nodes: List[Node] = [*snapshot.threads, *snapshot.tasks()]
    for node in nodes:
        leave_out_debugger(node.stack)
    return snapshot


def extract_now(item: object) -> Stack:
    """The stack of anything as it is now, with its contexts, without the debugger's frames."""
    from stackscope import extract

    stack = extract(item)
    leave_out_debugger(stack)
    return stack


def leave_out_debugger(stack: Stack) -> None:
    """Let a stack that is running end where a debugger has stopped it.

    That thread may wait there for its turn at the prompt, or be this one. The debugger's commands
    hold what they have found: a stack with them in it would be kept alive by itself.
    """
    from stackscope.snapshot.user_code import frames_of_program

    kept = frames_of_program(list(stack.frames))
    stopped = _stopped_by_call(stack.frames[len(kept) :])
    for index, frame in enumerate(kept):
        if frame.pyframe is stopped:
            kept = kept[: index + 1]
            break
    stack.frames = kept


def _stopped_by_call(frames: Sequence[Frame]) -> Optional[FrameType]:
    """The frame that has called for a prompt, by the debugger's frames."""
    from stackscope.snapshot.user_code import package_of

    for frame in frames:
        if frame.pyframe.f_code.co_name == CALLED and package_of(frame.pyframe) == "stackscope_pdb":
            stopped: FrameType = frame.pyframe.f_locals["frame"]
            return stopped
    return None
