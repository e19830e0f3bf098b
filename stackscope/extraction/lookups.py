"""What hooks are registered for classes and code objects, kept from one extraction to the next.

To find a hook takes longer than to call it. So what was found is kept until a hook is registered,
or until a class is registered with any abstract base class. No class and no code object is kept
alive by that: what was found goes with it.
"""

from __future__ import annotations

import weakref
from abc import get_cache_token
from functools import partial

from stackscope.extraction.registrations import latest_registration
from stackscope.interpreter.facts import IS_CPYTHON

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Callable, Dict, Optional, Tuple, Union

    FrameHook = Callable[[Any, Any], Any]
    ContextHooks = Tuple[Optional[Callable[..., None]], Optional[Callable[..., Any]]]

__all__ = ["Lookups", "current_lookups"]

MOST = 10_000
"""How many classes and code objects are kept track of, gone ones included, before all is forgotten.
"""


class Lookups:
    """What was found so far. ``None`` is kept where there is nothing but the default.

    Everything is kept by id: looking a class or a code object up by itself hashes it, and that may
    be slow or run code of the program.

    Attributes:
        unwrappers: How items are unwrapped, by their class.
        managers: What fills in contexts, by the class of the manager.
        elaborators: What elaborates frames, by their code; each in a tuple of its own.
        are_usual: Whether coroutines and slices of stacks are known to be unwrapped as usual.
    """

    __slots__ = (
        "_references",
        "_registration",
        "_token",
        "are_usual",
        "elaborators",
        "managers",
        "unwrappers",
    )

    def __init__(self) -> None:
        self._registration = latest_registration()
        self._token = get_cache_token()
        self._references: Dict[Tuple[int, int], weakref.ref[Any]] = {}
        self.unwrappers: Dict[int, Optional[Callable[[Any], Any]]] = {}
        self.managers: Dict[int, Optional[ContextHooks]] = {}
        self.elaborators: Dict[int, Tuple[Optional[FrameHook]]] = {}
        self.are_usual: bool = False

    def are_current(self) -> bool:
        """Whether nothing was registered since."""
        return (
            self._registration is latest_registration()
            and self._token == get_cache_token()
            and len(self._references) < MOST
        )

    def keep(self, table: Dict[int, Any], thing: Union[type, CodeType], found: Any) -> None:
        """Keep in one of the tables what was found for ``thing``, as long as that exists."""
        key = id(thing)
        # The reference first: nothing may stand in the table that doesn't go with its object. No
        # Python code is called in the end, since a debugger would stop in it.
        self._references[id(table), key] = weakref.ref(thing, partial(table.pop, key))
        table[key] = found


_latest = Lookups()


def current_lookups() -> Lookups:
    """What the next extraction may use."""
    global _latest  # noqa: PLW0603
    # Elsewhere an id may be used again before the callback of a weak reference is called.
    if not IS_CPYTHON or not _latest.are_current():
        _latest = Lookups()
    return _latest
