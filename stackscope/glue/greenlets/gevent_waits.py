"""gevent: what its greenlets wait for.

How a greenlet waits is compiled, and has no frames. But what it waits for refers to the hub or to
the hub's loop, and leads to the greenlet: an event has a list of functions to call, and one of them
is the ``switch()`` of the greenlet, or of the waiter that it is suspended in; a timer or a watcher
of a socket calls the same.
"""

from __future__ import annotations

import _socket
import gc
import sys
import time
from collections import deque
from types import (
    BuiltinFunctionType,
    BuiltinMethodType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
)

import greenlet

from stackscope.extraction.extraction import looked_up_once, threads_with_frames
from stackscope.glue.describing import class_of, code_of, note_thread, register_call, variable
from stackscope.glue.functions import name_in_c
from stackscope.glue.greenlets.greenlet import (
    all_greenlets,
    frame_of,
    is_greenlet,
    main_of,
    running_greenlets,
)
from stackscope.interpreter.frames.operands import operand_of_call
from stackscope.interpreter.frames.variables import local_value
from stackscope.interpreter.heap import referrers_of, subclasses
from stackscope.model.waiting import Amount
from stackscope.safe.interruptions import attempt
from stackscope.safe.objects import class_attribute, instance_attributes, is_instance, mro_of
from stackscope.safe.text import class_name
from stackscope.snapshot.waits import awaited_object, describe_leaf, register_wait_in_c

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

    from stackscope.model.stacks import Frame
    from stackscope.model.waiting import Waiting

CLASSES = (
    ("gevent._abstract_linkable", "AbstractLinkable"),
    ("gevent._waiter", "Waiter"),
    ("gevent._hub_primitives", "_WaitIterator"),
    ("gevent.event", "Event"),
    ("gevent.event", "AsyncResult"),
    ("gevent.lock", "Semaphore"),
    ("gevent.queue", "Channel"),
    ("gevent.queue", "Queue"),
    ("gevent.queue", "SimpleQueue"),
    ("gevent.threadpool", "ThreadResult"),
)
"""The classes of what refers to a hub while greenlets wait for it."""

WATCHERS = ("io", "timer")
"""The classes of what refers to a loop, in the module of the loop."""

READ = 1
"""What an ``io`` watches for, among others (gevent/libev/corecext.pyx)."""


class GreenletWait:
    """What a greenlet waits for.

    Attributes:
        item: The greenlet.
        linkable: The event, semaphore or result.
        place: The place among those that wait for the same, and how many these are.
        objects: All of several things, as for ``gevent.wait()``.
        queue: The queue that it gets something from, or puts it into.
        timer: What calls it after some time.
        timeout: What ends the wait after some time.
        io: The watcher of a socket or file.
    """

    def __init__(self, item: Any) -> None:
        self.item = item
        self.linkable: Any = None
        self.place: Optional[Tuple[int, int]] = None
        self.objects: List[object] = []
        self.queue: Any = None
        self.timer: Any = None
        self.timeout: Any = None
        self.io: Any = None

    def is_vague(self) -> bool:
        """Whether there is nothing but perhaps a timeout."""
        return (
            not any(one is not None for one in (self.linkable, self.queue, self.timer, self.io))
            and not self.objects
        )


class _Waits:
    """The waits of all greenlets, by the id of the greenlet."""

    def __init__(self, hubs: Sequence[Any]) -> None:
        self.found: Dict[int, GreenletWait] = {}
        self.in_waiters: Dict[int, Any] = {}
        self.calls_in_threads: Dict[int, Any] = {}
        loops = [loop for loop in (stored(hub, "loop") for hub in hubs) if loop is not None]
        known = [_class(module, name) for module, name in CLASSES]
        self.waiters = tuple([cls for cls in known[1:2] if cls is not None])
        types: List[type] = []
        for cls in known:
            types += [] if cls is None else subclasses(cls)
        watchers = [_class(type(loop).__module__, name) for loop in loops[:1] for name in WATCHERS]
        types += [cls for cls in watchers if cls is not None]
        linkables = known[:1] + known[3:6]
        self.linkables = tuple([cls for cls in linkables if cls is not None])
        others = referrers_of([*hubs, *loops], list({id(cls): cls for cls in types}.values()))
        for obj in others:
            if is_instance(obj, self.waiters):
                for referent in gc.get_referents(obj):
                    if is_greenlet(referent):
                        self.in_waiters[id(obj)] = referent
        for obj in others:
            attempt(None, self._read, obj)

    def _read(self, obj: Any) -> None:
        name = type(obj).__name__
        if name == "timer":
            self._read_timer(obj)
        elif name == "io":
            for item in self._called_by(gc.get_referents(obj)):
                self._wait(item).io = obj
        elif name == "ThreadResult":
            self.calls_in_threads[id(stored(obj, "receiver"))] = obj
        elif name == "_WaitIterator":
            self._read_iterator(obj)
        elif is_instance(obj, self.linkables):
            for links in _lists(obj):
                items = self._called_by(links)
                for place, item in enumerate(items, 1):
                    wait = self._wait(item)
                    wait.linkable, wait.place = obj, (place, len(items))
        elif not is_instance(obj, self.waiters):
            self._read_queue(obj)

    def _read_timer(self, timer: Any) -> None:
        """A timer calls a waiter, or a `gevent.Timeout`, which it gives the greenlet."""
        referents = gc.get_referents(timer)
        for item in self._called_by(referents):
            self._wait(item).timer = timer
        for arguments in referents:
            if type(arguments) is tuple and arguments and is_greenlet(arguments[0]):
                self._wait(arguments[0]).timeout = timer

    def _read_iterator(self, iterator: Any) -> None:
        """`gevent.wait` and the like: a waiter, and the list of things that it waits for."""
        referents = gc.get_referents(iterator)
        items = [self.in_waiters[id(one)] for one in referents if id(one) in self.in_waiters]
        for item in items:
            for objects in referents:
                if type(objects) in (list, tuple):
                    self._wait(item).objects = list(objects)

    def _read_queue(self, queue: Any) -> None:
        lists = [*gc.get_referents(queue), *instance_attributes(queue).values()]
        lists = [one for one in lists if type(one) is deque]
        for waiters in {id(one): one for one in lists}.values():
            items = []
            for waiter in list(waiters):
                for one in (waiter, *_unpacked(waiter)):
                    item = self.in_waiters.get(id(one))
                    if item is None and type(waiter) not in (tuple, list):
                        item = next(filter(is_greenlet, gc.get_referents(waiter)), None)
                    if item is not None:
                        items.append(item)
                        break
            for place, item in enumerate(items, 1):
                wait = self._wait(item)
                wait.queue, wait.place = queue, (place, len(items))

    def _called_by(self, functions: Sequence[object]) -> List[Any]:
        """The greenlets that functions switch to."""
        found = []
        for function in functions:
            if type(function) in (MethodType, BuiltinMethodType, BuiltinFunctionType):
                target = function.__self__  # type: ignore[attr-defined]
                item = target if is_greenlet(target) else self.in_waiters.get(id(target))
                if item is not None:
                    found.append(item)
        return found

    def _wait(self, item: Any) -> GreenletWait:
        return self.found.setdefault(id(item), GreenletWait(item))


def _lists(obj: object) -> Iterator[List[object]]:
    """The lists that an object has, as attributes or otherwise."""
    stored_lists = [*gc.get_referents(obj), *instance_attributes(obj).values()]
    for one in {id(one): one for one in stored_lists}.values():
        if type(one) is list:
            yield one


def _unpacked(obj: object) -> Tuple[object, ...]:
    return tuple(obj) if type(obj) in (tuple, list) else ()  # type: ignore[arg-type]


def _class(module: str, name: str) -> Optional[type]:
    return class_of(sys.modules.get(module), name)


def stored(obj: object, name: str) -> Any:
    """An attribute that an object has in itself, or that its class in C gives."""
    attributes = instance_attributes(obj)
    if name in attributes:
        return attributes[name]
    slot = class_attribute(type(obj), name)
    if type(slot) in (GetSetDescriptorType, MemberDescriptorType):
        return attempt(None, slot.__get__, obj)
    return None


def _hubs() -> List[Any]:
    hub = _class("gevent.hub", "Hub")
    return [] if hub is None else [one for one in all_greenlets() if is_instance(one, (hub,))]


def _find_waits() -> _Waits:
    return _Waits(_hubs())


def wait_of(item: Any) -> Optional[GreenletWait]:
    """What a greenlet waits for; ``None`` if nothing is known about that."""
    found = looked_up_once(_find_waits).found.get(id(item))
    innermost = frame_of(item)
    if (found is None or found.is_vague()) and innermost is not None:
        other = operand_of_call(innermost, looked_up_once(_greenlet_types))
        if other is not None and other is not item:
            found = found or GreenletWait(item)
            found.linkable = other
    return None if found is None or found.is_vague() else found


def _greenlet_types() -> List[type]:
    """The classes of greenlets that can be joined. They refer to their joiners in C only."""
    found = _class("gevent.greenlet", "Greenlet")
    return [] if found is None else subclasses(found)


# -------------------------------------------------------------------- descriptions


def describe_greenlet(wait: GreenletWait, waiting: Waiting) -> None:
    """What `wait_of` has found."""
    waiting.obj = None
    if wait.objects:
        describe_several(wait.objects, waiting)
    elif wait.queue is not None:
        describe_queue(wait.queue, waiting)
    elif wait.linkable is not None:
        describe_linkable(wait.linkable, waiting)
    elif wait.io is not None:
        waiting.obj = wait.io
        fd = stored(wait.io, "fd")
        waiting.resource = f"file descriptor {fd}" if type(fd) is int else None
    elif wait.timer is not None:
        waiting.call = "gevent.sleep()"
    else:
        return
    if wait.place is not None and waiting.thread is None:
        place, count = wait.place
        waiting.place, waiting.count = (place if count > 1 else None), count
    timer = wait.timer or wait.timeout
    if timer is not None:
        waiting.seconds_left = seconds_until(timer)


def describe_hub(frame: Frame, waiting: Waiting) -> None:
    """The hub of a thread that is no greenlet of gevent's: its main greenlet waits."""
    hub = variable(frame, "self")
    wait = wait_of(main_of(hub)) if is_greenlet(hub) else None
    if wait is not None:
        describe_greenlet(wait, waiting)


def describe_linkable(obj: Any, waiting: Waiting) -> None:
    """An event, a semaphore, the result of something, or a greenlet that is to end."""
    waiting.obj = obj
    name = class_name(obj)
    if is_greenlet(obj):
        waiting.call, waiting.tasks = f"{name}.join()", [obj]
        return
    if any("Semaphore" in cls.__name__ for cls in mro_of(type(obj))):
        waiting.call, waiting.lock = f"{name}.acquire()", obj
        return
    result = looked_up_once(_find_waits).calls_in_threads.get(id(obj))
    if result is not None:
        waiting.call = "ThreadPool.apply()"
        call = looked_up_once(_find_calls).get(id(result))
        if call is None:
            waiting.notes = ["not begun"]
        else:
            note_thread(waiting, call[0])
            waiting.function = call[1]
        return
    waiting.call = f"{name}.get()" if "Result" in name else f"{name}.wait()"


def describe_several(objects: List[object], waiting: Waiting) -> None:
    """Several things, such as greenlets."""
    waiting.call = "gevent.wait()"
    waiting.tasks = list(filter(is_greenlet, objects))
    if len(waiting.tasks) == len(objects):
        waiting.call = "gevent.joinall()"
        waiting.amounts = [Amount(len(objects), "greenlet")]
    else:
        waiting.amounts = [Amount(len(objects), "object")]


def describe_queue(queue: Any, waiting: Waiting) -> None:
    """A queue: how full it is. Who waits to get something does so as it is empty."""
    waiting.obj = queue
    items, most = stored(queue, "queue"), stored(queue, "maxsize")
    is_known = type(items) in (deque, list)
    waiting.call = f"{class_name(queue)}.{'put' if is_known and items else 'get'}()"
    if is_known:
        waiting.amounts = [Amount(len(items), "item", most if type(most) is int else None)]


def seconds_until(timer: Any) -> Optional[float]:
    """The seconds until a timer calls; time stands still for a loop as long as it is not polling.

    Only libev tells when a timer is due, by the clock of `time.monotonic`.
    """
    moment = stored(timer, "at")
    loop = stored(timer, "loop")
    if type(moment) is not float or type(loop).__module__ != "gevent.libev.corecext":
        return None
    now = time.monotonic()
    if not any(stored(hub, "loop") is loop for hub in running_greenlets().values()):
        now += loop.now() - time.time()
    return moment - now


def _find_calls() -> Dict[int, Tuple[int, Optional[str]]]:
    """The threads that are at calls of thread pools, by the ids of the results.

    With the function that such a thread is in, if that is one in C.
    """
    found = {}
    for ident, frames in threads_with_frames():
        for frame in frames:
            if frame.f_code.co_name == "_WorkerGreenlet__run_task" or (
                frame.f_code.co_name == "__run_task" and "threadpool" in frame.f_code.co_filename
            ):
                is_bound, result = local_value(frame, "thread_result")
                if is_bound:
                    called = [local_value(frame, name)[1] for name in ("func", "args")]
                    function = name_in_c(*called) if frame is frames[-1] else None
                    found[id(result)] = ident, function
    return found


def describe_socket(frame: Frame, waiting: Waiting) -> None:
    """A method of a socket: who is at the other end."""
    obj = variable(frame, "self")
    inner = stored(obj, "_sock")
    address = None
    if is_instance(inner, (_socket.socket,)):
        address = attempt(None, peer_of, inner)
    waiting.obj = obj
    waiting.resource = address or waiting.resource


def peer_of(sock: Any) -> Optional[str]:
    """The address at the other end of a socket; its own, if there is none."""
    plain = _socket.socket
    address = attempt(None, plain.getpeername, sock)
    if address is None:
        address = attempt(None, plain.getsockname, sock)
    if type(address) is tuple and len(address) >= 2:
        return f"{address[0]}:{address[1]}"
    if type(address) is str and address:
        return address
    return f"socket {plain.fileno(sock)}"


def describe_rlock(frame: Frame, waiting: Waiting) -> None:
    """``RLock.acquire()``: whose it is."""
    lock = variable(frame, "self")
    waiting.obj = waiting.lock = lock
    waiting.call = "RLock.acquire()"
    owner = stored(lock, "_owner")
    if is_greenlet(owner):
        waiting.holders = [owner]


SOCKET_METHODS = ("accept", "connect", "recv", "recv_into", "recvfrom", "send", "sendall", "sendto")


def install() -> None:
    """Register what greenlets wait for."""
    awaited_object.register(greenlet.greenlet, wait_of)
    describe_leaf.register(GreenletWait, describe_greenlet)
    hub = sys.modules.get("gevent.hub")
    register_call(hub, "Hub.run", describe_hub)
    code = code_of(hub, "Hub.run")
    if code is not None:
        register_wait_in_c(code)
    for module in ("gevent._socketcommon", "gevent._socket3"):
        for cls in ("SocketMixin", "socket"):
            for name in SOCKET_METHODS:
                register_call(sys.modules.get(module), f"{cls}.{name}", describe_socket)
    register_call(sys.modules.get("gevent.lock"), "RLock.acquire", describe_rlock)
