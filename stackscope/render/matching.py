"""Which tasks, threads and the like a filter finds, and what may be typed in one.

A filter looks at the words that are drawn: so it finds what one has seen in a table or a tree. They
are the same for a snapshot that was read from a file.
"""

from __future__ import annotations

from stackscope.interpreter.collector import collects_afterwards
from stackscope.model.filters import KEYS, Facts, Filter, FilterError, last_word, quoted
from stackscope.model.pruning import pruned
from stackscope.model.saved import type_name_of
from stackscope.model.snapshot import TaskNode, ThreadNode, key_of
from stackscope.model.stacks import Context
from stackscope.render.stuck import stuck_by
from stackscope.render.waits import plain_state, state_text
from stackscope.render.words import age_bounds, place_text
from stackscope.safe.text import safe_text
from stackscope.snapshot.identity import identity_of
from stackscope.snapshot.user_code import library_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, Iterable, Iterator, List, Optional, Set, Tuple

    from stackscope.model.filters import Pattern
    from stackscope.model.snapshot import Finding, Node, Snapshot
    from stackscope.model.stacks import Frame
    from stackscope.model.waiting import Waiting
    from stackscope.render.stuck import Stuck

__all__ = ["filter_completions", "filtered"]

WITHOUT_VALUES = ("waits",)
"""Keys for which Tab offers nothing: there are too many texts, and they are long."""

FIRST = (*[f"{key}:" for key in KEYS], "age>", "age<", "stuck", "not ")
"""What a filter may begin with."""


@collects_afterwards
def filtered(snapshot: Snapshot, text: str, findings: Optional[Iterable[Finding]]) -> Snapshot:
    """See `Snapshot.filter`."""
    wanted = Filter(text)
    looks = _Looks(snapshot, findings if wanted.asks_stuck else None)
    if wanted.asks_age is not None and not looks.knows_ages():
        raise FilterError(
            "The ages of tasks aren't known: call stackscope.clock.install() before these are"
            " made, or compare the snapshot with an earlier one by Snapshot.since().",
            wanted.asks_age,
        )
    return pruned(snapshot, lambda node: wanted.matches(_NodeFacts(node, looks)), text.strip())


class _Looks:
    """What is looked up once for all nodes of a snapshot.

    Args:
        snapshot: The snapshot.
        findings: What is stuck; ``None`` if only circles are known.
    """

    def __init__(self, snapshot: Snapshot, findings: Optional[Iterable[Finding]] = None) -> None:
        self.snapshot = snapshot
        self.libraries = {id(node): loop.library for loop in snapshot.loops for node in loop.walk()}
        if findings is None:
            self.stuck: Stuck = {key_of(node) for circle in snapshot.cycles for node in circle}
        else:
            self.stuck = stuck_by(findings)
        self.places: Dict[Tuple[int, int], str] = {}
        self.held: Dict[Tuple[int, int], Tuple[object, bool]] = {}

    def knows_ages(self) -> bool:
        """Whether anything is known of the age of any task, if there are tasks."""
        ages = [age_bounds(node, self.snapshot) for node in self.snapshot.tasks()]
        return not ages or any(age != (None, None) for age in ages)

    def is_held(self, waiting: Waiting, pattern: Pattern) -> bool:
        """Whether one of the holders fits. Those that wait for the same have one list of them."""
        key = id(waiting.holders), id(pattern)
        if key not in self.held:
            found = any(map(pattern.fits, _texts_of_holders(waiting.holders)))
            self.held[key] = (waiting.holders, pattern), found
        return self.held[key][1] or any(map(pattern.fits, waiting.holder_names))

    def place(self, frame: Frame) -> str:
        """Where a frame stands, in words."""
        key = id(frame.pyframe.f_code), frame.lineno
        if key not in self.places:
            self.places[key] = place_text(frame)
        return self.places[key]


class _NodeFacts(Facts):
    """What there is to know of one node.

    Args:
        node: The task, thread or greenlet.
        looks: What is known of its snapshot.
    """

    def __init__(self, node: Node, looks: _Looks) -> None:
        self.node = node
        self.looks = looks

    def texts(self, key: str) -> Iterable[str]:
        found = TEXTS[key](self.node)
        if key == "library" and isinstance(self.node, TaskNode):
            return [self.looks.libraries.get(id(self.node), ""), *found]
        return found if key else [*found, *map(self.looks.place, _frames(self.node))]

    def fits(self, pattern: Pattern, key: str) -> bool:
        if key == "held-by":
            waiting = self.node.waiting
            return waiting is not None and self.looks.is_held(waiting, pattern)
        return super().fits(pattern, key)

    def ages(self) -> Tuple[Optional[float], Optional[float]]:
        return age_bounds(self.node, self.looks.snapshot)

    def is_stuck(self) -> bool:
        return key_of(self.node) in self.looks.stuck


def _frames(node: Node) -> List[Frame]:
    return [frame for frame in node.stack.frames if not frame.hide]


def _names(node: Node) -> Iterator[str]:
    yield node.name
    if isinstance(node, TaskNode) and node.subject:
        yield node.subject


def _words(node: Node) -> Iterator[str]:
    yield from _names(node)
    yield state_text(node)


def _states(node: Node) -> Iterator[str]:
    yield plain_state(node)
    if not isinstance(node, ThreadNode):
        yield node.state  # a greenlet that waits is suspended, too


def _functions(node: Node) -> Iterator[str]:
    for frame in _frames(node):
        name = frame.funcname
        yield name
        owner = frame.clsname or frame.modname
        if owner:
            yield f"{owner}.{name}"


def _files(node: Node) -> Iterator[str]:
    return (frame.filename for frame in _frames(node))


def _managers(node: Node) -> Iterator[str]:
    """The types of the context managers that are active, with those that these have entered."""
    todo = [context for frame in _frames(node) for context in frame.contexts]
    while todo:
        context = todo.pop()
        if not context.is_past:
            yield type_name_of(context.obj)
        todo += [child for child in context.children if isinstance(child, Context)]
        if context.inner_stack is not None:
            todo += [one for frame in context.inner_stack.frames for one in frame.contexts]


def _waits(node: Node) -> Iterator[str]:
    if node.waiting is not None:
        yield str(node.waiting)


def _holders(node: Node) -> Iterator[str]:
    if node.waiting is not None:
        yield from _texts_of_holders(node.waiting.holders)
        yield from node.waiting.holder_names


def _texts_of_holders(holders: Iterable[object]) -> Iterator[str]:
    for holder in holders:
        who = identity_of(holder)
        yield str(who.number)
        yield f"{who.kind} {who.number}"
        yield who.name
        yield who.subject or ""


def _libraries(node: Node) -> Iterator[str]:
    return (library_of(frame.pyframe) for frame in _frames(node))


TEXTS: Dict[str, Callable[[Node], Iterable[str]]] = {
    "": _words,
    "name": _names,
    "state": _states,
    "in": _functions,
    "file": _files,
    "with": _managers,
    "waits": _waits,
    "held-by": _holders,
    "library": _libraries,
}
"""The texts of a node that those behind each key are looked for in."""


# -------------------------------------------------------------------- completion


def filter_completions(snapshot: Snapshot, text: str) -> List[str]:
    """What a filter that is being typed may become: each begins with what is there already.

    Args:
        snapshot: What there is to be found.
        text: The filter up to the cursor.
    """
    begin, key, typed = last_word(text)
    offered = _values(snapshot, key) if key else [*FIRST, *_values(snapshot, "name")]
    before = text[:begin]
    found = [before + one for one in offered if one.lstrip("\"'").startswith(typed)]
    return [one for one in dict.fromkeys(found) if one.startswith(text)]


def _values(snapshot: Snapshot, key: str) -> List[str]:
    """The texts that may stand behind a key, in order."""
    if key in WITHOUT_VALUES:
        return []
    looks = _Looks(snapshot)
    found: Set[str] = set()
    for node in _with_other_holders(snapshot) if key == "held-by" else _all_nodes(snapshot):
        # The names may be of a class of the program's, which has its own __hash__().
        found.update(map(str.__str__, _NodeFacts(node, looks).texts(key)))
    if key == "file":
        found = {name.replace("\\", "/").rpartition("/")[2] for name in found}
    if key == "in":
        found = {name for name in found if "." not in name}
    return [quoted(safe_text(one)) for one in sorted(found - {""})]


def _with_other_holders(snapshot: Snapshot) -> Iterable[Node]:
    """One of those that wait for the same: they have one list of its holders."""
    waiting = [(node, node.waiting) for node in _all_nodes(snapshot)]
    return {id(wait.holders or wait): node for node, wait in waiting if wait is not None}.values()


def _all_nodes(snapshot: Snapshot) -> Iterator[Node]:
    yield from snapshot.tasks()
    yield from snapshot.threads
    for top in snapshot.items:
        yield from top.walk()
