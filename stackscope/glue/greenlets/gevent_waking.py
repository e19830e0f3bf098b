"""gevent: which greenlets a timer wakes or kills."""

from __future__ import annotations

import sys
from types import FunctionType, GetSetDescriptorType

from gevent import Greenlet, Timeout  # type: ignore[import-untyped,unused-ignore]

from stackscope.glue.greenlets.gevent_waits import stored, wait_of
from stackscope.glue.greenlets.greenlet import frame_of, is_greenlet
from stackscope.interpreter.heap import instances, subclasses
from stackscope.safe.interruptions import attempt
from stackscope.safe.objects import instance_attributes
from stackscope.snapshot.waking import (
    Limit,
    belongings_of,
    companions_of,
    limits_are_known,
    register_limits,
    untold_references,
    wakers_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, List, Optional, Sequence

__all__ = ["install"]


def greenlets_with_timeouts(tasks: Sequence[object]) -> List[Limit]:
    """The greenlets that a `gevent.Timeout` raises an exception in, unless it is closed before."""
    return [
        Limit(greenlet)
        for timeout in instances(subclasses(Timeout))
        for greenlet in [attempt(None, _greenlet_of, timeout)]
        if greenlet is not None
    ]


def _greenlet_of(timeout: Any) -> object:
    """The greenlet that the timer of a timeout throws into (gevent/timeout.py, 20 to 25)."""
    timer = instance_attributes(timeout).get("timer")
    args = getattr(timer, "args", None)
    return args[0] if type(args) is tuple and args else None


def is_known(greenlet: object) -> bool:
    """Only timeouts of gevent's own end a wait of its greenlets after some time."""
    return True


def wakers_of_greenlet(greenlet: object) -> List[object]:
    """What a greenlet waits for that wakes it: an event, a semaphore, a result, a queue."""
    wait = wait_of(greenlet)
    if wait is None or wait.objects or wait.timer is not None or wait.io is not None:
        return []
    found = (wait.queue, wait.linkable)
    return [one for one in found if one is not None and not is_greenlet(one)]


def attributes_of_greenlet(greenlet: object) -> List[object]:
    """What somebody has stored in a greenlet: all but the function that it runs."""
    known = instance_attributes(greenlet)
    return [value for name, value in known.items() if name != "_run"]


def thread_of_greenlet(greenlet: object) -> List[object]:
    """The ``Thread`` that the monkey patches have a greenlet run; it knows its function."""
    thread = getattr(sys.modules.get("threading"), "_active", {}).get(id(greenlet))
    return [] if thread is None else [thread]


def references_of_greenlet(greenlet: Any) -> List[object]:
    """The attributes of a greenlet that has begun: the collector passes it by.

    So it is for all greenlets that are active (``green_is_gc`` in greenlet's PyGreenlet.cpp). And
    ``Greenlet.run()``, which is compiled, has the function while that runs.
    """
    known = instance_attributes(greenlet)
    found: List[object] = [known, stored(greenlet, "args"), stored(greenlet, "kwargs")]
    frame = outermost_frame(greenlet)
    function = known.get("_run")
    if type(function) is FunctionType and frame is not None and frame.f_code is function.__code__:
        found.append(function)
    return [one for one in found if one is not None]


def outermost_frame(greenlet: Any) -> Optional[FrameType]:
    """The frame of what a greenlet runs."""
    frame: Optional[FrameType] = frame_of(greenlet)
    while frame is not None and frame.f_back is not None:
        frame = frame.f_back
    return frame


def install() -> None:
    """Register what concerns the end of waits."""
    register_limits(greenlets_with_timeouts)
    limits_are_known.register(Greenlet, is_known)
    wakers_of.register(Greenlet, wakers_of_greenlet)
    belongings_of.register(Greenlet, attributes_of_greenlet)
    companions_of.register(Greenlet, thread_of_greenlet)
    if type(Greenlet.__dict__.get("args")) is GetSetDescriptorType:  # it is compiled
        untold_references.register(Greenlet, references_of_greenlet)
