"""Generators and coroutines that another thread may resume at any time: no GIL.

They must not be asked for what they await then: ``gi_yieldfrom`` takes that from the stack and
makes a reference to it, while the thread that resumes them may just free it (``_PyGen_yf`` in
Objects/genobject.c of 3.13). What `gc.get_referents` gives is consistent, for it stops all threads.
"""

from __future__ import annotations

import _thread
import functools
import gc
import opcode
import sys
import weakref
from types import AsyncGeneratorType, CodeType, CoroutineType, FrameType, GeneratorType

from stackscope.interpreter.facts import has_gil
from stackscope.safe.objects import mro_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Union

    Owner = Union[
        AsyncGeneratorType[Any, Any],
        CoroutineType[Any, Any, Any],
        GeneratorType[Any, Any, Any],
    ]

__all__ = ["awaited_by", "cr_await", "frame_of", "is_alone", "is_suspended", "owner_of", "remember"]

TRIES = 50
"""How often to look again at what keeps moving."""

RESUME = opcode.opmap.get("RESUME", -1)
AFTER_YIELD_FROM, AFTER_AWAIT = 2, 3

_owners: Dict[int, weakref.ref[Owner]] = {}
"""Who owns a frame, by the frame's id: frames can't be referred to weakly."""


def is_alone() -> bool:
    """Whether nothing can move while we look."""
    return has_gil() or _is_only_thread()


def frame_of(owner: object) -> Optional[FrameType]:
    """The frame of a generator or coroutine; `None` if it has ended, or is just ending.

    If two threads make the frame object at once, or one makes it while the generator ends, there is
    one too many, which outlives what it points to (``_PyFrame_MakeAndSetFrameObject`` in
    Python/frame.c of 3.13).
    """
    for _ in range(TRIES):
        frame = _frame_of(owner)
        if _frame_of(owner) is frame:
            return frame
    return None


def owner_of(frame: FrameType) -> Optional[Owner]:
    """The generator, coroutine or async generator that a frame belongs to."""
    known = _owners.get(id(frame))
    owner = None if known is None else known()
    if frame_of(owner) is frame:
        return owner
    for item in gc.get_referrers(frame):  # slow
        if frame_of(item) is frame:
            remember(item, frame)
            return item  # type: ignore[no-any-return]
    return None


def remember(owner: Owner, frame: FrameType) -> None:
    """Have `owner_of` find ``owner`` at once."""
    key = id(frame)
    known = _owners.get(key)
    if known is None or known() is not owner:
        # No Python code is called in the end: a debugger would stop in it. A reference that another
        # one has taken the place of calls nothing.
        _owners[key] = weakref.ref(owner, functools.partial(_owners.pop, key))


def awaited_by(owner: Owner, frame: FrameType) -> object:
    """What a suspended generator yields from or awaits, if anything, unless it was resumed.

    Args:
        owner: the generator, coroutine or async generator.
        frame: its frame.
    """
    code = frame.f_code
    for _ in range(TRIES):
        position = frame.f_lasti
        if not _awaits_at(code, position):
            return None
        # On top of the stack, which follows the variables, and is followed by a pending exception
        # (`gen_traverse` in Objects/genobject.c). A frame that runs shows nothing behind its code.
        found = gc.get_referents(owner)
        if found and _is_exception(found[-1]):
            found.pop()
        if frame.f_lasti == position and is_suspended(owner):
            return None if not found or found[-1] is code else found[-1]
    return None


def cr_await(coroutine: Any) -> object:
    """What a coroutine awaits: its ``cr_await``, asked safely."""
    if is_alone() or type(coroutine) is not CoroutineType:
        return coroutine.cr_await
    frame = frame_of(coroutine)
    return None if frame is None else awaited_by(coroutine, frame)


def _is_exception(item: object) -> bool:
    return any(base is BaseException for base in mro_of(type(item)))


def _awaits_at(code: CodeType, position: int) -> bool:
    """Whether a generator that is suspended at an instruction awaits or yields from something.

    It is at the RESUME by which it goes on, whose argument tells why (Lib/dis.py documents it).
    """
    instructions = code.co_code
    return (
        0 <= position < len(instructions)
        and instructions[position] == RESUME
        and instructions[position + 1] & 3 in (AFTER_YIELD_FROM, AFTER_AWAIT)
    )


def _is_only_thread() -> bool:
    # _count() doesn't know threads that weren't started by Python; _current_frames() stops all
    # threads.
    return _thread._count() == 0 and len(sys._current_frames()) == 1


def _frame_of(item: object) -> Optional[FrameType]:
    if type(item) is GeneratorType:
        return item.gi_frame
    if type(item) is CoroutineType:
        return item.cr_frame
    return item.ag_frame if type(item) is AsyncGeneratorType else None


def is_suspended(owner: Owner) -> bool:
    """Whether nobody is running ``owner``; it may not have begun yet."""
    if type(owner) is GeneratorType:
        return not owner.gi_running
    if type(owner) is CoroutineType:
        return not owner.cr_running
    assert type(owner) is AsyncGeneratorType
    # ag_running is also true while it waits in an await
    return bool(getattr(owner, "ag_suspended", False)) or not owner.ag_running
