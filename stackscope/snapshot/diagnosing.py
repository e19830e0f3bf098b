"""From a snapshot to a diagnosis: what is stuck, surely or likely, and what of it is the heart."""

from __future__ import annotations

import time
from operator import itemgetter

from stackscope.extraction.extraction import Extraction
from stackscope.interpreter.collector import collects_afterwards
from stackscope.interpreter.reachable import counts_references
from stackscope.model.diagnosis import (
    ABANDONED,
    BLOCKED_LOOP,
    DEADLOCK,
    LIKELY_HOLDERS,
    MAY_HAVE_MOVED,
    NOT_SEARCHED,
    ONLY_TRACEBACKS,
    ONLY_USERS,
    Diagnosis,
    Edge,
    Finding,
    Graph,
)
from stackscope.model.snapshot import ItemNode, TaskNode, ThreadNode, nodes_of
from stackscope.safe.interruptions import attempt
from stackscope.snapshot.blocked import blocked_loops
from stackscope.snapshot.circles import in_order, nodes_among, parts_among
from stackscope.snapshot.helpers import Helpers, above
from stackscope.snapshot.holding import is_for_one
from stackscope.snapshot.idle import is_idle_worker
from stackscope.snapshot.limits import limited_nodes
from stackscope.snapshot.liveness import Liveness
from stackscope.snapshot.needs import All, Either, Needs
from stackscope.snapshot.search import search
from stackscope.snapshot.stillness import Stillness, is_alive
from stackscope.snapshot.survey import unique
from stackscope.snapshot.threads import owner_has_ended
from stackscope.snapshot.users import find_users, has_name, missing_call
from stackscope.snapshot.waits import ask_about
from stackscope.snapshot.waking import is_endless, limits_are_known, wakers_of_node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Sequence, Set, Tuple

    from stackscope.interpreter.region import Progress
    from stackscope.model.snapshot import Node, Snapshot
    from stackscope.snapshot.needs import Vertex
    from stackscope.snapshot.users import Users


__all__ = ["diagnose_snapshot"]

KINDS = (DEADLOCK, ABANDONED, BLOCKED_LOOP)
"""The kinds of findings, the most serious first."""

SECONDS_BETWEEN_LOOKS = 0.05
"""How long likely findings have to stand still at least, if others can run meanwhile."""


@collects_afterwards
def diagnose_snapshot(
    snapshot: Snapshot, *, deep: bool = True, progress: Progress = None, at_once: bool = False
) -> Diagnosis:
    """See `stackscope.diagnose`.

    Args:
        snapshot: What to look at.
        deep: Whether to search the heap where the graph can't decide.
        progress: Called with how much of the search is done, from 0 to 1.
        at_once: Wait for no second look: what is likely is told only if all loops stand still.
    """
    extraction = Extraction(False, False, None)
    patient = _Patient(snapshot, extraction)
    is_deep = deep and counts_references() and patient.is_alive
    stuck = patient.surely_stuck(is_deep, progress)
    if is_deep and stuck and patient.undecided and _others_run(snapshot):
        # Others may have run meanwhile, and moved what was looked for: both searches have to agree.
        again = {id(vertex) for vertex in patient.surely_stuck(is_deep, progress)}
        stuck = [vertex for vertex in stuck if id(vertex) in again]
    findings = patient.findings(stuck, certain=True)
    findings += patient.kept_in_tracebacks(stuck)
    if not at_once or all(loop.is_here or not loop.is_running for loop in snapshot.loops):
        likely = patient.findings(patient.likely_stuck(stuck), certain=False)
        findings += _without_known(likely, findings)
    patient.drop_moved(findings, stuck, at_once=at_once)
    findings += blocked_loops(snapshot, findings, at_once=at_once or not patient.is_alive)
    findings.sort(key=lambda one: (not one.certain, KINDS.index(one.kind)))
    return Diagnosis(findings, patient.graph(), snapshot, is_deep)


def _others_run(snapshot: Snapshot) -> bool:
    """Whether other threads may have run meanwhile."""
    return any(not thread.is_here and thread.waiting is None for thread in snapshot.threads)


def _without_known(likely: List[Finding], known: List[Finding]) -> List[Finding]:
    told = {id(node) for finding in known for node in [*finding.nodes, *finding.behind]}
    return [one for one in likely if not any(id(node) in told for node in one.nodes)]


class _Patient:
    """What is examined: the graph of a snapshot, and where its nodes stood in the beginning."""

    def __init__(self, snapshot: Snapshot, extraction: Extraction) -> None:
        self.snapshot = snapshot
        self.extraction = extraction
        self.nodes: List[Node] = list(nodes_of(snapshot))
        self.is_alive = all(map(is_alive, self.nodes))
        self.stillness = Stillness(self.nodes if self.is_alive else [])
        self.needs, self.limited = extraction.complete(self._look)
        self.undecided: List[Node] = []
        self.but_for_tracebacks: List[Vertex] = []
        """What is stuck unless somebody takes what it needs out of a traceback."""
        self.helpers: Dict[int, Either] = {}
        """By the id of a node: who may end its wait, by what is in variables."""
        self.nearest: Dict[int, Either] = {}
        """The same of those whose code speaks of it, as far as there are any."""
        self.needed_by: Dict[int, List[Vertex]] = {}
        for vertex in self.needs.vertices:
            for other in self.needs.edges_of(vertex):
                self.needed_by.setdefault(id(other), []).append(vertex)
        self.threads_of: Dict[int, List[Tuple[int, ThreadNode]]] = {}
        """By the id of a task's node: the threads that it has, each with its index."""
        for index, thread in enumerate(self.needs.threads):
            host = self.needs.host.get(id(thread))
            if host is not None:
                self.threads_of.setdefault(id(host), []).append((index, thread))
        self._left = Helpers(self.needs.host, self.needed_by, len(self.needs.vertices))

    def _look(self) -> Tuple[Needs, Set[int]]:
        needs = Needs(self.nodes, self.snapshot.loops)
        limited = limited_nodes(self.nodes, needs.by_object)
        # A task that has a thread waits as that does.
        for thread in needs.threads:
            host = needs.host.get(id(thread))
            if host is not None and id(thread) in limited:
                limited.add(id(host))
        return needs, limited

    # ------------------------------------------------------------------ stuck

    def surely_stuck(self, is_deep: bool, progress: Progress) -> List[Vertex]:
        """What can't go on, whatever the others do."""
        needs = self.needs
        liveness = Liveness(needs.vertices, self._proved_edges_of)
        wakers = self.extraction.complete(self._wakers) if is_deep else {}
        liveness.begin(
            node
            for node in nodes_among(needs.vertices)
            if not (_is_decidable(node) or id(node) in needs.blocked_by)
            or not (
                self._proved_edges_of(node)
                or id(node) in wakers
                or (id(node) not in self.limited and _is_left_locked(node))
            )
        )
        self.undecided = [
            node
            for node in nodes_among(needs.vertices)
            if id(node) in wakers and liveness.is_stuck(node)
        ]
        self.but_for_tracebacks = []
        if self.undecided:
            wakers = {id(one): wakers[id(one)] for one in self.undecided}
            ours = [self.snapshot, self.stillness, self.needs, self.extraction, liveness]
            self.but_for_tracebacks = search(liveness, wakers, self.nodes, ours, progress)
        return liveness.stuck()

    def _wakers(self) -> Dict[int, List[int]]:
        """By the ids of the nodes that may be lost: the ids of what ends their waits."""
        found: Dict[int, List[int]] = {}
        for node in nodes_among(self.needs.vertices):
            if id(node) not in self.limited and not self._proved_edges_of(node):
                keys = list(map(id, wakers_of_node(node))) if _may_be_lost(node) else []
                if keys:
                    found[id(node)] = keys
        return found

    def likely_stuck(self, surely: Sequence[Vertex]) -> List[Vertex]:
        """What can't go on if nobody else ends waits than those of whom it is known they may."""
        needs, known = self.needs, {id(vertex) for vertex in surely}
        self._add_users(
            [
                node
                for node in nodes_among(needs.vertices)
                if id(node) not in known
                and id(node) not in self.limited
                and not needs.edges_of(node)
                and node.waiting is not None
            ]
        )
        liveness = Liveness([*needs.vertices, *unique(self.helpers.values())], self.edges_of)
        liveness.begin(
            node
            for node in nodes_among(needs.vertices)
            if id(node) in self.limited or (id(node) not in known and not self.edges_of(node))
        )
        return [vertex for vertex in liveness.stuck() if id(vertex) not in known]

    def _proved_edges_of(self, vertex: Vertex) -> Sequence[Vertex]:
        """What a vertex surely needs. What a timer wakes needs only its loop for that."""
        if id(vertex) not in self.limited:
            return self.needs.proved_edges_of(vertex)
        host = self.needs.blocked_by.get(id(vertex))
        return () if host is None else (host,)

    def _add_users(self, waiting: Sequence[Node]) -> None:
        """Take note of who may end waits, where somebody who does needs the one that waits.

        Who waits for a lock doesn't only give a signal: it may need that of another such one.
        """
        needing = nodes_among(above(waiting, self.needed_by, is_end_enough=False))
        locking = [node for node in waiting if node.waiting and is_for_one(node.waiting.lock)]
        first = {**self._users_among(waiting, needing), **self._users_among(locking, locking)}
        concerned = [node for node in waiting if id(node) in first]
        self._note_helpers(self._users_among(concerned, self.nodes))

    def _note_helpers(self, users: Dict[int, Users]) -> None:
        """Have a vertex for each list of those who may end waits: many have one in common."""
        known: Dict[int, Tuple[Either, Either]] = {}
        for key, found in users.items():
            if id(found) not in known:
                every = Either([*found.all])
                known[id(found)] = every, Either([*found.near]) if found.near else every
            self.helpers[key], self.nearest[key] = known[id(found)]

    def _users_among(self, waiting: Sequence[Node], others: Sequence[Node]) -> Dict[int, Users]:
        """As `find_users`, but for those that need the one that waits to end before."""
        known = find_users(waiting, others) if waiting else {}
        return self._left.among(known, waiting)

    def _users_ahead(self, waiting: Sequence[Node], others: Sequence[Node]) -> Dict[int, Users]:
        """Those of some nodes that would end waits after their own ones, as their code shows.

        That may be after the one that waits has ended, too: that is what is wrong then.
        """
        known = find_users(waiting, others, ahead=True) if waiting else {}
        return self._left.among(known, waiting, and_later=True)

    def edges_of(self, vertex: Vertex) -> Sequence[Vertex]:
        """What a vertex waits for, and who may end that wait."""
        if isinstance(vertex, Either):
            return vertex.members
        edges = self.needs.edges_of(vertex)
        helpers = self.helpers.get(id(vertex))
        return edges if helpers is None else [*edges, helpers]

    def nearest_edges_of(self, vertex: Vertex) -> Sequence[Vertex]:
        """The same, but those who only may end a wait are left out if somebody's code does it."""
        helpers = self.nearest.get(id(vertex))
        return self.edges_of(vertex) if helpers is None else [*self.needs.edges_of(vertex), helpers]

    # --------------------------------------------------------------- findings

    def kept_in_tracebacks(self, surely: Sequence[Vertex]) -> List[Finding]:
        """What would be stuck as well if nobody took anything out of a traceback."""
        known = {id(vertex) for vertex in surely}
        stuck = [vertex for vertex in self.but_for_tracebacks if id(vertex) not in known]
        return self.findings(stuck, certain=False, reason=ONLY_TRACEBACKS) if stuck else []

    def findings(self, stuck: List[Vertex], *, certain: bool, reason: str = "") -> List[Finding]:
        """The hearts of what is stuck, each with what waits behind it.

        Args:
            stuck: The vertices.
            certain: Whether that is proved.
            reason: Why it is only likely; if that is another one for each, it is found out.
        """
        is_searched = certain or bool(reason)
        if is_searched:
            some = nodes_among(stuck)
            lost = [node for node in some if not self.needs.edges_of(node)]
            ahead = self._users_ahead(lost, some)
            self._note_helpers(ahead)
            rest = [node for node in lost if id(node) not in ahead]
            self._note_helpers(self._users_among(rest, some))
        known = {id(vertex) for vertex in stuck}
        nearest = unique(one for key, one in self.nearest.items() if key in known)
        stuck += [one for one in nearest if id(one) not in known]
        found = [
            Finding(
                DEADLOCK,
                certain,
                in_order(part, self.nearest_edges_of),
                reason=reason or self._reason(part),
            )
            for part in parts_among(stuck, self.nearest_edges_of)
        ]
        if is_searched:
            found += self._abandoned(stuck, found, certain=certain, reason=reason)
        self._add_behind(found, stuck)
        for finding in found:
            finding.reason = "" if certain else finding.reason
            self._add_details(finding)
        return found

    def _add_details(self, finding: Finding) -> None:
        """Tell of the threads that its tasks have, and of who alone may end its waits."""
        threads = [one for node in finding.nodes for one in self.threads_of.get(id(node), ())]
        finding.threads = [thread for _, thread in sorted(threads, key=itemgetter(0))]
        if finding.reason == ONLY_USERS:
            helpers = [self.nearest[id(one)] for one in finding.nodes if id(one) in self.nearest]
            every = (one for each in unique(helpers) for one in each.members)
            finding.users = unique(nodes_among(every))

    def _abandoned(
        self, stuck: Sequence[Vertex], others: Sequence[Finding], *, certain: bool, reason: str
    ) -> List[Finding]:
        """Those that wait for nobody who is stuck, but for what nobody has; alike ones as one."""
        some = {id(vertex) for vertex in stuck}
        in_circles = {id(node) for finding in others for node in finding.nodes}
        groups: Dict[object, List[Node]] = {}
        for node in nodes_among(stuck):
            if id(node) in in_circles or self._is_meant_to_wait(node):
                continue
            if any(id(one) in some for one in self.nearest_edges_of(node)):
                continue
            groups.setdefault(_place(node), []).append(node)
        return [
            Finding(
                ABANDONED,
                certain,
                nodes,
                reason=reason,
                missing=attempt("", missing_call, nodes[0]),
            )
            for nodes in groups.values()
        ]

    def _is_meant_to_wait(self, node: Node) -> bool:
        """Whether something waits on purpose until it is cancelled.

        So do main tasks that await a future of their own, or something that they have given no
        name: ``await asyncio.Future()``, ``await asyncio.Event().wait()``.
        """
        if is_endless(node):
            return True
        waiting = node.waiting
        if waiting is None or id(node) not in self.needs.mains:
            return False
        return waiting.awaiting is not None or not attempt(True, has_name, node)

    def _add_behind(self, findings: Sequence[Finding], stuck: Sequence[Vertex]) -> None:
        """Tell of each finding what only waits behind it; of the first one, if of several."""
        some = {id(vertex) for vertex in stuck}
        seen = {id(node) for finding in findings for node in finding.nodes}
        needed_by: Dict[int, List[Vertex]] = {}
        for vertex in stuck:
            for other in self.nearest_edges_of(vertex):
                needed_by.setdefault(id(other), []).append(vertex)
        for finding in findings:
            todo: List[Vertex] = [*finding.nodes]
            while todo:
                for vertex in needed_by.get(id(todo.pop()), ()):
                    if id(vertex) not in seen and id(vertex) in some:
                        seen.add(id(vertex))
                        todo.append(vertex)
                        if not isinstance(vertex, Either) and not _is_of_thread(vertex):
                            finding.behind.append(vertex)

    def _reason(self, part: Sequence[Vertex]) -> str:
        """Why a circle is only likely."""
        inside = {id(vertex) for vertex in part}
        if any(id(self.nearest.get(id(vertex))) in inside for vertex in part):
            return ONLY_USERS
        if any(isinstance(vertex, Either) and not vertex.is_certain for vertex in part):
            return LIKELY_HOLDERS
        return NOT_SEARCHED

    def drop_moved(
        self, findings: List[Finding], stuck: Sequence[Vertex], *, at_once: bool
    ) -> None:
        """Take those out of which a task or thread has moved since it was looked at.

        Where the heap was searched for who could end a wait, none that is said to be stuck may have
        moved: it would have been searched through as well.
        """
        if not findings or not self.is_alive:
            return
        if not at_once and any(not loop.is_here for loop in self.snapshot.loops):
            time.sleep(SECONDS_BETWEEN_LOOKS)
        findings[:] = self.extraction.complete(self._still_among, findings, nodes_among(stuck))

    def _still_among(self, findings: Sequence[Finding], stuck: Sequence[Node]) -> List[Finding]:
        """Those of which nothing has moved. Each node is looked at once."""
        is_still: Dict[int, bool] = {}

        def holds(node: Node) -> bool:
            if id(node) not in is_still:
                is_still[id(node)] = self.stillness.holds(node, self.extraction)
            return is_still[id(node)]

        searched = {id(node) for node in self.undecided}
        by_search = {
            id(finding)
            for finding in findings
            if finding.certain and any(id(node) in searched for node in _concerned(finding))
        }
        are_still = not by_search or all(map(holds, stuck))
        kept = [
            finding
            for finding in findings
            if (are_still or id(finding) not in by_search) and all(map(holds, _concerned(finding)))
        ]
        is_proved = self.stillness.is_proved
        are_proved = not by_search or all(map(is_proved, stuck))
        for finding in kept:
            is_sure = are_proved or id(finding) not in by_search
            if finding.certain and not (is_sure and all(map(is_proved, _concerned(finding)))):
                finding.certain, finding.reason = False, MAY_HAVE_MOVED
        return kept

    # ------------------------------------------------------------------ graph

    def graph(self) -> Graph:
        """The graph as data, of the nodes alone."""
        edges: List[Edge] = []
        shared: Dict[int, List[Node]] = {}
        for node in nodes_among(self.needs.vertices):
            proved = {id(vertex) for vertex in self.needs.proved_edges_of(node)}
            ends: List[Node] = []
            for vertex in self.nearest_edges_of(node):
                if isinstance(vertex, Either):
                    if id(vertex) not in shared:
                        shared[id(vertex)] = nodes_among(vertex.members)
                    targets = shared[id(vertex)]
                    obj = None if isinstance(vertex, All) else _used(node, vertex)
                    is_all = isinstance(vertex, All)
                    edges.append(Edge(node, targets, is_all, obj, id(vertex) in proved))
                else:
                    ends.append(vertex)
            if ends:
                edges.append(Edge(node, ends, certain=id(ends[0]) in proved))
        concerned = {id(one): one for edge in edges for one in [edge.node]}
        lists = {id(edge.targets): edge.targets for edge in edges}
        concerned.update((id(one), one) for targets in lists.values() for one in targets)
        return Graph(list(concerned.values()), edges)


def _concerned(finding: Finding) -> List[Node]:
    """The nodes at the heart of a finding, with the threads that they have."""
    return [*finding.nodes, *finding.threads]


def _used(node: Node, either: Either) -> object:
    """What those have, or use, who may end a wait; ``None`` if it is their end that is awaited."""
    if either.obj is None and node.waiting is not None and not node.waiting.tasks:
        return node.waiting.obj
    return either.obj


def _is_decidable(node: Node) -> bool:
    """Whether anything would be known of a timer that ends the wait of a node."""
    if isinstance(node, ItemNode):
        return bool(ask_about(limits_are_known, node.item))
    return True


def _is_of_thread(node: Node) -> bool:
    """Whether something is what its thread runs, of which that is told."""
    return isinstance(node, ItemNode) and node.state == "running elsewhere"


def _may_be_lost(node: Node) -> bool:
    """Whether it isn't known that something outside the program ends a wait."""
    if isinstance(node, TaskNode) and node.state != "waiting":
        return False
    if isinstance(node, ThreadNode) and (
        node.waiting is None or node.is_here or is_idle_worker(node)
    ):
        return False
    layers = [] if node.waiting is None else node.waiting.layers()
    return bool(node.stack.frames) and not any(one.resource for one in layers)


def _is_left_locked(node: Node) -> bool:
    """Whether something waits for a lock that only a thread could release that has ended."""
    return node.waiting is not None and bool(attempt(False, owner_has_ended, node.waiting.lock))


def _place(node: Node) -> object:
    """Equal for nodes that stand at the same lines."""
    return tuple([(id(frame.pyframe.f_code), frame.lineno) for frame in node.stack.frames])
