"""The suspended generators that a frame has: it iterates over them, or has them in variables."""

from __future__ import annotations

import dis
from types import AsyncGeneratorType, GeneratorType

from stackscope.interpreter.bytecode.analyze import analyze_whole
from stackscope.interpreter.facts import IS_CPYTHON, has_gil
from stackscope.interpreter.frames import choosing
from stackscope.interpreter.frames.base import FrameMoved
from stackscope.interpreter.frames.variables import local_values
from stackscope.interpreter.resumable import is_suspended

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, List

    from stackscope.interpreter.bytecode import CodeAnalysis

__all__ = ["generators_in"]

TRIES = 5
"""How often to look at a frame that moves."""

_TYPES: Any = (AsyncGeneratorType, GeneratorType)
_IDS = frozenset(map(id, _TYPES))
_ITERATES = frozenset(dis.opmap[op] for op in ("GET_ITER", "GET_AITER") if op in dis.opmap)


def generators_in(frame: FrameType) -> List[object]:
    """The suspended generators and asynchronous generators that a frame has, each of them once."""
    found = [one for one in local_values(frame).values() if type(one) in _TYPES]
    found += _iterated(frame)
    alone: Any = {id(one): one for one in found}
    return [one for one in alone.values() if is_suspended(one)]


def _iterated(frame: FrameType) -> List[object]:
    """What a frame has on its value stack: what its ``for`` loops are in."""
    if not IS_CPYTHON or not has_gil() or _ITERATES.isdisjoint(frame.f_code.co_code[::2]):
        return []
    reader = choosing.reader()
    if reader is None:
        return []
    analysis = analyze_whole(frame.f_code)
    for _ in range(TRIES):
        try:
            moment = reader.moment(frame, frame.f_code)
            return [] if moment is None else _on_stack(moment, analysis)
        except FrameMoved:
            continue
    return []


def _on_stack(moment: Any, analysis: CodeAnalysis) -> List[object]:
    sites = analysis.at(moment.lasti)
    first = len(analysis.names)
    depth = min([site.depth for site in sites], default=0)
    found = [moment.peek(slot, _IDS)[1] for slot in range(first, first + depth)]
    return [one for one in found if one is not None]
