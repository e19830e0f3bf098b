"""gevent: which greenlets a timer wakes or kills."""

from __future__ import annotations

from gevent import Greenlet, Timeout  # type: ignore[import-untyped,unused-ignore]

from stackscope.interpreter.heap import instances, subclasses
from stackscope.safe.interruptions import attempt
from stackscope.safe.objects import instance_attributes
from stackscope.snapshot.waking import limits_are_known, register_limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Sequence

__all__ = ["install"]


def greenlets_with_timeouts(tasks: Sequence[object]) -> List[object]:
    """The greenlets that a `gevent.Timeout` raises an exception in, unless it is closed before."""
    return [
        greenlet
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


def install() -> None:
    """Register what concerns the end of waits."""
    register_limits(greenlets_with_timeouts)
    limits_are_known.register(Greenlet, is_known)
