"""From nodes to the standard library's `traceback.StackSummary`, and the flat text made of it."""

from __future__ import annotations

from traceback import FrameSummary, StackSummary
from typing import TYPE_CHECKING

from stackscope.interpreter.collector import collects_afterwards
from stackscope.interpreter.frames.variables import local_values
from stackscope.model.saved import repr_of, saved_frame
from stackscope.render.nodes import ContextNode, FrameNode, StackNode, View
from stackscope.render.stack import stack_title
from stackscope.safe.text import safe_line, safe_text

if TYPE_CHECKING:
    from types import FrameType
    from typing import Iterator, List, Mapping, Optional, Union

    from stackscope.model.stacks import Frame, Stack

    Entries = Iterator[Union[FrameSummary, "Entries"]]

CONTEXT_KEY = "<context manager>"
"""Under this name the entry of a context captures its "local variable"."""


@collects_afterwards
def stack_summary(
    stack: Stack, show_contexts: bool, show_hidden_frames: bool, capture_locals: bool
) -> StackSummary:
    """See `Stack.as_stdlib_summary`."""
    node = StackNode(stack, View(show_contexts, show_hidden_frames))
    return StackSummary.from_list(list(_flatten(_stack_entries(node, capture_locals))))


def frame_summary(frame: Frame, capture_locals: bool) -> FrameSummary:
    """See `Frame.as_stdlib_summary`."""
    return _frame_entry(FrameNode(frame, View(show_contexts=False)), capture_locals)


def frame_summaries(
    frame: Frame, show_hidden_frames: bool, capture_locals: bool
) -> Iterator[FrameSummary]:
    """See `Frame.as_stdlib_summary_with_contexts`."""
    node = FrameNode(frame, View(show_hidden=show_hidden_frames))
    return _flatten(_frame_entries(node, capture_locals))


@collects_afterwards
def format_flat(stack: Stack, show_contexts: bool) -> List[str]:
    """See `Stack.format_flat`."""
    node = StackNode(stack, View(show_contexts))
    lines = ["".join([text for _, text in stack_title(node)]) + "\n"]
    summary = StackSummary.from_list(list(_flatten(_stack_entries(node, False))))
    lines += summary.format()
    leaf = node.leaf
    if leaf is not None:
        lines.append(f"  Target of innermost frame: {leaf}\n")
    return lines + [f"  {line}\n" for line in node.error_lines()]


def _flatten(entries: Entries) -> Iterator[FrameSummary]:
    """All entries, those of nested iterators in their place, without recursion."""
    levels = [entries]
    while levels:
        entry = next(levels[-1], None)
        if entry is None:
            levels.pop()
        elif isinstance(entry, FrameSummary):
            yield entry
        else:
            levels.append(entry)


def _stack_entries(node: StackNode, capture_locals: bool) -> Entries:
    for frame in node.frames():
        yield _frame_entries(frame, capture_locals)


def _frame_entries(node: FrameNode, capture_locals: bool) -> Entries:
    for context in node.contexts():
        yield _context_entries(context, node, capture_locals)
    contexts = node.frame.contexts
    if not (node.view.show_contexts and contexts and contexts[-1].is_exiting):
        yield _frame_entry(node, capture_locals)


def _context_entries(node: ContextNode, frame: FrameNode, capture_locals: bool) -> Entries:
    yield _context_entry(node, frame, capture_locals)
    inner = node.inner
    if inner is not None:
        yield _stack_entries(inner, capture_locals)
    for child in node.children():
        if isinstance(child, ContextNode):
            yield _context_entries(child, frame, capture_locals)


def _frame_entry(node: FrameNode, capture_locals: bool) -> FrameSummary:
    frame = node.frame
    line = node.view.sources.line(frame.pyframe, frame.lineno)
    variables = variables_of(frame.pyframe) if capture_locals else None
    return _entry(frame, frame.lineno, frame.funcname, line, variables)


def variables_of(pyframe: FrameType) -> Mapping[str, object]:
    """The local variables of a frame."""
    saved = saved_frame(pyframe)
    return local_values(pyframe) if saved is None else saved.variables


def _context_entry(node: ContextNode, owner: FrameNode, capture_locals: bool) -> FrameSummary:
    context, frame = node.context, owner.frame
    words = ": ".join([word for word in (node.varname, node.typename) if word is not None])
    name = f"{frame.funcname} ({words})" if words else frame.funcname
    lineno = context.start_line
    line = "" if lineno is None else owner.view.sources.line(frame.pyframe, lineno)
    if node.is_child:
        line = f"# {node.description}"
    variables = {CONTEXT_KEY: context.obj} if capture_locals else None
    return _entry(frame, frame.lineno if lineno is None else lineno, name, line, variables)


def _entry(
    frame: Frame, lineno: int, name: str, line: str, variables: Optional[Mapping[str, object]]
) -> FrameSummary:
    # Its format() writes them as they are, newlines included.
    filename, name, line = safe_text(frame.filename), safe_text(name), safe_line(line)
    entry = FrameSummary(filename, lineno, name, lookup_line=False, line=line)
    if variables is not None:
        # FrameSummary itself would call an unguarded repr up to 3.10
        entry.locals = {safe_text(each): repr_of(value) for each, value in variables.items()}
    return entry
