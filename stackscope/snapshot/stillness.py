"""Whether tasks and threads still stand where a snapshot has found them."""

from __future__ import annotations

import sys

from stackscope.interpreter.facts import IS_PYPY
from stackscope.model.saved import SavedObject, saved_frame
from stackscope.model.snapshot import TaskNode, ThreadNode
from stackscope.safe.interruptions import attempt
from stackscope.snapshot.inside import object_of
from stackscope.snapshot.waits import ask_about
from stackscope.snapshot.waking import token_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Sequence, Tuple

    from stackscope.extraction.extraction import Extraction
    from stackscope.model.snapshot import Node
    from stackscope.model.stacks import Stack

__all__ = ["Stillness"]


class Stillness:
    """Where nodes stood at one moment.

    A task that has the same token at two moments has waited all the time in between, and its
    frames have kept what they had. So what was seen of several such tasks in between, one after the
    other, was true of all of them at once.

    Args:
        nodes: The nodes.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._marks: Dict[int, Tuple[object, ...]] = {id(node): _mark(node) for node in nodes}

    def holds(self, node: Node, extraction: Extraction) -> bool:
        """Whether a node has not moved since then, nor since it was put into the snapshot."""
        before = self._marks.get(id(node))
        if before is None or not _is_as_seen(node, extraction):
            return False
        return _same(before, _mark(node))


def is_alive(node: Node) -> bool:
    """Whether a node is of this process, and not read from a file."""
    return type(object_of(node)) is not SavedObject and not any(
        saved_frame(frame.pyframe) is not None for frame in node.stack.frames[:1]
    )


def _mark(node: Node) -> Tuple[object, ...]:
    """What is another one if a node has moved."""
    if isinstance(node, TaskNode):
        token = ask_about(token_of, node.task)
        if token is not None:
            return (token,)
    if isinstance(node, ThreadNode):
        if node.is_here:  # the frame would be one of ours, and keep itself
            return ()
        frame = sys._current_frames().get(node.ident)
        return (frame, -1 if frame is None else frame.f_lasti)
    frames = [frame.pyframe for frame in node.stack.frames]
    return tuple([frame.f_lasti for frame in frames])


def _same(first: Tuple[object, ...], second: Tuple[object, ...]) -> bool:
    if len(first) != len(second):
        return False
    return all(
        one == other if type(one) is int and type(other) is int else one is other
        for one, other in zip(first, second)
    )


def _is_as_seen(node: Node, extraction: Extraction) -> bool:
    """Whether the stack of a node is what it was in the snapshot."""
    if isinstance(node, ThreadNode):
        if node.is_here:
            return True
        innermost = sys._current_frames().get(node.ident)
        frames = node.stack.frames
        return bool(frames) and innermost is frames[-1].pyframe
    now = attempt(None, extraction.stack, object_of(node))
    return now is not None and _places(now) == _places(node.stack)


def _places(stack: Stack) -> List[Tuple[int, int]]:
    """The frames of a stack, and their lines."""
    if IS_PYPY:  # which makes a frame object anew for each look
        return [(id(frame.pyframe.f_code), frame.lineno) for frame in stack.frames]
    return [(id(frame.pyframe), frame.lineno) for frame in stack.frames]
