"""Contexts of suspended frames through public interfaces alone.

`gc.get_referents` of a suspended generator (of its frame up to 3.10) lists its variables and then
its value stack, where the exit callables of active blocks are. The code says how many there
are; they are the last ones, since variables come first.
"""

from __future__ import annotations

import gc
from types import FrameType
from typing import List, NamedTuple, Tuple

from stackscope.interpreter.facts import STACK_IS_IN_FRAME
from stackscope.interpreter.frames.methods import is_exit_code, is_exit_of, manager_of


class FoundExit(NamedTuple):
    """A manager, and whether its block is an ``async with``."""

    manager: object
    is_async: bool


def exits_in(owner: object, frame: FrameType) -> List[FoundExit]:
    """The managers whose exit callables a suspended frame refers to, in order.

    Args:
        owner: the generator, coroutine or async generator of the frame, or the frame.
        frame: the frame.
    """
    referents = _referents(owner, frame)
    found = []
    following: List[object] = [*referents[1:], None]
    for item, next_item in zip(referents, following):
        for name, is_async in _NAMES:
            known, manager = manager_of(item, name)
            if known:
                found.append(FoundExit(manager, is_async))
            elif is_exit_of(item, next_item, name):
                found.append(FoundExit(next_item, is_async))
    return found


def manager_awaited(owner: object, frame: FrameType, name: str) -> object:
    """The manager whose exit method a suspended coroutine runs; `None` if that can't be told.

    Args:
        owner: the coroutine.
        frame: its frame.
        name: ``"__exit__"`` or ``"__aexit__"``.
    """
    # Among its variables is ``self``.
    items = _referents(owner, frame)
    return next((item for item in items if is_exit_code(frame.f_code, item, name)), None)


def _referents(owner: object, frame: FrameType) -> List[object]:
    referents: List[object] = gc.get_referents(owner)
    if STACK_IS_IN_FRAME and not isinstance(owner, FrameType):
        referents += gc.get_referents(frame)
    return referents


_NAMES: Tuple[Tuple[str, bool], ...] = (("__exit__", False), ("__aexit__", True))
