"""From nodes to lines of text: the tree with its guide lines, in Unicode or ASCII.

A line is a list of spans ``(kind, text)``, of which the kinds are those of `KINDS`, so that it can be
coloured; the plain line is all the texts joined. Lines are made one at a time and without recursion: the
depth of a tree is limited by nothing, and each line takes work in proportion to its length.

The parts of the drawing are *blocks*: iterators over lines and over `Nested` blocks, which stand deeper.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Iterator, List, NamedTuple, Tuple, Union

from stackscope.render.tree import UNKNOWN_MODULE, ContextNode, FrameNode, StackNode, View

if TYPE_CHECKING:
    from typing import Iterable, Optional

    from stackscope.model import Context, Frame, Stack

Span = Tuple[str, str]
Line = List[Span]

KINDS = {
    "guide": "the lines and corners of the tree",
    "header": "the title of a stack",
    "root": "the object that a stack belongs to",
    "class": "a class, with the dot after it",
    "func": "a function",
    "module": "a module",
    "path": "the path of a source file",
    "lineno": "a line number",
    "source": "source text",
    "description": "what stands for the source text of a context",
    "name": "a variable",
    "type": "the type of an object",
    "comment": "the words around the name and type of a context",
    "leaf": "what remains below the last frame",
    "error": "the error of a stack",
    "note": "a remark about the drawing itself",
    "text": "words between others",
}
"""The kinds of spans, and what they are."""


class Guides(NamedTuple):
    """The signs of a drawing: for each part what goes before its first line and before further ones."""

    frame: Tuple[str, str]
    leaf: str
    context: Tuple[str, str]
    child_in_frame: Tuple[str, str]
    child: Tuple[str, str]
    source: str
    more: str
    ascii_only: bool


UNICODE = Guides(
    frame=("╠ ", "║ "),
    leaf="╚ ",
    context=("├ ", "│ "),
    child_in_frame=("├── ", "│   "),
    child=("─ ", "  "),
    source="└ ",
    more="… ",
    ascii_only=False,
)
ASCII = Guides(
    frame=("+ ", "| "),
    leaf="+ ",
    context=(". ", "  "),
    child_in_frame=("  . ", "    "),
    child=(". ", "  "),
    source="` ",
    more="... ",
    ascii_only=True,
)


FLAT = ("", "")
"""The guides of a block that stands no deeper than the one around it."""

HEADER_END = " (most recent call last):"


class Layout:
    """How to draw, as opposed to what (which the `View` says).

    Args:
        ascii_only: Use ASCII characters only. Others in names and source text are escaped.
        max_children: Draw at most that many children of a context, and tell how many more there are.
        max_depth: Draw at most that many levels of stacks inside stacks, and tell where there are more.
    """

    def __init__(
        self,
        ascii_only: bool = False,
        max_children: Optional[int] = None,
        max_depth: Optional[int] = None,
    ) -> None:
        self.guides = ASCII if ascii_only else UNICODE
        self.max_children = max_children
        self.max_depth = max_depth


class Nested:
    """A block that stands deeper than the block it is a part of.

    Args:
        guides: What goes before its first line and before its further lines.
        block: The block.
        stack: The stack that it draws, if it draws one.
    """

    __slots__ = ("block", "guides", "stack")

    def __init__(self, guides: Tuple[str, str], block: Block, stack: object = None) -> None:
        self.guides = guides
        self.block = block
        self.stack = stack


Block = Iterator[Union[Line, Nested]]


class _Level:
    """A block that is being drawn: what goes before its next line, and before those after that."""

    __slots__ = ("block", "first", "rest", "stack")

    def __init__(self, block: Block, first: str, rest: str, stack: object) -> None:
        self.block = block
        self.first = first
        self.rest = rest
        self.stack = stack


def draw(block: Block, layout: Layout) -> Iterator[Line]:
    """The lines of a block and of all blocks in it, with the guides before them."""
    level = _Level(block, "", "", None)
    outer: List[_Level] = []
    stacks: List[int] = []  # the ids of the stacks that we are inside of
    while True:
        part = next(level.block, None)
        if part is None:
            if level.stack is not None:
                stacks.pop()
            if not outer:
                return
            level = outer.pop()
            continue
        prefix = level.first
        level.first = level.rest
        if not isinstance(part, Nested):
            yield [("guide", prefix), *part] if prefix else part
            continue
        first, rest = part.guides
        inner = part.block
        if part.stack is not None:
            omission = _why_omitted(part.stack, stacks, layout)
            if omission:
                inner = iter([[("guide", layout.guides.more), ("note", omission)]])
            stacks.append(id(part.stack))
        outer.append(level)
        level = _Level(inner, prefix + first, level.rest + rest, part.stack)


def _why_omitted(stack: object, inside: List[int], layout: Layout) -> str:
    if layout.max_depth is not None and len(inside) >= layout.max_depth:
        return "deeper levels left out"
    # only a hook can make such a thing; a list is as good as a set, for few stacks are ever nested
    return "the stack around this, again" if id(stack) in inside else ""


def stack_block(node: StackNode, layout: Layout) -> Block:
    """A stack with its title."""
    yield stack_title(node)
    yield Nested(FLAT, stack_body(node, layout), node.stack)


def stack_title(node: StackNode) -> Line:
    """The line above a stack."""
    root = node.root
    if root is None:
        return [("header", "stackscope.Stack (most recent call last):")]
    return [("header", "stackscope.Stack of "), ("root", root), ("header", HEADER_END)]


def stack_body(node: StackNode, layout: Layout) -> Block:
    """The frames of a stack, its leaf and its error."""
    guides = layout.guides
    for frame in node.frames():
        yield Nested(guides.frame, frame_block(frame, layout))
    leaf = node.leaf
    if leaf is not None:
        yield [("guide", guides.leaf), ("leaf", leaf)]
    for line in node.error_lines():
        yield [("error", f"  {line}")]


def frame_block(node: FrameNode, layout: Layout) -> Block:
    """A frame with its contexts and its source line."""
    guides = layout.guides
    yield frame_title(node)
    for context in node.contexts():
        yield Nested(guides.context, _context_without_children(context, layout))
        yield from _children(context, guides.child_in_frame, layout)
    source = node.source
    if source:
        yield [("guide", guides.source), ("source", source)]


def frame_title(node: FrameNode) -> Line:
    """The line that says which function a frame executes, and where."""
    line = [
        ("func", node.funcname),
        ("text", " in "),
        ("module", node.modname or UNKNOWN_MODULE),
        ("text", " at "),
        ("path", node.filename),
        ("text", ":"),
        ("lineno", str(node.lineno)),
    ]
    clsname = node.clsname
    return line if clsname is None else [("class", f"{clsname}."), *line]


def context_block(node: ContextNode, layout: Layout) -> Block:
    """A context with what is inside it."""
    yield from _context_without_children(node, layout)
    yield from _children(node, layout.guides.child, layout)


def _context_without_children(node: ContextNode, layout: Layout) -> Block:
    yield context_title(node)
    inner = node.inner
    if inner is not None:
        yield Nested(FLAT, stack_body(inner, layout), inner.stack)


def context_title(node: ContextNode) -> Line:
    """The line that says what a context is: its source, and in a comment its name and type."""
    source = node.source
    line = [("source", source) if source else ("description", node.description)]
    comment = _context_comment(node)
    return [*line, ("comment", "  # "), *comment] if comment else line


def _context_comment(node: ContextNode) -> Line:
    comment = []
    varname, typename, lineno = node.varname, node.typename, node.lineno
    if varname is not None:
        comment.append(("name", varname))
    if typename is not None:
        comment += [("comment", ": "), ("type", typename)]
    if lineno is not None:
        comment += [("comment", " (line " if comment else "(line "), ("lineno", str(lineno))]
        comment.append(("comment", ", past)" if node.is_past else ")"))
    return comment


def _children(node: ContextNode, guides: Tuple[str, str], layout: Layout) -> Block:
    blank: Line = [("guide", guides[1])]
    after_blank = False
    children = node.children()
    for child in islice(children, layout.max_children):
        if isinstance(child, ContextNode):
            yield Nested(guides, context_block(child, layout))
            after_blank = False
            continue
        spaced = child.has_frames
        if spaced and not after_blank:
            yield blank
        yield Nested(guides, _child_stack(child, layout))
        if spaced:
            yield blank
        after_blank = spaced
    left_out = sum(1 for _ in children)
    if left_out:
        yield [("guide", guides[0] + layout.guides.more), ("note", f"{left_out} more")]


def _child_stack(node: StackNode, layout: Layout) -> Block:
    yield [("root", node.name)]
    yield Nested(FLAT, stack_body(node, layout), node.stack)


def plain(lines: Iterable[Line], layout: Layout) -> List[str]:
    """The lines as strings, each ending in a newline."""
    texts = ["".join([text for _, text in line]) + "\n" for line in lines]
    if layout.guides.ascii_only:
        return [text.encode("ascii", "backslashreplace").decode("ascii") for text in texts]
    return texts


def format_stack(
    stack: Stack, ascii_only: bool, show_contexts: bool, show_hidden_frames: bool
) -> List[str]:
    """See `Stack.format`."""
    layout = Layout(ascii_only)
    node = StackNode(stack, View(show_contexts, show_hidden_frames))
    return plain(draw(stack_block(node, layout), layout), layout)


def format_frame(
    frame: Frame, ascii_only: bool, show_contexts: bool, show_hidden_frames: bool
) -> List[str]:
    """See `Frame.format`."""
    layout = Layout(ascii_only)
    node = FrameNode(frame, View(show_contexts, show_hidden_frames))
    return plain(draw(frame_block(node, layout), layout), layout)


def format_context(
    context: Context, ascii_only: bool, show_contexts: bool, show_hidden_frames: bool
) -> List[str]:
    """See `Context.format`. A hidden context gives no lines, as it does in a frame."""
    if context.hide and not show_hidden_frames:
        return []
    layout = Layout(ascii_only)
    node = ContextNode(context, View(show_contexts, show_hidden_frames))
    return plain(draw(context_block(node, layout), layout), layout)
