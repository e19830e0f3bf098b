"""The context managers of one frame as a tree whose nodes have numbers: 1, 1.2, 1.2.1."""

from __future__ import annotations

from stackscope import Frame, Stack
from stackscope.render import nodes
from stackscope.render.paths import with_short_paths
from stackscope.render.stack import context_title, frame_title
from stackscope_pdb.views.naming import brief_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Dict, Iterator, List, Optional, Tuple, Union

    from stackscope.render.drawing import Line
    from stackscope_pdb.output.console import Console
    from stackscope_pdb.stop.snapshots import Snapshots

MOST_CHILDREN = 20
"""The most children of one context that are drawn."""

MOST_LEVELS = 8
"""How deep contexts inside contexts are numbered and drawn."""


class NumberedContext:
    """A context, or a child task of one, with its number.

    Args:
        path: Its number: ``(1, 2)`` for 1.2.
        shown: What is to be drawn of it.
    """

    def __init__(
        self, path: Tuple[int, ...], shown: Union[nodes.ContextNode, nodes.StackNode]
    ) -> None:
        self.path = path
        self.shown = shown
        self.frames: List[Tuple[nodes.FrameNode, List[NumberedContext]]] = []
        self.children: List[NumberedContext] = []
        self.is_cut: bool = False
        """Whether something inside has no number, since it is too deep."""
        if isinstance(shown, nodes.ContextNode):
            if len(path) < MOST_LEVELS:
                self._number(shown)
            else:
                self.is_cut = _has_more(shown)

    def _number(self, shown: nodes.ContextNode) -> None:
        """Number what is inside: the contexts of the frames in it, then its children."""
        count = 0
        if shown.inner is not None:
            for frame in shown.inner.frames():
                inside = []
                for context in frame.contexts():
                    count += 1
                    inside.append(NumberedContext((*self.path, count), context))
                self.frames.append((frame, inside))
        for child in shown.children():
            count += 1
            self.children.append(NumberedContext((*self.path, count), child))

    @property
    def number(self) -> str:
        """The number as it is typed."""
        return ".".join(map(str, self.path))

    @property
    def title(self) -> str:
        """What it is, on one line."""
        if isinstance(self.shown, nodes.StackNode):
            return self.shown.name
        return (self.shown.source or self.shown.description).rstrip(":")

    @property
    def inner_stack(self) -> Optional[Stack]:
        """The stack inside the context, if it has one with frames."""
        if isinstance(self.shown, nodes.StackNode):
            return None
        stack = self.shown.context.inner_stack
        return stack if stack is not None and stack.frames else None

    @property
    def task(self) -> object:
        """The task that it is, if it is one."""
        return self.shown.stack.root if isinstance(self.shown, nodes.StackNode) else None

    def below(self) -> Iterator[NumberedContext]:
        """The nodes one level down."""
        for _, inside in self.frames:
            yield from inside
        yield from self.children

    def walk(self) -> Iterator[NumberedContext]:
        """This node and all below it."""
        yield self
        for node in self.below():
            yield from node.walk()


def _has_more(shown: nodes.ContextNode) -> bool:
    """Whether there is anything inside a context."""
    if next(shown.children(), None) is not None:
        return True
    return shown.inner is not None and next(shown.inner.frames(), None) is not None


def number_contexts(frame: Frame) -> List[NumberedContext]:
    """The contexts that are active in a frame, numbered."""
    contexts = nodes.FrameNode(frame, nodes.View()).contexts()
    return [NumberedContext((number,), context) for number, context in enumerate(contexts, 1)]


def by_number(nodes: List[NumberedContext]) -> Dict[str, NumberedContext]:
    """All nodes by their numbers."""
    return {node.number: node for top in nodes for node in top.walk()}


def context_lines(
    nodes: List[NumberedContext], snapshots: Snapshots, console: Console
) -> Iterator[Line]:
    """The lines that show numbered contexts.

    Args:
        nodes: The contexts.
        snapshots: What the stop knows about tasks.
        console: What the terminal can take.
    """
    drawing = _Drawing(snapshots, console)
    drawn = [line for node in nodes for line in drawing.node(node, "", "")]
    width = max((len(number) for number, _ in drawn), default=0)
    for number, line in drawn:
        yield [("text", "  "), ("number", number.ljust(width)), ("text", " "), *line]


def past_lines(frame: FrameType, lineno: int, lasti: int, *, is_live: bool) -> Iterator[Line]:
    """The blocks of a frame that were open at one of its instructions and are so no more.

    Args:
        frame: The frame.
        lineno: The line of the instruction.
        lasti: Its bytecode offset.
        is_live: Whether the frame is still running, with some of the blocks perhaps.
    """
    from stackscope.lowlevel import with_blocks_open_at

    still = with_blocks_open_at(frame.f_code, frame.f_lasti) if is_live else {}
    blocks = with_blocks_open_at(frame.f_code, lasti)
    shown = nodes.FrameNode(Frame(frame, lineno, contexts=list(blocks.values())), nodes.View())
    for handler, node in zip(blocks, shown.contexts()):
        if handler not in still:
            yield [("text", "  "), *context_title(node), ("comment", ", past")]


class _Drawing:
    """Draws nodes as pairs of a number and a line."""

    def __init__(self, snapshots: Snapshots, console: Console) -> None:
        self.snapshots = snapshots
        self.guides = console.guides
        self.ellipsis = console.ellipsis
        self.width = console.width

    def node(self, node: NumberedContext, first: str, rest: str) -> Iterator[Tuple[str, Line]]:
        """A node and all below it.

        ``first`` goes before its first line, ``rest`` before the others.
        """
        room = self.width - len(f"  {node.number} {first}")
        yield node.number, [("guide", first), *self._title(node, room)]
        if node.is_cut:
            words = f"{self.ellipsis} deeper levels left out"
            yield "", [("guide", rest), ("note", words)]
        last = len(node.children) == 0
        for index, (frame, inside) in enumerate(node.frames):
            is_last = last and index + 1 == len(node.frames)
            yield from self._frame(frame, inside, rest, is_last=is_last)
        for index, child in enumerate(node.children):
            if index == MOST_CHILDREN:
                words = f"{self.ellipsis} {len(node.children) - index} more"
                yield "", [("guide", rest), ("note", words)]
                return
            yield from self.node(
                child, rest + self.guides.context[0], rest + self.guides.context[1]
            )

    def _title(self, node: NumberedContext, width: int) -> Line:
        if isinstance(node.shown, nodes.ContextNode):
            return [*context_title(node.shown), *_state(node.shown)]
        known = self.snapshots.find(node.task)
        return brief_line(known, width) if known is not None else [("root", node.shown.name)]

    def _frame(
        self, frame: nodes.FrameNode, inside: List[NumberedContext], rest: str, *, is_last: bool
    ) -> Iterator[Tuple[str, Line]]:
        guides = self.guides
        yield "", [("guide", rest + guides.frame[0]), *with_short_paths(frame_title(frame))]
        rest += guides.frame[1]
        for node in inside:
            yield from self.node(node, rest + guides.context[0], rest + guides.context[1])
        if frame.source:
            yield "", [("guide", rest + guides.source), ("source", frame.source)]


def _state(shown: nodes.ContextNode) -> Line:
    """What the library says about a context beyond its source: the time that a timeout has left."""
    context = shown.context
    if not context.description or not shown.source or context.inner_stack is not None:
        return []
    return [("comment", ", "), ("description", shown.description)]
