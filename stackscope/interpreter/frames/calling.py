"""The function written in C that a frame is calling: there is no frame of it.

But the function, or the method and its object, are on the caller's stack during the call.
"""

from __future__ import annotations

import dis
import os
import sys
from types import BuiltinFunctionType, FrameType, MethodDescriptorType, ModuleType

from stackscope.interpreter.bytecode.analyze import analyze_whole
from stackscope.interpreter.facts import IS_CPYTHON, has_gil
from stackscope.interpreter.frames import choosing
from stackscope.interpreter.frames.base import FrameMoved
from stackscope.safe.objects import namespace_of_module

__all__ = ["called_in_c"]

TRIES = 5
"""How often to look at a frame that moves."""

_TYPES = frozenset(map(id, (BuiltinFunctionType, MethodDescriptorType)))


def called_in_c(frame: FrameType) -> str:
    """The function in C that the innermost frame of a thread calls: ``time.sleep()``.

    It is empty if it calls none, or that can't be told.
    """
    reader = choosing.reader()
    if reader is None or not IS_CPYTHON or not has_gil():
        return ""
    for _ in range(TRIES):
        try:
            moment = reader.moment(frame, frame.f_code)
            if moment is None:
                return ""
            analysis = analyze_whole(frame.f_code)
            site = moment.pick(analysis)
            operation = dis.opname[frame.f_code.co_code[moment.lasti]]
            if site is None or not operation.startswith("CALL"):
                return ""
            first = len(analysis.names)
            # The function, or the method and its object, or nothing and the function. What follows
            # are arguments.
            for slot in range(first + site.intact, first + min(site.depth, site.intact + 2)):
                _, function = moment.peek(slot, _TYPES)
                if function is not None:
                    return _name_of(function)
            return ""
        except FrameMoved:
            continue
    return ""


def _name_of(function: object) -> str:
    name = getattr(function, "__name__", "")
    if type(function) is MethodDescriptorType:
        return f"{function.__objclass__.__name__}.{name}()"
    owner = getattr(function, "__self__", None)
    if type(owner) is ModuleType:
        return f"{_public_module(function, name, owner.__name__)}.{name}()"
    return f"{type(owner).__name__}.{name}()" if owner is not None else f"{name}()"


def _public_module(function: object, name: str, module: str) -> str:
    """Where programs take a function from: ``signal``, though it is from ``_signal``."""
    public = "os" if module == os.name else module[1:]
    found = sys.modules.get(public) if module.startswith("_") or public == "os" else None
    if type(found) is ModuleType and dict.get(namespace_of_module(found), name) is function:
        return public
    return module
