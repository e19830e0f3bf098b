"""Who has what a pool has given away: whoever has it in a ``with`` block, or else in a variable.

Glue tells by `register_pool` which objects somebody has instead of the pool, such as connections.
"""

from __future__ import annotations

from operator import itemgetter

from stackscope.interpreter.frames.variables import local_values
from stackscope.model.snapshot import ThreadNode
from stackscope.model.stacks import Context
from stackscope.safe.interruptions import attempt
from stackscope.safe.objects import is_instance, mro_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, Iterator, List, Sequence, Set, Tuple, Union

    from stackscope.model.snapshot import TaskNode
    from stackscope.model.stacks import Stack

    Node = Union[TaskNode, ThreadNode]
    Reader = Callable[[Any], Iterable[Tuple[object, object]]]

__all__ = ["name_users_of_pools", "register_pool"]

_pools: List[type] = []
_readers: Dict[int, Tuple[type, Reader]] = {}


def register_pool(pool: type, belongings: Sequence[Tuple[type, Reader]]) -> None:
    """Have it found out who has what a pool has given away, if somebody waits for that pool.

    Args:
        pool: The class of the pool. It is the ``lock`` of a wait for it.
        belongings: The classes of what others have, each with a function that gives pairs for such
            an object: the pool, and the thing from it.
    """
    if pool not in _pools:
        _pools.append(pool)
    _readers.update((id(cls), (cls, read)) for cls, read in belongings)


class _Users:
    """Who has each thing of one pool."""

    def __init__(self) -> None:
        self.inside: Dict[int, List[Tuple[int, object]]] = {}
        self.in_variables: Dict[int, List[Tuple[int, object]]] = {}

    def all(self) -> List[object]:
        """Everyone who has something; those who have it in a block only, if there are such."""
        found: Dict[int, Tuple[int, object]] = {}
        for key in [*self.inside, *self.in_variables]:
            users = self.inside.get(key) or self.in_variables[key]
            found.update((id(holder), (index, holder)) for index, holder in users)
        return [holder for _, holder in sorted(found.values(), key=itemgetter(0))]


def name_users_of_pools(nodes: Sequence[Node]) -> None:
    """Say of each wait for a pool who has what is from it.

    Args:
        nodes: All tasks, and then the threads.
    """
    waits = [
        node.waiting
        for node in nodes
        if node.waiting is not None
        and not node.waiting.holders
        and is_instance(node.waiting.lock, tuple(_pools))
    ]
    if not waits:
        return
    users = {id(wait.lock): _Users() for wait in waits}
    seen: Set[int] = set()  # a task that runs has frames in common with its thread
    for index, node in enumerate(nodes):
        holder = node.thread if isinstance(node, ThreadNode) else node.task
        for is_inside, obj in _belongings(node.stack, seen) if holder is not None else ():
            for pool, thing in _read(obj):
                of_pool = users.get(id(pool))
                if of_pool is not None:
                    known = of_pool.inside if is_inside else of_pool.in_variables
                    known.setdefault(id(thing), []).append((index, holder))
    for wait in waits:
        wait.holders = users[id(wait.lock)].all()


def _belongings(stack: Stack, seen: Set[int]) -> Iterator[Tuple[bool, object]]:
    """What somebody is inside of, and the values of the variables."""
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
            values = attempt({}, local_values, frame.pyframe)
            for value in list(values.values()):
                yield False, value


def _read(obj: object) -> Iterable[Tuple[object, object]]:
    for base in mro_of(type(obj)):
        found = _readers.get(id(base))
        if found is not None:
            return attempt((), lambda read=found[1]: list(read(obj)))  # type: ignore[no-any-return]
    return ()
