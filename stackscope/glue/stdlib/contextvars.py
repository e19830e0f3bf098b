"""contextvars: ``Context.run()`` is hidden where it is Python code, as it is on PyPy."""

from __future__ import annotations

import contextvars
from types import FunctionType

from stackscope.extraction.hooks import customize
from stackscope.safe.objects import class_attribute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import List

_run = class_attribute(contextvars.Context, "run")


def called_in_context(frames: List[FrameType]) -> List[FrameType]:
    """``frames`` without a ``Context.run()`` that they begin with."""
    if type(_run) is not FunctionType:
        return frames
    start = 0
    while start < len(frames) and frames[start].f_code is _run.__code__:
        start += 1
    return frames[start:]


def install() -> None:
    """Hide it."""
    if type(_run) is FunctionType:
        customize(_run, hide=True)
