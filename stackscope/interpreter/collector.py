"""Holds the garbage collector back while much is made at once.

What an extraction makes stays alive, and the collector would look at all of it again and again: at
100,000 tasks that stops all threads for a second. The same goes for a drawing of it, and for a
snapshot that is read back.

The collector stays on, with a threshold that is never reached. So a program that turns it on or
off meanwhile, or sets its thresholds, keeps its own will: nothing is put back then.
"""

from __future__ import annotations

import gc
import os
import weakref
from collections import deque
from functools import partial, wraps
from itertools import chain, compress, starmap
from operator import itemgetter

from stackscope.interpreter.facts import FREE_THREADED
from stackscope.interpreter.heap import frozen_objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Deque, Iterator, List, Optional, TypeVar

    R = TypeVar("R")
    F = TypeVar("F", bound=Callable[..., Any])

__all__ = ["collects_afterwards", "without_collections"]

HAS_THRESHOLDS = hasattr(gc, "set_threshold")
"""PyPy's collector has none, and works in small steps."""

HELD = (1 << 31) - 58
"""The threshold that holds the collector back. It is an int in C, as is what is compared with it
(``gc_generation`` in Include/internal), and no program sets just that."""

MANY = 50_000
"""How many objects the collector may look at when it comes back: that takes some 20 ms."""

_before: Deque[int] = deque(maxlen=1)
"""The threshold that was replaced last."""


class _Token:
    """Something that can be referred to weakly."""

    __slots__ = ("__weakref__",)


def without_collections(work: Callable[..., R], *args: object) -> R:
    """``work(*args)``, while no collection begins by itself.

    Inside another such call, or while another thread is in one, this changes nothing: the
    collector comes back when the first one ends.
    """
    if not HAS_THRESHOLDS:
        return work(*args)
    replaced: List[int] = []
    release = _release(replaced)
    guard = _call_in_the_end(release)
    result: Optional[R] = None
    try:
        list(_hold(replaced))
        result = work(*args)
        if replaced and gc.get_count()[0] > MANY:
            _count_as_old()
        return result
    finally:
        # Up to 3.10 Ctrl-C may come before the call: hence the guard.
        next(release, None)
        # An error in the result leads to this frame, which must not lead back to it.
        del guard, args, result


def collects_afterwards(function: F) -> F:
    """Decorator: no collection begins by itself during a call of the function.

    The function must return when its work is done: during a generator the collector isn't held.
    """

    @wraps(function)
    def held(*args: Any, **kwargs: Any) -> Any:
        return without_collections(partial(function, *args, **kwargs))

    return held  # type: ignore[return-value]


def _call_in_the_end(release: Iterator[object]) -> List[object]:
    """Something that uses ``release`` when it is dropped."""
    token = _Token()
    # A list drops what is last in it first, and so what it refers to weakly before the reference.
    return [weakref.ref(token, partial(next, release)), token]


def _count_as_old() -> None:
    """Have the collector take all objects for old ones, without looking at any.

    Else it would look at all that was made, as soon as it may. What is old it looks at when the
    program has made a quarter as much.
    """
    if (
        not FREE_THREADED and not frozen_objects()
    ):  # to thaw what is frozen would change the program
        list(chain(starmap(gc.freeze, ((),)), starmap(gc.unfreeze, ((),))))


def _hold(replaced: List[int]) -> Iterator[object]:
    """Sets the threshold, and puts what it was into ``replaced`` if it was another one.

    Both within one call into C, by whoever uses it up: no thread sets a threshold between.
    """
    others = filter(HELD.__ne__, _threshold())
    return chain(
        map(replaced.append, others),
        map(_before.extend, (replaced,)),
        starmap(gc.set_threshold, ((HELD,),)),
    )


def _release(replaced: List[int]) -> Iterator[object]:
    """Sets the threshold to what was replaced, if it still is ours; within one call as well."""
    is_held = map(HELD.__eq__, _threshold())
    return starmap(gc.set_threshold, compress(zip(replaced), is_held))


def _threshold() -> Iterator[Any]:
    """Gives the first threshold when it is asked for."""
    return map(itemgetter(0), starmap(gc.get_threshold, ((),)))


def _after_fork_in_child() -> None:
    # The thread that would put it back may be gone.
    next(_release(list(_before)), None)


if HAS_THRESHOLDS and hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
