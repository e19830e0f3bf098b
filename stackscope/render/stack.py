"""Stacks, frames and contexts as lines of text."""

from __future__ import annotations

from itertools import islice
from typing import List, Optional, Tuple

from stackscope.interpreter.collector import collects_afterwards
from stackscope.model.saved import SavedObject
from stackscope.render.drawing import (
    FLAT,
    Block,
    Layout,
    Line,
    Nested,
    Simple,
    Words,
    bounded,
    ends,
    left_out,
    spans,
    texts,
)
from stackscope.render.nodes import (
    UNKNOWN_MODULE,
    ContextNode,
    FrameNode,
    StackNode,
    View,
    contexts_to_show,
)

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
    view = node.view
    first, between, last = ends(node.shown(), layout.max_frames)
    for frame in first:
        yield _frame_part(frame, view, layout)
    if between:
        yield left_out(between, layout, noun="frame")
        for frame in last:
            yield _frame_part(frame, view, layout)
    leaf = node.leaf
    if leaf is not None:
        yield [("guide", guides.leaf), ("leaf", leaf)]
    for line in node.error_lines():
        yield [("error", f"  {line}")]


def _frame_part(frame: Frame, view: View, layout: Layout) -> Nested:
    """A frame, as a part of what it stands in."""
    guides = layout.guides
    contexts = _words_of_contexts(frame, view) if view.show_contexts else ()
    if contexts is None:
        return Nested(guides.frame, frame_block(FrameNode(frame, view), layout))
    text = FrameNode(frame, view).source
    source = (SOURCE_KINDS, (guides.source, text)) if text else None
    return Simple(guides.frame, _frame_words(frame, view), contexts, guides.context, source)


def _words_of_contexts(frame: Frame, view: View) -> Optional[List[Words]]:
    """The words about each context of a frame; ``None`` if one of them has something inside."""
    known = view.context_words
    code = id(frame.pyframe.f_code)
    found = []
    for context, index in contexts_to_show(frame, view.show_hidden):
        if context.inner_stack is not None or context.children:
            return None
        kind = type(context.obj)
        key = code, context.start_line, index, context.varname, id(kind)
        words = None if context.is_past else known.get(key)
        if words is None:
            words = _context_words(ContextNode(context, view, frame, index))
            # of which the words tell nothing that isn't in the key
            if words[0] is USUAL_CONTEXT and not context.is_past and kind is not SavedObject:
                known[key] = words
        found.append(words)
    return found


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


SOURCE_KINDS = ("guide", "source")

FRAME_KINDS = ("func", "text", "module", "text", "path", "text", "lineno")

METHOD_KINDS = ("class", *FRAME_KINDS)


def frame_title(node: FrameNode) -> Line:
    """The line that says which function a frame executes, and where."""
    return spans(_frame_words(node.frame, node.view))


def _frame_words(frame: Frame, view: View) -> Words:
    funcname, modname, filename = view.place(frame)
    where = [funcname, " in ", modname or UNKNOWN_MODULE, " at ", filename, ":", str(frame.lineno)]
    clsname = view.class_of(frame)
    if clsname is None:
        return FRAME_KINDS, where
    return METHOD_KINDS, [clsname + ".", *where]


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
    return spans(_context_words(node))


USUAL_CONTEXT = (
    "source",
    "comment",
    "name",
    "comment",
    "type",
    "comment",
    "lineno",
    "comment",
)
"""The kinds of the words about a context of which all is known."""


def _context_words(node: ContextNode) -> Words:
    source, varname, typename = node.source, node.varname, node.typename
    lineno = None if node.lineno is None else str(node.lineno)
    end = ", past)" if node.is_past else ")"
    if source and varname is not None and typename is not None and lineno is not None:
        return USUAL_CONTEXT, [source, "  # ", varname, ": ", typename, " (line ", lineno, end]
    line = [("source", source) if source else ("description", node.description)]
    before = "  # "
    if varname is not None:
        line += [("comment", before), ("name", varname)]
        before = ""
    if typename is not None:
        line += [("comment", before + ": "), ("type", typename)]
        before = ""
    if lineno is not None:
        before = before or " "
        line += [("comment", before + "(line "), ("lineno", lineno), ("comment", end)]
    return tuple([kind for kind, _ in line]), [text for _, text in line]


def _children(node: ContextNode, guides: Tuple[str, str], layout: Layout) -> Block:
    blank: Line = [("guide", guides[1])]
    after_blank = False
    drawn = 0
    for child in islice(node.children(), layout.max_children):
        if layout.is_full:
            break
        drawn += 1
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
    more = node.count_children() - drawn
    if more:
        yield left_out(more, layout, guides[0])


def _child_stack(node: StackNode, layout: Layout) -> Block:
    yield [("root", node.name)]
    yield Nested(FLAT, stack_body(node, layout), node.stack)


def _layout(ascii_only: bool, whole: bool) -> Layout:
    return Layout(ascii_only) if whole else bounded(ascii_only, MOST_CHILDREN)


@collects_afterwards
def format_stack(
    stack: Stack, ascii_only: bool, show_contexts: bool, show_hidden_frames: bool, whole: bool
) -> List[str]:
    """See `Stack.format`."""
    layout = _layout(ascii_only, whole)
    node = StackNode(stack, View(show_contexts, show_hidden_frames))
    return list(texts(stack_block(node, layout), layout))


@collects_afterwards
def format_frame(
    frame: Frame, ascii_only: bool, show_contexts: bool, show_hidden_frames: bool, whole: bool
) -> List[str]:
    """See `Frame.format`."""
    layout = _layout(ascii_only, whole)
    node = FrameNode(frame, View(show_contexts, show_hidden_frames))
    return list(texts(frame_block(node, layout), layout))


@collects_afterwards
def format_context(
    context: Context, ascii_only: bool, show_contexts: bool, show_hidden_frames: bool, whole: bool
) -> List[str]:
    """See `Context.format`. A hidden context gives no lines, as it does in a frame."""
    if context.hide and not show_hidden_frames:
        return []
    layout = _layout(ascii_only, whole)
    node = ContextNode(context, View(show_contexts, show_hidden_frames))
    return list(texts(context_block(node, layout), layout))
