"""What refers to an object: variables, attributes, items, closures."""

from __future__ import annotations

import gc
import sys
from types import (
    AsyncGeneratorType,
    CellType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    ModuleType,
)

from stackscope.interpreter.frames.variables import local_values
from stackscope.interpreter.heap import frozen_objects
from stackscope.safe.objects import instance_attributes, namespace_of_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

__all__ = ["Referrer", "frozen_count", "referrers"]

FRAMES: Dict[type, str] = {
    GeneratorType: "gi_frame",
    CoroutineType: "cr_frame",
    AsyncGeneratorType: "ag_frame",
}
"""The attribute by which generators and the like refer to their frames."""


class Referrer:
    """A place that refers to an object.

    Args:
        kind: ``"variable"`` of a frame, ``"module"`` for a variable of one, ``"attribute"``,
            ``"item"`` of a list or tuple, ``"value"`` of a dictionary, ``"closure"`` for a variable
            of a function's closure, or ``"object"`` if no more is known.
        owner: The frame, module, object, list, dictionary or function.
        key: The name, the index or the key; ``None`` for an ``"object"``.
    """

    __slots__ = ("key", "kind", "owner")

    def __init__(self, kind: str, owner: Any, key: object = None) -> None:
        self.kind: str = kind
        self.owner: Any = owner
        self.key: object = key


def referrers(
    obj: object, is_ours: Callable[[FrameType], bool], leave_out: Sequence[object] = ()
) -> List[Referrer]:
    """The places that refer to ``obj``.

    Args:
        obj: The object.
        is_ours: Tells which frames belong to whoever asks. They are left out.
        leave_out: What else of whoever asks may refer to it.
    """
    holders = gc.get_referrers(obj)
    running = [frame for frame in _running() if frame is not sys._getframe()]
    done = {id(one) for one in (*running, *leave_out)}
    found: List[Referrer] = []
    for frame in running:
        if not is_ours(frame):
            found += _in_frame(frame, obj)
    for holder in holders:
        if id(holder) not in done and holder is not sys._getframe():
            found += _in_holder(holder, obj, is_ours)
    return found


def frozen_count() -> int:
    """How many objects the collector doesn't tell of, because the program has frozen them."""
    return frozen_objects()


def _running() -> Iterator[FrameType]:
    """The frames of all threads. The collector doesn't know those that run."""
    for innermost in sys._current_frames().values():
        frame: Optional[FrameType] = innermost
        while frame is not None:
            yield frame
            frame = frame.f_back


def _in_frame(frame: FrameType, obj: object) -> Iterator[Referrer]:
    if frame.f_code.co_name == "<module>":
        return  # its variables are those of the module
    for name, value in local_values(frame).items():
        if value is obj:
            yield Referrer("variable", frame, name)


def _in_holder(
    holder: Any, obj: object, is_ours: Callable[[FrameType], bool]
) -> Iterator[Referrer]:
    attribute = FRAMES.get(type(holder))
    if isinstance(holder, FrameType):
        yield from _in_frame(holder, obj)
    elif attribute is not None:
        frame = getattr(holder, attribute)
        if frame is not None:
            yield from _in_frame(frame, obj)
    elif type(holder) is dict:
        yield from _in_dict(holder, obj, is_ours)
    elif type(holder) in (list, tuple):
        for index, item in enumerate(holder):
            if item is obj:
                yield Referrer("item", holder, index)
    elif type(holder) is CellType:
        yield from _in_cell(holder)
    else:
        names = [name for name, value in instance_attributes(holder).items() if value is obj]
        yield from (Referrer("attribute", holder, name) for name in names)
        if not names:
            yield Referrer("object", holder)


def _in_dict(
    namespace: Any, obj: object, is_ours: Callable[[FrameType], bool]
) -> Iterator[Referrer]:
    owner: Any = namespace
    kind = "value"
    for one in gc.get_referrers(namespace):
        if isinstance(one, FrameType):
            if not is_ours(one) and _may_be_locals(namespace, one):
                return  # the frame has had its turn
        elif isinstance(one, ModuleType) and namespace_of_module(one) is namespace:
            kind, owner = "module", one
            break
        elif instance_attributes(one) is namespace:
            kind, owner = "attribute", one
            break
    for key, value in dict.items(namespace):
        if value is obj:
            yield Referrer(kind, owner, key)


def _may_be_locals(namespace: Any, frame: FrameType) -> bool:
    """Whether a dictionary that a frame refers to is the one that ``f_locals`` gives (up to 3.12).

    Asking for that would fill it anew.
    """
    code = frame.f_code
    names = {*code.co_varnames, *code.co_cellvars, *code.co_freevars}
    return names.issuperset(key for key in namespace if type(key) is str)


def _in_cell(cell: CellType) -> Iterator[Referrer]:
    for closure in gc.get_referrers(cell):
        if type(closure) is tuple:
            for one in gc.get_referrers(closure):
                if type(one) is FunctionType and one.__closure__ is closure:
                    index = [each is cell for each in closure].index(True)
                    yield Referrer("closure", one, one.__code__.co_freevars[index])
