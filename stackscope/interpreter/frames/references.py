"""The references that a running frame has, of which the collector doesn't tell.

They are told as addresses, to be compared with those of objects that are known. A reference that is
left out does no harm: it is then one of unknown origin. But none may be told that isn't there.

Evidence: what is on the stack of a frame at a call into C belongs to it until that call returns,
but for what the instruction has taken off before (Python/ceval.c up to 3.11, Python/bytecodes.c
later). From 3.14 on each instruction stores how deep the stack is before it calls anything.
"""

from __future__ import annotations

import dis
import gc
from types import FunctionType, MethodType

from stackscope.interpreter.bytecode.analyze import analyze_whole
from stackscope.interpreter.facts import CO_ANY_GENERATOR, HAS_EXCEPTION_TABLE, VERSION
from stackscope.interpreter.frames import choosing
from stackscope.interpreter.frames.base import FrameMoved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any, List

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


def references_of(frame: FrameType) -> List[int]:
    """The addresses of the objects that a running frame refers to, once for each reference.

    Args:
        frame: A frame that is waiting in a call, of any thread.

    Returns:
        As many as can be told, but for those that the collector tells.
    """
    reader = choosing.reader()
    for _ in range(TRIES):
        try:
            moment = None if reader is None else reader.moment(frame, frame.f_code)
            return [] if moment is None else _references_at(frame, moment)
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


def _references_at(frame: FrameType, moment: Moment) -> List[int]:
    code = frame.f_code
    variables = len(analyze_whole(code).names)
    first = 0
    if not HAS_EXCEPTION_TABLE:
        # The variables of a frame that it knows (``frame_traverse`` in Objects/frameobject.c).
        first = variables if gc.is_tracked(frame) else 0
    elif code.co_flags & CO_ANY_GENERATOR and moment.depth >= 0:
        return []  # it knows all that is in use (``_PyFrame_Traverse`` in Python/frame.c)
    if moment.depth > variables + code.co_stacksize:
        return []
    operation = _operation(code, moment.lasti)
    site = moment.pick(analyze_whole(code)) if operation in KEEPING else None
    if site is None:
        return moment.references(range(first, max(variables, moment.depth)))
    count = variables + site.depth
    if operation == SPREADS and moment.depth in (-1, count):
        return _of_spreading(moment, first, count, code.co_code[moment.lasti + 1] & 1)
    if moment.depth >= 0:
        count = moment.depth
    elif operation in ENTERS and DROPS_MANAGER:
        count -= 1
    return moment.references(range(first, count))


def _of_spreading(moment: Moment, first: int, count: int, has_keywords: int) -> List[int]:
    """What a frame refers to that calls something with ``*``, and perhaps ``**``.

    The call may have been given a tuple and a dictionary made of these.
    """
    start = count - 1 - (has_keywords or ALWAYS_HAS_KEYWORDS)
    arguments: Any = moment.tracked(start)
    keywords: Any = moment.tracked(start + 1) if start + 1 < count else None
    found = moment.references(range(first, start))
    if type(arguments) is tuple:
        found.append(id(arguments))
    if type(keywords) is dict:
        found.append(id(keywords))
        if keywords and type(arguments) is tuple and _takes_array(moment, start):
            found += map(id, [*arguments, *keywords.values()])
    return found


ALWAYS_HAS_KEYWORDS = VERSION >= (3, 14)


def _takes_array(moment: Moment, start: int) -> bool:
    """Whether what is called gets an array with references of its own to its arguments.

    That are functions and methods if there are keywords (``_PyStack_UnpackDict``,
    Objects/call.c). From 3.12 on a function is called in another way.
    """
    functions = (MethodType,) if DROPS_MANAGER else (FunctionType, MethodType)
    callee = moment.tracked(start - 1) or moment.tracked(start - 2)
    return any(type(callee) is cls for cls in functions)
