"""The references that a running frame has, of which the collector doesn't tell.

They are told as addresses, to be compared with those of objects that are known. A reference that is
left out does no harm: it is then one of unknown origin. But none may be told that isn't there.

Evidence: what is on the stack of a frame at a call into C belongs to it until that call returns,
but for what the instruction has taken off before (Python/ceval.c up to 3.11, Python/bytecodes.c
later). From 3.14 on each instruction stores how deep the stack is before it calls anything.
"""

from __future__ import annotations

import dis
import functools
import gc
from types import FunctionType, GeneratorType, MethodType

from stackscope.interpreter.bytecode.analyze import analyze_whole
from stackscope.interpreter.facts import CO_ANY_GENERATOR, HAS_EXCEPTION_TABLE, VERSION
from stackscope.interpreter.frames import choosing
from stackscope.interpreter.frames.base import FrameMoved
from stackscope.interpreter.frames.variables import first_argument
from stackscope.safe.objects import class_attribute, function_of_partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any, List, Optional

    from stackscope.interpreter.frames.base import Moment

__all__ = ["exit_is_on_stack", "is_entering", "references_of"]

TRIES = 5
"""How often to look at a frame that moves. One that waits doesn't."""

ENTERS = ("BEFORE_WITH", "SETUP_WITH")
"""The operations that call ``__enter__``, up to 3.13. They have it and, from 3.12 on, ``__exit__``
in variables of C meanwhile; the manager isn't theirs any more."""

DROPS_MANAGER = VERSION >= (3, 12)
"""While ``__enter__`` is called, the slot of the manager has what isn't the frame's any more."""

SPREADS = "CALL_FUNCTION_EX"
"""The operation that calls with ``*`` and ``**``: it may have made other objects of these."""

KEEPING = (
    *("CALL", "CALL_FUNCTION", "CALL_FUNCTION_KW", "CALL_KW", "CALL_METHOD", "FOR_ITER"),
    *("PRECALL", SPREADS, *ENTERS),
)
"""The operations that leave what is on the stack alone until what they call has returned."""


def references_of(frame: FrameType, callee: Optional[FrameType]) -> List[int]:
    """The addresses of the objects that a running frame refers to, once for each reference.

    Args:
        frame: A frame that is waiting in a call, of any thread.
        callee: The next frame of its stack; ``None`` if it waits in code without frames.

    Returns:
        As many as can be told, but for those that the collector tells.
    """
    reader = choosing.reader()
    for _ in range(TRIES):
        try:
            moment = None if reader is None else reader.moment(frame, frame.f_code)
            return [] if moment is None else _references_at(frame, moment, callee)
        except FrameMoved:
            continue
    return []


def is_entering(frame: FrameType) -> bool:
    """Whether a frame calls ``__enter__``, and has the bound methods in variables of C."""
    return _operation(frame.f_code, frame.f_lasti) in ENTERS


def exit_is_on_stack() -> bool:
    """Whether ``__exit__`` is among the references of a frame while ``__enter__`` is called."""
    return not DROPS_MANAGER


def _operation(code: CodeType, lasti: int) -> str:
    return dis.opname[code.co_code[lasti]] if lasti >= 0 else ""


def _references_at(frame: FrameType, moment: Moment, callee: Optional[FrameType]) -> List[int]:
    code = frame.f_code
    variables = len(analyze_whole(code).names)
    first = 0
    if not HAS_EXCEPTION_TABLE:
        # The variables of a frame that it knows (``frame_traverse`` in Objects/frameobject.c).
        first = variables if gc.is_tracked(frame) else 0
    elif code.co_flags & CO_ANY_GENERATOR and moment.depth >= 0:
        return []  # it knows all that is in use (``_PyFrame_Traverse`` in Python/frame.c)
    operation = _operation(code, moment.lasti)
    site = moment.pick(analyze_whole(code)) if operation in KEEPING else None
    base = -1 if site is None else variables + site.intact
    start = None if site is None else _operands(moment, base, operation, callee)
    if site is None or start is None:
        return moment.references(range(first, max(variables, moment.depth)))
    count = variables + site.depth
    if operation == SPREADS and moment.depth in (-1, count):
        has_keywords = code.co_code[moment.lasti + 1] & 1 or ALWAYS_HAS_KEYWORDS
        return _of_spreading(moment, first, count, count - 1 - has_keywords)
    if moment.depth >= 0:
        count = moment.depth
    elif operation in ENTERS and DROPS_MANAGER:
        count -= 1
    return moment.references([*range(first, min(base, count)), *range(start, count)])


ALWAYS_HAS_KEYWORDS = VERSION >= (3, 14)


def _of_spreading(moment: Moment, first: int, count: int, start: int) -> List[int]:
    """What a frame refers to that calls something with ``*``, and perhaps ``**``.

    The call may have been given a tuple and a dictionary made of these.

    Args:
        moment: The moment.
        first: The first slot that counts.
        count: How many slots are in use.
        start: The slot of the arguments; that of the keywords follows.
    """
    arguments: Any = moment.tracked(start)
    keywords: Any = moment.tracked(start + 1) if start + 1 < count else None
    stop = start
    if moment.depth >= 0:
        stop = count
    elif type(arguments) is tuple:
        stop += 1 + (type(keywords) is dict)
    found = moment.references(range(first, stop))
    if type(arguments) is tuple and type(keywords) is dict and keywords:
        callee = moment.tracked(start - 1) or moment.tracked(start - 2)
        # Functions and methods get an array then, with references of its own to all arguments
        # (``_PyStack_UnpackDict`` in Objects/call.c). From 3.12 on a function is called in another
        # way.
        if type(callee) is MethodType or (type(callee) is FunctionType and not DROPS_MANAGER):
            found += map(id, [*arguments, *keywords.values()])
    return found


def _operands(
    moment: Moment, base: int, operation: str, callee: Optional[FrameType]
) -> Optional[int]:
    """The first slot of the operands of a call that a frame has; ``None`` if it isn't at its call.

    It may also have come back from there: then it drops its operands, and that runs a finalizer, or
    the thread handles a signal before the next instruction. The result takes the first of their
    slots.

    Args:
        moment: Where the frame stands.
        base: The slot of the first operand.
        operation: The name of the instruction.
        callee: The frame that is said to be called; ``None`` if code without frames is.
    """
    if moment.depth >= 0 or callee is None:
        return base
    code = callee.f_code
    if code.co_name == "__del__":
        return None
    if operation in ENTERS:
        manager = first_argument(callee)[1]
        return base if _code_of(class_attribute(type(manager), "__enter__")) is code else None
    [address] = moment.addresses(base + 1)[base:]
    called = moment.tracked(base if address else base + 1)
    if type(called) is GeneratorType:
        return base if called.gi_frame is callee else None
    if _code_of(called) is code:
        return base
    # Up to 3.10 a method lends the slot that it is in to its object (``method_vectorcall`` in
    # Objects/classobject.c).
    is_lent = called is not None and called is first_argument(callee)[1]
    is_method = _code_of(class_attribute(type(called), code.co_name)) is code
    return base + 1 if is_lent and is_method and not HAS_EXCEPTION_TABLE else None


def _code_of(function: Any) -> Optional[CodeType]:
    """The code of a function, of that of a method, or of that in partial objects."""
    for _ in range(MOST_PARTIALS):
        if type(function) is functools.partial:
            function = function_of_partial(function)
    if type(function) is MethodType:
        function = function.__func__
    return function.__code__ if type(function) is FunctionType else None


MOST_PARTIALS = 5
"""How many partial objects are looked through that are in each other."""
