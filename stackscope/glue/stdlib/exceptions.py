"""Exceptions and tracebacks: the frames that an exception has passed, with the open blocks.

What an exception was raised from, or while handling what, and the exceptions in a group, are the
children of one more context in the innermost frame. Each exception is drawn once.
"""

from __future__ import annotations

from functools import partial
from types import TracebackType

from stackscope.extraction.extraction import current_extraction
from stackscope.extraction.hooks import unwrap_stackitem
from stackscope.extraction.walk import Past
from stackscope.model.records import make_late
from stackscope.model.stacks import Context, Frame, Stack
from stackscope.safe.objects import (
    cause_of,
    context_of,
    exceptions_in_group,
    suppresses_context,
    traceback_of,
)
from stackscope.safe.text import safe_repr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Sequence, Tuple, Union

    from stackscope.extraction.extraction import Extraction


class Alone:
    """An exception without what is related to it, as a stack item."""

    __slots__ = ("exception",)

    def __init__(self, exception: BaseException) -> None:
        self.exception: BaseException = exception


def unwrap_traceback(traceback: TracebackType) -> List[Past]:
    """A traceback: its frames, at the lines that the exception has passed."""
    entries: List[Past] = []
    step: Optional[TracebackType] = traceback
    while step is not None:
        # All but the first frame have passed the exception on.
        entries.append(
            Past(step.tb_frame, max(step.tb_lineno or 0, 0), step.tb_lasti, bool(entries))
        )
        step = step.tb_next
    return entries


def unwrap_exception(exception: BaseException) -> Any:
    """An exception: its traceback. Without one, it is a leaf."""
    extraction = current_extraction()
    if extraction is not None and extraction.chain is not None and extraction.with_contexts:
        stack = extraction.chain[1]
        if stack is not None and any(others for _, others in related(exception)):
            extraction.postpone(add_related, extraction, stack, exception)
    return traceback_of(exception)


def unwrap_alone(item: Alone) -> Any:
    """The traceback of an exception, if it has one."""
    traceback = traceback_of(item.exception)
    return [] if traceback is None else traceback


def related(exception: BaseException) -> List[Tuple[str, Sequence[BaseException]]]:
    """The exceptions that ``traceback`` would print with another one, with words that say why."""
    found: List[Tuple[str, Sequence[BaseException]]] = []
    cause, context = cause_of(exception), context_of(exception)
    if cause is not None:
        found.append(("raised from:", [cause]))
    elif context is not None and not suppresses_context(exception):
        found.append(("raised while handling:", [context]))
    members = exceptions_in_group(exception)
    if members:
        found.append((f"{len(members)} exceptions:" if members[1:] else "1 exception:", members))
    return found


def add_related(extraction: Extraction, stack: Stack, exception: BaseException) -> None:
    """Add the exceptions that are related to one, and those related to these, to its stack."""
    frame = innermost(stack)
    if frame is None:
        return
    known = {id(exception)}
    pending = [(exception, frame.contexts)]
    while pending:
        exception, contexts = pending.pop()
        for text, others in related(exception):
            children: List[Union[Context, Stack]] = []
            for other in others:
                child, places = child_for(extraction, other, id(other) in known)
                children.append(child)
                if id(other) not in known:
                    known.add(id(other))
                    pending.append((other, places))
            context = Context(None, False, description=text, children=children)
            context.is_past = True
            contexts.append(context)  # type: ignore[attr-defined]


def child_for(
    extraction: Extraction, exception: BaseException, known: bool
) -> Tuple[Union[Context, Stack], Sequence[Any]]:
    """What stands for a related exception, and the list that those related to it go to."""
    if known:
        return Stack(exception, []), []
    stack = extraction.child(Alone(exception), for_task=False)
    stack.root = exception
    frame = innermost(stack)
    if frame is not None:
        return stack, frame.contexts
    if stack.frames or not any(others for _, others in related(exception)):
        return stack, []
    # It was never raised.
    context = Context(exception, False, children=[])
    make_late(context, "description", partial(safe_repr, exception))
    context.is_past = True
    return context, context.children


def innermost(stack: Stack) -> Optional[Frame]:
    """The innermost frame that is shown."""
    for frame in reversed(stack.frames):
        if not frame.hide:
            return frame
    return None


def install() -> None:
    """Register what is known about exceptions and tracebacks."""
    unwrap_stackitem.register(TracebackType, unwrap_traceback)
    unwrap_stackitem.register(BaseException, unwrap_exception)
    unwrap_stackitem.register(Alone, unwrap_alone)
