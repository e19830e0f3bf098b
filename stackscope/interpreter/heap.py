"""Finds objects of the whole process, by type or address, without touching others.

Others must not have references to what a thread is just making: it may rely on being the only one.
CPython fills a tuple, as in ``tuple(generator)``, while the collector knows it, and ends with a
SystemError if there is one more reference to it by then (``_PyTuple_Resize``, up to 3.13). So the
list of `gc.get_objects` may not live until another thread runs: it is made, searched and dropped
within one call of a function in C.

What was alive at a ``gc.freeze()`` the collector doesn't tell of. `frozen_objects` says whether
there is such; to thaw it would change the program.
"""

from __future__ import annotations

import gc
import sys
from itertools import chain, compress, islice, repeat, starmap, tee
from operator import getitem, is_, is_not
from time import monotonic
from types import FunctionType, ModuleType

from stackscope.interpreter.facts import INSTANCES_REFER_TO_TYPE
from stackscope.safe.objects import mro_of, namespace_of, namespace_of_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import (
        Any,
        Callable,
        Dict,
        Iterable,
        Iterator,
        List,
        Optional,
        Sequence,
        Set,
        Tuple,
        TypeVar,
    )

    T = TypeVar("T")

__all__ = [
    "all_but_tuples",
    "frozen_objects",
    "holders_of_tuples",
    "in_batches",
    "instances",
    "known_among",
    "module_types",
    "namespaces_of_modules",
    "object_at",
    "referents",
    "referrers_but_tuples",
    "referrers_of",
    "subclasses",
    "tuples_among",
]

KEPT_BY_TEE = 64
"""`itertools.tee` keeps up to 57 of the last objects that it has given (``LINKCELLS`` in
Modules/itertoolsmodule.c)."""

HEAPTYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: what a class statement makes

_flags: Callable[[type], int] = type.__dict__["__flags__"].__get__


def frozen_objects() -> int:
    """How many objects `instances` and `object_at` can't find, for they are frozen.

    The interpreter counts them one by one, and no other thread runs meanwhile: a million take some
    30 to 100 ms. So where that takes long, the number that was found last is given for a while.
    """
    global _counted  # noqa: PLW0603
    counted = _counted
    start = monotonic()
    if counted is not None and start < counted[1]:
        return counted[0]
    count = getattr(gc, "get_freeze_count", None)  # PyPy has none
    frozen = 0 if count is None else int(count())
    frozen = frozen if frozen > FROZEN_AT_START else 0
    end = monotonic()
    # One that is given for too long is at worst a number of objects that are frozen no more: some
    # may be missing then, it is said, and none is.
    is_slow = frozen and end - start > LONG_COUNT
    _counted = (frozen, end + (end - start) * REST_AFTER_COUNT) if is_slow else None
    return frozen


_counted: Optional[Tuple[int, float]] = None
"""How many were frozen, and until when that is given without counting again."""

LONG_COUNT = 0.001
"""From how many seconds on counting takes long."""

REST_AFTER_COUNT = 100
"""How many times as long as counting takes nothing is counted again."""

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
    return _search(_is_no_tuple)


def object_at(address: int) -> object:
    """The object with this address, which the garbage collector knows to be alive; or ``None``."""
    return next(iter(_search(lambda objects: map(address.__eq__, map(id, objects)))), None)


def known_among(keys: Set[int]) -> Set[int]:
    """Those of some ids that are of objects which the garbage collector knows."""
    every = chain.from_iterable(map(gc.get_objects, (None,)))
    return set(filter(keys.__contains__, map(id, every)))


def referrers_but_tuples(objects: Iterable[object]) -> Tuple[List[object], Set[int]]:
    """What refers to some objects; of exact tuples only the ids, for one may be unfinished."""
    found = starmap(gc.get_referrers, (tuple(objects),))
    first, second, third = _copies(found, 3)
    pairs = zip(first, map(id, second))
    mixed = list(map(getitem, pairs, _is_tuple(third)))
    others = list(compress(mixed, map(is_not, map(type, mixed), repeat(int))))
    tuples: Any = set(compress(mixed, map(is_, map(type, mixed), repeat(int))))
    return others, tuples


def holders_of_tuples(objects: Iterable[object], depth: int) -> List[object]:
    """What refers to the tuples that refer to some objects, but for exact tuples.

    Args:
        objects: The objects.
        depth: How many tuples inside each other there are between these.
    """
    found = starmap(gc.get_referrers, (tuple(objects),))
    for _ in range(depth):
        found = starmap(gc.get_referrers, (_those(_is_tuple, found),))
    return list(_those(_is_no_tuple, found))


def module_types() -> Set[int]:
    """The ids of the types of modules, for `referents`."""
    return set(map(id, subclasses(ModuleType)))


def namespaces_of_modules() -> Set[int]:
    """The ids of the namespaces of the modules that are imported."""
    modules = module_types()
    found = list(dict.values(sys.modules))
    known: Iterable[Any] = compress(found, map(modules.__contains__, map(id, map(type, found))))
    return set(map(id, map(namespace_of_module, known)))


def referents(objects: Sequence[object], modules: Set[int]) -> List[object]:
    """What some objects refer to: what several refer to is there several times.

    A module is never asked, see `stackscope.interpreter.reachable`: it is said to refer to its
    namespace.

    Args:
        objects: The objects.
        modules: What `module_types` gives.
    """
    are_modules = list(map(modules.__contains__, map(id, map(type, objects))))
    if not any(are_modules):
        return gc.get_referents(*objects)
    found = gc.get_referents(*compress(objects, map(False.__eq__, are_modules)))
    modules_alone: Iterable[Any] = compress(objects, are_modules)
    found += map(namespace_of_module, modules_alone)
    return found


def tuples_among(objects: Sequence[object]) -> Dict[int, object]:
    """The exact tuples among some objects, by their ids."""
    found = list(compress(objects, _is_tuple(iter(objects))))
    return dict(zip(map(id, found), found))


def in_batches(objects: Sequence[T], size: int) -> Iterator[Tuple[int, Sequence[T]]]:
    """Some objects after the other, with the place of the first one. Others run between two."""
    for start in range(0, len(objects), size):
        yield start, objects[start : start + size]


def _search(test: Callable[[Iterator[object]], Iterable[object]]) -> List[object]:
    """The objects for which ``test``, made of functions in C, gives something true."""
    return list(_those(test, map(gc.get_objects, (None,))))


def _those(
    test: Callable[[Iterator[object]], Iterable[object]], made: Iterator[List[object]]
) -> Iterator[object]:
    """Those for which ``test`` gives something true, of a list that is made when it is used up."""
    to_give, to_test = _copies(made, 2)
    return compress(to_give, test(to_test))


def _copies(made: Iterator[List[object]], count: int) -> List[Iterator[object]]:
    """Several iterators over the same list, which is made when one of them is used."""
    # Nothing happens before that. The list comes before what tee() makes, which would otherwise
    # be in it, and keep itself alive with all the rest.
    padded = map(chain, made, (repeat(None, KEPT_BY_TEE),))
    copies = chain.from_iterable(map(tee, padded, (count,)))
    return [chain.from_iterable(islice(copies, 1)) for _ in range(count)]


def _is_tuple(objects: Iterator[object]) -> Iterator[bool]:
    return map(is_, map(type, objects), repeat(tuple))


def _is_no_tuple(objects: Iterator[object]) -> Iterator[bool]:
    return map(is_not, map(type, objects), repeat(tuple))


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
