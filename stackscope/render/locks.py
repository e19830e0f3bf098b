"""What tasks and threads wait for, each with who has it and who waits: locks, queues, events."""

from __future__ import annotations

from stackscope.model.saved import type_name_of
from stackscope.model.snapshot import ThreadNode, nodes_of
from stackscope.render.diagnosis import at_place, context_with, counted
from stackscope.render.waits import held_by_pieces, holders_of
from stackscope.render.words import object_of
from stackscope.safe.text import safe_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Sequence

    from stackscope.model.snapshot import Node, Snapshot
    from stackscope.render.drawing import Line

__all__ = ["lock_lines"]


class _Awaited:
    """One object that something waits for.

    Args:
        obj: The object.
    """

    __slots__ = ("obj", "waiters")

    def __init__(self, obj: object) -> None:
        self.obj = obj
        self.waiters: List[Node] = []


def lock_lines(snapshot: Snapshot) -> Iterator[Line]:
    """A line or two for each object that something waits for, those with the most waiters first.

    Args:
        snapshot: What there is, with the contexts of all frames.
    """
    nodes = list(nodes_of(snapshot))
    indexes = {id(object_of(node)): index for index, node in enumerate(nodes)}
    found: Dict[int, _Awaited] = {}
    for node in nodes:
        obj = _primitive_of(node)
        if obj is not None:
            found.setdefault(id(obj), _Awaited(obj)).waiters.append(node)
    for one in sorted(found.values(), key=lambda one: -len(one.waiters)):
        holders = holders_of([node.waiting for node in one.waiters if node.waiting is not None])
        having = sorted(indexes[key] for key in holders if key in indexes)
        yield from _lines_of(one, [nodes[index] for index in having])
    if not found:
        yield [("text", "Nothing waits for a lock, a queue or the like.")]


def _primitive_of(node: Node) -> object:
    """The lock, queue, event or the like that a node waits for."""
    waiting = node.waiting
    if waiting is None or (isinstance(node, ThreadNode) and waiting.call == "work"):
        return None
    if waiting.lock is not None:
        return waiting.lock
    is_other = waiting.resource or waiting.tasks or waiting.thread or waiting.awaiting
    return None if is_other else waiting.obj


def _lines_of(one: _Awaited, having: Sequence[Node]) -> Iterator[Line]:
    waits = [node.waiting for node in one.waiters if node.waiting is not None]
    line: Line = [("type", safe_text(type_name_of(one.obj)))]
    held = held_by_pieces(waits[:1])
    if held:
        line += [("comment", ": "), *[("comment", piece) for piece in held]]
    amounts = [amount for wait in waits[:1] for amount in wait.amounts]
    if amounts and amounts[0].total is not None:
        noun = amounts[0].plural or f"{amounts[0].noun}s"
        words = f": {amounts[0].number} of {amounts[0].total:g} {noun}"
        line.append(("comment", words))
    yield line
    for node in having:
        context = context_with(node, waits[0])
        if context is not None:
            frame, found = context
            yield [("comment", "  taken at "), *at_place(frame, found.start_line or frame.lineno)]
    verb = "waits" if len(one.waiters) == 1 else "wait"
    yield [("comment", f"  {counted(one.waiters)} {verb}")]
