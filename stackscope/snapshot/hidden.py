"""What threads and greenlets that wait refer to by their frames alone.

The collector tells nothing of running frames. So what these refer to would be taken as held by
somebody unknown, and as alive, if it weren't told here.
"""

from __future__ import annotations

from collections import Counter
from types import BuiltinMethodType, MethodType

from stackscope.interpreter.frames.references import exit_is_on_stack, is_entering, references_of
from stackscope.interpreter.frames.variables import first_argument, local_values
from stackscope.interpreter.heap import module_types, referents, referrers_of
from stackscope.interpreter.running import own_frames
from stackscope.model.snapshot import ThreadNode
from stackscope.safe.interruptions import attempt
from stackscope.safe.objects import class_attribute
from stackscope.snapshot.inside import object_of
from stackscope.snapshot.waits import ask_about
from stackscope.snapshot.waking import untold_references

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Set, Tuple

    from stackscope.model.snapshot import Node

__all__ = ["Hidden", "frames_of"]


class Hidden:
    """What running frames refer to.

    Args:
        nodes: Threads and greenlets; each of them waits.

    Attributes:
        references: By the id of a frame or greenlet: the ids of what it refers to, once for each
            reference.
        told_too_often: By the id of an object: how many references to it the collector tells that
            don't count.
        tuples: The tuples among these and the variables, which nobody else may have.
    """

    __slots__ = ("references", "told_too_often", "tuples")

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.references: Dict[int, List[int]] = {}
        self.told_too_often: Dict[int, int] = {}
        self.tuples: List[object] = []
        entering: List[Tuple[int, object]] = []
        modules = module_types()
        for node in nodes:
            self._add(node, modules, entering)
        if entering:
            self._add_methods(entering)

    def _add(self, node: Node, modules: Set[int], entering: List[Tuple[int, object]]) -> None:
        item = object_of(node)
        frames = frames_of(node)
        told = Counter(map(id, referents([item], modules)))
        if any(id(frame.f_code) in told for frame in frames):
            self._add_told(frames, told)
            return
        untold = ask_about(untold_references, item)
        if untold:
            self.references[id(item)] = list(map(id, untold))
            self.tuples += [one for one in untold if type(one) is tuple]
        for frame, callee in _with_callees(frames):
            self.references[id(frame)] = attempt([], references_of, frame, callee)
            self.tuples += attempt([], _tuples_in, frame)
            if is_entering(frame):
                manager = _manager(node, callee)
                if manager is not None:
                    entering.append((id(frame), manager))

    def _add_told(self, frames: Sequence[FrameType], told: Mapping[int, int]) -> None:
        """Take note of what the collector tells too often of a greenlet that it goes through.

        From 3.15 on it does so, and sees borrowed references on the stacks as it sees others
        (``_PyGC_VisitStackRef`` in Python/gc.c leaves them out for itself alone).
        """
        counts: Counter[int] = Counter()
        for frame, callee in _with_callees(frames):
            counts.update(attempt([], references_of, frame, callee))
        for key, count in counts.items():
            if told[key] > count:
                self.told_too_often[key] = self.told_too_often.get(key, 0) + told[key] - count

    def _add_methods(self, entering: Sequence[Tuple[int, object]]) -> None:
        """The bound methods that ``with`` has made, if there is no other of the same manager."""
        managers = {id(manager): manager for _, manager in entering}
        made: Dict[Tuple[int, int], List[int]] = {
            (key, id(class_attribute(type(manager), name))): []
            for key, manager in managers.items()
            for name in ("__enter__", *(() if exit_is_on_stack() else ("__exit__",)))
        }
        on_stacks = {key for ids in self.references.values() for key in ids}
        for method in referrers_of(list(managers.values()), METHODS):
            found = made.get((id(method.__self__), id(_function_of(method))))
            if found is not None and id(method) not in on_stacks:
                found.append(id(method))
        for (key, _), methods in made.items():
            frames = [frame for frame, manager in entering if id(manager) == key]
            if len(methods) == len(frames):
                for frame, method in zip(frames, methods):
                    self.references[frame].append(method)


METHODS = (BuiltinMethodType, MethodType)


def _function_of(method: Any) -> object:
    """What a class has in the place of a bound method."""
    if type(method) is MethodType:
        return method.__func__
    return class_attribute(type(method.__self__), method.__name__)


def _with_callees(
    frames: Sequence[FrameType],
) -> Iterable[Tuple[FrameType, Optional[FrameType]]]:
    """Each of some frames with the one that it has called, if that is among them."""
    return zip(frames, [*frames[1:], None])


def frames_of(node: Node) -> List[FrameType]:
    """The frames of a thread or greenlet, outermost first."""
    frames = [frame.pyframe for frame in node.stack.frames]
    if isinstance(node, ThreadNode) and frames:
        found = own_frames(frames[-1])
        inner = {id(frame) for frame in found}
        return [*[frame for frame in frames if id(frame) not in inner], *found]
    return frames


def _manager(node: Node, callee: Optional[FrameType]) -> object:
    if callee is not None:
        return first_argument(callee)[1]
    return None if node.waiting is None else node.waiting.lock


def _tuples_in(frame: FrameType) -> List[object]:
    return [value for value in local_values(frame).values() if type(value) is tuple]
