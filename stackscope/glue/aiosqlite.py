"""aiosqlite: what a task awaits is done by the thread that its connection has."""

from __future__ import annotations

import sys
from types import MemberDescriptorType

from stackscope.extraction.extraction import looked_up_once, threads_with_frames
from stackscope.extraction.hooks import customize, unwrap_stackitem
from stackscope.glue.describing import code_of, note_thread, register_call, register_class, variable
from stackscope.interpreter.frames.variables import local_value
from stackscope.safe.objects import class_attribute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any, Dict, List, Optional, Tuple

    from stackscope.model.stacks import Frame
    from stackscope.model.waiting import Waiting

    Call = Tuple[int, List[FrameType]]

CALLERS = ("Connection._execute", "Connection._connect")
"""The coroutines that hand a call to the thread, and wait in a variable named ``future``."""

WORKERS = ("_connection_worker_thread", "Connection.run")
"""The functions that the thread runs: 0.22, and before."""

_workers: List[CodeType] = []


def elaborate_call(frame: Frame, next_inner: object) -> Any:
    """The frames of the call in the thread, if it has any; else the future."""
    if getattr(next_inner, "pyframe", None) is not None:
        return None
    call = call_of(variable(frame, "future"))
    return call[1] or None if call is not None else None


def describe_call(frame: Frame, waiting: Waiting) -> None:
    """Which thread is at the call, or that it waits for its turn."""
    call = call_of(variable(frame, "future"))
    waiting.clear()
    if call is None:
        waiting.notes = ["not begun"]
    else:
        note_thread(waiting, call[0])


def unwrap_result(result: object) -> object:
    """What the functions of a connection give: the coroutine in it."""
    slot = class_attribute(type(result), "_coro")
    return slot.__get__(result) if type(slot) is MemberDescriptorType else None


def call_of(future: object) -> Optional[Call]:
    """The thread that is at the call that a future stands for, and its frames."""
    return None if future is None else looked_up_once(_find_calls).get(id(future))


def _find_calls() -> Dict[int, Call]:
    found: Dict[int, Call] = {}
    for ident, frames in threads_with_frames():
        for index, frame in enumerate(frames):
            if any(frame.f_code is code for code in _workers):
                is_bound, future = local_value(frame, "future")
                if is_bound and future is not None:
                    found[id(future)] = (ident, frames[index + 1 :])
    return found


def install() -> None:
    """Register what is known about aiosqlite."""
    module = sys.modules.get("aiosqlite.core")
    context = sys.modules.get("aiosqlite.context")
    register_class(unwrap_stackitem, context, "Result", unwrap_result)
    _workers[:] = [code for code in (code_of(module, path) for path in WORKERS) if code is not None]
    for path in CALLERS:
        code = code_of(module, path)
        if code is not None:
            customize(code, elaborate=elaborate_call)
            register_call(module, path, describe_call)
