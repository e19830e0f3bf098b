"""Stacks, frames and contexts as lines of text."""

from __future__ import annotations

from itertools import islice
from typing import List, Tuple

from stackscope.interpreter.collector import collects_afterwards
from stackscope.render.drawing import FLAT, Block, Deeper, Layout, Line, Nested, draw, plain
from stackscope.render.nodes import UNKNOWN_MODULE, ContextNode, FrameNode, StackNode, View

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stackscope.model.stacks import Context, Frame, Stack


HEADER_END = " (most recent call last):"

MOST_CHILDREN = 100
"""How many children of a context are drawn, unless all are asked for."""


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
        if context.is_alone:  # as most are
            yield Deeper(guides.context, context_title(context))
            continue
        yield Nested(guides.context, _context_without_children(context, layout))
        yield from _children(context, guides.child_in_frame, layout)
    source = node.source
    if source:
        yield [("guide", guides.source), ("source", source)]


def frame_title(node: FrameNode) -> Line:
    """The line that says which function a frame executes, and where."""
    funcname, modname, filename = node.place()
    line = [
        ("func", funcname),
        ("text", " in "),
        ("module", modname or UNKNOWN_MODULE),
        ("text", " at "),
        ("path", filename),
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
    varname, typename, lineno = node.varname, node.typename, node.lineno
    before = "  # "
    if varname is not None:
        line += [("comment", before), ("name", varname)]
        before = ""
    if typename is not None:
        line += [("comment", before + ": "), ("type", typename)]
        before = ""
    if lineno is not None:
        before = before or " "
        end = ", past)" if node.is_past else ")"
        line += [("comment", before + "(line "), ("lineno", str(lineno)), ("comment", end)]
    return line


def _children(node: ContextNode, guides: Tuple[str, str], layout: Layout) -> Block:
    blank: Line = [("guide", guides[1])]
    after_blank = False
    for child in islice(node.children(), layout.max_children):
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
    most = layout.max_children
    left_out = 0 if most is None else node.count_children() - most
    if left_out > 0:
        yield [("guide", guides[0] + layout.guides.more), ("note", f"{left_out} more")]


def _child_stack(node: StackNode, layout: Layout) -> Block:
    yield [("root", node.name)]
    yield Nested(FLAT, stack_body(node, layout), node.stack)


@collects_afterwards
def format_stack(
    stack: Stack, ascii_only: bool, show_contexts: bool, show_hidden_frames: bool, whole: bool
) -> List[str]:
    """See `Stack.format`."""
    layout = Layout(ascii_only, None if whole else MOST_CHILDREN)
    node = StackNode(stack, View(show_contexts, show_hidden_frames))
    return plain(draw(stack_block(node, layout), layout), layout)


@collects_afterwards
def format_frame(
    frame: Frame, ascii_only: bool, show_contexts: bool, show_hidden_frames: bool, whole: bool
) -> List[str]:
    """See `Frame.format`."""
    layout = Layout(ascii_only, None if whole else MOST_CHILDREN)
    node = FrameNode(frame, View(show_contexts, show_hidden_frames))
    return plain(draw(frame_block(node, layout), layout), layout)


@collects_afterwards
def format_context(
    context: Context, ascii_only: bool, show_contexts: bool, show_hidden_frames: bool, whole: bool
) -> List[str]:
    """See `Context.format`. A hidden context gives no lines, as it does in a frame."""
    if context.hide and not show_hidden_frames:
        return []
    layout = Layout(ascii_only, None if whole else MOST_CHILDREN)
    node = ContextNode(context, View(show_contexts, show_hidden_frames))
    return plain(draw(context_block(node, layout), layout), layout)
