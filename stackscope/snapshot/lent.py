"""Who has what a pool has lent, such as connections: told by the variables of whoever uses it.

Most pools know what they have handed out, and not to whom. But whoever has such a thing is inside a
``with`` block of it, or has it in a variable; or something that stands for it, such as the response
that is read from a connection. Variables are only read if somebody waits for such a pool.
"""

from __future__ import annotations

from operator import itemgetter
from typing import NamedTuple

from stackscope.extraction.extraction import implementation
from stackscope.extraction.registrations import single_dispatch
from stackscope.interpreter.facts import CO_OPTIMIZED
from stackscope.interpreter.frames.variables import local_values
from stackscope.model.stacks import Context
from stackscope.safe.interruptions import attempt
from stackscope.safe.objects import is_instance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, Iterator, List, Set, Tuple

    from stackscope.model.stacks import Stack

    Users = Dict[int, List[Tuple[int, Any]]]

__all__ = ["Borrowers", "Lent", "is_lender", "lent_by", "lent_in"]


class Lent(NamedTuple):
    """A thing that a pool has lent. Hooks return it: see the example of `lent_in`.

    Args:
        thing: The thing, such as a connection.
        pool: Its pool; ``None`` if the thing doesn't tell.
    """

    thing: object
    pool: object = None


@single_dispatch
def lent_by(pool: Any) -> Iterable[object]:
    """Hook: list what a pool has lent. Dispatches on the type of ``pool``.

    Args:
        pool: The pool that somebody waits for: the ``lock`` of a `Waiting`.

    Returns:
        The things that have not been given back yet, such as connections. It can be empty if
        `lent_in` tells the pool of each thing.

    Example:
        >>> class Pool:
        ...     def __init__(self):
        ...         self.taken = [object()]
        >>> @lent_by.register(Pool)
        ... def taken_of(pool):
        ...     return pool.taken
    """
    return ()


@single_dispatch
def lent_in(value: Any) -> Iterable[Lent]:
    """Hook: find the lent things that a value stands for. Dispatches on the type of ``value``.

    Args:
        value: The value of a variable, or the manager of a context.

    Returns:
        A `Lent` for each thing that is still lent.

    Example:
        >>> class Session:
        ...     connection = object()
        >>> @lent_in.register(Session)
        ... def connection_of(session):
        ...     return [Lent(session.connection)]
    """
    return ()


def is_lender(obj: object) -> bool:
    """Whether something is a pool of which it is known what it lends."""
    return implementation(lent_by, type(obj)) is not None


class Borrowers:
    """Who has the things that pools have lent.

    Args:
        stacks: The stacks of all who may have them, each with what is to be named: all tasks, and
            then the threads.
    """

    def __init__(self, stacks: Iterable[Tuple[object, Stack]]) -> None:
        self._stacks = stacks
        self._hooks: Dict[int, Tuple[type, Any]] = {}
        self._inside: Users = {}
        self._in_variables: Users = {}
        self._of_pool: Dict[int, Dict[int, object]] = {}
        self._is_searched = False

    def of(self, pool: object) -> List[Any]:
        """Those who have things of a pool's, in the order of the stacks.

        They are those in whose blocks a thing is or, if there are none, in whose variables.
        """
        hook = implementation(lent_by, type(pool))
        if hook is None:
            return []
        self._search()
        listed = attempt([], lambda: list(hook(pool)))
        things = {**{id(one): one for one in listed}, **self._of_pool.get(id(pool), {})}
        found: Dict[int, Tuple[int, object]] = {}
        for key in things:
            users = self._inside.get(key) or self._in_variables.get(key, [])
            found.update((id(who), (place, who)) for place, who in users)
        return [who for _, who in sorted(found.values(), key=itemgetter(0))]

    def _search(self) -> None:
        if self._is_searched:
            return
        self._is_searched = True
        seen: Set[int] = set()  # a task that runs has frames in common with its thread
        for place, (who, stack) in enumerate(self._stacks):
            for is_inside, value in _values_in(stack, seen):
                hook = self._hook(type(value))
                for lent in () if hook is None else attempt((), _things, hook, value):
                    known = self._inside if is_inside else self._in_variables
                    known.setdefault(id(lent.thing), []).append((place, who))
                    if lent.pool is not None:
                        self._of_pool.setdefault(id(lent.pool), {})[id(lent.thing)] = lent.thing

    def _hook(self, cls: type) -> Any:
        if id(cls) not in self._hooks:  # a class may hash itself by code of the program
            self._hooks[id(cls)] = (cls, implementation(lent_in, cls))
        return self._hooks[id(cls)][1]


def _things(hook: Any, value: object) -> List[Lent]:
    return [one for one in hook(value) if is_instance(one, (Lent,))]


def _values_in(stack: Stack, seen: Set[int]) -> Iterator[Tuple[bool, object]]:
    """The objects of all contexts in a stack, and the values of its variables, and which it is."""
    stacks = [stack]
    for one in stacks:
        for frame in one.frames:
            if id(frame.pyframe) in seen:
                continue
            seen.add(id(frame.pyframe))
            contexts: List[Any] = list(frame.contexts)
            for context in contexts:
                if not context.is_exiting:
                    yield True, context.obj
                if context.inner_stack is not None:
                    stacks.append(context.inner_stack)
                contexts += [child for child in context.children if type(child) is Context]
            if frame.pyframe.f_code.co_flags & CO_OPTIMIZED:  # not what a module or class has
                for value in attempt({}, local_values, frame.pyframe).values():
                    yield False, value
