"""Who has what others wait for among the variables of its frames, and so may end their waits.

Whose code names no method that would do so isn't counted: another consumer of the same queue
doesn't help the one that waits for an item. Nor does who needs the one that waits to end first.
"""

from __future__ import annotations

from collections import deque
from itertools import chain
from types import FunctionType

from stackscope.interpreter.bytecode.ahead import attributes_ahead
from stackscope.interpreter.frames.variables import first_argument, local_values
from stackscope.model.saved import SavedObject
from stackscope.safe.interruptions import attempt
from stackscope.safe.objects import class_attribute, instance_attributes, mro_of, stored_attribute
from stackscope.snapshot.inside import frames_in
from stackscope.snapshot.survey import unique
from stackscope.snapshot.user_code import is_runtime_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import (
        Any,
        Container,
        Dict,
        FrozenSet,
        Iterable,
        Iterator,
        List,
        Sequence,
        Set,
        Tuple,
    )

    from stackscope.model.snapshot import Node
    from stackscope.model.stacks import Frame

__all__ = ["Users", "find_users", "has_name", "missing_call"]

MOST_ATTRIBUTES = 50
"""The most attributes of an object in a variable that are looked at."""

SENDS = frozenset(["aclose", "close", "put", "put_nowait", "send", "send_nowait"])
RECEIVES = frozenset(["__anext__", "get", "get_nowait", "receive", "receive_nowait"])
SETS = frozenset(
    ["abort", "notify", "notify_all", "release", "release_on_behalf_of", "set", "wait"]
)

ENDS: Dict[str, FrozenSet[str]] = {
    "get": SENDS,
    "receive": SENDS,
    "put": RECEIVES,
    "send": RECEIVES,
    "join": frozenset(["task_done"]),
    "wait": SETS,
    "wait_for": SETS,
    "acquire": SETS,
    "acquire_on_behalf_of": SETS,
}
"""By the method that waits: those that may end the wait."""

ENDS_OF_TYPE: Dict[str, FrozenSet[str]] = {
    "AsyncResult": frozenset(["set", "set_exception"]),
    "Barrier": frozenset(["abort", "wait"]),
    "Event": SETS,
    "Future": frozenset(["set_exception", "set_result"]),
    "Semaphore": SETS,
    "lock": frozenset(["release"]),
}
"""The same by the type of what is waited for, where the method that waits has no frame."""

MISSING = {
    "get": "put()",
    "receive": "send() or close()",
    "put": "get()",
    "send": "receive()",
    "join": "task_done()",
    "acquire": "release()",
}
"""By the method that waits: the one that nobody calls if the wait has no end."""

MISSING_OF_TYPE = {
    "Barrier": "wait()",
    "Condition": "notify()",
    "Event": "set()",
    "Future": "set_result()",
    "RLock": "release()",
    "lock": "release()",
}
"""The same by the type of what is waited for, where the method has the same name for several."""


def missing_call(node: Node) -> str:
    """The method that has to be called for a wait to end, as far as it can be named."""
    obj = None if node.waiting is None else node.waiting.obj
    if obj is None:
        return ""
    for cls in mro_of(type(obj)):
        if cls.__name__ in MISSING_OF_TYPE:
            return MISSING_OF_TYPE[cls.__name__]
    return MISSING.get(_method_of(node, obj), "")


def has_name(node: Node) -> bool:
    """Whether the user's code has a name for what a node waits for.

    If not, the expression that waits for it has made it: ``await asyncio.Event().wait()``.
    """
    obj = None if node.waiting is None else node.waiting.obj
    wanted = set() if obj is None else {id(obj)}
    frames = [frame for frame in frames_in(node.stack) if not is_runtime_frame(frame.pyframe)]
    return obj is None or any(_objects_in(frame, wanted, False) for frame in frames)


class _Wanted:
    """An object that something waits for.

    Args:
        node: What waits.
        obj: The object.
        ends: The methods that may end the wait.
        method: The one that waits.

    Attributes:
        way: How it is waited for. Those that wait for the same in the same way have the same users:
            by the id of what they await themselves, or by the type of that, if it is an end of a
            channel, by the method, and whether that is a lock.
    """

    __slots__ = ("ends", "method", "node", "obj", "way")

    def __init__(self, node: Node, obj: object, ends: FrozenSet[str], method: str = "") -> None:
        self.node = node
        self.obj = obj
        self.ends = ends
        self.method = method
        waiting = node.waiting
        itself, lock = (None, None) if waiting is None else (waiting.obj, waiting.lock)
        by = id(itself) if itself is obj else id(type(itself))
        self.way: Tuple[FrozenSet[str], int, bool, str, bool] = (
            ends,
            by,
            itself is obj,
            method,
            lock is not None,
        )


class Users:
    """Who has what something waits for, and may end the wait.

    Attributes:
        all: All of these.
        near: Those of them whose own code speaks of it; the others have an object that has it.
    """

    __slots__ = ("all", "near")

    def __init__(self, every: List[Node], near: List[Node]) -> None:
        self.all: List[Node] = every
        self.near: List[Node] = near

    def add(self, node: Node, had: _Had) -> None:
        """Add a node."""
        self.all.append(node)
        if had.is_near:
            self.near.append(node)


class _Group:
    """Those that wait for the same in the same way.

    Attributes:
        first: One of them.
        users: Who may end their waits. They themselves may be among these.
    """

    __slots__ = ("first", "users")

    def __init__(self, first: _Wanted) -> None:
        self.first: _Wanted = first
        self.users: Users = Users([], [])


def find_users(
    waiting: Sequence[Node], others: Iterable[Node], *, ahead: bool = False
) -> Dict[int, Users]:
    """By the id of a node that waits: who has what it waits for, and may end the wait.

    That may be the node itself. Those that wait alike have one list in common.

    Args:
        waiting: The nodes that wait.
        others: All nodes.
        ahead: Only those who would end it after their own wait, themselves or by a method of what
            has it. That is to be asked only of what surely can't go on: what isn't seen, such as
            functions that are called, may end waits, too.
    """
    wanted: Dict[int, Dict[object, _Group]] = {}
    groups_of: Dict[int, List[_Group]] = {}
    for node in waiting:
        for one in attempt([], _wanted_by, node):
            group = wanted.setdefault(id(one.obj), {}).setdefault(one.way, _Group(one))
            groups_of.setdefault(id(node), []).append(group)
    order: Dict[int, int] = {}
    known_names: Dict[Tuple[int, int], Iterable[str]] = {}
    for other in others if wanted else ():
        order[id(other)] = len(order)
        seen: Dict[int, _Had] = {}
        names: Set[str] = set()
        for frame in frames_in(other.stack):
            for key, had in attempt({}, _objects_in, frame, wanted, ahead).items():
                known = seen.setdefault(key, had)
                known.is_near = known.is_near or had.is_near
            if not is_runtime_frame(frame.pyframe):
                names.update(_names_in(frame, ahead, known_names))
        for key, had in seen.items():
            for group in wanted[key].values():
                first = group.first
                if not _waits_alike(other, first) and _may_end(had.by, first, names, ahead):
                    group.users.add(other, had)
    return _by_node(groups_of, order)


def _by_node(groups_of: Dict[int, List[_Group]], order: Dict[int, int]) -> Dict[int, Users]:
    """The users of each node: of all that it waits for, in their order."""
    found: Dict[int, Users] = {}
    together: Dict[Tuple[int, ...], Users] = {}
    for key, groups in groups_of.items():
        each = [group.users for group in groups if group.users.all]
        which = tuple(map(id, each))
        if len(each) > 1 and which not in together:
            lists = [one.all for one in each], [one.near for one in each]
            every, near = (unique(chain(*some)) for some in lists)
            for nodes in (every, near):
                nodes.sort(key=lambda node: order[id(node)])
            together[which] = Users(every, near)
        if each:
            found[key] = together[which] if len(each) > 1 else each[0]
    return found


def _waits_alike(other: Node, wanted: _Wanted) -> bool:
    """Whether something waits for the same in the same way, and so for the same others.

    Only who waits for a lock may have it as well: one of a semaphore, say.
    """
    mine, its = wanted.node.waiting, other.waiting
    if mine is None or its is None or mine.lock is not None:
        return False
    if its.obj is not mine.obj:  # another object for the same end of a channel, perhaps
        if mine.obj is wanted.obj or type(its.obj) is not type(mine.obj):
            return False
        if attempt(None, stored_attribute, its.obj, "_state") is not wanted.obj:
            return False
    return _method_of(other, its.obj) == wanted.method


def _names_in(
    frame: Frame, ahead: bool, known: Dict[Tuple[int, int], Iterable[str]]
) -> Iterable[str]:
    """The names in the code of a frame, or in what it may still execute of that."""
    code, lasti = frame.pyframe.f_code, frame.pyframe.f_lasti
    if not ahead:
        return code.co_names
    names = known.get((id(code), lasti))
    if names is None:
        names = known[id(code), lasti] = attempt(frozenset(), attributes_ahead, code, lasti)
    return names


def _may_end(by: object, wanted: _Wanted, names: Set[str], ahead: bool) -> bool:
    """Whether code with some names ends a wait for what an object is, or has.

    Args:
        by: The object.
        wanted: What is waited for.
        names: The names.
        ahead: Whether it is enough that a method of the object with such a name does it, and needed
            that somebody does.
    """
    if wanted.ends & names:
        return True
    if not ahead:
        return _is_other_end(by, wanted)
    methods = [class_attribute(type(by), name) for name in names]
    codes = [method.__code__ for method in methods if type(method) is FunctionType]
    return any(not wanted.ends.isdisjoint(code.co_names) for code in codes)


class _Had:
    """That a frame has something.

    Args:
        by: The value of a variable that is it, or has it as an attribute.
        is_near: Whether the code of the frame speaks of it.
    """

    __slots__ = ("by", "is_near")

    def __init__(self, by: object, is_near: bool) -> None:
        self.by: object = by
        self.is_near: bool = is_near


def _is_other_end(holder: object, wanted: _Wanted) -> bool:
    """Whether an object is the other end of a channel: of another type, with the same state."""
    waiting = wanted.node.waiting
    mine = None if waiting is None else waiting.obj
    return mine is not None and mine is not wanted.obj and type(holder) is not type(mine)


def _wanted_by(node: Node) -> Iterator[_Wanted]:
    """What a node waits for, and what this shares with its other end if it is a channel."""
    obj = None if node.waiting is None else node.waiting.obj
    if obj is None or type(obj) is SavedObject:
        return
    method = _method_of(node, obj)
    ends = ENDS.get(method) or _ends_of_type(obj)
    yield _Wanted(node, obj, ends, method)
    state = stored_attribute(obj, "_state")
    if state is not None and type(state) is not str:
        yield _Wanted(node, state, ends, method)


def _ends_of_type(obj: object) -> FrozenSet[str]:
    """The methods that may end a wait for an object, as far as its type tells."""
    known = [ENDS_OF_TYPE.get(cls.__name__) for cls in mro_of(type(obj))]
    return next(filter(None, known), frozenset())


def _method_of(node: Node, obj: object) -> str:
    """The name of the innermost method of an object that a stack is in."""
    for frame in reversed(node.stack.frames):
        if first_argument(frame.pyframe)[1] is obj:
            name: str = frame.pyframe.f_code.co_name
            if class_attribute(type(obj), name) is not None:  # else a function
                return name
    return ""


def _objects_in(frame: Frame, wanted: Container[int], deep: bool) -> Dict[int, _Had]:
    """By the ids of what is wanted: what of it a frame has.

    Args:
        frame: The frame.
        wanted: The ids of what is wanted.
        deep: Whether to look into what an object in a variable has, as lists and channels.
    """
    found: Dict[int, _Had] = {}
    code_names = frame.pyframe.f_code.co_names
    for value in list(local_values(frame.pyframe).values()):
        if id(value) in wanted:
            found[id(value)] = _Had(value, True)
        for name, one in list(instance_attributes(value).items())[:MOST_ATTRIBUTES]:
            if id(one) in wanted and id(one) not in found:
                found[id(one)] = _Had(value, name in code_names)
            for inside in _inside(one) if deep else ():
                if id(inside) in wanted and id(inside) not in found:
                    found[id(inside)] = _Had(value, name in code_names)
        state = stored_attribute(value, "_state")
        if state is not None and id(state) in wanted:
            found[id(state)] = _Had(value, True)
    return found


def _inside(container: Any) -> Sequence[object]:
    """The first elements of a list or the like, values of a dictionary; the state of a channel."""
    if type(container) is dict:
        return list(container.values())[:MOST_ATTRIBUTES]
    if any(type(container) is cls for cls in (list, set, deque, tuple)):
        return list(container)[:MOST_ATTRIBUTES]
    return [stored_attribute(container, "_state")]
