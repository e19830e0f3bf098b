"""Who needs whom to go on: the graph of all waits, of tasks, threads and greenlets.

What waits for several things that all have to happen has an edge to an `All`, which stands for
these; what needs only one of several, as one of the holders of a semaphore that lets go of it, has
one to an `Either`. Those that wait for the same have that in common. All of that is linear in the
number of waits. `stackscope.snapshot.circles` finds what waits for each other in it,
`stackscope.snapshot.liveness` what can't go on for any reason.
"""

from __future__ import annotations

from stackscope.extraction.codes import code_dispatch
from stackscope.interpreter.frames.blocking import is_of_threads
from stackscope.model.snapshot import ItemNode, TaskNode, ThreadNode
from stackscope.safe.interruptions import attempt
from stackscope.safe.objects import stored_attribute
from stackscope.safe.text import class_name
from stackscope.snapshot.holding import is_for_one
from stackscope.snapshot.inside import object_of
from stackscope.snapshot.waits import ask_about, finished_by, is_open

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Sequence, Set, Tuple, Union

    from stackscope.model.snapshot import LoopNode, Node
    from stackscope.model.stacks import Frame
    from stackscope.model.waiting import Waiting

    Vertex = Union[Node, "Either"]

__all__ = ["All", "Either", "Needs", "runs_until"]


@code_dispatch(lambda frame: frame.pyframe.f_code)
def runs_until(frame: Frame) -> object:
    """Hook: the task that has to finish before a function returns that runs an event loop.

    Dispatches on the code of the function.

    Args:
        frame: The frame of the function.
    """


class Either:
    """What something waits for if any of these is enough.

    Attributes:
        members: What may end the wait; a circle only if that is known of all who may.
        obj: What they have, such as a lock; ``None`` if it is their end that is waited for.
        is_certain: Whether nobody else can end the wait.
    """

    __slots__ = ("is_certain", "members", "obj")

    def __init__(
        self, members: List[Vertex], obj: object = None, *, is_certain: bool = False
    ) -> None:
        self.members: List[Vertex] = members
        self.obj: object = obj
        self.is_certain: bool = is_certain


class All(Either):
    """What several wait for together, if all of these have to end."""

    __slots__ = ()


class Needs:
    """The vertices, and what each of them waits for.

    Args:
        nodes: All tasks, threads and greenlets.
        loops: The loops of the tasks.

    Attributes:
        vertices: The nodes, but for threads that a task has, and the `Either`s.
        edges: By the id of a vertex: what it waits for.
        proved: Those of the edges of nodes of which it is proved that nothing else ends the wait.
        host: By the id of a thread's node: the task that has this thread, and stands for it.
        mains: The ids of the tasks' nodes with whose end their loops end, too.
        blocked_by: By the id of a task's node: the task that has the thread of its loop, and waits
            there. Of that of a greenlet: its thread, if that waits. No timer ends a wait meanwhile.
    """

    def __init__(self, nodes: Sequence[Node], loops: Sequence[LoopNode]) -> None:
        self.by_object: Dict[int, Node] = {id(object_of(node)): node for node in nodes}
        self.by_object.pop(id(None), None)
        self.threads: List[ThreadNode] = [node for node in nodes if isinstance(node, ThreadNode)]
        names: Dict[str, List[ThreadNode]] = {}
        for thread in self.threads:
            names.setdefault(thread.name, []).append(thread)
        self.by_name: Dict[str, ThreadNode] = {
            name: found[0] for name, found in names.items() if len(found) == 1
        }
        self.host: Dict[int, Node] = {}
        self.mains: Set[int] = set()
        self.blocked_by: Dict[int, Node] = {}
        self.edges: Dict[int, List[Vertex]] = {}
        self.proved: Dict[int, List[Vertex]] = {}
        self.vertices: List[Vertex] = []
        self._lists: Dict[int, Either] = {}
        self._workers: Dict[int, Optional[Vertex]] = {}
        self._targets: Dict[Tuple[int, int, bool], Tuple[int, List[Vertex]]] = {}
        self._open: Dict[int, Tuple[object, bool]] = {}
        self._add_hosts(loops)
        self._add_blocked_items(nodes)
        for node in nodes:
            self._add(node)

    def edges_of(self, vertex: Vertex) -> Sequence[Vertex]:
        """What a vertex waits for."""
        return self.edges.get(id(vertex), ())

    def proved_edges_of(self, vertex: Vertex) -> Sequence[Vertex]:
        """Those edges of a vertex of which nothing else can end the wait."""
        if isinstance(vertex, Either):
            return vertex.members
        return self.proved.get(id(vertex), ())

    def _edge(self, node: Node, target: Vertex, *, is_proved: bool) -> None:
        self.edges.setdefault(id(node), []).append(target)
        if is_proved:
            self.proved.setdefault(id(node), []).append(target)

    def _add_hosts(self, loops: Sequence[LoopNode]) -> None:
        """Find out which task has each thread now. All others of its loop wait for that."""
        running = {
            id(node.stack.frames[0].pyframe): (node, loop)
            for loop in loops
            for node in loop.walk()
            if node.state in ("running", "starting") and node.stack.frames
        }
        hosts: List[Tuple[ThreadNode, Node, List[Tuple[TaskNode, LoopNode]]]] = []
        for thread in self.threads:
            inside: List[Tuple[TaskNode, LoopNode]] = []
            actor: Node = thread
            for frame in thread.stack.frames:
                entry = running.get(id(frame.pyframe))
                if entry is not None:
                    self._edge(actor, entry[0], is_proved=True)
                    actor = entry[0]
                    inside.append(entry)
                elif runs_until.for_code(frame.pyframe.f_code) is not None:
                    node = self.by_object.get(id(attempt(None, runs_until, frame)))
                    if node is not None:
                        self._edge(actor, node, is_proved=True)
                        self.mains.add(id(node))
            if actor is not thread:
                self.host[id(thread)] = actor
                hosts.append((thread, actor, inside))
        for thread, actor, inside in hosts:  # they may wait for each other: all are known now
            self._add_waits(actor, thread.waiting, thread)
            for node, loop in inside:
                for other in loop.walk() if self.edges.get(id(node)) else ():
                    if other is not node and other.state not in ("running", "starting"):
                        self._edge(other, node, is_proved=True)
                        self.blocked_by[id(other)] = node

    def _add_blocked_items(self, nodes: Sequence[Node]) -> None:
        """Find the greenlets or the like that can't be switched to: their thread waits itself."""
        items: Dict[str, List[ItemNode]] = {}
        for node in nodes:
            if isinstance(node, ItemNode) and node.thread is not None:
                items.setdefault(node.thread, []).append(node)
        for name, found in items.items():
            thread = self.by_name.get(name)
            if thread is None or thread.waiting is None or id(thread) in self.host:
                continue
            is_of_one = any(item.state == "running elsewhere" for item in found)
            if is_of_one or is_of_threads(thread.waiting.lock):
                for item in found:
                    self._edge(item, thread, is_proved=True)
                    self.blocked_by[id(item)] = thread

    def _add(self, node: Node) -> None:
        """A vertex with its edges."""
        if id(node) in self.host:
            return  # the task that has the thread stands for it
        self.vertices.append(node)
        self._add_waits(node, node.waiting, node)

    def _add_waits(self, actor: Node, waiting: Optional[Waiting], node: Node) -> None:
        """The edges of what acts, by the wait of a node: its own, or that of the thread it has."""
        if waiting is None:
            return
        layers = list(waiting.layers())
        self._add_awaited(actor, layers, node)
        if waiting.holders:
            either = self._holders(waiting)
            self._edge(actor, either, is_proved=either.is_certain)
        for layer in layers:
            if layer.workers:
                workers = self._of_workers(layer.workers)
                if workers is not None:
                    self._edge(actor, workers, is_proved=True)
                break
            if any(id(task) in self.by_object for task in layer.tasks):
                break
            thread = self.by_name.get(layer.thread or layer.loop_thread or "")
            # A loop begins with it as soon as no task blocks it.
            if thread is not None and (layer.thread is not None or id(thread) in self.host):
                self._edge(actor, self._standing_for(thread), is_proved=True)
                break

    def _add_awaited(self, actor: Node, layers: Sequence[Waiting], node: Node) -> None:
        """The edges to tasks that have to finish, and to what is waited for besides these."""
        for layer in layers:
            if layer.tasks or layer.parts:
                count, targets = self._targets_of(layer)
                is_proved = bool(targets) and not self._is_open(node)
                if layer.needs_all or count == 1:
                    for target in targets:
                        self._edge(actor, target, is_proved=is_proved)
                elif len(targets) == count:
                    self._edge(actor, self._either(targets), is_proved=is_proved)
                break

    def _targets_of(self, layer: Waiting) -> Tuple[int, List[Vertex]]:
        """How many a wait is for, and those of them that are known.

        Those that wait for all of the same have one list of them in common, and so one `All`.
        """
        key = (id(layer.tasks), id(layer.parts) if layer.parts else 0, layer.needs_all)
        found = self._targets.get(key)
        if found is None:
            described = {id(part.obj) for part in layer.parts}
            tasks = [self._vertex(task) for task in layer.tasks if id(task) not in described]
            targets = [*tasks, *[self._of_part(part) for part in layer.parts]]
            known: List[Vertex] = [target for target in targets if target is not None]
            if layer.needs_all and len(known) > 1:
                known = [self._stand_in(All(known, is_certain=True))]
            found = self._targets[key] = (len(targets), known)
        return found

    def _is_open(self, node: Node) -> bool:
        """Whether a future is among what a node waits for that anybody may give a result."""
        leaf = node.stack.leaf
        if isinstance(node, ThreadNode) and node.stack.frames[-1].origin is not None:
            leaf = None  # that is what a task awaits which does something for the thread
        todo: List[Tuple[object, object]] = [] if leaf is None else [(leaf, None)]
        ways: Dict[int, Tuple[object, object]] = {}
        while todo:
            future, behind_it = todo.pop()
            if id(future) in ways:
                continue
            ways[id(future)] = future, behind_it
            known = self._open.get(id(future))
            if known is None:
                known = future, bool(ask_about(is_open, future))
                if not known[1]:
                    todo += [(one, future) for one in ask_about(finished_by, future) or ()]
            if known[1]:
                while future is not None:  # all on the way to it wait for it as well
                    future, behind_it = ways[id(future)]
                    self._open[id(future)] = future, True
                    future = behind_it
                return True
        self._open.update((key, (future, False)) for key, (future, _) in ways.items())
        return False

    def _of_part(self, part: Waiting) -> Optional[Vertex]:
        """What stands for one of several that something waits for at the same time."""
        for layer in part.layers():
            if layer.workers:
                return self._of_workers(layer.workers)
            if len(layer.tasks) == 1:
                return self._vertex(layer.tasks[0])
        return None

    def _of_workers(self, workers: List[object]) -> Optional[Vertex]:
        """Any of the workers of a pool may begin with a call, once it is done with its own one."""
        if id(workers) not in self._workers:
            found = [self._vertex(worker) for worker in workers]
            known: List[Vertex] = [one for one in found if one is not None]
            is_whole = len(known) == len(found)
            several = self._either(known) if is_whole and len(known) > 1 else None
            self._workers[id(workers)] = several or (known[0] if is_whole else None)
        return self._workers[id(workers)]

    def _holders(self, waiting: Waiting) -> Either:
        """Who has a lock: those who wait for it have one list in common."""
        known = self._lists.get(id(waiting.holders))
        if known is None:
            members = [self._vertex(holder) for holder in waiting.holders]
            found: List[Vertex] = [member for member in members if member is not None]
            # Somebody who isn't known may let go of it.
            known = self._either(found if len(found) == len(members) else [])
            known.obj, known.is_certain = waiting.lock, _are_all(waiting)
            self._lists[id(waiting.holders)] = known
        return known

    def _either(self, members: List[Vertex]) -> Either:
        return self._stand_in(Either(members))

    def _stand_in(self, either: Either) -> Either:
        """A vertex for several others."""
        self.vertices.append(either)
        self.edges[id(either)] = either.members
        return either

    def _vertex(self, obj: object) -> Optional[Node]:
        """What stands for a task, a thread or a greenlet."""
        node = self.by_object.get(id(obj))
        return None if node is None else self._standing_for(node)

    def _standing_for(self, node: Node) -> Node:
        return self.host.get(id(node), node)


def _are_all(waiting: Waiting) -> bool:
    """Whether nobody else can have what the holders of a wait have."""
    if waiting.holders_are_likely or not waiting.holders:
        return False
    if is_for_one(waiting.lock):
        return True
    most = stored_attribute(waiting.lock, "_bound_value")  # of a BoundedSemaphore
    if most is None and class_name(waiting.lock).endswith("CapacityLimiter"):
        most = waiting.amounts[0].total if waiting.amounts else None
    return type(most) is int and len(waiting.holders) >= most
