"""Finalizers that the garbage collector happens to call on the way to a stop."""

from __future__ import annotations

import functools

from stackscope_pdb.failures import attempt, handle
from stackscope_pdb.program.machinery import module_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bdb import Bdb
    from types import FrameType
    from typing import Any

    Base = Bdb
else:
    Base = object

FINALIZERS = ("_weakrefset", "weakref")
"""The modules with the functions that are called when an object is freed."""


class PassesFinalizers(Base):
    """A mixin for `bdb.Bdb`: doesn't stop in a finalizer instead of where it was to stop."""

    def pass_finalizers(self) -> None:
        """From now on, let what frees an object run. The debugger ends that at the next stop."""
        # This has to be the last line: no Python code may run after it. (On PyPy, functools.partial
        # is written in Python.)
        self.__dict__["dispatch_call"] = functools.partial(_dispatch_call, self)

    def set_step(self) -> None:
        """Stop at whatever comes next, unless the garbage collector happens to call it."""
        try:
            self.pass_finalizers()
        except BaseException as exc:
            handle("what passes by finalizers", exc, self)
        super().set_step()


def _dispatch_call(debugger: Bdb, frame: FrameType, arg: Any) -> Any:
    """What `bdb.Bdb.dispatch_call` does on the way to a stop."""
    is_finalizer = attempt("what passes by finalizers", debugger, _is_finalizer, frame)
    return None if is_finalizer else type(debugger).dispatch_call(debugger, frame, arg)


def _is_finalizer(frame: FrameType) -> bool:
    return frame.f_code.co_name == "__del__" or module_name(frame) in FINALIZERS
