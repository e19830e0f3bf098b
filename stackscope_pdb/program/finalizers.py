"""Finalizers that the garbage collector happens to call on the way to a stop."""

from __future__ import annotations

import functools

from stackscope_pdb.failures import attempt
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
        """From now on and until the next stop, let what frees an object run."""
        # This has to be the last line: no Python code may run after it. (On PyPy, functools.partial
        # is written in Python.)
        self.__dict__["dispatch_call"] = functools.partial(_dispatch_call, self)

    def set_step(self) -> None:
        """Stop at whatever comes next, unless the garbage collector happens to call it."""
        attempt("what passes by finalizers", self, self.pass_finalizers)
        super().set_step()

    def interaction(self, *args: Any, **kwargs: Any) -> None:
        """Talk to the user, who may want to see finalizers after that."""
        self.__dict__.pop("dispatch_call", None)
        super().interaction(*args, **kwargs)  # type: ignore[misc]


def _dispatch_call(debugger: Bdb, frame: FrameType, arg: Any) -> Any:
    """What `bdb.Bdb.dispatch_call` does on the way to a stop."""
    is_finalizer = attempt("what passes by finalizers", debugger, _is_finalizer, frame)
    return None if is_finalizer else type(debugger).dispatch_call(debugger, frame, arg)


def _is_finalizer(frame: FrameType) -> bool:
    return frame.f_code.co_name == "__del__" or module_name(frame) in FINALIZERS
