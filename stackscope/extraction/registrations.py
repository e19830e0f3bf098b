"""Whether a hook was registered meanwhile, so that what is remembered of hooks may be wrong."""

from __future__ import annotations

import functools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from functools import singledispatch as single_dispatch

__all__ = ["latest_registration", "note_registration", "single_dispatch"]

_latest = object()


def latest_registration() -> object:
    """Something that is another object after each registration."""
    return _latest


def note_registration() -> None:
    """Tell that a hook has been registered."""
    global _latest  # noqa: PLW0603
    _latest = object()  # a number could be the same after two threads have counted at once


if not TYPE_CHECKING:

    def single_dispatch(function):
        """`functools.singledispatch`, but registrations are noted."""
        hook = functools.singledispatch(function)
        register = hook.register

        @functools.wraps(register)
        def register_and_note(cls, func=None):
            try:
                result = register(cls, func)
            finally:
                note_registration()
            # With a class alone it is a decorator; with an annotated function that function itself.
            is_decorator = func is None and result is not cls
            return functools.partial(register_and_note, cls) if is_decorator else result

        hook.register = register_and_note
        return hook
