"""What something has entered that is no ``with`` block, as an exit stack does.

One that a ``with`` block is of shows what it holds in its context. Others are in a variable of the
function that has made them, or in an attribute of a context manager, which closes them when it is
left.
"""

from __future__ import annotations

from inspect import CO_VARARGS, CO_VARKEYWORDS

from stackscope.extraction.extraction import implementation
from stackscope.extraction.registrations import single_dispatch
from stackscope.interpreter.facts import CO_OPTIMIZED
from stackscope.interpreter.frames.variables import local_value
from stackscope.safe.interruptions import attempt
from stackscope.safe.objects import instance_attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any, Iterable, List

__all__ = ["entered_by", "entered_in", "entered_through"]


@single_dispatch
def entered_by(obj: Any) -> Iterable[object]:
    """Hook: the context managers that an object has entered and not left.

    Dispatches on the type of ``obj``.

    Args:
        obj: The object, such as a `contextlib.ExitStack`.
    """
    return ()


def entered_in(frame: FrameType) -> List[object]:
    """What is entered by exit stacks in variables of a frame.

    Its arguments don't count, nor what is in variables of the functions around it: others have
    these, too.
    """
    names = _own_variables(frame.f_code)
    return _entered_by_any([local_value(frame, name)[1] for name in names])


def entered_through(manager: object) -> List[object]:
    """What is entered by exit stacks in attributes of a context manager that is entered itself."""
    if implementation(entered_by, type(manager)) is not None:
        return []  # an exit stack of a ``with`` block
    return _entered_by_any(instance_attributes(manager).values())


def _entered_by_any(objects: Iterable[object]) -> List[object]:
    found: List[object] = []
    for one in objects:
        if one is not None and implementation(entered_by, type(one)) is not None:
            found += attempt([], entered_by, one)
    return found


def _own_variables(code: CodeType) -> List[str]:
    """The names of the local variables that a function gives values to, but for its arguments."""
    if not code.co_flags & CO_OPTIMIZED:
        return []
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & CO_VARARGS) + bool(code.co_flags & CO_VARKEYWORDS)
    arguments = frozenset(code.co_varnames[:count])
    names = dict.fromkeys(code.co_varnames[count:] + code.co_cellvars)
    return [name for name in names if name not in arguments]
