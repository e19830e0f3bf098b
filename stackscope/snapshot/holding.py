"""Who has a lock or the like, as far as the stacks and the code of what runs show.

Surely has it who is inside a ``with`` or ``async with`` of it. It is likely that one has it
whose function has called its ``acquire()`` and will call its ``release()``; or who is inside a
context manager whose ``__enter__`` and ``__exit__`` do that; or who has an exit stack that has
entered it; or, if something waits for its turn
while it enters a context manager, who is inside one of the same kind, which belongs to the same
pool, limiter or the like.
"""

from __future__ import annotations

from itertools import chain, islice
from types import FunctionType, ModuleType

from stackscope.interpreter.bytecode.acquires import ACQUIRES, acquired_in
from stackscope.interpreter.frames.blocking import object_entered_in
from stackscope.interpreter.frames.variables import first_argument, local_value
from stackscope.model.snapshot import ItemNode, TaskNode, ThreadNode
from stackscope.model.waiting import Waiting
from stackscope.safe.interruptions import attempt
from stackscope.safe.objects import (
    class_attribute,
    instance_attributes,
    is_instance,
    module_of,
    mro_of,
    namespace_of_module,
    stored_attribute,
    values_in_slots,
)
from stackscope.safe.text import class_name
from stackscope.snapshot.entered import entered_in, entered_through
from stackscope.snapshot.inside import frames_in, object_of
from stackscope.snapshot.lent import Borrowers, is_lender
from stackscope.snapshot.survey import unique
from stackscope.snapshot.threads import thread_that_has
from stackscope.snapshot.user_code import is_runtime_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any, Dict, FrozenSet, Iterable, List, Optional, Sequence, Set, Tuple

    from stackscope.extraction.extraction import Extraction
    from stackscope.interpreter.bytecode.acquires import Held
    from stackscope.model.snapshot import Node
    from stackscope.model.stacks import Context, Frame, Stack
    from stackscope.snapshot.inside import Inside

    Found = Tuple[List[object], bool]
    """Holders, and whether it is only likely that they are."""

__all__ = ["Holding", "is_for_one"]

ENTERS = ("__enter__", "__aenter__")
EXITS = ("__exit__", "__aexit__")

TURNS = frozenset(["BoundedSemaphore", "Condition", "Lock", "Queue", "Semaphore", "SimpleQueue"])
"""The classes of what a pool makes others wait in for their turn."""

FOR_ONE = frozenset(["Lock", "RLock", "StrictFIFOLock", "_ModuleLock", "lock"])
"""The classes of what has a single holder: if that is known, it need not be searched for."""

MOST_POOLS = 2
"""How many objects may be between what waits and the one that it waits in a method of."""

MOST_ATTRIBUTES = 50
"""The most attributes of a context manager that are looked at for what it belongs to."""


def _workers_of(waiting: Waiting) -> Iterable[int]:
    """The ids of the threads that do what is waited for."""
    return [id(thread) for layer in waiting.layers() for thread in layer.workers]


class Holding:
    """Who holds what others wait for. All its work is linear in the size of the stacks.

    Args:
        extraction: What extracts stacks.
        nodes: All tasks, threads and greenlets.
        inside: The contexts that are active for each object.
    """

    def __init__(self, extraction: Extraction, nodes: Sequence[Node], inside: Inside) -> None:
        self.extraction = extraction
        self.nodes = nodes
        self.inside = inside
        self.known: Dict[int, Found] = {}
        self.likely: Dict[int, List[Node]] = {}
        self.kin: Dict[Tuple[int, int], Dict[int, List[object]]] = {}
        self.acquired: Dict[int, Tuple[CodeType, Held]] = {}
        self.keep: List[object] = []  # what is known by its id
        self.order: Optional[Dict[int, int]] = None
        self.borrowers: Optional[Borrowers] = None

    def name_holders(self) -> None:
        """Say of all that wait who holds it up, unless a library knows that itself."""
        waits = [(node, self._wanted(node)) for node in self.nodes if not _knows_holders(node)]
        waits = [(node, wanted) for node, wanted in waits if wanted]
        if not waits:
            return
        if not all(map(self._has_its_holder, unique(o for _, wanted in waits for o, _ in wanted))):
            self.inside.add_generators(self.extraction, self.nodes)
            self._note_acquired()
        for node, wanted in waits:
            for obj, may_be_any in wanted:
                holders, are_likely = self._holders_of(obj, surely=may_be_any)
                if holders:
                    self._note(node, obj, holders, are_likely=are_likely)
                    break
            else:
                self._name_kin(node)

    def _stacks(self) -> List[Tuple[object, Stack]]:
        """All tasks in the order of their numbers, then the rest; each with its stack."""
        order = {TaskNode: 0, ThreadNode: 1}
        nodes = sorted(self.nodes, key=lambda node: (order.get(type(node), 2), node.number))
        found = [(object_of(node), node.stack) for node in nodes]
        return [(holder, stack) for holder, stack in found if holder is not None]

    def _has_its_holder(self, obj: object) -> bool:
        """Whether an object that one holder can have has it, by the blocks of tasks and threads."""
        return is_for_one(obj) and bool(self._find_holders(obj)[0])

    def _note(self, node: Node, obj: object, holders: List[object], *, are_likely: bool) -> None:
        waiting = node.waiting
        if waiting is None:
            waiting = node.waiting = Waiting()
        if waiting.lock is None:
            waiting.lock = obj
            if not waiting.call and waiting.thread is None and not waiting.tasks:
                waiting.call, waiting.obj = f"{class_name(obj)}.acquire()", obj
                waiting.awaiting = None
        waiting.holders, waiting.holders_are_likely = holders, are_likely

    # --------------------------------------------------------- what is wanted

    def _wanted(self, node: Node) -> List[Tuple[object, bool]]:
        """What something may be waiting to get; and whether it is that only if somebody has it."""
        wanted: List[Tuple[object, bool]] = []
        if node.waiting is not None and node.waiting.lock is not None:
            wanted.append((node.waiting.lock, False))
        if isinstance(node, ItemNode) and node.stack.frames:
            innermost = node.stack.frames[-1].pyframe
            obj = attempt(None, object_entered_in, innermost, self.inside.objects)
            if obj is not None:
                wanted.append((obj, True))
        for frame in reversed(node.stack.frames):
            name = frame.pyframe.f_code.co_name
            if name in ACQUIRES:
                found, obj = first_argument(frame.pyframe)
                if found and (name in ENTERS or _enters_by(obj, frame.pyframe.f_code)):
                    wanted.append((obj, True))
        return wanted

    # ------------------------------------------------------------- who has it

    def _holders_of(self, obj: object, surely: bool) -> Found:
        """Who is inside it, or else who is likely to have it."""
        known = self.known.get(id(obj))
        if known is None:
            holders, are_likely = self._find_holders(obj)
            known = self.known[id(obj)] = self._in_order(holders), are_likely
            self.keep.append(obj)
        return ([], False) if surely and known[1] else known

    def _in_order(self, holders: List[object]) -> List[object]:
        """Holders in the order in which tasks and the like are numbered."""
        if len(holders) > 1:
            if self.order is None:
                nodes = sorted(self.nodes, key=lambda node: node.number)
                self.order = {id(object_of(node)): index for index, node in enumerate(nodes)}
            order = self.order
            holders = sorted(holders, key=lambda holder: order.get(id(holder), len(order)))
        return holders

    def _find_holders(self, lock: object) -> Found:
        owner = thread_that_has(lock)
        if owner is not None:
            return [owner], False
        if is_lender(lock):  # who is inside a pool has opened it, and may have nothing from it
            if self.borrowers is None:
                self.borrowers = Borrowers(self._stacks())
            return unique(self.borrowers.of(lock)), False
        inside = [
            node
            for context, node in self.inside.of(lock)
            if not context.is_exiting and not self._has_let_go(node, lock)
        ]
        surely = [object_of(node) for node in inside]
        # The frames of a call in a thread belong to the task that waits for it, too.
        known = set(map(id, surely))
        surely = [
            object_of(node)
            for node in inside
            if node.waiting is None or known.isdisjoint(_workers_of(node.waiting))
        ]
        if surely and is_for_one(lock):  # what others are likely to have, they haven't
            return unique([holder for holder in surely if holder is not None]), False
        likely = [
            object_of(node)
            for node in self.likely.get(id(lock), ())
            if not self._has_let_go(node, lock)
        ]
        found = unique([holder for holder in [*surely, *likely] if holder is not None])
        return found, len(found) > len(unique(one for one in surely if one is not None))

    def _has_let_go(self, node: Node, lock: object) -> bool:
        """Whether something waits to be notified of a condition, and so has let go of its lock."""
        for frame in node.stack.frames:
            if frame.pyframe.f_code.co_name == "wait":
                condition = first_argument(frame.pyframe)[1]
                if condition is not None and self.inside.lock_of_condition(condition) is lock:
                    return True
        return False

    # -------------------------------------------------------- by their code

    def _note_acquired(self) -> None:
        """Take note of what functions have called ``acquire()`` of."""
        seen: Set[int] = set()  # a task that runs has frames in common with its thread
        for node in self.nodes:
            for frame in frames_in(node.stack):
                if id(frame.pyframe) not in seen:
                    seen.add(id(frame.pyframe))
                    self._note_acquired_in(frame.pyframe, node)
        for frame, node in self.inside.frames:
            self._note_acquired_in(frame.pyframe, node)
        for context, node in self.inside.all():
            if not context.is_exiting:
                for obj in attempt([], self._acquired_by_entering, context.obj):
                    self._note_likely(obj, node)
                self._note_entered(attempt([], entered_through, context.obj), node)

    def _note_entered(self, managers: Sequence[object], node: Node) -> None:
        """Take note of what an exit stack holds."""
        for manager in managers:
            self._note_likely(manager, node)
            for obj in attempt([], self._acquired_by_entering, manager):
                self._note_likely(obj, node)

    def _note_acquired_in(self, frame: FrameType, node: Node) -> None:
        self._note_entered(attempt([], entered_in, frame), node)
        for path in self._held(frame.f_code).at(frame.f_lasti):
            obj = attempt(None, _value_of, frame, path)
            self._note_likely(obj, node)

    def _note_likely(self, obj: object, node: Node) -> None:
        for one in (obj, self.inside.lock_of_condition(obj)):
            if one is not None:
                self.likely.setdefault(id(one), []).append(node)
                self.keep.append(one)

    def _held(self, code: CodeType) -> Held:
        known = self.acquired.get(id(code))
        if known is None:
            known = self.acquired[id(code)] = (code, acquired_in(code))
        return known[1]

    def _acquired_by_entering(self, manager: object) -> List[object]:
        """What a context manager acquires when it is entered, and releases when it is left."""
        cls = type(manager)
        paths: FrozenSet[Tuple[str, ...]] = frozenset()
        for enter, leave in zip(ENTERS, EXITS):
            entering, leaving = class_attribute(cls, enter), class_attribute(cls, leave)
            if type(entering) is FunctionType and type(leaving) is FunctionType:
                held = self._held(entering.__code__).at_end
                if held and held & self._held(leaving.__code__).released:
                    name = entering.__code__.co_varnames[:1]
                    paths |= frozenset([path for path in held if path[:1] == name and path[1:]])
        found = [_attribute(manager, path[1:]) for path in paths]
        return [one for one in found if one is not None]

    # ----------------------------------------------------------- by their kind

    def _name_kin(self, node: Node) -> None:
        """Say who has got out of a pool, or the like, what something waits for on its way in."""
        frames = node.stack.frames
        if node.waiting is None or not _waits_for_turn(node.waiting):
            return
        pools = _pools_waited_in(frames)
        for index, frame in enumerate(frames):
            if frame.pyframe.f_code.co_name not in ENTERS:
                continue
            manager = first_argument(frame.pyframe)[1]
            code = frames[index + 1].pyframe.f_code if _is_by_generator(frames, index) else None
            for pool in pools:
                holders = [] if pool is manager else self._kin_of(manager, code, pool)
                if holders:
                    self._note(node, pool, holders, are_likely=True)
                    return

    def _kin_of(self, manager: object, code: Optional[CodeType], pool: object) -> List[object]:
        """Who is inside managers that are of the same kind as one, and belong to a pool."""
        key = (id(type(manager)), id(code))
        known = self.kin.get(key)
        if known is None:
            found: Dict[int, List[object]] = {}
            for context, node in self.inside.of_type(type(manager)):
                holder = object_of(node)
                if not context.is_exiting and holder is not None:
                    for one in _belongs_to(context, code):
                        found.setdefault(id(one), []).append(holder)
                        self.keep.append(one)
            known = {one: self._in_order(unique(holders)) for one, holders in found.items()}
            self.kin[key] = known
        return known.get(id(pool), [])


def _knows_holders(node: Node) -> bool:
    """Whether there is nothing to find out: what it waits for is known, or that it doesn't wait."""
    if node.waiting is None:
        return not isinstance(node, ItemNode) or not node.stack.frames
    return bool(node.waiting.holders)


def is_for_one(obj: object) -> bool:
    """Whether only one can have a lock at a time."""
    return class_name(obj).rpartition(".")[2] in FOR_ONE


def _enters_by(obj: object, code: CodeType) -> bool:
    """Whether a ``with`` of an object calls that ``acquire()`` of it."""
    for name in ENTERS:
        method = class_attribute(type(obj), name)
        if type(method) is FunctionType:
            entering = method.__code__
            if entering is code or not ACQUIRES.isdisjoint(entering.co_names):
                return True
    return False


def _waits_for_turn(waiting: Waiting) -> bool:
    """Whether it is others of its kind that let something go on, and not the rest of the world."""
    layers = list(waiting.layers())
    if any(layer.lock is not None for layer in layers):
        return True
    objects = [layer.obj for layer in layers if layer.obj is not None]
    return bool(objects) and any(cls.__name__ in TURNS for cls in mro_of(type(objects[-1])))


def _pools_waited_in(frames: Sequence[Frame]) -> List[object]:
    """What the innermost calls outside the runtime are methods of: two objects at most."""
    found: List[object] = []
    for frame in reversed(frames):
        if is_runtime_frame(frame.pyframe):
            continue
        obj = first_argument(frame.pyframe)[1]
        if obj is not None and not any(obj is one for one in found):
            found.append(obj)
        if len(found) == MOST_POOLS:
            break
    return found


def _is_by_generator(frames: Sequence[Frame], index: int) -> bool:
    """Whether a manager that is being entered is made of a generator: the next frame is that."""
    return module_of(frames[index].pyframe) == "contextlib" and index + 1 < len(frames)


def _belongs_to(context: Context, code: Optional[CodeType]) -> Iterable[object]:
    """What a manager may belong to: what its generator is a method of, or its attributes."""
    if code is not None:
        inner = context.inner_stack
        if inner is None or not inner.frames or inner.frames[0].pyframe.f_code is not code:
            return ()
        found, obj = first_argument(inner.frames[0].pyframe)
        return (obj,) if found and obj is not None else ()
    attributes = list(instance_attributes(context.obj).values())
    values = islice(chain(attributes, values_in_slots(context.obj)), MOST_ATTRIBUTES)
    return [one for one in values if one is not None]


def _value_of(frame: FrameType, path: Tuple[str, ...]) -> object:
    """What an expression means in a frame: a variable, and attributes of what is in it."""
    found, value = local_value(frame, path[0])
    if not found:
        value = dict.get(frame.f_globals, path[0])
    return _attribute(value, path[1:])


def _attribute(value: Any, names: Sequence[str]) -> object:
    for name in names:
        if type(value) is ModuleType:
            value = namespace_of_module(value).get(name)
            continue
        inside = stored_attribute(value, name)
        if inside is None:
            inside = class_attribute(value if is_instance(value, (type,)) else type(value), name)
        value = inside
    return value
