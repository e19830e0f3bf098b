"""The memory of one stop: where the program stopped, or where the user has moved to.

A debugger always has one list of frames that its commands work in. At a stop these are the frames
that are running. Focusing a task swaps them for the frames of the task; `unfocus` brings the others
back. This module keeps the two apart. It knows frames, but no debugger.
"""

from __future__ import annotations

import sys
from types import TracebackType

from stackscope_pdb.stop.greenlets import frames_inward
from stackscope_pdb.stop.snapshots import Snapshots, extract_now

TYPE_CHECKING = False
if TYPE_CHECKING:
    import weakref
    from types import CellType, FrameType
    from typing import Any, Dict, List, Optional, Set, Tuple

    from stackscope import Stack
    from stackscope_pdb.output.redrawing import Drawing
    from stackscope_pdb.stop.focus import Entry, Focus
    from stackscope_pdb.stop.raised import Raised
    from stackscope_pdb.stop.returning import Return


class Session:
    """All that a debugger of ours remembers.

    Attributes:
        stop: The frames where the program stopped, and the index of the one that it stopped in.
        calling: The frame that has called `set_trace`, while that call is where the program stands.
        focus: What the user has moved into, if anything.
        snapshots: What is known about the tasks of the process.
        raised: The exception that is looked at in post-mortem debugging.
        is_forgotten: Whether the debugger keeps nothing of the last stop any more.
        is_shown: Whether the user has been told where the program stopped.
        opens_at_user: Whether the next stop begins in the innermost frame of the user's.
        is_at_line: Whether the program stopped where a line begins, and not at a call or the like.
        way_back: The way to where the user was before something was awaited, while that runs.
        is_place_owed: Whether the standard debugger won't tell that, so that we have to.
        prompt: The prompt as it is without a focus; meaningful while there is one.
        awaited: The suspended generator or coroutine whose next line is waited for while the
            program runs.
        drawn: The code that `sticky` has drawn, as long as it is known where that is on the screen.
        line_reader: What reads lines at the prompt, and what it was made for. It serves all stops.
        pasted: What is still to be run of pasted text. It may take several stops.
        cells: Those in which functions that were made at the prompt see the variables of a frame.
    """

    def __init__(self) -> None:
        self.pasted = ""
        self.is_at_line = False
        self.is_forgotten: bool = False
        self.way_back: Optional[Return] = None
        self.awaited: Optional[weakref.ref[Any]] = None
        self.calling: Optional[FrameType] = None
        self.opens_at_user = False
        self.line_reader: Optional[Tuple[Any, Any]] = None
        self.prompt = ""
        self.drawn: Optional[Drawing] = None
        self.raised: Optional[Raised] = None
        self.snapshots: Snapshots = Snapshots()
        self.cells: Dict[FrameType, Dict[str, CellType]] = {}
        self.reset()

    def reset(self) -> None:
        """Forget the stop, when the program goes on or stops anew.

        Nothing of the program is kept alive.
        """
        self.stop: Tuple[List[Entry], int] = ([], 0)
        self._traceback: Optional[TracebackType] = None
        self.focus: Optional[Focus] = None
        if self.drawn is not None:
            self.forget_drawing()
        self.is_shown = False
        self.is_place_owed = False
        if self.cells:
            self.cells = {}
        self.snapshots.drop()

    def forget_drawing(self) -> None:
        """It isn't known any more where the code is on the screen, or that is of no use."""
        drawn, self.drawn = self.drawn, None
        if drawn is not None:
            drawn.close()

    def arrive(
        self, stack: List[Entry], index: int, traceback: Optional[TracebackType] = None
    ) -> None:
        """The program has stopped.

        Args:
            stack: Its frames, outermost first.
            index: Which of them it stopped in.
            traceback: That of the exception that it stopped for, whose frames are the last ones.
        """
        self.is_forgotten = False
        self.stop = stack, index
        self._traceback = traceback

    def way_to(self, frame: FrameType) -> Optional[Return]:
        """The way back to where the user is now, for after something that is awaited.

        Args:
            frame: The frame that the user has chosen.
        """
        from stackscope_pdb.stop.returning import Return

        stack, index = self.stop
        if not stack:
            return None
        return Return(stack[index][0], frame, self.focus)

    @property
    def traceback(self) -> Optional[TracebackType]:
        """The traceback that the frames, or some of them, come from, if they do from one."""
        if self.focus is None:
            return self._traceback
        return _traceback_in(self.focus.item) if self.focus.kind == "ended" else None

    def extract(self, *, with_contexts: bool) -> Stack:
        """What the library says about the frames that the commands work in now.

        Of frames that have ended, as those of a traceback have, it tells the contexts of then.
        """
        import stackscope

        if self.focus is not None:
            return self._refreshed(self.focus)
        stack = self._live_stack(with_contexts=with_contexts)
        if self._traceback is not None:
            past = stackscope.extract(self._traceback, with_contexts=with_contexts).frames
            live = {id(frame.pyframe) for frame in stack.frames}
            stack.frames = [*stack.frames, *[one for one in past if id(one.pyframe) not in live]]
        return stack

    def _live_stack(self, *, with_contexts: bool) -> Stack:
        """The same for those that are running."""
        import stackscope

        inner = self._innermost_live()
        if inner is None:
            return stackscope.extract(None)  # so that glue is ready, which knows what is machinery
        try:
            return stackscope.extract_until(inner, with_contexts=with_contexts)
        except RuntimeError:  # "is not an indirect caller": the program was stopped in some odd way
            return stackscope.extract(inner, with_contexts=with_contexts)

    def _refreshed(self, focus: Focus) -> Stack:
        """The stack in focus, extracted anew if code has run since it was extracted."""
        # A thread has gone on, and its frames with it.
        if focus.kind != "thread" and focus.drops != self.snapshots.drops:
            focus.drops = self.snapshots.drops
            stack = extract_now(focus.item)
            if stack.frames:
                focus.stack = stack
        return focus.stack

    def _innermost_live(self) -> Optional[FrameType]:
        live = _live_frames()
        return next((frame for frame, _ in reversed(self.stop[0]) if id(frame) in live), None)

    def enter(self, focus: Optional[Focus]) -> None:
        """Change the focus."""
        self.is_forgotten = False
        self.focus = focus
        if focus is not None:
            focus.drops = self.snapshots.drops

    def has_running_frames(self) -> bool:
        """Whether this thread is running any of the frames where the program stopped.

        The search begins here: between this and the frame that it stopped in are our own only,
        however deep the program is.
        """
        stack, index = self.stop
        if not stack:
            return False
        stopped, one = stack[index][0], sys._getframe().f_back
        while one is not None and one is not stopped:
            one = one.f_back
        if one is not None:
            return True
        live = _live_frames()
        return any(id(frame) in live for frame, _ in stack)

    def is_running(self, frame: FrameType) -> bool:
        """Whether this thread is running ``frame``."""
        return id(frame) in _live_frames()

    def is_live(self, frame: FrameType) -> bool:
        """Whether ``frame`` can still go on: it is running, or it is suspended."""
        if self.focus is None:
            return id(frame) in _live_frames()
        if self.focus.kind == "ended":
            return False
        return self.focus.kind != "thread" or id(frame) in _frames_of_threads()


def _traceback_in(item: object) -> Optional[TracebackType]:
    """The traceback of an exception, or ``item`` itself if it is one."""
    if type(item) is TracebackType:
        return item
    # Not isinstance(), which would ask the object for its __class__.
    if issubclass(type(item), BaseException):
        from stackscope.safe.objects import traceback_of

        return traceback_of(item)  # type: ignore[arg-type]
    return None


def _live_frames() -> Set[int]:
    """The identities of the frames that this thread is running."""
    return set(map(id, frames_inward(sys._getframe(1))))


def _frames_of_threads() -> Set[int]:
    """The identities of the frames that any thread is running."""
    found: Set[int] = set()
    for frame in sys._current_frames().values():
        found |= _outward(frame)
    return found


def _outward(frame: Optional[FrameType]) -> Set[int]:
    found = set()
    while frame is not None:
        found.add(id(frame))
        frame = frame.f_back
    return found
