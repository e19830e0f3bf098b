"""Who is inside which context managers: what tells who holds a lock."""

from __future__ import annotations

import sys

from stackscope.interpreter.frames.iterating import generators_in
from stackscope.model.snapshot import TaskNode, ThreadNode
from stackscope.model.stacks import Context, Stack
from stackscope.safe.interruptions import attempt
from stackscope.safe.objects import is_instance, stored_attribute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, Iterator, List, Set, Tuple, Union

    from stackscope.extraction.extraction import Extraction
    from stackscope.model.snapshot import Node
    from stackscope.model.stacks import Frame

    Entry = Tuple[Context, Node]

__all__ = ["Inside", "contexts_in", "contexts_within", "frames_in", "object_of"]

MODULES = ("anyio._core._synchronization", "asyncio.locks", "threading", "trio._sync")
"""Those that have a class ``Condition``, which is made of a lock."""


class Inside:
    """The contexts that are active for each object, and what they are in.

    Attributes:
        objects: The objects, by their ids.
        frames: The frames that are inside something else: of generators, and of context
            managers that are generators; with what they are in.
    """

    def __init__(self) -> None:
        self.objects: Dict[int, object] = {}
        self.frames: List[Tuple[Frame, Node]] = []
        self._entries: Dict[int, List[Entry]] = {}
        self._by_type: Dict[int, List[Entry]] = {}
        modules = [sys.modules.get(name) for name in MODULES]
        known = [vars(one).get("Condition") for one in modules if one is not None]
        self._conditions = [cls for cls in known if cls is not None]
        self._are_conditions: Dict[int, bool] = {}
        """Whether the objects of a class are conditions, by its id. `objects` keep it alive."""

    def add(self, context: Context, node: Node) -> None:
        """Take note of a context."""
        entry = (context, node)
        manager = context.obj
        if manager is not None:
            self._add(manager, entry)
            self._by_type.setdefault(id(type(manager)), []).append(entry)
            lock = self.lock_of_condition(manager)
            if lock is not None:
                self._add(lock, entry)
        if context.inner_stack is not None:
            self.frames += [(frame, node) for frame in context.inner_stack.frames]

    def _add(self, obj: object, entry: Entry) -> None:
        self.objects[id(obj)] = obj
        self._entries.setdefault(id(obj), []).append(entry)

    def add_generators(self, extraction: Extraction, nodes: Iterable[Node]) -> None:
        """Take note of what is inside generators that somebody iterates over, or just has."""
        for node in nodes:
            seen: Set[int] = set()
            todo = list(frames_in(node.stack))
            while todo:
                for generator in attempt([], generators_in, todo.pop().pyframe):
                    if id(generator) in seen:
                        continue
                    seen.add(id(generator))
                    stack = extraction.stack(generator)
                    self.frames += [(frame, node) for frame in stack.frames]
                    todo += frames_in(stack)
                    for context in contexts_in(stack):
                        self.add(context, node)

    def of(self, obj: object) -> List[Entry]:
        """The contexts of an object."""
        return self._entries.get(id(obj), [])

    def all(self) -> Iterator[Entry]:
        """All contexts of objects that are known."""
        for entries in self._by_type.values():
            yield from entries

    def of_type(self, cls: type) -> List[Entry]:
        """The contexts of all objects of a type."""
        return self._by_type.get(id(cls), [])

    def forget(self) -> None:
        """Drop all that was noted, one by one: other threads may run in between.

        Where it all goes at once, as at the end of a function, they can't: for some 80 ms after a
        look at 100,000 tasks.
        """
        for entries in self._by_type.values():
            _empty(entries)
        for container in (self._by_type, self._entries, self.frames, self.objects):
            _empty(container)

    def lock_of_condition(self, obj: object) -> object:
        """The lock that a condition of a library that is known has; ``None`` for anything else."""
        cls = type(obj)
        is_condition = self._are_conditions.get(id(cls))
        if is_condition is None:
            is_condition = is_instance(obj, self._conditions)
            if id(obj) in self.objects:
                self._are_conditions[id(cls)] = is_condition
        if not is_condition:
            return None
        return stored_attribute(obj, "_lock")


def _empty(container: Union[Dict[Any, Any], List[Any]]) -> None:
    drop = container.popitem if isinstance(container, dict) else container.pop
    while container:
        drop()


def object_of(node: Node) -> object:
    """The task, thread or greenlet of a node; ``None`` for a thread that has no ``Thread``."""
    if isinstance(node, TaskNode):
        return node.task
    return node.thread if isinstance(node, ThreadNode) else node.item


def contexts_in(stack: Stack) -> Iterator[Context]:
    """All contexts of a stack, those inside others included.

    The children of each may be replaced while it is looked at, but for those that are contexts.
    """
    for frame in stack.frames:
        for context in frame.contexts:
            yield from contexts_within(context)


def contexts_within(context: Context) -> Iterator[Context]:
    """A context and those inside it, as `contexts_in` gives them."""
    contexts = [context]
    while contexts:
        one = contexts.pop()
        yield one
        if one.inner_stack is not None:
            contexts += [inner for frame in one.inner_stack.frames for inner in frame.contexts]
        contexts += [child for child in one.children if type(child) is Context]


def frames_in(stack: Stack) -> Iterator[Frame]:
    """The frames of a stack, and those in its contexts."""
    yield from stack.frames
    for context in contexts_in(stack):
        if context.inner_stack is not None:
            yield from context.inner_stack.frames
