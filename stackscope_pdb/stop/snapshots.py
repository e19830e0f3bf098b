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
from copy import copy
from functools import cached_property

from stackscope_pdb.stop.greenlets import frames_inward

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Union

    from stackscope import (
        Diagnosis,
        Finding,
        Frame,
        ItemNode,
        LoopNode,
        Snapshot,
        Stack,
        TaskNode,
        ThreadNode,
        Waiting,
    )

    Node = Union[TaskNode, ThreadNode, ItemNode]
    Progress = Optional[Callable[[float], object]]
    WantsMore = Optional[Callable[[float], bool]]

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


class Look:
    """Notes whether a look has come to its end.

    Args:
        wants_more: Called with how much of it is done, from 0 to 1; false ends it.

    Attributes:
        progress: The same for `stackscope.extract_all`.
        has_ended: Whether it has ended early.
    """

    def __init__(self, wants_more: WantsMore) -> None:
        self.has_ended: bool = False
        self._wants_more = wants_more
        self.progress: Progress = None if wants_more is None else self._goes_on

    def _goes_on(self, share: float) -> bool:
        if self._wants_more is not None and not self._wants_more(share):
            self.has_ended = True
        return not self.has_ended


class _Known:
    """A snapshot, and what is looked up in it more than once.

    Args:
        snapshot: The snapshot.
        clocks: The clocks of other threads before the look.
        is_whole: Whether it has all tasks.

    Attributes:
        snapshot: The snapshot, without threads.
        with_threads: The same with them. Circles of tasks may lead through threads.
        is_whole: Whether it has all tasks.
        searched: What is stuck, once the heap was searched for that.
    """

    def __init__(
        self, snapshot: Snapshot, clocks: Dict[int, Optional[int]], *, is_whole: bool
    ) -> None:
        self.with_threads = snapshot
        self.snapshot = copy(snapshot)
        self.snapshot.threads = []  # there is a command of its own for these
        self.is_whole = is_whole
        self.searched: Optional[Diagnosis] = None
        self._clocks = clocks
        self.nodes: List[TaskNode] = list(snapshot.tasks())
        self._seen_at = time.monotonic()

    def others_may_have_run(self) -> bool:
        """Whether another thread may have run since the look began."""
        from stackscope.snapshot.stillness import clocks_of_others

        return None in self._clocks.values() or self._clocks != clocks_of_others()

    @cached_property
    def by_id(self) -> Dict[int, TaskNode]:
        return {id(node.task): node for node in self.nodes}

    @cached_property
    def loops(self) -> Dict[int, LoopNode]:
        """The loop of each task, by the id of the task."""
        return {id(node.task): loop for loop in self.snapshot.loops for node in loop.walk()}

    @cached_property
    def by_number(self) -> Dict[int, TaskNode]:
        return {node.number: node for node in self.nodes}

    @cached_property
    def by_name(self) -> Dict[str, List[TaskNode]]:
        found: Dict[str, List[TaskNode]] = {}
        for node in self.nodes:  # a name may be of a class that has its own __hash__()
            found.setdefault(str.__str__(node.name), []).append(node)
        return found

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """What is stuck, as far as the waits alone show it."""
        from stackscope.snapshot.diagnosing import diagnose_snapshot

        return diagnose_snapshot(self.snapshot, deep=False, at_once=True)

    @cached_property
    def stopped_task(self) -> object:
        """See `Snapshots.stopped_task`."""
        here = [loop for loop in self.snapshot.loops if loop.is_here]
        running = [node for loop in here for node in loop.walk() if node.state == "running"]
        # A task may run another event loop, of which a task has stopped.
        by_frame = {
            id(node.stack.frames[0].pyframe): node.task for node in running if node.stack.frames
        }
        inward = list(map(id, frames_inward(sys._getframe())))  # our own frame among them
        found = [by_frame[key] for key in inward if key in by_frame]
        return found[-1] if found else running[0].task if running else None

    @cached_property
    def _timed(self) -> List[Waiting]:
        """The waits that end at some time."""
        waits = [node.waiting for node in self.nodes if node.waiting is not None]
        return [one for wait in waits for one in wait.layers() if one.seconds_left is not None]

    def let_times_run(self) -> None:
        """Have less time left for all waits: a loop may stand still, but its clock doesn't."""
        now = time.monotonic()
        passed, self._seen_at = now - self._seen_at, now
        for wait in self._timed:
            if wait.seconds_left is not None:
                wait.seconds_left -= passed


class Snapshots:
    """What a stop knows about the tasks of the process.

    Attributes:
        drops: How often something was forgotten. While that stays the same, stacks of what is
            suspended are still true.
    """

    def __init__(self) -> None:
        self.drops: int = 0
        self._known: Optional[_Known] = None

    def drop(self) -> None:
        """Forget it, since the program goes on, or has run some code."""
        self.drops += 1
        self._known = None

    def tasks(self) -> Snapshot:
        """All tasks, with their contexts, and so with who holds the locks that they wait for."""
        return self._whole().snapshot

    def tasks_now(self, wants_more: WantsMore = None) -> Snapshot:
        """The same, looked up anew if some of them go on meanwhile.

        Args:
            wants_more: Called with how much of the look is done. When it gives false, those that
                were found have to do.
        """
        known = self._known
        if known is not None and any(map(goes_on, known.snapshot.loops)):
            self.drop()
        if self._known is None or not self._known.is_whole:
            self._look(wants_more)
        return self._part().snapshot

    def tasks_and_threads(self, wants_more: WantsMore = None) -> Snapshot:
        """The same with all threads, looked up anew if others than this one may have run.

        Args:
            wants_more: As for `tasks_now`.
        """
        known = self._known
        if known is not None and known.others_may_have_run():
            self.drop()
        self.tasks_now(wants_more)
        return self._part().with_threads

    def searched(self, search: Callable[[Snapshot], Diagnosis]) -> Diagnosis:
        """What is stuck in what the last look has found, searched for once.

        Args:
            search: Makes the diagnosis.
        """
        known = self._part()
        if known.searched is None:
            known.searched = search(known.with_threads)
        return known.searched

    def offered(self, wants_more: WantsMore) -> Snapshot:
        """Those that are known, or can be found while more are wanted."""
        if self._known is None:
            self._look(wants_more)
        return self._part().snapshot

    def has_tasks(self) -> bool:
        """Whether there is any task, greenlet or the like."""
        if self._known is None:
            # A look that ends at the first task would give that one the first number.
            self._look(lambda _: False)
            if not self.is_whole:
                self._known = None
                return True
        known = self._part()
        return bool(known.nodes or known.snapshot.items)

    @property
    def is_whole(self) -> bool:
        """Whether the last look has come to its end."""
        return self._known is None or self._known.is_whole

    def _look(self, wants_more: WantsMore) -> None:
        from stackscope.snapshot.stillness import clocks_of_others

        self._known = None  # there need not be two at the same time
        clocks = clocks_of_others()
        look = Look(wants_more)
        snapshot = whole_snapshot(look.progress)
        self._known = _Known(snapshot, clocks, is_whole=not look.has_ended)

    def _whole(self) -> _Known:
        if self._known is None or not self._known.is_whole:
            self._look(None)
        return self._part()

    def _part(self) -> _Known:
        assert self._known is not None
        self._known.let_times_run()
        return self._known

    def diagnosis(self) -> Diagnosis:
        """What is stuck, as far as the waits alone show it."""
        return self._whole().diagnosis

    def numbered(self, number: int) -> Optional[TaskNode]:
        """The task with a number, if the last look has found one."""
        known = self._known
        return None if known is None else known.by_number.get(number)

    def named(self, name: str) -> List[TaskNode]:
        """Those with a name that the last look has found."""
        return [] if self._known is None else self._known.by_name.get(name, [])

    def find(self, obj: object) -> Optional[TaskNode]:
        """What is known about ``obj``, if it is a task that isn't done."""
        from stackscope import extract
        from stackscope.snapshot.runtimes import is_task

        if self._known is None:
            extract(None)  # so that glue is ready, which knows what is a task
        if not is_task(obj):
            return None
        return self._containing(obj).by_id.get(id(obj))

    def _containing(self, task: object) -> _Known:
        """What is known of a task, though not all tasks may be known."""
        known = self._known
        return known if known is not None and id(task) in known.by_id else self._whole()

    def stopped_task(self) -> object:
        """The task that the program stopped in, if it did in one, and that has been looked at."""
        return self._part().stopped_task if self._known is not None else self._whole().stopped_task

    def loop_of(self, task: object) -> Optional[LoopNode]:
        """The loop of a task."""
        return self._containing(task).loops.get(id(task))

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

        taken_at = (self._known or self._whole()).snapshot.taken_at
        return time_of_day(taken_at)


def goes_on(loop: LoopNode) -> bool:
    """Whether a loop is running in another thread, which doesn't stand still."""
    return loop.is_running and not loop.is_here


def whole_snapshot(progress: Progress = None) -> Snapshot:
    """All tasks and threads as they are now, without the debugger's own loops and frames.

    Args:
        progress: As for `stackscope.extract_all`.
    """
    from stackscope import extract_all

    snapshot = extract_all(progress=progress)
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
    from stackscope import extract_all

    snapshot = extract_all(with_contexts=False, tasks=False)
    # Others may be stopped, too; and what runs is called from here, and would keep itself alive.
    for node in snapshot.threads:
        leave_out_debugger(node.stack)
    return snapshot.threads


def threads_with_waits(
    wants_more: WantsMore = None,
) -> Tuple[List[ThreadNode], List[List[Node]], List[Finding]]:
    """All threads as they are now, with who holds what they wait for.

    Args:
        wants_more: As for `Snapshots.tasks_now`. If not all tasks have been looked at, nothing is
            known to be stuck.

    Returns:
        The threads, the circles of those that wait for each other, and what is stuck.
    """
    from stackscope.snapshot.diagnosing import diagnose_snapshot

    look = Look(wants_more)
    snapshot = whole_snapshot(look.progress)
    known = set(map(id, snapshot.threads))
    circles = [circle for circle in snapshot.cycles if any(id(node) in known for node in circle)]
    if look.has_ended:
        return snapshot.threads, circles, []
    diagnosis = diagnose_snapshot(snapshot, deep=False, at_once=True)
    return snapshot.threads, circles, diagnosis.findings


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
