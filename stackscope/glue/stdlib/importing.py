"""Imports: a thread that wants a module which another one is importing waits for that one.

Each module has a lock as long as it is being imported, which knows the number of its thread
(``importlib._bootstrap._ModuleLock``, 3.8 to 3.15).
"""

from __future__ import annotations

import sys

from stackscope.glue.describing import variable
from stackscope.safe.objects import instance_attributes
from stackscope.snapshot.threads import thread_with_number
from stackscope.snapshot.waits import describe_call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from stackscope.model.stacks import Frame
    from stackscope.model.waiting import Waiting

__all__ = ["install"]


def describe_acquire(frame: Frame, waiting: Waiting) -> None:
    """The lock of a module: the thread that is importing this."""
    lock = variable(frame, "self")
    waiting.clear()
    waiting.obj = waiting.lock = lock
    owner = instance_attributes(lock).get("owner")
    thread = thread_with_number(owner) if type(owner) is int else None
    waiting.holders = [] if thread is None else [thread]


def describe_import(frame: Frame, waiting: Waiting) -> None:
    """An import of a module that is being imported: its name."""
    name = variable(frame, "name")
    if type(name) is str:
        waiting.call = f"import {name}"


def describe_enter(frame: Frame, waiting: Waiting) -> None:
    """The same at the beginning of an import, before it is known whether others are at it."""
    name = instance_attributes(variable(frame, "self")).get("_name")
    if type(name) is str:
        waiting.call = f"import {name}"


CALLS = (
    ("_ModuleLock.acquire", describe_acquire),
    ("_ModuleLockManager.__enter__", describe_enter),
    ("_lock_unlock_module", describe_import),
)


def install() -> None:
    """Register what is known about imports."""
    for path, describer in CALLS:
        function: Any = sys.modules.get("_frozen_importlib")
        for name in path.split("."):  # the module is renamed later, and what is in it isn't
            function = getattr(function, name, None)
        code = getattr(function, "__code__", None)
        if code is not None:
            describe_call.register(code, describer)
