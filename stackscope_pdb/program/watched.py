"""What `catch` and `watch` wait for: exceptions that are raised, and values that change.

Classes are known by weak references, and frames by their identity, so that nothing of the program
is kept alive.
"""

from __future__ import annotations

import weakref

from stackscope.safe.objects import mro_of
from stackscope.safe.text import describe_exception, safe_repr
from stackscope_pdb import settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType, TracebackType
    from typing import Any, List, Mapping, Optional, Sequence, Tuple

    from stackscope_pdb.program.libraries import Passed

INTERNAL = (StopIteration, StopAsyncIteration, GeneratorExit)
"""Exceptions by which iterators and generators end. They aren't meant by ``catch Exception``."""

LONGEST_COMPARED = 10_000
"""How many characters of a value's repr are compared."""

LONGEST_SHOWN = 300


class Caught:
    """Exceptions to stop for.

    Args:
        name: What the user calls their class.
        classes: The classes that this is the name of. If there is none, it may come later: then
            all classes of that name are meant.
    """

    def __init__(self, name: str, classes: Sequence[type]) -> None:
        self.name = name
        self._classes = [weakref.ref(cls) for cls in classes]

    @property
    def is_known(self) -> bool:
        """Whether there is such a class so far."""
        return bool(self._classes)

    def matches(self, cls: type) -> bool:
        """Whether exceptions of a class are meant."""
        bases = mro_of(cls)
        if not self._classes:
            return any(_has_name(base, self.name) for base in bases)
        wanted = [reference() for reference in self._classes]
        is_internal = any(base in INTERNAL for base in bases)
        return any(
            base in wanted and (not is_internal or any(one in INTERNAL for one in mro_of(base)))
            for base in bases
        )


def _has_name(cls: type, name: str) -> bool:
    package, _, last = name.rpartition(".")
    if cls.__name__ != last:
        return False
    module = cls.__module__
    # A package may show classes of its modules as its own.
    return not package or module == package or package.split(".")[0] == str(module).split(".")[0]


def is_raised_in(
    frame: FrameType, traceback: Optional[TracebackType], passed: Optional[Passed] = None
) -> bool:
    """Whether an exception begins in a frame, and doesn't just pass it.

    What comes out of a library that is passed over begins in the frame that has called it. So what
    libraries raise and handle by themselves begins nowhere.

    Args:
        frame: The frame.
        traceback: That of the exception, up to that frame.
        passed: Says of frames whether they are passed over.
    """

    def is_beside(one: FrameType) -> bool:
        return _is_frozen(one) or (passed is not None and passed(one))

    if traceback is None or is_beside(frame):
        return False
    inner = traceback.tb_next
    while inner is not None:
        if not is_beside(inner.tb_frame):
            return False
        inner = inner.tb_next
    return True


def _is_frozen(frame: FrameType) -> bool:
    """Whether it belongs to the import system, whose exceptions belong to who imports."""
    return frame.f_code.co_filename.startswith("<frozen importlib")


class Watch:
    """An expression whose value is watched in one frame.

    Args:
        expression: The expression.
        frame: The frame.
        namespace: Its locals.
    """

    def __init__(self, expression: str, frame: FrameType, namespace: Mapping[str, Any]) -> None:
        self.expression = expression
        self.code: CodeType = frame.f_code
        self._compiled = compile(expression, "<watch>", "eval")
        self.frame_id: int = id(frame)
        self.line: Optional[int] = frame.f_lineno
        self._value = self._look(frame, namespace)

    def change(self, frame: FrameType) -> Optional[List[str]]:
        """What to say of a change since the last look; nothing if there is none."""
        before, line = self._value, self.line
        self._value, self.line = self._look(frame, frame.f_locals), frame.f_lineno
        if before == self._value:
            return None
        at = f" in line {line}" if line is not None else ""
        return [
            f"{self.expression} has changed{at}:",
            f"  old: {_shown(before)}",
            f"  new: {_shown(self._value)}",
        ]

    @property
    def shown(self) -> str:
        """The value when it was looked at last."""
        return _shown(self._value)

    def _look(self, frame: FrameType, namespace: Mapping[str, Any]) -> Sequence[object]:
        """What is compared: the kind of the value, its size if it is one of Python's, its repr."""
        try:
            value = eval(self._compiled, frame.f_globals, namespace)  # type: ignore[arg-type,unused-ignore]  # noqa: S307
        except BaseException as exc:
            from stackscope.safe.interruptions import interrupts

            if interrupts(exc):
                raise
            return (None, 0, f"({describe_exception(exc)})")
        sized = type(value) in (list, tuple, dict, set, frozenset, str, bytes, bytearray)
        return (id(type(value)), len(value) if sized else 0, safe_repr(value, LONGEST_COMPARED))


def _shown(value: Sequence[object]) -> str:
    from stackscope.safe.text import cut

    return cut(str(value[2]), LONGEST_SHOWN)


class Watched:
    """All that is waited for.

    Attributes:
        caught: Exceptions.
        watches: Values.
        until: The identity of the frame with whose end no exception is waited for any more, and its
            code; ``None`` if that is the end of the program.
        passed: Says of frames whether they are passed over.
    """

    def __init__(self) -> None:
        self.caught: List[Caught] = []
        self.watches: List[Watch] = []
        self.until: Optional[Tuple[int, CodeType]] = None
        self.passed: Optional[Passed] = None

    def __bool__(self) -> bool:
        return bool(self.caught or self.watches)

    def wants(self, frame: FrameType, exc: type, traceback: Optional[TracebackType]) -> bool:
        """Whether to stop for an exception that goes through a frame."""
        if not any(one.matches(exc) for one in self.caught):
            return False
        passes = settings.passes_libraries() and self.passed is not None
        return is_raised_in(frame, traceback, self.passed if passes else None)

    def of_frame(self, frame: FrameType) -> List[Watch]:
        """The expressions that are watched in a frame."""
        known = id(frame)
        return [one for one in self.watches if one.frame_id == known and one.code is frame.f_code]

    def ends_with(self, frame: FrameType) -> bool:
        """Whether no exception is waited for any more when a frame has ended."""
        return self.until is not None and self.until == (id(frame), frame.f_code)

    def codes(self) -> List[CodeType]:
        """The code of the frames in which something is watched."""
        return list(dict.fromkeys([one.code for one in self.watches]))
