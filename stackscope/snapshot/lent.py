"""Who has what a pool has lent, such as connections: told by the variables of whoever uses it.

A pool of connections knows those that it has handed out, and not to whom. But whoever has one has
it in a variable or a context, or something that stands for it, such as the response that is read
from it. Variables are only read if somebody waits for such a pool.
"""

from __future__ import annotations

import functools

from stackscope.extraction.extraction import implementation
from stackscope.interpreter.facts import CO_OPTIMIZED
from stackscope.interpreter.frames.variables import local_values
from stackscope.model.stacks import Context
from stackscope.safe.interruptions import attempt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple, TypeVar

    from stackscope.model.stacks import Stack

    T = TypeVar("T")

__all__ = ["Borrowers", "lent_by", "lent_in"]


@functools.singledispatch
def lent_by(pool: Any) -> Iterable[object]:
    """Hook: what a pool has lent. Dispatches on the type of ``pool``.

    Args:
        pool: What somebody waits for, as the ``lock`` of a `Waiting`.

    Returns:
        The things that have not been given back yet, such as connections.

    Example:
        >>> class Pool:
        ...     def __init__(self):
        ...         self.taken = [object()]
        >>> @lent_by.register(Pool)
        ... def taken_of(pool):
        ...     return pool.taken
    """
    return ()


@functools.singledispatch
def lent_in(value: Any) -> Iterable[object]:
    """Hook: the things of a pool's that a value stands for. Dispatches on the type of ``value``.

    Args:
        value: What a variable of a function has, or the object of a context.

    Returns:
        Things as `lent_by` gives them, as far as they are still lent.

    Example:
        >>> class Session:
        ...     connection = object()
        >>> @lent_in.register(Session)
        ... def connection_of(session):
        ...     return [session.connection]
    """
    return ()


class Borrowers:
    """Who has the things that pools have lent.

    Args:
        stacks: The stacks of all who may have them, each with what is to be named.
    """

    def __init__(self, stacks: Iterable[Tuple[T, Stack]]) -> None:
        self._stacks = stacks
        self._found: Optional[Dict[int, List[Tuple[int, Any]]]] = None
        self._hooks: Dict[int, Tuple[type, Any]] = {}

    def of(self, pool: object) -> List[Any]:
        """Those who have things of a pool's, in the order of the stacks. Some are there twice."""
        hook = implementation(lent_by, type(pool))
        things: List[object] = [] if hook is None else attempt([], lambda: list(hook(pool)))
        if not things:
            return []
        if self._found is None:
            self._found = self._search()
        found = [entry for thing in things for entry in self._found.get(id(thing), ())]
        return [who for _, who in sorted(found, key=lambda entry: entry[0])]

    def _search(self) -> Dict[int, List[Tuple[int, Any]]]:
        found: Dict[int, List[Tuple[int, Any]]] = {}
        for place, (who, stack) in enumerate(self._stacks):
            for value in _values_in(stack):
                hook = self._hook(type(value))
                if hook is not None:
                    for thing in attempt((), _things, hook, value):
                        found.setdefault(id(thing), []).append((place, who))
        return found

    def _hook(self, cls: type) -> Any:
        if id(cls) not in self._hooks:  # a class may hash itself by code of the program
            self._hooks[id(cls)] = (cls, implementation(lent_in, cls))
        return self._hooks[id(cls)][1]


def _things(hook: Any, value: object) -> List[object]:
    return list(hook(value))


def _values_in(stack: Stack) -> Iterator[object]:
    """The values of all variables in a stack, and the objects of its contexts."""
    stacks = [stack]
    while stacks:
        for frame in stacks.pop().frames:
            if frame.pyframe.f_code.co_flags & CO_OPTIMIZED:  # not what a module or class has
                yield from local_values(frame.pyframe).values()
            contexts = list(frame.contexts)
            while contexts:
                context = contexts.pop()
                yield context.obj
                if context.inner_stack is not None:
                    stacks.append(context.inner_stack)
                contexts += [child for child in context.children if type(child) is Context]
