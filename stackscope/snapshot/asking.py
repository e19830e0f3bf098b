"""Threads that wait for what a task does for them, as in ``from_thread.run()`` of trio and anyio.

The stack of such a thread goes on in the frames of the task; or the task that waits for the thread
does it meanwhile, and goes on after the frames of the thread.
"""

from __future__ import annotations

from stackscope.model.stacks import Stack
from stackscope.model.waiting import Waiting
from stackscope.snapshot.user_code import calls_below_user, name_of_call
from stackscope.snapshot.waits import describe_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, Optional, Sequence

    from stackscope.model.snapshot import TaskNode, ThreadNode
    from stackscope.model.stacks import Frame

__all__ = ["Asking"]

RUNNING = ("running", "starting")


class Asking:
    """The tasks that threads may wait for.

    Args:
        nodes: All tasks.
    """

    def __init__(self, nodes: Iterable[TaskNode]) -> None:
        self._outermost: Dict[int, TaskNode] = {}
        """By the ids of their outermost frames."""
        self._after: Dict[int, TaskNode] = {}
        """By the ids of the frames of threads that they go on after."""
        for node in nodes:
            frames = [] if node.state in RUNNING else node.stack.frames
            for frame in frames[:1]:
                self._outermost[id(frame.pyframe)] = node
            for frame, following in zip(frames, frames[1:]):
                if frame.origin is None and following.origin is not None:
                    self._after[id(frame.pyframe)] = node

    def describe(self, thread: ThreadNode) -> Optional[Waiting]:
        """What a thread waits for, if a task does that."""
        frames = thread.stack.frames
        for index, frame in enumerate(frames):
            if frame.origin is not None and id(frame.pyframe) in self._outermost:
                return _waiting_for(self._outermost[id(frame.pyframe)], frames[:index])
        task = self._after.get(id(frames[-1].pyframe)) if frames else None
        return None if task is None else _waiting_for(task, frames)


def _waiting_for(node: TaskNode, frames: Sequence[Frame]) -> Waiting:
    """The wait for a task of a thread, by what that has called."""
    calls = calls_below_user(Stack(None, frames), lambda _: False)
    call = name_of_call(calls[0]) if calls else ""
    return Waiting(call, tasks=[node.task], inner=describe_object(node.task))
