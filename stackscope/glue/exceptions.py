"""Exceptions and tracebacks: the frames that an exception came by, with the blocks open at these lines.

What an exception was raised from, or while handling what, and the exceptions in a group, are the
children of one more context in the innermost frame. Each exception is drawn once.
"""

from __future__ import annotations

import sys
from types import TracebackType

from stackscope.glue.reading import instance_attributes, is_instance
from stackscope.hooks import unwrap_stackitem
from stackscope.model import Context, Frame, Stack
from stackscope.walk import Past, current_extraction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Sequence, Tuple, Union

    from stackscope.walk import Extraction

_attributes = BaseException.__dict__
_traceback = _attributes["__traceback__"].__get__
_cause = _attributes["__cause__"].__get__
_context = _attributes["__context__"].__get__
_suppresses_context = _attributes["__suppress_context__"].__get__


class Alone:
    """An exception without what is related to it, as a stack item."""

    __slots__ = ("exception",)

    def __init__(self, exception: BaseException) -> None:
        self.exception = exception


def unwrap_traceback(traceback: TracebackType) -> List[Past]:
    """A traceback: its frames, at the lines where the exception came by."""
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
    return _traceback(exception)


def unwrap_alone(item: Alone) -> Any:
    """The traceback of an exception, if it has one."""
    traceback = _traceback(item.exception)
    return [] if traceback is None else traceback


def related(exception: BaseException) -> List[Tuple[str, Sequence[BaseException]]]:
    """The exceptions that ``traceback`` would print beside one, with words that say why."""
    found: List[Tuple[str, Sequence[BaseException]]] = []
    cause, context = _cause(exception), _context(exception)
    if cause is not None:
        found.append(("raised from:", [cause]))
    elif context is not None and not _suppresses_context(exception):
        found.append(("raised while handling:", [context]))
    members = exceptions_in_group(exception)
    if members:
        found.append((f"{len(members)} exceptions:" if members[1:] else "1 exception:", members))
    return found


def exceptions_in_group(exception: BaseException) -> Tuple[BaseException, ...]:
    """The exceptions in an exception group, read without running any of its code.

    Args:
        exception: any exception. Below Python 3.11, groups are those of the package ``exceptiongroup``.

    Returns:
        The members of the group itself, which may be groups in turn. None of an exception that is no
        group.

    Example:
        >>> group = ExceptionGroup("two of three failed", [OSError("full"), KeyError("name")])
        >>> exceptions_in_group(group)
        (OSError('full'), KeyError('name'))
    """
    if sys.version_info >= (3, 11):
        if not is_instance(exception, (BaseExceptionGroup,)):
            return ()
        members: Any = BaseExceptionGroup.__dict__["exceptions"].__get__(exception)
    else:
        backport = sys.modules.get("exceptiongroup")
        cls = getattr(backport, "BaseExceptionGroup", None)
        if cls is None or not is_instance(exception, (cls,)):
            return ()
        # An attribute as others are, which anybody may have set.
        members = instance_attributes(exception).get("_exceptions")
    if type(members) is not tuple:
        return ()
    return tuple(member for member in members if is_instance(member, (BaseException,)))


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
    from stackscope.render.safe import safe_repr

    context = Context(exception, False, description=safe_repr(exception), children=[])
    context.is_past = True
    return context, context.children


def innermost(stack: Stack) -> Optional[Frame]:
    """The innermost frame that is shown."""
    for frame in reversed(stack.frames):
        if not frame.hide:
            return frame
    return None


def install() -> None:
    unwrap_stackitem.register(TracebackType, unwrap_traceback)
    unwrap_stackitem.register(BaseException, unwrap_exception)
    unwrap_stackitem.register(Alone, unwrap_alone)
