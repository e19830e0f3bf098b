"""gevent: its greenlets are greenlets; the hub, and how a greenlet starts and waits, is hidden.

Most of that has no frames, for it is compiled. Where it isn't, as on PyPy, it has.

With its monkey patches, `threading` knows threads by the numbers of greenlets.
"""

from __future__ import annotations

import sys
from types import BuiltinFunctionType

from stackscope.extraction.extraction import looked_up_once
from stackscope.glue.describing import class_of, hide_functions, register_greenlet_finder
from stackscope.glue.greenlets import gevent_pools, gevent_waits, gevent_waking
from stackscope.glue.greenlets.finder import register_folded, register_plain, register_thread_reader
from stackscope.glue.greenlets.greenlet import all_greenlets, main_of, register_thread_teller
from stackscope.interpreter.running import register_stacks
from stackscope.safe.objects import instance_attributes, is_instance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Tuple

PLUMBING = (
    ("gevent.hub", "Hub", "run"),
    ("gevent.greenlet", "Greenlet", "run"),
    ("gevent.greenlet", "Greenlet", "_Greenlet__wait"),
    ("gevent._greenlet_primitives", "SwitchOutGreenletWithLoop", "switch"),
    ("gevent._greenlet_primitives", "SwitchOutGreenletWithLoop", "switch_out"),
    ("gevent._hub_primitives", "WaitOperationsGreenlet", "wait"),
    ("gevent._waiter", "Waiter", "get"),
    ("gevent._waiter", "Waiter", "switch"),
    ("gevent._abstract_linkable", "AbstractLinkable", "_wait"),
    ("gevent._abstract_linkable", "AbstractLinkable", "_wait_core"),
    ("gevent._abstract_linkable", "AbstractLinkable", "_AbstractLinkable__wait_to_be_notified"),
    ("gevent._abstract_linkable", "AbstractLinkable", "_switch_to_hub"),
    ("gevent.lock", "RLock", "__enter__"),
    ("gevent.threadpool", "_WorkerGreenlet", "_begin"),
    ("gevent.threadpool", "_WorkerGreenlet", "run"),
    ("gevent.threadpool", "_WorkerGreenlet", "_WorkerGreenlet__run_task"),
)
"""Functions by module, class and name."""


MACHINERY = (("gevent.hub", "Hub"), ("gevent.threadpool", "_WorkerGreenlet"))
"""Classes of greenlets that are left out of overviews, by module and name."""


def thread_of_hub(hub: Any) -> Optional[int]:
    """The number of the thread that a hub runs in."""
    ident = instance_attributes(hub).get("thread_ident")
    return ident if type(ident) is int else None


def number_in_threading(ident: int) -> int:
    """The number by which `threading` knows a thread: its main greenlet's, if that has a hub."""
    if type(getattr(sys.modules.get("threading"), "get_ident", None)) is BuiltinFunctionType:
        return ident  # not patched
    return next((id(main) for main, thread in mains() if thread == ident), ident)


def hubs() -> List[Any]:
    """The hubs that run in any thread."""
    hub_class: object = getattr(sys.modules.get("gevent.hub"), "Hub", None)
    hub_types = (hub_class,) if isinstance(hub_class, type) else ()
    return [item for item in all_greenlets() if is_instance(item, hub_types)]


def mains() -> List[Tuple[Any, Optional[int]]]:
    """The main greenlets of threads that have a hub, with the numbers of the threads."""
    return looked_up_once(_find_mains)


def _find_mains() -> List[Tuple[Any, Optional[int]]]:
    return [(main_of(hub), thread_of_hub(hub)) for hub in hubs()]


def thread_of_main(main: Any) -> Optional[int]:
    """The number of the thread of a main greenlet, if it has a hub."""
    return next((ident for one, ident in mains() if one is main), None)


def greenlet_in_place_of_thread(number: int) -> List[Any]:
    """The greenlet that has a thread's place and number in gevent, in a list of one or none."""
    return [item for item in all_greenlets() if id(item) == number]


def thread_of_greenlet(item: Any) -> object:
    """The ``Thread`` that a greenlet has been given for, by the monkey patches."""
    return getattr(sys.modules.get("threading"), "_active", {}).get(id(item))


def install() -> None:
    """Register what is known about gevent."""
    gevent_waits.install()
    gevent_pools.install()
    gevent_waking.install()
    register_stacks(number_in_threading=number_in_threading)
    register_greenlet_finder(greenlet_in_place_of_thread)
    register_thread_reader(thread_of_greenlet)
    register_thread_teller(thread_of_main)
    plain = class_of(sys.modules.get("gevent.greenlet"), "Greenlet")
    if plain is not None:
        register_plain(plain)
    for module, cls in MACHINERY:
        found = class_of(sys.modules.get(module), cls)
        if found is not None:
            register_folded(found, thread_of_hub)
    for module, cls, name in PLUMBING:
        hide_functions(sys.modules.get(module), [f"{cls}.{name}"])
