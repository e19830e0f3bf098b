"""When tasks were made, and when they ran: what is recorded once `stackscope.clock` is installed.

Glue registers a recorder for each library, which calls `made`, and then says what it knows to the
`Record`. What is
recorded of a task goes when the task does: none is kept alive, hashed or compared.
"""

from __future__ import annotations

import dis
import functools
import time
import weakref
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_ITERABLE_COROUTINE
from types import CodeType

from stackscope.model.snapshot import CodeLine
from stackscope.snapshot.user_code import RUNTIME, rank_of_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable, Dict, List, Optional, Tuple, Union

    Reference = weakref.ref[Any]
    Calls = Tuple[Union[CodeType, int], ...]

    from stackscope.model.snapshot import TaskNode

else:
    Reference = weakref.ref  # which can't be subscripted on 3.8

__all__ = [
    "Record",
    "Times",
    "is_recording",
    "made",
    "moment",
    "record_of",
    "register_recorder",
    "start_recording",
    "stop_recording",
]

MOST_FRAMES = 12
"""The most frames that are looked at where a task is made: those of its runtime come first."""

MOST_LINES = 5
"""The most lines that are shown of where a task was made."""

COROUTINES = CO_COROUTINE | CO_ITERABLE_COROUTINE | CO_ASYNC_GENERATOR
"""Marks the code of coroutines and async generators."""

moment: Callable[[], float] = time.perf_counter
"""The clock. Its beginning is unknown, and nobody sets it."""


class Record(Reference):
    """A weak reference to a task that knows its times.

    Attributes:
        made_at: When the task was made; ``None`` if it was there before.
        calls: What was called then: see `_calls_of`.
        busy: For how many seconds it has run; ``None`` if its runtime doesn't tell when it does.
        began: When it began to run, if it is running.
        ran_at: When it ran last; ``None`` if it hasn't.
    """

    __slots__ = ("began", "busy", "calls", "made_at", "ran_at")
    made_at: Optional[float]
    calls: Calls
    busy: Optional[float]
    began: Optional[float]
    ran_at: Optional[float]

    def begins(self) -> None:
        """The task begins to run."""
        self.began = moment()

    def ends(self) -> None:
        """The task has stopped running."""
        now, began = moment(), self.began
        if began is not None and self.busy is not None:
            self.busy += now - began
        self.ran_at, self.began = now, None


_records: Dict[int, Record] = {}


class Recorder:
    """What `register_recorder` was told."""

    __slots__ = ("start", "stop")

    def __init__(self, start: Callable[[], None], stop: Callable[[], None]) -> None:
        self.start: Callable[[], None] = start
        self.stop: Callable[[], None] = stop


_recorders: Dict[str, Recorder] = {}
_state = {"is_on": False}


def register_recorder(library: str, start: Callable[[], None], stop: Callable[[], None]) -> None:
    """Say how the times of a library's tasks are recorded. That begins now, if it is on.

    Args:
        library: The library.
        start: Begins with it.
        stop: Ends it, and leaves the library as it was.
    """
    _recorders[library] = Recorder(start, stop)
    if _state["is_on"]:
        start()


def is_recording() -> bool:
    """Whether times are recorded."""
    return _state["is_on"]


def start_recording() -> None:
    """Record times from now on, for all libraries that are known."""
    if not _state["is_on"]:
        _state["is_on"] = True
        for recorder in list(_recorders.values()):
            recorder.start()


def stop_recording() -> None:
    """Record nothing more, and forget what was recorded."""
    if _state["is_on"]:
        _state["is_on"] = False
        for recorder in list(_recorders.values()):
            recorder.stop()
        _records.clear()


# ------------------------------------------------------------ told by recorders


def made(
    task: Any, made_at: Optional[float], frame: Optional[FrameType], *, is_timed: bool
) -> Optional[Record]:
    """Take note of a task.

    Args:
        task: The task.
        made_at: When it was made; ``None`` if it was there before.
        frame: The frame that made it, or one that was called for that.
        is_timed: Whether it will be told when the task runs.

    Returns:
        What is recorded of it; ``None`` if it can't be referenced weakly.
    """
    key = id(task)
    try:
        # As in `stackscope.snapshot.numbers`: no Python code runs in the end, and the entry of a
        # new object at the same place is not touched.
        record = Record(task, functools.partial(_records.pop, key))
    except TypeError:
        return None
    record.made_at, record.calls = made_at, _calls_of(frame)
    record.busy = 0.0 if is_timed and made_at is not None else None
    record.began = record.ran_at = None
    _records[key] = record
    return record


def record_of(task: object) -> Optional[Record]:
    """What is recorded of a task; ``None`` if nothing is."""
    record = _records.get(id(task))
    return record if record is not None and record() is task else None


def _calls_of(frame: Optional[FrameType]) -> Calls:
    """The functions that are being called, innermost first, each followed by its instruction.

    That is quick, and a single object, which the collector soon leaves alone. Which lines these are
    is found out when somebody asks.
    """
    found: List[Union[CodeType, int]] = []
    while frame is not None and len(found) < 2 * MOST_FRAMES:
        found += (frame.f_code, frame.f_lasti)
        frame = frame.f_back
    return tuple(found)


# ----------------------------------------------------------- asked by snapshots


class Times:
    """What is recorded, as it is at one moment: that of a snapshot."""

    def __init__(self) -> None:
        self.now: float = moment()
        self.lines: Dict[Tuple[int, int], int] = {}

    def add_to(self, node: TaskNode) -> None:
        """Say of a task what is recorded of it."""
        record = record_of(node.task)
        if record is None:
            return
        began, ran_at = record.began, record.ran_at
        if began is not None:
            node.last_ran = 0.0
        elif ran_at is not None:
            node.last_ran = self.since(ran_at)
        if record.made_at is None:
            return
        node.created = self.code_lines(record.calls) or None
        node.age = self.since(record.made_at)
        if record.busy is None or node.last_ran is None:
            return  # nobody has told, or it hasn't run
        busy = record.busy + (0.0 if began is None else self.since(began))
        node.busy = min(busy, node.age)
        node.idle = node.age - node.busy

    def since(self, earlier: float) -> float:
        """The seconds since a moment. Another thread may have recorded one after ours."""
        return max(self.now - earlier, 0.0)

    def code_lines(self, calls: Calls) -> List[CodeLine]:
        """Where a task was made, outermost first, without what tells nothing.

        That is what runtimes and the standard library have in between, and what runs the task that
        has made it: that begins with the first function of a runtime outside a coroutine.
        """
        shown: List[CodeLine] = []
        in_coroutine = False
        for code, offset in zip(calls[::2], calls[1::2]):
            assert isinstance(code, CodeType)
            assert isinstance(offset, int)
            is_coroutine = bool(code.co_flags & COROUTINES)
            in_coroutine = in_coroutine or is_coroutine
            if rank_of_file(code.co_filename) != RUNTIME:
                shown.append(CodeLine(code.co_filename, self.line_at(code, offset), code.co_name))
            elif in_coroutine and not is_coroutine:
                break
        return shown[MOST_LINES - 1 :: -1]

    def line_at(self, code: CodeType, offset: int) -> int:
        """The line of an instruction; 0 if it has none. The record keeps the code alive."""
        key = id(code), offset
        if key not in self.lines:
            line = 0
            for start, one in dis.findlinestarts(code):
                if start > offset:
                    break
                line = one or 0
            self.lines[key] = line
        return self.lines[key]
