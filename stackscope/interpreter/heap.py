"""Finds objects of the whole process, by type or address, without touching others.

Others must not have references to what a thread is just making: it may rely on being the only one.
CPython fills the tuple of ``tuple(generator)``, say, while the collector knows it, and ends with a
SystemError if there is one more reference to it by then (``_PyTuple_Resize``, up to 3.13). So the
list of `gc.get_objects` may not live until another thread runs: it is made, searched and dropped
within one call of a function in C.

What was alive at a ``gc.freeze()`` the collector doesn't tell of. `frozen_objects` says whether
there is such; to thaw it would change the program.
"""

from __future__ import annotations

import gc
from itertools import chain, compress, islice, repeat, tee
from operator import is_not
from types import FunctionType

from stackscope.interpreter.facts import INSTANCES_REFER_TO_TYPE
from stackscope.safe.objects import mro_of, namespace_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, Iterator, List, Sequence

__all__ = [
    "all_but_tuples",
    "frozen_objects",
    "instances",
    "object_at",
    "referrers_of",
    "subclasses",
]

KEPT_BY_TEE = 64
"""`itertools.tee` keeps up to 57 of the last objects that it has given (``LINKCELLS`` in
Modules/itertoolsmodule.c)."""

HEAPTYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: what a class statement makes

_flags: Callable[[type], int] = type.__dict__["__flags__"].__get__


def frozen_objects() -> int:
    """How many objects `instances` and `object_at` can't find, for they are frozen."""
    count = getattr(gc, "get_freeze_count", None)  # PyPy has none
    frozen = 0 if count is None else int(count())
    return frozen if frozen > FROZEN_AT_START else 0


FROZEN_AT_START = 2000
"""CPython 3.12 freezes a few hundred of its own objects at the start. A program has many more."""


def subclasses(base: type) -> List[type]:
    """``base`` and all that is derived from it."""
    found: List[type] = [base]
    for cls in found:
        derived: List[type] = type.__subclasses__(cls)
        found += [one for one in derived if not any(one is old for old in found)]
    return found


def instances(types: Sequence[type]) -> List[object]:
    """The objects of exactly these types, as far as the garbage collector knows them.

    By identity of the type: comparing or hashing one would run code of strange metaclasses.
    """
    wanted = {id(cls): True for cls in types}
    if not wanted:
        return []
    if all(map(_is_referred_to, types)):
        # This takes a tenth of the time. It also gives what else refers to a class, such as its
        # subclasses.
        referrers = gc.get_referrers(*types)
        return list(compress(referrers, map(wanted.__contains__, map(id, map(type, referrers)))))
    return _search(lambda objects: map(wanted.__contains__, map(id, map(type, objects))))


def referrers_of(objects: Sequence[object], types: Sequence[type]) -> List[Any]:
    """The objects of exactly these types that refer to one of ``objects``, or to their own type.

    It takes a tenth of the time that `instances` takes for types that aren't written in Python, for
    the collector does all of it; but time grows with the number of ``objects`` as well.
    """
    wanted = {id(cls): True for cls in types}
    referrers = gc.get_referrers(*objects, *filter(_is_referred_to, types))
    return list(compress(referrers, map(wanted.__contains__, map(id, map(type, referrers)))))


def all_but_tuples() -> List[object]:
    """All objects that the garbage collector knows, but for exact tuples: one may be unfinished."""
    return _search(lambda objects: map(is_not, map(type, objects), repeat(tuple)))


def object_at(address: int) -> object:
    """The object with this address, which the garbage collector knows to be alive; or ``None``."""
    return next(iter(_search(lambda objects: map(address.__eq__, map(id, objects)))), None)


def _search(test: Callable[[Iterator[object]], Iterable[object]]) -> List[object]:
    """The objects for which ``test``, made of functions in C, gives something true."""
    # Nothing happens before list(). The list comes before what tee() makes, which would otherwise
    # be in it, and keep itself alive with all the rest.
    padded = map(chain, map(gc.get_objects, (None,)), (repeat(None, KEPT_BY_TEE),))
    both = chain.from_iterable(map(tee, padded))
    to_give, to_test = (chain.from_iterable(islice(both, 1)) for _ in range(2))
    return list(compress(to_give, test(to_test)))


def _is_referred_to(cls: type) -> bool:
    """Whether instances of a class surely refer to it.

    It is written in Python, and so are its bases, or they are types that live as long as the
    process, of which nobody else refers to the class (``subtype_traverse`` in
    Objects/typeobject.c).
    """
    return (
        INSTANCES_REFER_TO_TYPE
        and _is_python(cls)
        and all(not _flags(base) & HEAPTYPE or _is_python(base) for base in mro_of(cls))
    )


def _is_python(cls: type) -> bool:
    """Whether a class statement made a class; ``False`` if it has no method to tell by."""
    values = list(namespace_of(cls).values())
    return bool(_flags(cls) & HEAPTYPE) and any(type(value) is FunctionType for value in values)
