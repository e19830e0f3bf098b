"""eventlet: how its hub runs greenlets is hidden, and what these wait for is said."""

from __future__ import annotations

import _socket
import sys
import time
from types import BuiltinFunctionType

from stackscope.extraction.extraction import looked_up_once
from stackscope.glue.describing import class_of, hide_functions, register_call, variable
from stackscope.glue.greenlets.finder import register_plain
from stackscope.glue.greenlets.gevent_waits import peer_of
from stackscope.glue.greenlets.greenlet import is_greenlet
from stackscope.model.waiting import Amount
from stackscope.safe.interruptions import attempt
from stackscope.safe.objects import instance_attributes, is_instance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Optional, Tuple

    from stackscope.model.stacks import Frame
    from stackscope.model.waiting import Waiting

PLUMBING = (
    ("eventlet.hubs.hub", ("BaseHub.fire_timers", "BaseHub.run", "BaseHub.switch")),
    ("eventlet.hubs.timer", ("LocalTimer.__call__", "Timer.__call__")),
    ("eventlet.greenthread", ("GreenThread.main", "_spawn_n_impl")),
    ("eventlet.greenpool", ("GreenPool._spawn_n_impl",)),
    ("eventlet.semaphore", ("Semaphore.__enter__",)),
)
"""Functions that are between the hub and the program."""


def describe_sleep(frame: Frame, waiting: Waiting) -> None:
    """``eventlet.sleep()``: how long."""
    waiting.clear()
    hub, timer = variable(frame, "hub"), variable(frame, "timer")
    clock: Any = instance_attributes(hub).get("clock")
    is_in_c = type(clock) is BuiltinFunctionType  # eventlet has a copy of the module `time`
    moment = _moments_of(hub).get(id(timer))
    if is_in_c and clock.__name__ == "monotonic" and type(moment) is float:
        waiting.seconds_left = moment - time.monotonic()


def _moments_of(hub: object) -> Dict[int, object]:
    """When each timer of a hub is due, by the id of the timer."""
    known = looked_up_once(_no_moments)
    if id(hub) not in known:
        attributes = instance_attributes(hub)
        lists = [attributes.get(name) for name in ("timers", "next_timers")]
        entries = [entry for one in lists if type(one) is list for entry in list(one)]
        known[id(hub)] = {id(timer): moment for moment, timer in entries}
    return known[id(hub)]


def _no_moments() -> Dict[int, Dict[int, object]]:
    return {}


def describe_socket(frame: Frame, waiting: Waiting) -> None:
    """A socket: who is at the other end."""
    waiting.clear()
    waiting.obj = variable(frame, "self")
    inner = instance_attributes(waiting.obj).get("fd")
    if is_instance(inner, (_socket.socket,)):
        waiting.resource = attempt(None, peer_of, inner)


def describe_semaphore(frame: Frame, waiting: Waiting) -> None:
    """``Semaphore.acquire()``, which locks use as well: how many wait for it."""
    _describe_waiters(frame, waiting)
    waiting.lock = waiting.obj


def describe_event(frame: Frame, waiting: Waiting) -> None:
    """``Event.wait()``: how many wait for it."""
    _describe_waiters(frame, waiting)


def describe_join(frame: Frame, waiting: Waiting) -> None:
    """``GreenThread.wait()``: for which one."""
    waiting.clear()
    waiting.obj = variable(frame, "self")
    waiting.tasks = [waiting.obj] if is_greenlet(waiting.obj) else []


def describe_queue(frame: Frame, waiting: Waiting) -> None:
    """A queue: how full it is."""
    waiting.clear()
    waiting.obj = variable(frame, "self")
    attributes = instance_attributes(waiting.obj)
    size = _size(attributes.get("queue"))
    most = attributes.get("maxsize")
    if size is not None:
        waiting.amounts = [Amount(size, "item", most if type(most) is int else None)]


def _describe_waiters(frame: Frame, waiting: Waiting) -> None:
    waiting.clear()
    waiting.obj = variable(frame, "self")
    waiting.count = _size(instance_attributes(waiting.obj).get("_waiters"))


def _size(items: Any) -> Optional[int]:
    """How many there are in one of the containers of the standard library."""
    return len(items) if type(items).__module__ in ("builtins", "collections") else None


CALLS: Tuple[Tuple[str, str, Callable[[Frame, Waiting], None]], ...] = (
    ("eventlet.greenthread", "sleep", describe_sleep),
    ("eventlet.greenthread", "GreenThread.wait", describe_join),
    ("eventlet.greenio.base", "GreenSocket._trampoline", describe_socket),
    ("eventlet.semaphore", "Semaphore.acquire", describe_semaphore),
    ("eventlet.event", "Event.wait", describe_event),
    ("eventlet.queue", "LightQueue.get", describe_queue),
    ("eventlet.queue", "LightQueue.put", describe_queue),
)
"""The module, the name there, and who describes it."""


def install() -> None:
    """Register what is known about eventlet."""
    thread = class_of(sys.modules.get("eventlet.greenthread"), "GreenThread")
    if thread is not None:
        register_plain(thread)
    for module, paths in PLUMBING:
        hide_functions(sys.modules.get(module), paths)
    for module, path, describer in CALLS:
        register_call(sys.modules.get(module), path, describer)
