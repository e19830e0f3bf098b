"""Which exceptions are not ours to keep.

What the objects that we look at raise costs no more than the detail that was asked for. But Ctrl-C,
``SystemExit``, and whatever a signal handler of the program raises, are meant for the program, and
may come in the middle of our work. So whoever catches more than a few exceptions asks `interrupts`.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found,unused-ignore]
import functools
import sys
from types import FrameType, FunctionType, MethodType

from stackscope.safe.objects import class_attribute, function_of_partial, is_instance, traceback_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Callable, Iterator, Optional

__all__ = ["EXITS_STAY", "attempt", "interrupts"]

CO_VARARGS = 4

EVENTS = ("call", "exception", "line", "opcode", "return")
"""What a trace function is called for."""

LONGEST_CHAIN = 20
"""How many objects that call each other are looked through for the function of a handler."""

EXITS_STAY = "__stackscope_exits_stay__"
"""The name of a local variable that a function has if no ``SystemExit`` shall end it.

What it calls takes one for an exception like any other, unless a signal handler has raised it. A
debugger's prompt must not end since the ``__repr__`` of some object says so.
"""


def interrupts(exc: BaseException) -> bool:
    """Whether ``exc`` is meant for the whole program rather than being about what we look at.

    To be asked by whoever has caught it, with the traceback that it has then.
    """
    if is_instance(exc, (KeyboardInterrupt,)):
        return True
    if is_instance(exc, (SystemExit,)) and not _exits_stay():
        return True
    return _came_between(exc)


def attempt(default: Any, function: Callable[..., Any], *args: object) -> Any:
    """What ``function`` gives; ``default`` if it can't."""
    try:
        return function(*args)
    except BaseException as exc:
        if interrupts(exc):
            raise
        return default


def _exits_stay() -> bool:
    frame: Optional[FrameType] = sys._getframe()
    while frame is not None:
        if EXITS_STAY in frame.f_code.co_varnames:
            return True
        frame = frame.f_back
    return False


def _came_between(exc: BaseException) -> bool:
    """Whether it was raised by what the interpreter has called between two instructions.

    That is a signal handler, or else the function of a debugger that traces us.
    """
    step = traceback_of(exc)
    if step is None:
        return False
    handlers = list(_codes_of_handlers())
    while step.tb_next is not None:
        caller, step = step.tb_frame, step.tb_next
        code = step.tb_frame.f_code
        if any(code is handler for handler in handlers) or _was_handed(step.tb_frame, caller):
            return True
    return False


def _codes_of_handlers() -> Iterator[CodeType]:
    # Not by `signal`, which makes members of enumerations of what is no function.
    for number in range(1, _signal.NSIG):
        handler: Any = _signal.getsignal(number)
        for _ in range(LONGEST_CHAIN):
            kind = type(handler)
            if kind is FunctionType:
                yield handler.__code__
                break
            if kind is MethodType:
                handler = handler.__func__
            elif is_instance(handler, (functools.partial,)):
                handler = function_of_partial(handler)
            elif kind is int or handler is None:
                break
            else:
                handler = class_attribute(kind, "__call__")


def _was_handed(frame: FrameType, caller: FrameType) -> bool:
    """Whether the arguments of a frame are those that the interpreter gives.

    A signal handler gets the number and the frame that it interrupts, a trace function the frame
    and the event, a callback of `sys.monitoring` the code and a number. A handler may have
    put another one in its place, and be none any more, when what it raises is caught.
    """
    code = frame.f_code
    has_more = code.co_flags & CO_VARARGS
    count = code.co_argcount
    if count < 2 and not has_more:
        return False
    variables = frame.f_locals
    given = [variables.get(name) for name in code.co_varnames[:count]]
    if has_more:
        more = variables.get(code.co_varnames[count + code.co_kwonlyargcount])
        given += more if type(more) is tuple else ()
    for first, second in zip(given, given[1:]):
        if second is caller and type(first) is int and 0 < first < _signal.NSIG:
            return True
        # On PyPy, a frame that hasn't begun is not in the traceback.
        is_traced = type(first) is FrameType and (first is caller or first.f_back is caller)
        if is_traced and type(second) is str and second in EVENTS:
            return True
        if first is caller.f_code and type(second) is int:
            return True
    return False
