"""What tasks are about: the request that a task of a web server answers.

The names of such tasks tell nothing, as ``Task-27`` or the name of a function of the library's.
"""

from __future__ import annotations

from stackscope.extraction.codes import code_dispatch
from stackscope.safe.interruptions import attempt
from stackscope.safe.text import cut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Optional

    from stackscope.model.stacks import Frame, Stack

__all__ = ["describe_subject", "subject_of"]

LONGEST_SUBJECT = 100
"""The most characters of a subject that are kept."""


def _code_of_frame(frame: Frame) -> CodeType:
    return frame.pyframe.f_code


@code_dispatch(_code_of_frame)
def describe_subject(frame: Frame) -> Optional[str]:
    """Hook: say what a task works on, by a function that it executes.

    Dispatches on the code object of the function. The result is shown instead of the task's name,
    unless somebody has set that name.

    Args:
        frame: The frame of the function.

    Returns:
        A few words, such as ``"GET /orders/7"``; ``None`` if it isn't known.

    Example:
        >>> async def serve(order):
        ...     await order
        >>> @describe_subject.register(serve)
        ... def order_of(frame):
        ...     return "order 7"
    """
    return None


def subject_of(stack: Stack) -> Optional[str]:
    """What a task is about, as the outermost function says that knows it."""
    for frame in stack.frames:
        hook = describe_subject.for_code(frame.pyframe.f_code)
        subject = None if hook is None else attempt(None, hook, frame)
        if type(subject) is str and subject:
            return cut(subject, LONGEST_SUBJECT)
    return None
