"""gevent: its greenlets are greenlets; the hub, and how a greenlet starts and waits, is hidden.

Most of that has no frames, for it is compiled. Where it isn't, as on PyPy, it has.
"""

from __future__ import annotations

import sys
from types import FunctionType

from stackscope.hooks import customize

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
    ("gevent.threadpool", "_WorkerGreenlet", "run"),
    ("gevent.threadpool", "_WorkerGreenlet", "_WorkerGreenlet__run_task"),
)
"""Functions by module, class and name."""


def install() -> None:
    for module, cls, name in PLUMBING:
        owner = getattr(sys.modules.get(module), cls, None)
        function = getattr(owner, name, None)
        if type(function) is FunctionType:  # not compiled
            customize(function, hide=True)
