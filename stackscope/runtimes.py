"""What `extract_all` asks the glue for: event loops with their tasks, and other things that have stacks.

A library with tasks is described by a `Runtime`; things like greenlets are found by a function that is
registered with `register_finder`.
"""

from __future__ import annotations

import sys

from stackscope import heap, model
from stackscope.running import callers, this_thread, thread_frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

    from stackscope.model import Stack

__all__ = ["Found", "Runtime", "Survey", "finders", "register_finder", "unique"]


class Survey:
    """What can be seen of the whole process, looked at once for all who ask.

    Args:
        types: The types of which all instances are wanted.
        caller: The frame where the stack of this thread ends. Ours are left out: they would lead back here.
    """

    def __init__(self, types: Iterable[type], caller: Optional[FrameType] = None) -> None:
        self._threads = list(sys._current_frames())
        self._caller = caller
        self._types = list(types)
        self._instances: Optional[Dict[int, List[object]]] = None
        self._by_code: Optional[Dict[int, List[Tuple[int, FrameType]]]] = None

    def calls(self, function: object) -> List[Tuple[int, FrameType]]:
        """The frames of all running calls of a function, with the identifiers of their threads."""
        if self._by_code is None:
            self._by_code = {}
            here = this_thread()
            for ident in self._threads:
                frames = callers(self._caller) if ident == here else thread_frames(ident)
                for frame in frames:
                    self._by_code.setdefault(id(frame.f_code), []).append((ident, frame))
        code: Optional[CodeType] = getattr(function, "__code__", None)
        return self._by_code.get(id(code), [])

    def first_arguments(self, function: object) -> List[Tuple[int, Any]]:
        """What the running calls of a function got as their first argument."""
        found = [(ident, model.first_argument(frame)) for ident, frame in self.calls(function)]
        return [(ident, value) for ident, (is_bound, value) in found if is_bound]

    def instances(self, types: Sequence[type]) -> List[object]:
        """The objects of exactly these types, as far as the garbage collector knows them."""
        if self._instances is None:
            self._instances = {}
            for obj in heap.instances(self._types):
                self._instances.setdefault(id(type(obj)), []).append(obj)
        return [obj for cls in types for obj in self._instances.get(id(cls), ())]


class Runtime:
    """A library that has tasks. The methods may raise whatever a strange version makes them raise."""

    name = ""

    def types(self) -> Sequence[type]:
        """The types of its event loops, as far as only the garbage collector knows these."""
        return ()

    def loops(self, survey: Survey) -> List[object]:
        """All event loops or runs that are worth looking at."""
        raise NotImplementedError

    def thread(self, loop: Any, survey: Survey) -> Optional[int]:
        """The identifier of the thread that ``loop`` runs in."""
        raise NotImplementedError

    def is_running(self, loop: Any) -> bool:
        """Whether ``loop`` runs in any thread."""
        raise NotImplementedError

    def tasks(self, loop: Any) -> List[object]:
        """The tasks of ``loop`` that are not done."""
        raise NotImplementedError

    def current(self, loop: Any) -> object:
        """The task that ``loop`` is running now."""
        raise NotImplementedError

    def task_name(self, task: Any) -> str:
        """The task's name."""
        raise NotImplementedError

    def owner(self, task: Any) -> Tuple[object, object]:
        """The task group or nursery that ``task`` was started in, and the task that opened it."""
        raise NotImplementedError

    def state(self, task: Any, stack: Stack) -> str:
        """The state of a task that is not the current one."""
        raise NotImplementedError

    def cancel_reason(self, task: Any) -> Optional[str]:
        """Why ``task`` is being cancelled, as far as somebody has said so."""
        return None


class Found:
    """Something with a stack that is neither a task nor a thread.

    Args:
        item: The stack item, such as a greenlet.
        name: What to call it.
        state: What it does, in a word.
        owner: The item that it belongs to, or the identifier of the thread that it lives in, if known.
    """

    __slots__ = ("item", "name", "owner", "state")

    def __init__(self, item: object, name: str, state: str, owner: object = None) -> None:
        self.item = item
        self.name = name
        self.state = state
        self.owner = owner


class Finder:
    """What `register_finder` was told."""

    __slots__ = ("find", "kind", "types")

    def __init__(
        self, kind: str, types: Callable[[], Sequence[type]], find: Callable[[Survey], List[Found]]
    ) -> None:
        self.kind = kind
        self.types = types
        self.find = find


finders: Dict[str, Finder] = {}


def register_finder(
    kind: str, types: Callable[[], Sequence[type]], find: Callable[[Survey], List[Found]]
) -> None:
    """Have `extract_all` look for things that have stacks, beside tasks and threads.

    Args:
        kind: What these are, in one word such as ``"greenlet"``. It replaces a finder of the same kind.
        types: Gives the types whose instances ``find`` will ask the survey for.
        find: Finds them.
    """
    finders[kind] = Finder(kind, types, find)


def unique(objects: Iterable[object]) -> List[object]:
    """``objects`` without those that came before, by identity."""
    return list({id(obj): obj for obj in objects}.values())
