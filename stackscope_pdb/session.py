"""Where one is: at the place where the program stopped, or in the frames of something that is suspended.

A debugger always has one list of frames that its commands work in. At a stop these are the frames that
are running. Focusing a task swaps them for the frames of the task; `unfocus` brings the others back. This
module keeps the two apart. It knows frames, but no debugger.
"""

from __future__ import annotations

import sys
from types import TracebackType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, List, Optional, Set, Tuple

    from stackscope import Stack

    Entry = Tuple[FrameType, int]


_traceback: Any = BaseException.__dict__["__traceback__"].__get__


class Focus:
    """The frames of something suspended, which the user has moved into.

    Args:
        item: What they are the frames of; ``stackscope.extract(item)`` gives them again.
        stack: The frames as they were when the focus was set.
        name: What the prompt calls it.
        noun: What to call it in a sentence: "task client-3".
        kind: What it is: ``"task"``, ``"thread"``, ``"context"``, ``"ended"`` (the frames of an exception), or
            ``"other"``: a coroutine, a generator or the like.
    """

    def __init__(self, item: object, stack: Stack, name: str, noun: str, *, kind: str) -> None:
        from stackscope.render.safe import safe_text

        self.item = item
        self.stack = stack
        self.name = safe_text(name)
        self.noun = safe_text(noun)
        self.kind = kind

    def entries(self) -> List[Entry]:
        """The frames as pdb keeps them: with their line numbers, outermost first."""
        return [(frame.pyframe, frame.lineno) for frame in self.stack.frames]


class Session:
    """The state of navigation between two moments when the program runs."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything, when the program goes on or stops anew. Nothing of it is kept alive."""
        self._stop: List[Entry] = []
        self._stop_index = 0
        self._traceback: Optional[TracebackType] = None
        self.focus: Optional[Focus] = None
        self.is_shown = False  # whether the user has been told where that is
        self.is_place_owed = False  # whether the standard debugger won't tell

    def arrive(
        self, stack: List[Entry], index: int, traceback: Optional[TracebackType] = None
    ) -> None:
        """The program has stopped.

        Args:
            stack: Its frames, outermost first.
            index: Which of them it stopped in.
            traceback: That of the exception that it stopped for, whose frames are the last ones.
        """
        self._stop = stack
        self._stop_index = index
        self._traceback = traceback

    @property
    def stop(self) -> Tuple[List[Entry], int]:
        """The frames where the program stopped, and the index of the one that it stopped in."""
        return self._stop, self._stop_index

    @property
    def traceback(self) -> Optional[TracebackType]:
        """The traceback that the frames, or some of them, come from, if they do from one."""
        if self.focus is None:
            return self._traceback
        return traceback_of(self.focus.item) if self.focus.kind == "ended" else None

    def extract(self, *, with_contexts: bool) -> Stack:
        """What the library says about the frames that the commands work in now.

        It says nothing about frames that have ended, as those of a traceback have.
        """
        import stackscope

        if self.focus is not None:
            return self._refresh(self.focus, with_contexts=with_contexts)
        inner = self._innermost_live()
        if inner is None:
            return stackscope.Stack(None, [])
        try:
            return stackscope.extract_until(inner, with_contexts=with_contexts)
        except RuntimeError:  # "is not an indirect caller": the program was stopped in some odd way
            return stackscope.extract(inner, with_contexts=with_contexts)

    def _refresh(self, focus: Focus, *, with_contexts: bool) -> Stack:
        import stackscope

        if not with_contexts or focus.kind == "thread":
            # a thread has gone on meanwhile, and its frames with it
            return focus.stack
        stack = stackscope.extract(focus.item)
        return stack if stack.frames else focus.stack

    def _innermost_live(self) -> Optional[FrameType]:
        live = _live_frames()
        return next((frame for frame, _ in reversed(self._stop) if id(frame) in live), None)

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


def traceback_of(item: object) -> Optional[TracebackType]:
    """The traceback of an exception, or ``item`` itself if it is one."""
    if type(item) is TracebackType:
        return item
    # Not isinstance(), which would ask the object for its __class__.
    if issubclass(type(item), BaseException):
        found: Optional[TracebackType] = _traceback(item)
        return found
    return None


def _live_frames() -> Set[int]:
    """The identities of the frames that this thread is running."""
    return _outward(sys._getframe(1))


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
