"""Values that hold during one call and in this thread: the only state that a call here leaves.

They stand in a context of `contextvars` that the call has for itself. So they are gone with it,
whatever has ended it and wherever: an exception may come between any two lines, and so may miss
what stands in a ``finally``.
"""

from __future__ import annotations

from _contextvars import ContextVar, copy_context
from _thread import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Generic, Tuple, TypeVar

    T = TypeVar("T")
    R = TypeVar("R")

    class _HoldsT(Generic[T]):
        """A base class that is generic, without importing `typing` at run time."""

else:
    T = None

    class _HoldsT:
        def __class_getitem__(cls, parameters):
            return cls


class Scoped(_HoldsT[T]):
    """A variable whose value holds during one call.

    Args:
        name: What to call it in its representation.
        default: Its value otherwise.
    """

    __slots__ = ("_default", "_variable")

    def __init__(self, name: str, default: T) -> None:
        self._default = default
        self._variable: ContextVar[Tuple[int, T]] = ContextVar(name, default=(0, default))

    def get(self) -> T:
        """The value of the innermost call of `during` that is going on."""
        thread, value = self._variable.get()
        # A thread that was started meanwhile may have inherited it, and outlive the call.
        return value if thread == get_ident() else self._default

    def during(self, value: T, function: Callable[..., R], *args: object) -> R:
        """What ``function`` returns if the variable has a value meanwhile."""
        return copy_context().run(self._call, value, function, args)

    def _call(self, value: T, function: Callable[..., R], args: Tuple[Any, ...]) -> R:
        self._variable.set((get_ident(), value))
        return function(*args)
