"""Which frames are folded in a list, and which are passed over by `up` and `down`.

Folded are those that the library hides (its hooks say which, and the variable
``__tracebackhide__``), machinery (see `stackscope.register_machinery`), and the code of libraries.
"""

from __future__ import annotations

import sys

from stackscope import Context
from stackscope.safe.objects import namespace_of
from stackscope.snapshot.user_code import is_machinery, library_of, library_of_file, package_of
from stackscope_pdb.program.libraries import Passed
from stackscope_pdb.program.machinery import DEBUGGERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Container, Dict, List, Optional, Sequence, Tuple

    from stackscope import Frame, Stack
    from stackscope_pdb.stop.focus import Entry
    from stackscope_pdb.stop.host import Host

MOST_FRAMES = 100
"""Of more frames, those in the middle are folded, too."""

LONGEST_CYCLE = 4
"""Of functions that call each other over and over."""

FEWEST_TIMES = 3
"""How often equal frames have to follow each other to be drawn once."""


def folded(debugger: Host, stack: Stack) -> List[bool]:
    """For each frame that the debugger has, whether it is folded.

    The innermost frame is folded only if it is hidden, for otherwise it is where things stand.

    Args:
        debugger: The debugger, which has the frames.
        stack: What the library says about them. A frame of a library that holds a context manager
            of the user's isn't folded. That is known if the contexts are.
    """
    if not debugger.folds_frames:
        return [False] * len(debugger.stack)
    known = {id(frame.pyframe): frame for frame in stack.frames}
    hidden = debugger.hidden_among(known)
    frames = [frame for frame, _ in debugger.stack]
    hidden_frames = [frame for is_hidden, frame in zip(hidden, frames) if is_hidden]
    stop, index = debugger.session.stop
    # An assertion of a test runner is raised in a frame that hides, and nobody is there.
    stopped = [frame for frame, _ in stop[index : index + 1] if frame not in hidden_frames]
    places = [frames[debugger.curindex], *stopped]
    passed = Passed(*places, shown=debugger.libraries_shown)
    if all(is_hidden or library_of(frame) for is_hidden, frame in zip(hidden, frames)):
        passes = [is_machinery(frame) for frame in frames]  # libraries are all there is to see
    else:
        passes = [_is_passed(frame, known.get(id(frame)), passed, debugger) for frame in frames]
    result = [is_hidden or passes_it for is_hidden, passes_it in zip(hidden, passes)]
    if result:
        result[-1] = hidden[-1]
    return result


def innermost_of_user(debugger: Host) -> Optional[int]:
    """The index of the innermost frame whose code is the user's, if there is one."""
    stack = debugger.session.extract(with_contexts=False)
    hidden = debugger.hidden_among({id(frame.pyframe): frame for frame in stack.frames})
    for index in range(len(debugger.stack) - 1, -1, -1):
        frame, _ = debugger.stack[index]
        if not (hidden[index] or library_of(frame) or is_machinery(frame)):
            return index
    return None


def left_out_or_hidden(entries: Sequence[Entry], known: Dict[int, Frame]) -> List[bool]:
    """For each entry of a stack whether the library hides it, or has left it out.

    Args:
        entries: The frames as the debugger has them.
        known: What the library says about them, by their identities.
    """
    result = []
    leaves_out = False
    for pyframe, _ in entries:
        frame = known.get(id(pyframe))
        # Outside of the first one that it knows it hasn't looked.
        leaves_out = leaves_out or frame is not None
        result.append(leaves_out if frame is None else frame.hide)
    return result


def _is_passed(pyframe: FrameType, frame: Optional[Frame], passed: Passed, debugger: Host) -> bool:
    """Whether a frame is passed over for what it belongs to."""
    if debugger.skip and debugger.is_skipped_module(pyframe.f_globals.get("__name__")):
        return True
    if passed.is_looked_at(pyframe):
        return False
    if not is_machinery(pyframe) and not passed(pyframe):
        return False
    return frame is None or not any(map(_is_users, frame.contexts))


def _is_users(context: Context) -> bool:
    """Whether a context manager is code of the user's, or has some inside."""
    if context.hide:
        return False
    if context.inner_stack is not None:
        frames = context.inner_stack.frames
        if any(not library_of(frame.pyframe) for frame in frames if not frame.hide):
            return True
    module = sys.modules.get(_module_of_class(type(context.obj)))
    file = getattr(module, "__file__", None) if module is not None else None
    if type(file) is str and not library_of_file(file):
        return True
    return any(isinstance(child, Context) and _is_users(child) for child in context.children)


def _module_of_class(cls: type) -> str:
    name = namespace_of(cls).get("__module__")
    return name if type(name) is str else ""


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
    entries: Sequence[Entry], hidden: Sequence[bool], apart: Container[int], selected: range
) -> List[Repeat]:
    """The frames that are drawn once, since others at the same lines follow.

    Args:
        entries: The frames.
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


def _repeat_at(keys: Sequence[Tuple[int, ...]], start: int, stop: int) -> Optional[Repeat]:
    for period in range(1, LONGEST_CYCLE + 1):
        index = start + period
        while index < stop and keys[index] == keys[index - period]:
            index += 1
        times = (index - start) // period
        if times >= FEWEST_TIMES:
            return Repeat(start, period, times)
    return None


def fold_middle(hidden: List[bool], found: List[Repeat], current: int) -> None:
    """Fold the middle of a stack that is very deep.

    Args:
        hidden: For each entry whether it is folded already. It is changed.
        found: The equal ones, which are drawn once. Those that get folded are taken out.
        current: The index of the one to leave alone.
    """
    drawn_once = {index for one in found for index in range(one.start + one.period, one.stop)}
    visible = [
        index for index, is_hidden in enumerate(hidden) if not is_hidden and index not in drawn_once
    ]
    if len(visible) <= MOST_FRAMES:
        return
    for index in visible[MOST_FRAMES // 4 : len(visible) - MOST_FRAMES * 3 // 4]:
        hidden[index] = abs(index - current) > MOST_FRAMES // 10
    for one in [one for one in found if any(hidden[one.start : one.start + one.period])]:
        found.remove(one)
        hidden[one.start : one.stop] = [True] * (one.stop - one.start)


def packages(entries: Sequence[Entry]) -> List[str]:
    """The packages that folded frames come from; those with the most frames come first.

    Debuggers have one name for all of them.
    """
    from stackscope.safe.text import safe_text

    counts: Dict[str, int] = {}
    for frame, _ in entries:
        name = package_of(frame)
        name = (library_of(frame) or name) if name == "__main__" else name
        name = "the debugger" if name in DEBUGGERS else safe_text(name)
        counts[name] = counts.get(name, 0) + 1
    counts.pop("", None)
    return sorted(counts, key=lambda name: -counts[name])
