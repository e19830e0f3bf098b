"""The objects that a frame has given to the call that it is at: a function in C has no frame."""

from __future__ import annotations

import dis

from stackscope.interpreter.bytecode.analyze import analyze_whole
from stackscope.interpreter.facts import IS_CPYTHON, has_gil
from stackscope.interpreter.frames import choosing
from stackscope.interpreter.frames.base import FrameMoved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Optional, Sequence

__all__ = ["operand_of_call"]


def operand_of_call(frame: FrameType, types: Sequence[type]) -> Optional[object]:
    """The first object of exactly one of some types among the operands of a call.

    Args:
        frame: A frame that is suspended in the call.
        types: The types.

    Returns:
        The object whose method is called, or else an argument; ``None`` if there is no such, and
        where frames can't be read.
    """
    reader = choosing.reader()
    if reader is None or not IS_CPYTHON or not has_gil():
        return None
    try:
        moment = reader.moment(frame, frame.f_code)
    except FrameMoved:
        return None
    if moment is None:
        return None
    analysis = analyze_whole(frame.f_code)
    sites = analysis.at(moment.lasti)
    if len(sites) != 1 or not dis.opname[frame.f_code.co_code[moment.lasti]].startswith("CALL"):
        return None
    ids = frozenset(map(id, types))
    first = len(analysis.names)
    for slot in range(first + sites[0].intact, first + sites[0].depth):
        _, found = moment.peek(slot, ids)
        if found is not None:
            return found
    return None
