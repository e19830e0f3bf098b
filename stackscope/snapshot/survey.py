"""What can be seen of the whole process, looked at once for all who ask."""

from __future__ import annotations

import sys

from stackscope.interpreter import heap
from stackscope.interpreter.frames.variables import first_argument
from stackscope.interpreter.running import callers, this_thread, thread_stack
from stackscope.interpreter.same_code import code_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any, Dict, Hashable, Iterable, List, Optional, Sequence, Tuple, TypeVar

    T = TypeVar("T")

__all__ = ["Survey", "unique"]


class Survey:
    """What can be seen of the whole process. `extract_all` makes one for each snapshot.

    The page "customizing" of the documentation shows how glue uses it.

    Args:
        types: The types whose instances can be asked for.
        caller: The frame where the stack of this thread ends.
    """

    def __init__(self, types: Iterable[type], caller: Optional[FrameType] = None) -> None:
        # Our own frames are left out: they would lead back here.
        self._threads = list(sys._current_frames())
        self._caller = caller
        self._types = list(types)
        self._instances: Optional[Dict[int, List[object]]] = None
        self._by_code: Optional[Dict[Hashable, List[Tuple[int, FrameType]]]] = None

    def calls(self, function: object) -> List[Tuple[int, FrameType]]:
        """Find all running calls of a Python function.

        Args:
            function: The function.

        Returns:
            For each call, the identifier of its thread and its frame.
        """
        if self._by_code is None:
            self._by_code = {}
            here = this_thread()
            for ident in self._threads:
                frames = callers(self._caller) if ident == here else thread_stack(ident)
                for frame in frames:
                    self._by_code.setdefault(code_key(frame.f_code), []).append((ident, frame))
        code: Optional[CodeType] = getattr(function, "__code__", None)
        return [] if code is None else self._by_code.get(code_key(code), [])

    def first_arguments(self, function: object) -> List[Tuple[int, Any]]:
        """Find the first arguments of all running calls of a Python function.

        Args:
            function: The function.

        Returns:
            For each call, the identifier of its thread and the argument.
        """
        found = [(ident, first_argument(frame)) for ident, frame in self.calls(function)]
        return [(ident, value) for ident, (is_bound, value) in found if is_bound]

    def instances(self, types: Sequence[type]) -> List[object]:
        """Find objects of these types, without subclasses, through the garbage collector.

        Args:
            types: Some of the types that `Runtime.types` or the ``types`` of a finder has returned.

        Returns:
            The objects.
        """
        if self._instances is None:
            self._instances = {}
            for obj in heap.instances(self._types):
                self._instances.setdefault(id(type(obj)), []).append(obj)
        return [obj for cls in types for obj in self._instances.get(id(cls), ())]


def unique(objects: Iterable[T]) -> List[T]:
    """``objects`` without those that came before, by identity."""
    return list({id(obj): obj for obj in objects}.values())
