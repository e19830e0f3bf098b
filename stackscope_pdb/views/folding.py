"""Which frames are folded in a list, and which are passed over by `up` and `down`.

Folded are those that the library hides (its hooks say which, and the variable
``__tracebackhide__``), and what `stackscope.snapshot.folding` says.
"""

from __future__ import annotations

from stackscope.snapshot.folding import folded_frames
from stackscope.snapshot.user_code import is_machinery, library_of, package_of
from stackscope_pdb.program.libraries import Passed
from stackscope_pdb.program.machinery import DEBUGGERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Sequence

    from stackscope import Frame, Stack
    from stackscope.snapshot.folding import Repeat
    from stackscope_pdb.stop.focus import Entry
    from stackscope_pdb.stop.host import Host

MOST_FRAMES = 100
"""Of more frames, those in the middle are folded, too."""


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
        passes = [
            is_passed and not passed.is_looked_at(frame)
            for is_passed, frame in zip(folded_frames(frames, known, passed), frames)
        ]
        if debugger.skip:
            skipped = [debugger.is_skipped_module(f.f_globals.get("__name__")) for f in frames]
            passes = [is_passed or skips for is_passed, skips in zip(passes, skipped)]
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
