"""greenback: the frames by which it lets synchronous code await are hidden.

A task with a portal is a shim that runs the task's own coroutine in a greenlet. Where the shim's
frame is the innermost one, the stack goes on into that greenlet, and from there into the coroutines
and awaitables that the greenlet is about. ``async_context(cm)`` is ``cm``.
"""

from __future__ import annotations

import greenback
import greenback._impl
import greenlet

from stackscope.extraction.hooks import customize, unwrap_context
from stackscope.glue.describing import variable
from stackscope.glue.greenlets.greenlet import frame_of
from stackscope.model.stacks import Frame
from stackscope.safe.objects import class_attribute, instance_attributes, is_instance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

    from stackscope.model.stacks import Context


def elaborate_trampoline(frame: Frame, next_inner: object) -> object:
    """What runs in the greenlet: the task's coroutine, if that awaits something by itself."""
    return variable(frame, "orig_coro") if next_inner is None else None


def elaborate_shim(frame: Frame, next_inner: object) -> object:
    """The coroutine of a task with a portal, or its greenlet if that is suspended."""
    if next_inner is not None:
        return None
    return suspended_child(frame) or variable(frame, "orig_coro")


def elaborate_new_shim(frame: Frame, next_inner: object) -> object:
    """A task that was given a portal and hasn't run since: the task's coroutine."""
    is_new = type(next_inner) is Frame and next_inner.funcname == "acapture"
    return variable(frame, "orig_coro") if is_new else None


def elaborate_sync_shim(frame: Frame, next_inner: object) -> object:
    """``with_portal_run_sync()``: the greenlet that the function runs in."""
    return suspended_child(frame) if next_inner is None else None


def elaborate_await(frame: Frame, next_inner: object) -> object:
    """``await_()``: the coroutine that it steps through."""
    coroutine = variable(frame, "coro")
    if coroutine is None:
        return None
    # On PyPy, the greenlet's own switch() is a frame.
    is_suspended = next_inner is None or (
        type(next_inner) is Frame and next_inner.funcname == "switch"
    )
    return coroutine if is_suspended else None


def suspended_child(frame: Frame) -> Optional[Any]:
    """The greenlet that a shim has made, if it is suspended."""
    child = variable(frame, "child_greenlet")
    if not is_instance(child, (greenlet.greenlet,)) or frame_of(child) is None:
        return None
    return child


def unwrap_async_context(manager: object, context: Context) -> object:
    """``async_context(cm)``: the async context manager inside."""
    slot = class_attribute(greenback.async_context, "_cm")
    if slot is not None:
        return slot.__get__(manager)
    return instance_attributes(manager).get("_cm")


def install() -> None:
    """Register what is known about greenback."""
    hooks = {
        "trampoline": elaborate_trampoline,  # 1.2+
        "_greenback_shim": elaborate_shim,
        "_greenback_shim_sync": elaborate_sync_shim,
        "await_": elaborate_await,
    }
    for name, hook in hooks.items():
        function = getattr(greenback._impl, name, None)
        if function is not None:
            customize(function, hide=True, elaborate=hook)
    customize(greenback._impl.greenback_shim, elaborate=elaborate_new_shim)
    unwrap_context.register(greenback.async_context, unwrap_async_context)
