"""Two snapshots of one process: what was there already, and whether it stood at the same lines."""

from __future__ import annotations

from stackscope.interpreter.collector import collects_afterwards
from stackscope.model.difference import Difference
from stackscope.model.records import changed
from stackscope.model.snapshot import ThreadNode, kind_of, nodes_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Tuple

    from stackscope.model.snapshot import Node, Snapshot

    Key = Tuple[str, int]

__all__ = ["compared", "difference"]


@collects_afterwards
def compared(snapshot: Snapshot, earlier: Snapshot) -> Snapshot:
    """See `Snapshot.since`."""
    before = {_key_of(node): node for node in nodes_of(earlier)}
    copies: Dict[int, Any] = {}
    for node in reversed(list(nodes_of(snapshot))):  # children come after their parents
        old = before.get(_key_of(node)) if node.number else None
        copy = changed(node, was_here=None if old is None else _stands_where(node, old))
        if not isinstance(copy, ThreadNode):
            copy.children = [copies[id(child)] for child in copy.children]
        copies[id(node)] = copy
    return changed(
        snapshot,
        loops=[
            changed(loop, tasks=[copies[id(node)] for node in loop.tasks])
            for loop in snapshot.loops
        ],
        threads=[copies[id(node)] for node in snapshot.threads],
        items=[copies[id(node)] for node in snapshot.items],
        cycles=[[copies.get(id(node), node) for node in circle] for circle in snapshot.cycles],
        compared_to=earlier.taken_at,
    )


@collects_afterwards
def difference(earlier: Snapshot, later: Snapshot) -> Difference:
    """See `Snapshot.diff`."""
    found = Difference(earlier, later)
    before: Dict[Key, Node] = {_key_of(node): node for node in nodes_of(earlier)}
    for node in nodes_of(later):
        old = before.pop(_key_of(node), None)
        if old is None:
            found.new.append(node)
        elif _stands_where(node, old):
            found.same.append(node)
        else:
            found.moved.append((old, node))
    found.gone.extend(before.values())
    return found


def _key_of(node: Node) -> Key:
    """Equal for nodes in two snapshots of one process that tell of the same task, thread or so.

    No other one of the process ever gets the same number. Threads that `threading` doesn't know
    have none, and an identity that may be given again.
    """
    return kind_of(node), node.number or (node.ident if isinstance(node, ThreadNode) else 0)


def _stands_where(node: Node, other: Node) -> bool:
    """Whether two nodes stand at the same lines."""
    return _lines(node) == _lines(other)


def _lines(node: Node) -> List[Tuple[str, str, int]]:
    return [(frame.filename, frame.funcname, frame.lineno) for frame in node.stack.frames]
