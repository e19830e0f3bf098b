"""Which frames are folded where a person looks at a stack: the one rule for all who draw stacks.

Folded are machinery (see `register_machinery`) and the code of libraries, unless a frame holds a
context manager of the user's. Equal frames in a row are drawn once.
"""

from __future__ import annotations

import os
import sys

from stackscope.model.saved import SavedObject
from stackscope.model.stacks import Context
from stackscope.safe.interruptions import attempt
from stackscope.safe.objects import module_of, namespace_of
from stackscope.snapshot.user_code import is_machinery, library_of, library_of_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Callable, Container, Dict, List, Mapping, Optional, Sequence, Tuple

    from stackscope.model.stacks import Frame

__all__ = [
    "Repeat",
    "folded_frames",
    "for_each_function",
    "holds_users",
    "is_of_users_class",
    "library_here",
    "repeats",
]

LONGEST_CYCLE = 4
"""Of functions that call each other over and over."""

FEWEST_TIMES = 3
"""How often equal frames have to follow each other to be drawn once."""


def folded_frames(
    frames: Sequence[FrameType],
    known: Mapping[int, Frame],
    passes: Callable[[FrameType], bool],
) -> List[bool]:
    """For each frame of a stack whether it is folded for what it belongs to.

    Args:
        frames: The frames.
        known: What an extraction says about them, by their identities. A frame of a library that
            holds a context manager of the user's isn't folded. That is known if the contexts are.
        passes: Whether a frame that is no machinery is folded.
    """
    return [
        (is_machinery(frame) or passes(frame))
        and not (id(frame) in known and holds_users(known[id(frame)]))
        for frame in frames
    ]


def holds_users(frame: Frame) -> bool:
    """Whether a context manager of the user's is active in a frame."""
    return any(map(is_users_context, frame.contexts))


def for_each_function(tell: Callable[[FrameType], bool]) -> Callable[[FrameType], bool]:
    """The same, but asked once only for all frames of a function.

    Args:
        tell: Says something of a frame that holds for all frames of its function. The frames have
            to stay as long as this is asked.
    """
    known: Dict[Tuple[int, Optional[str]], bool] = {}

    def tell_of(frame: FrameType) -> bool:
        key = id(frame.f_code), module_of(frame)
        try:
            return known[key]
        except KeyError:
            found = known[key] = tell(frame)
            return found

    return tell_of


def is_users_context(context: Context) -> bool:
    """Whether a context manager is code of the user's, or has some inside."""
    todo = [context]
    while todo:
        one = todo.pop()
        if one.hide:
            continue
        if one.inner_stack is not None:
            frames = [frame for frame in one.inner_stack.frames if not frame.hide]
            if any(not library_of(frame.pyframe) for frame in frames):
                return True
            # A library's manager may be around the user's, as fastapi's are.
            todo += [inner for frame in frames for inner in frame.contexts]
        if is_of_users_class(one.obj):
            return True
        todo += [child for child in one.children if isinstance(child, Context)]
    return False


def is_of_users_class(obj: object) -> bool:
    """Whether the class of an object is the user's."""
    if type(obj) is SavedObject:
        return obj.is_users
    module = sys.modules.get(_module_of_class(type(obj)))
    file = getattr(module, "__file__", None) if module is not None else None
    return type(file) is str and not library_of_file(file)


def _module_of_class(cls: type) -> str:
    name = namespace_of(cls).get("__module__")
    return name if type(name) is str else ""


def library_here() -> str:
    """The library in whose folder the process works, if it does in one: its user looks at that."""
    folder = attempt("", os.getcwd)
    if not folder:  # it is gone
        return ""
    return library_of_file(folder if folder.endswith(os.sep) else folder + os.sep)


class Repeat:
    """Equal frames in a row, or some that follow each other over and over.

    Args:
        start: The index of the first one.
        period: How many are different.
        times: How often they come.
    """

    def __init__(self, start: int, period: int, times: int) -> None:
        self.start = start
        self.period = period
        self.times = times

    @property
    def stop(self) -> int:
        """The index after the last one."""
        return self.start + self.period * self.times


def repeats(
    entries: Sequence[Tuple[FrameType, Optional[int]]],
    hidden: Sequence[bool],
    apart: Container[int],
    selected: range,
) -> List[Repeat]:
    """The frames that are drawn once, since others at the same lines follow.

    Args:
        entries: The frames with their lines.
        hidden: Which of them are folded. They may come between others, over and over.
        apart: The indexes of those that are like no other one.
        selected: The indexes to look at.
    """
    keys = [
        (index,) if index in apart else (id(frame.f_code), lineno)
        for index, (frame, lineno) in enumerate(entries)
    ]
    found = []
    index = selected.start
    while index < selected.stop:
        repeat = None if hidden[index] else _repeat_at(keys, index, selected.stop)
        if repeat is None:
            index += 1
        else:
            found.append(repeat)
            index = repeat.stop
    return found


def _repeat_at(keys: Sequence[Tuple[object, ...]], start: int, stop: int) -> Optional[Repeat]:
    for period in range(1, LONGEST_CYCLE + 1):
        index = start + period
        while index < stop and keys[index] == keys[index - period]:
            index += 1
        times = (index - start) // period
        if times >= FEWEST_TIMES:
            return Repeat(start, period, times)
    return None
