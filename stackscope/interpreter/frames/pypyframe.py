"""Frames of PyPy: what its garbage collector says that a frame refers to.

`gc.get_rpy_referents` gives the references that an object of the interpreter has, in order, with
those to objects that Python code never sees as ``GcRef``. A frame has one to an array of its own,
in which its variables, its cells and its value stack are; what is NULL is left out. That is only a
reading: nothing of it can crash, and no address is involved. Evidence:
``rpython/memory/gc/inspector.py``, ``pypy/module/gc/referents.py`` and
``pypy/interpreter/pyframe.py``.

Three things have to be seen to.

- NULLs. Which variables have none is what ``f_locals`` tells. On the stack only calls of methods
  leave NULLs, amid expressions, and so above all that belongs to ``with`` statements.
- The JIT keeps the contents of the frames that it runs in registers and leaves what is in memory
  stale. Reading ``f_lasti`` from outside its code writes them back, and until then the frame
  refers to a ``JITFRAME``.
- Other threads take over between two instructions of Python code only. So a reading is *one* call.

PyPy doesn't clear the stack of a frame that an exception has left, and has no other mark on it,
either. What such a frame has on its stack is not what belongs there at its instruction.
"""

from __future__ import annotations

import gc
import re
import sys
import zlib
from itertools import chain
from types import CodeType, FrameType, FunctionType, MethodType
from typing import Any, Dict, FrozenSet, Iterable, List, Optional, Sequence, Tuple

from stackscope.interpreter.bytecode import Site, analyze
from stackscope.interpreter.facts import BYTECODE_IS_KNOWN, CO_OPTIMIZED, slot_names
from stackscope.interpreter.frames.base import FrameMoved, Moment, Reader
from stackscope.interpreter.same_code import same_code

_lasti: Any = vars(FrameType)["f_lasti"].__get__
_locals: Any = vars(FrameType)["f_locals"].__get__
_referents: Any = getattr(gc, "get_rpy_referents", None)
_type_index: Any = getattr(gc, "get_rpy_type_index", None)
_memory_usage: Any = getattr(gc, "get_rpy_memory_usage", None)
_GcRef: Any = getattr(gc, "GcRef", None)

_WORD = 8
_ARRAY_HEADER = 2 * _WORD

# The types of the interpreter's own objects that a frame refers to, by their names in typeids.txt.
_ARRAY = b"GcArray of * GCREF (gcopaque)"
_OTHERS = (
    b"GcStruct weakref {",  # to its generator
    b"GcStruct JitVirtualRef {",  # to the frame that called it
    b"GcStruct pypy.interpreter.pyframe.FrameDebugData {",
)


def make_reader() -> Optional[PyPyReader]:
    """The reader for this PyPy; `None` if it is not known."""
    if _referents is None or _GcRef is None or not BYTECODE_IS_KNOWN:
        return None
    try:
        indices = _type_indices(zlib.decompress(gc.get_typeids_z()))  # type: ignore[attr-defined, unused-ignore]
        _referents(sys._getframe())
    except (AttributeError, NotImplementedError, zlib.error):
        return None
    if _ARRAY not in indices:
        return None
    return PyPyReader(indices[_ARRAY], frozenset(indices.values()))


def _type_indices(listing: bytes) -> Dict[bytes, int]:
    """Where the types that a frame refers to are in ``typeids.txt``."""
    found = {}
    for name in (_ARRAY, *_OTHERS):
        match = re.search(rb"^member(\d+) +" + re.escape(name), listing, re.MULTILINE)
        if match is not None:
            found[name] = int(match.group(1))
    return found


def _runs(frame: FrameType) -> bool:
    """Whether ``frame`` is one of those that threads are running."""
    for innermost in [sys._getframe(), *sys._current_frames().values()]:
        seen = set()  # where greenlets are, the callers may form a ring
        running: Optional[FrameType] = innermost
        while running is not None and id(running) not in seen:
            if running is frame:
                return True
            seen.add(id(running))
            running = running.f_back
    return False


def _traces(callee: FrameType, frame: FrameType) -> bool:
    """Whether ``callee`` is the trace function of ``frame``, called for a failure there."""
    trace: Any = frame.f_trace
    function = trace.__func__ if type(trace) is MethodType else trace
    return type(function) is FunctionType and same_code(callee.f_code, function.__code__)


class _Moment(Moment):
    """What a frame held when it was looked at. It may have gone on since then.

    Attributes:
        values: what was in its slots, without NULLs.
        filled: for each variable, whether its slot was not NULL.
        shadowed: the slots of arguments that live on in a cell.
        count: how many variables have a value.
    """

    __slots__ = ("filled", "count", "shadowed", "values")

    def __init__(
        self, lasti: int, values: List[object], filled: List[bool], shadowed: FrozenSet[int]
    ) -> None:
        self.lasti = lasti
        self.values: List[object] = values
        self.filled: List[bool] = filled
        self.shadowed: FrozenSet[int] = shadowed
        self.count: int = sum(filled)
        self.depth: int = len(values) - self.count + len(filled)

    def leaves(self, frame: FrameType, site: Site, callee: Optional[FrameType]) -> bool:
        is_awaited = site.exiting is not None and site.exiting.awaitable >= 0
        has_operands = is_awaited or self.depth >= len(self.filled) + site.depth
        if has_operands and super().leaves(frame, site, callee):
            return True
        # Nothing is on the stack while a function in Python is called, nor while what is awaited
        # runs. Nor is it when that has failed.
        if self.depth != site.used:
            return False
        if callee is not None and callee.f_back is frame:
            return not _traces(callee, frame)
        return _runs(frame)

    def check(self) -> None:
        """Nothing: all that is known was read at once."""

    def fits(self, site: Site) -> bool:
        """Whether the stack is as it must be at ``site``, as far as ``with`` statements go."""
        slots = [live.slot for live in site.live]
        used = self.depth - len(self.filled)
        if not max([*slots, -1]) < used <= site.depth:
            return False
        if not all(map(callable, self.stack(slots))):
            return False
        if site.exiting is not None and site.exiting.slot >= 0:
            slots.append(site.exiting.slot)
        return not slots or used != min(slots) + 4 or not self.is_left_behind()

    def is_left_behind(self) -> bool:
        """Whether the stack ends like that of a frame that an exception has left.

        For example, the handler of a ``with`` block leaves the exit callable, where the exception
        came from, the one that was handled before, and once more where it came from.
        """
        last = self.values[-1] if len(self.values) > self.count else None
        return type(last) is int and last == self.lasti

    def stack(self, slots: Iterable[int]) -> List[object]:
        return [self.values[self.count + slot] for slot in slots]

    def get(self, slot: int) -> Tuple[bool, object]:
        """Whether there is something in a slot, and that."""
        if slot < len(self.filled):
            if not self.filled[slot]:
                return False, None
            return True, self.values[sum(self.filled[:slot])]
        index = self.count + slot - len(self.filled)
        return (True, self.values[index]) if index < len(self.values) else (False, None)

    def objects(self, slots: Sequence[int]) -> List[object]:
        found = [self.get(slot) for slot in slots]
        if not all(is_there for is_there, _ in found):
            raise FrameMoved
        return [value for _, value in found]

    def nullable(self, slots: Sequence[int]) -> List[object]:
        found = [self.get(slot)[1] for slot in slots]
        return [None if type(value) is _GcRef else value for value in found]

    def peek(self, slot: int, types: FrozenSet[int]) -> Tuple[bool, object]:
        is_there, value = self.get(slot)
        return is_there, value if id(type(value)) in types else None

    def tracked(self, slot: int) -> object:
        return self.get(slot)[1]

    def addresses(self, count: int) -> List[int]:
        found = [self.get(slot) for slot in range(count)]
        return [
            id(value) if is_there and slot not in self.shadowed else 0
            for slot, (is_there, value) in enumerate(found)
        ]


class PyPyReader(Reader):
    """Reads frames of PyPy 3.11.

    Args:
        array: the type of the array that holds what a frame works on.
        known: all types that a frame refers to while the JIT has nothing to do with it.
    """

    def __init__(self, array: int, known: FrozenSet[int]) -> None:
        self.array = array
        self.known = known

    def moment(self, frame: FrameType, code: CodeType) -> Optional[Moment]:
        if _lasti(frame) < 0:
            return None
        moment = self.read(frame, code)
        if moment is None:
            return None
        sites = analyze(code).at(moment.lasti)
        if all(map(moment.fits, sites)):
            return moment
        if not moment.is_left_behind() and _runs(frame):
            raise FrameMoved  # it is unwinding
        return None

    def read(self, frame: FrameType, code: CodeType) -> Optional[_Moment]:
        """What is in the frame; `None` if it holds no slots any more."""
        array = self.array_of(_referents(frame))
        if array is None:
            return None
        once = (frame,)
        # Variables at module or class level are not in slots.
        variables = once if code.co_nlocals else ()
        # Nothing but compiled code until the list is complete. The first item brings the frame up
        # to date, if it is met in the loop (that the list is filled in) and so by code that the JIT
        # doesn't see as part of the frame's own.
        found: List[Any] = list(
            chain(
                map(_lasti, (frame, frame)),
                map(_referents, (frame, array)),
                map(list, map(_locals, variables)),
                map(_lasti, once),
            )
        )
        _, lasti, referents, values = found[:4]
        if found[-1] != lasti or not self.is_up_to_date(referents):
            raise FrameMoved
        if referents and type(referents[-1]) is not CodeType:
            # What it awaits or yields from has been taken off the stack.
            values.append(referents[-1])
        return self.moment_of(code, lasti, values, found[4] if code.co_nlocals else ())

    @staticmethod
    def moment_of(
        code: CodeType, lasti: int, values: List[object], bound: Sequence[str]
    ) -> _Moment:
        """The moment of a frame, from the values that the collector has told."""
        # The slot of an argument that is also a cell keeps the value that was passed.
        shadowed = frozenset(
            i for i, name in enumerate(code.co_varnames) if name in code.co_cellvars
        )
        cells = len(code.co_cellvars) + len(code.co_freevars)
        filled = [name in bound or i in shadowed for i, name in enumerate(code.co_varnames)]
        return _Moment(lasti, values, filled + [True] * cells, shadowed)

    def array_of(self, referents: List[object]) -> Any:
        """The one array among what a frame refers to."""
        return next(
            (
                item
                for item in referents
                if type(item) is _GcRef and _type_index(item) == self.array
            ),
            None,
        )

    def is_up_to_date(self, referents: List[object]) -> bool:
        """Whether the frame refers to nothing of the JIT's."""
        return all(_type_index(item) in self.known for item in referents if type(item) is _GcRef)

    def proves(self, frame: FrameType) -> bool:
        code = frame.f_code
        array = self.array_of(_referents(frame))
        slots = len(slot_names(code)) + code.co_stacksize
        return (
            bool(code.co_flags & CO_OPTIMIZED)
            and array is not None
            and _memory_usage(array) == _ARRAY_HEADER + slots * _WORD
        )

    def is_alive(self, frame: FrameType) -> bool:
        return _runs(frame)
