"""Everything in the process that has a stack: its threads, its event loops, and their tasks as trees.

`extract_all` looks at asyncio and trio only if the program has imported them. It finds the loops and runs
of all threads, also those that are not running now, and puts each task under the task that owns it: the
one whose ``TaskGroup`` or nursery it was started in. A task that nothing owns comes under the first one
that waits for it.

What is told about a task beside its stack comes from a `stackscope.runtimes.Runtime`, one class per
library. A private attribute that some version lacks costs the detail that it gives, nothing else.
"""

from __future__ import annotations

import importlib
import sys

from stackscope import running
from stackscope.glue import make_ready
from stackscope.model import Context, Stack, StackSlice
from stackscope.numbers import item_numbers, task_numbers, thread_numbers
from stackscope.places import innermost_user_frame, is_user_frame
from stackscope.records import record
from stackscope.running import this_thread
from stackscope.runtimes import Survey, finders, unique
from stackscope.waiting import HELD_BY, MOST_HOLDERS, Waiting, describe_wait
from stackscope.walk import Extraction, interrupts

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from types import FrameType
    from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Set, Tuple

    from stackscope.runtimes import Finder, Found, Runtime

__all__ = [
    "ItemNode",
    "LoopNode",
    "Snapshot",
    "TaskNode",
    "ThreadNode",
    "Waiting",
    "describe_wait",
    "extract_all",
    "innermost_user_frame",
    "is_user_frame",
]

PUBLIC = (
    "ItemNode",
    "LoopNode",
    "Snapshot",
    "TaskNode",
    "ThreadNode",
    "Waiting",
    "describe_wait",
    "extract_all",
)
"""What can be imported from `stackscope` itself."""

RUNTIMES = (
    ("asyncio", "all_tasks", "stackscope.glue.asyncio_loops", "AsyncioLoops"),
    ("trio._core._run", "GLOBAL_RUN_CONTEXT", "stackscope.glue.trio_runs", "TrioRuns"),
)
"""The modules that have tasks, a name that they have once they are imported, and who knows them."""

FINDERS = (("greenlet", "getcurrent", "stackscope.glue.greenlet_finder"),)
"""The same for what has other things with stacks."""

DEEPEST_AWAITED = 20
"""So many tasks that wait for each other are hung below each other; the next one is at the top again."""

RETRIES = 3
"""How often to extract a stack anew that there were errors in."""


if TYPE_CHECKING:
    node = record
else:

    def node(cls: type) -> type:
        """A `record` with the representation that it brings, for that of a whole tree would be huge."""
        brief = cls.__repr__
        cls = record(cls)
        cls.__repr__ = brief
        return cls


@node
class TaskNode:
    """One task, with the tasks that it owns.

    Args:
        task: The task object.
        number: Its number in this process. No other task ever gets the same.
        name: The name that its library knows it by.
        state: ``"running"``, ``"ready"`` (it will run as soon as its loop gets to it), ``"waiting"``,
            ``"cancelling"`` (a cancellation is on its way to it, or it is cleaning up) or ``"done"``.
        waits_for: What a task that isn't running waits for, in a few words; ``None`` if that is unknown.
        stack: Its stack. That of a task that runs in another thread may be out of date already. If it has
            contexts, the stacks of the tasks that they own are among their children.
        owner: The ``TaskGroup`` or nursery that it was started in; ``None`` if nothing owns it. If
            ``is_awaited``, what the task above waits for.
        children: The tasks that were started in this one's task groups or nurseries, and then those that
            nothing owns and this one waits for.
        waiting: More about what it waits for, and the tasks that it waits for as objects.
        is_awaited: Whether it stands below another task only since that one waits for it.
        cancel_reason: Why it is being cancelled, as far as somebody has said so.
    """

    task: object
    number: int
    name: str
    state: str
    waits_for: Optional[str]
    stack: Stack
    owner: object
    children: List[TaskNode]
    waiting: Optional[Waiting] = None
    is_awaited: bool = False
    cancel_reason: Optional[str] = None

    def __init__(
        self,
        task: object,
        number: int,
        name: str,
        state: str,
        waits_for: Optional[str],
        stack: Stack,
        owner: object,
        children: List[TaskNode],
        waiting: Optional[Waiting] = None,
        is_awaited: bool = False,
        cancel_reason: Optional[str] = None,
    ) -> None:
        self.task = task
        self.number = number
        self.name = name
        self.state = state
        self.waits_for = waits_for
        self.stack = stack
        self.owner = owner
        self.children = children
        self.waiting = waiting
        self.is_awaited = is_awaited
        self.cancel_reason = cancel_reason

    def __repr__(self) -> str:
        return f"<TaskNode {self.number} {self.name!r} {self.state}>"

    def walk(self) -> Iterator[TaskNode]:
        """This task and all below it, each before its children."""
        todo: List[TaskNode] = [self]
        while todo:
            node = todo.pop()
            yield node
            todo.extend(reversed(node.children))


@node
class LoopNode:
    """An asyncio event loop or a trio run, with its tasks.

    Args:
        loop: The event loop, or trio's object for the run.
        library: ``"asyncio"`` or ``"trio"``.
        thread: The name of the thread that it is running in, as far as that can be found.
        is_running: Whether it is running at all.
        is_here: Whether it is running in the thread that took the snapshot, and so stands still.
        tasks: The tasks that no other task owns or waits for.
    """

    loop: object
    library: str
    thread: Optional[str]
    is_running: bool
    is_here: bool
    tasks: List[TaskNode]

    def __init__(
        self,
        loop: object,
        library: str,
        thread: Optional[str],
        is_running: bool,
        is_here: bool,
        tasks: List[TaskNode],
    ) -> None:
        self.loop = loop
        self.library = library
        self.thread = thread
        self.is_running = is_running
        self.is_here = is_here
        self.tasks = tasks

    def __repr__(self) -> str:
        return f"<LoopNode of {self.library} in {self.thread or 'no known thread'}>"

    def walk(self) -> Iterator[TaskNode]:
        """All tasks of the loop, each before its children."""
        for node in self.tasks:
            yield from node.walk()


@node
class ThreadNode:
    """One thread.

    Args:
        thread: The ``Thread``; ``None`` for one that `threading` doesn't know.
        number: Its number in this process. No other thread ever gets the same; 0 without a ``Thread``.
        name: Its name.
        is_here: Whether it is the thread that took the snapshot.
        stack: Its stack. That of another thread may be out of date already.
        ident: What ``threading.get_ident()`` gives in it.
        is_daemon: Whether the process ends without waiting for it.
    """

    thread: Optional[threading.Thread]
    number: int
    name: str
    is_here: bool
    stack: Stack
    ident: int = 0
    is_daemon: bool = False

    def __init__(
        self,
        thread: Optional[threading.Thread],
        number: int,
        name: str,
        is_here: bool,
        stack: Stack,
        ident: int = 0,
        is_daemon: bool = False,
    ) -> None:
        self.thread = thread
        self.number = number
        self.name = name
        self.is_here = is_here
        self.stack = stack
        self.ident = ident
        self.is_daemon = is_daemon

    def __repr__(self) -> str:
        return f"<ThreadNode {self.number} {self.name!r}>"


@node
class ItemNode:
    """Something else that has a stack, such as a greenlet.

    Args:
        kind: What it is: ``"greenlet"``.
        item: The object.
        number: Its number in this process, which nothing else of its kind ever gets.
        name: What it is called.
        state: What it does, in a word.
        stack: Its stack.
        thread: The name of the thread that it lives in, if that is known.
        children: Those of its kind that belong to it.
    """

    kind: str
    item: object
    number: int
    name: str
    state: str
    stack: Stack
    thread: Optional[str]
    children: List[ItemNode]

    def __init__(
        self,
        kind: str,
        item: object,
        number: int,
        name: str,
        state: str,
        stack: Stack,
        thread: Optional[str],
        children: List[ItemNode],
    ) -> None:
        self.kind = kind
        self.item = item
        self.number = number
        self.name = name
        self.state = state
        self.stack = stack
        self.thread = thread
        self.children = children

    def __repr__(self) -> str:
        return f"<ItemNode {self.kind} {self.number} {self.state}>"

    def walk(self) -> Iterator[ItemNode]:
        """This item and all below it, each before its children."""
        todo: List[ItemNode] = [self]
        while todo:
            node = todo.pop()
            yield node
            todo.extend(reversed(node.children))


@node
class Snapshot:
    """What `extract_all` has found.

    It holds the objects that it tells about: let go of it to let go of them.

    Args:
        loops: The event loops and runs; those of the calling thread come first.
        threads: The threads; the calling one comes first.
        items: What else has a stack, such as greenlets.
        cycles: Tasks that wait for each other in a circle, each circle as a list.
    """

    loops: List[LoopNode]
    threads: List[ThreadNode]
    items: List[ItemNode]
    cycles: List[List[TaskNode]]

    def __init__(
        self,
        loops: List[LoopNode],
        threads: List[ThreadNode],
        items: Optional[List[ItemNode]] = None,
        cycles: Optional[List[List[TaskNode]]] = None,
    ) -> None:
        self.loops = loops
        self.threads = threads
        self.items = [] if items is None else items
        self.cycles = [] if cycles is None else cycles

    def tasks(self) -> Iterator[TaskNode]:
        """All tasks of all loops, each before its children."""
        for loop in self.loops:
            yield from loop.walk()

    def __repr__(self) -> str:
        return f"<Snapshot of {len(self.loops)} loops and {len(self.threads)} threads>"

    def __str__(self) -> str:
        return "".join(self.format())

    def format(
        self,
        *,
        ascii_only: bool = False,
        show_contexts: bool = True,
        show_hidden_frames: bool = False,
        max_alike: Optional[int] = 5,
    ) -> List[str]:
        """Draw everything as one tree.

        Args:
            ascii_only: Draw with ASCII characters only.
            show_contexts: Show the context managers that are active in each frame.
            show_hidden_frames: Also show the frames and contexts marked with ``hide``.
            max_alike: If more tasks than that have the same owner and stand at the same lines, only one of
                them is drawn, with the numbers of the others. ``None`` draws all.

        Returns:
            The lines, each ending in a newline.
        """
        from stackscope.render.overview import format_snapshot

        return format_snapshot(self, ascii_only, show_contexts, show_hidden_frames, max_alike)


def extract_all(*, with_contexts: bool = True, threads: bool = True) -> Snapshot:
    """Find everything in the process that has a stack: event loops, tasks, threads, greenlets.

    Can be called from any thread. Other threads may go on running meanwhile; a task that lives all the
    time is among those found.

    Args:
        with_contexts: Find the context managers that are active in each frame. Without them, who holds a
            lock isn't found either.
        threads: Also extract the stacks of all threads, and of what belongs to threads, such as greenlets.

    Returns:
        All that was found, each task once.

    Example:
        >>> for node in extract_all().tasks():
        ...     print(node.number, node.name, node.state)
    """
    make_ready()
    return take_snapshot(sys._getframe(1), with_contexts, threads)


def take_snapshot(
    caller: Optional[FrameType], with_contexts: bool = True, threads: bool = True
) -> Snapshot:
    """`extract_all` as if ``caller`` had called it, once the glue is ready."""
    extraction = Extraction(with_contexts, False, caller)
    return extraction.complete(_take, extraction, threads)


def _take(extraction: Extraction, threads: bool) -> Snapshot:
    runtimes = list(_runtimes())
    types = [cls for runtime in runtimes for cls in _or((), runtime.types)]
    known_finders = _finders() if threads else []
    for finder in known_finders:
        types += _or((), finder.types)
    survey = Survey(types, extraction.caller)
    tree = _TaskTree(extraction)
    loops = [
        _loop_node(tree, runtime, loop, survey)
        for runtime in runtimes
        for loop in _or((), runtime.loops, survey)
    ]
    tree.describe()
    tree.hang_awaited(loops)
    loops.sort(key=lambda node: (not node.is_here, not node.is_running))
    thread_nodes = _thread_nodes(extraction) if threads else []
    items: List[ItemNode] = []
    for finder in known_finders:
        items += _item_nodes(extraction, finder.kind, _or((), finder.find, survey))
    return Snapshot(loops, thread_nodes, items, tree.cycles())


def _runtimes() -> Iterator[Runtime]:
    for module, name, glue, cls in RUNTIMES:
        if hasattr(sys.modules.get(module), name):  # else it is half imported, or not at all
            runtime = _or(
                None, lambda glue=glue, cls=cls: getattr(importlib.import_module(glue), cls)()
            )
            if runtime is not None:
                yield runtime


def _finders() -> List[Finder]:
    for module, name, glue in FINDERS:
        if hasattr(sys.modules.get(module), name) and module not in finders:
            _or(None, lambda glue=glue: importlib.import_module(glue).install())
    return list(finders.values())


# ------------------------------------------------------------------------------------------- the trees


def _loop_node(tree: _TaskTree, runtime: Runtime, loop: object, survey: Survey) -> LoopNode:
    ident = _or(None, runtime.thread, loop, survey)
    return LoopNode(
        loop,
        runtime.name,
        None if ident is None else _thread_name(ident, _thread(ident)),
        _or(False, runtime.is_running, loop),
        ident is not None and ident == this_thread(),
        tree.add(runtime, loop),
    )


class _TaskTree:
    """The tasks of all loops, while they are put together. All its work is linear in their number."""

    def __init__(self, extraction: Extraction) -> None:
        self.extraction = extraction
        self.nodes: Dict[int, TaskNode] = {}
        self.runtimes: Dict[int, Runtime] = {}
        self.current: List[object] = []
        self.holders: Dict[int, List[Tuple[Context, TaskNode]]] = {}
        """Who is inside an ``async with`` of an object, by the id of the object."""
        self.locks: Dict[int, Tuple[int, List[TaskNode]]] = {}
        """How many hold a lock, and the first few of them."""

    # ------------------------------------------------------------- owners

    def add(self, runtime: Runtime, loop: object) -> List[TaskNode]:
        """Extract the tasks of a loop, and hang them under their owners. Gives those without one."""
        tasks = unique(_or((), runtime.tasks, loop))
        current = _or(None, runtime.current, loop)
        if current is not None:
            self.current.append(current)
        nodes = [self._node(runtime, task) for task in tasks]
        parents: Dict[int, TaskNode] = {}
        for node in nodes:
            self._read_contexts(node, parents)
        for node in nodes:
            if id(node) not in parents:
                node.owner, parent = _or((None, None), runtime.owner, node.task)
                if id(parent) in self.nodes:
                    parents[id(node)] = self.nodes[id(parent)]
        return self._in_order(nodes, parents)

    def _node(self, runtime: Runtime, task: object) -> TaskNode:
        name = _or("?", runtime.task_name, task)
        stack = self.extraction.stack(task)
        for _ in range(RETRIES):
            if stack.error is None:
                break
            stack = self.extraction.stack(task)  # it may have run on meanwhile, in another thread
        node = TaskNode(task, 0, name, "?", None, stack, None, [])
        self.nodes[id(task)] = node
        self.runtimes[id(task)] = runtime
        return node

    def _read_contexts(self, node: TaskNode, parents: Dict[int, TaskNode]) -> None:
        """Take note of what a task is inside of, and of the tasks that its contexts own."""
        stacks = [node.stack]
        while stacks:
            contexts = [c for frame in stacks.pop().frames for c in frame.contexts]
            while contexts:
                context = contexts.pop()
                if context.obj is not None:
                    self.holders.setdefault(id(context.obj), []).append((context, node))
                if context.inner_stack is not None:
                    stacks.append(context.inner_stack)
                if context.children:
                    self._read_children(context, node, parents, contexts)

    def _read_children(
        self,
        context: Context,
        node: TaskNode,
        parents: Dict[int, TaskNode],
        contexts: List[Context],
    ) -> None:
        children: List[Any] = list(context.children)
        for index, child in enumerate(children):
            if type(child) is Context:
                contexts.append(child)
                continue
            owned = self.nodes.get(id(child.root))
            # A task is drawn once, even if several groups claim it, and not inside of itself.
            if owned is not None and owned is not node and id(owned) not in parents:
                parents[id(owned)] = node
                owned.owner = context.obj
                children[index] = owned.stack
        context.children = children

    def _in_order(self, nodes: List[TaskNode], parents: Dict[int, TaskNode]) -> List[TaskNode]:
        """Number the nodes, and make them children of their parents. Gives those without one."""
        below: Dict[int, List[TaskNode]] = {}
        for node in sorted(nodes, key=_age):
            parent = parents.get(id(node))
            below.setdefault(0 if parent is None else id(parent), []).append(node)
        tops = below.get(0, [])
        todo = list(reversed(tops))
        while todo:
            node = todo.pop()
            node.number = task_numbers.of(node.task)
            node.children = below.get(id(node), [])
            todo.extend(reversed(node.children))
        for (
            node
        ) in nodes:  # tasks that own each other in a circle: nothing that asyncio or trio make
            if not node.number:
                node.number = task_numbers.of(node.task)
                tops.append(node)
        return tops

    # -------------------------------------------------------------- waits

    def describe(self) -> None:
        """Say of each task what it does, and what it waits for."""
        for node in self.nodes.values():
            if any(node.task is task for task in self.current):
                node.state = "running"
                continue
            node.state = _or("?", self.runtimes[id(node.task)].state, node.task, node.stack)
            if node.state == "cancelling":
                runtime = self.runtimes[id(node.task)]
                node.cancel_reason = _or(None, runtime.cancel_reason, node.task)
            if node.state in ("waiting", "cancelling"):
                node.waiting = _or(None, describe_wait, node.stack)
                node.waits_for = None if node.waiting is None else node.waiting.text
        for node in self.nodes.values():
            if node.waiting is not None and node.waiting.lock is not None:
                self._name_holders(node, node.waiting)

    def _name_holders(self, node: TaskNode, waiting: Waiting) -> None:
        """Say who holds the lock that a task waits for."""
        known = self.locks.get(id(waiting.lock))
        if known is None:
            known = self.locks[id(waiting.lock)] = self._holders_of(waiting.lock)
        count, holders = known
        if holders:
            names = [f"task {holder.number} ({holder.name})" for holder in holders]
            more = f" and {count - len(holders)} more" if count > len(holders) else ""
            held = f"{HELD_BY}{', '.join(names)}{more}"
            if HELD_BY not in waiting.detail:  # some libraries know it themselves
                waiting.detail = f"{waiting.detail}, {held}" if waiting.detail else held
            waiting.tasks = unique([*waiting.tasks, *[holder.task for holder in holders]])

    def _holders_of(self, lock: object) -> Tuple[int, List[TaskNode]]:
        """How many tasks are inside an ``async with`` of a lock, and the first few of them."""
        found = [
            holder
            for context, holder in self.holders.get(id(lock), ())
            if not context.is_exiting
            and not (holder.waiting is not None and holder.waiting.lock is lock)
        ]
        return len(found), found[:MOST_HOLDERS]

    def _waits_for(self, node: TaskNode) -> List[TaskNode]:
        """The tasks that one waits for, the holders of a lock included."""
        tasks = node.waiting.tasks if node.waiting is not None else ()
        found = [self.nodes.get(id(task)) for task in tasks]
        return [other for other in found if other is not None]

    def _awaited(self, node: TaskNode) -> List[TaskNode]:
        """The tasks whose results one waits for."""
        held = node.waiting is not None and node.waiting.lock is not None
        return [] if held else self._waits_for(node)

    def hang_awaited(self, loops: List[LoopNode]) -> None:
        """Hang the tasks that nothing owns under the first ones that wait for them."""
        free = {id(node) for loop in loops for node in loop.tasks if node.owner is None}
        awaited = {
            id(other)
            for node in self.nodes.values()
            for other in self._awaited(node)
            if other is not node
        }
        seen: Set[int] = set()
        for loop in loops:
            for is_last_resort in (False, True):  # then only those are left that wait in a circle
                for node in loop.tasks:
                    if id(node) not in seen and (is_last_resort or id(node) not in awaited & free):
                        self._visit(node, free, seen)
        for loop in loops:
            loop.tasks = [node for node in loop.tasks if not node.is_awaited]

    def _visit(self, top: TaskNode, free: Set[int], seen: Set[int]) -> None:
        todo = [(top, 0)]
        seen.add(id(top))
        while todo:
            node, depth = todo.pop()
            seen.update(map(id, node.children))
            owned = [(child, depth) for child in node.children]
            awaited = []
            if depth < DEEPEST_AWAITED:
                for other in self._awaited(node):
                    if id(other) in free and id(other) not in seen:
                        seen.add(id(other))
                        awaited.append(other)
            for other in awaited:
                other.is_awaited = True
                leaf = node.stack.leaf
                other.owner = other.task if leaf is None else leaf
            node.children = [*node.children, *awaited] if awaited else node.children
            todo += [(child, depth + 1) for child in reversed(awaited)]
            todo += reversed(owned)

    def cycles(self) -> List[List[TaskNode]]:
        """Tasks that wait for each other in a circle (Tarjan's algorithm, without recursion)."""
        found: List[List[TaskNode]] = []
        index: Dict[int, int] = {}
        low: Dict[int, int] = {}
        path: List[TaskNode] = []
        on_path: Dict[int, bool] = {}
        for start in self.nodes.values():
            if id(start) in index or start.waiting is None or not start.waiting.tasks:
                continue
            work = [(start, iter(self._waits_for(start)))]
            index[id(start)] = low[id(start)] = len(index)
            path.append(start)
            on_path[id(start)] = True
            while work:
                node, others = work[-1]
                other = next(others, None)
                if other is None:
                    work.pop()
                    if work:
                        above = id(work[-1][0])
                        low[above] = min(low[above], low[id(node)])
                    if low[id(node)] == index[id(node)]:
                        circle = _take_circle(path, on_path, node)
                        if len(circle) > 1 or any(o is node for o in self._waits_for(node)):
                            found.append(circle)
                elif id(other) not in index:
                    index[id(other)] = low[id(other)] = len(index)
                    path.append(other)
                    on_path[id(other)] = True
                    work.append((other, iter(self._waits_for(other))))
                elif on_path.get(id(other)):
                    low[id(node)] = min(low[id(node)], index[id(other)])
        return found


def _take_circle(path: List[TaskNode], on_path: Dict[int, bool], first: TaskNode) -> List[TaskNode]:
    circle: List[TaskNode] = []
    while not circle or circle[-1] is not first:
        circle.append(path.pop())
        on_path[id(circle[-1])] = False
    circle.reverse()
    return circle


def _age(node: TaskNode) -> Tuple[float, List[Tuple[int, str]]]:
    """Tasks that were seen before stay in the order in which they were numbered; new ones follow."""
    return task_numbers.known(node.task) or float("inf"), _natural_order(node.name)


def _natural_order(name: str) -> List[Tuple[int, str]]:
    """A sort key by which Task-2 comes before Task-10."""
    import re

    parts = re.split(r"([0-9]+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


# -------------------------------------------------------------------------------- threads and the rest


def _thread_nodes(extraction: Extraction) -> List[ThreadNode]:
    """All threads that Python code runs in, the calling one first, then the oldest first."""
    nodes = []
    frame = None
    for ident, frame in sys._current_frames().items():
        thread = _thread(ident)
        is_here = ident == this_thread()
        item: Any = StackSlice(inner=frame) if thread is None else thread
        if is_here:
            item = StackSlice()
        nodes.append(
            ThreadNode(
                thread,
                0,
                _thread_name(ident, thread),
                is_here,
                extraction.stack(item),
                ident,
                getattr(thread, "_daemonic", False) is True,
            )
        )
    del frame  # perhaps our own, which would keep itself alive
    nodes.sort(key=lambda node: (not node.is_here, _thread_age(node.thread)))
    for node in nodes:
        node.number = 0 if node.thread is None else thread_numbers.of(node.thread)
    return nodes


def _thread_age(thread: Optional[threading.Thread]) -> Tuple[float, List[Tuple[int, str]]]:
    if thread is None:
        return float("inf"), []
    return thread_numbers.known(thread) or float("inf"), _natural_order(_name_of(thread))


def _thread(ident: int) -> Optional[threading.Thread]:
    """The thread with that number, without the lock of threading.enumerate(), which may be held."""
    known: Dict[int, threading.Thread] = getattr(sys.modules.get("threading"), "_active", {})
    thread = known.get(ident)
    return known.get(running.number_in_threading(ident)) if thread is None else thread


def _name_of(thread: threading.Thread) -> str:
    return str(_or("?", getattr, thread, "name"))


def _thread_name(ident: int, thread: Optional[threading.Thread]) -> str:
    return _name_of(thread) if thread is not None else f"thread {ident:#x}"


def _item_nodes(extraction: Extraction, kind: str, found: Sequence[Found]) -> List[ItemNode]:
    """What a finder has found, as trees."""
    nodes: Dict[int, ItemNode] = {}
    for one in found:
        thread = _thread_name(one.owner, _thread(one.owner)) if type(one.owner) is int else None
        number = item_numbers.of(one.item)
        is_running = one.state.startswith("running")  # its frames are those of its thread
        stack = Stack(one.item, []) if is_running else extraction.stack(one.item)
        nodes[id(one.item)] = ItemNode(
            kind, one.item, number, one.name, one.state, stack, thread, []
        )
    tops: List[ItemNode] = []
    for one in found:
        parent = nodes.get(id(one.owner))
        above = tops if parent is None else parent.children
        above.append(nodes[id(one.item)])
    return tops


def _or(default: Any, function: Callable[..., Any], *args: object) -> Any:
    """What ``function`` gives; ``default`` if it can't."""
    try:
        return function(*args)
    except Exception as exc:
        if interrupts(exc):
            raise
        return default
