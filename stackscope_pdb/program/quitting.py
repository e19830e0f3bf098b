"""How a program ends after `quit`: all its exits run, each once, and nothing of it is shown.

The standard debugger raises `bdb.BdbQuit`, an ordinary exception, wherever the program stopped.
Here an exception is raised, too, but

- not where it would miss an exit, nor in the middle of one: see `stackscope_pdb.program.exits`. The
  program runs on to the next place where it can be raised;
- again, at the next line of the program's own, if somebody has caught it, as servers and pools do
  that log whatever fails. The trace function that raises an exception is turned off by the
  interpreter; a profile function turns it on again;
- in other threads, too: see `stackscope_pdb.program.threads`;
- and where an event loop runs, that is ended with all its tasks: see
  `stackscope_pdb.program.loops`.
"""

from __future__ import annotations

import sys
import time
import warnings

from stackscope_pdb.facts import RAISES_BEFORE_JUMP
from stackscope_pdb.program import exits, loops, silence, threads
from stackscope_pdb.program.ending import LONGEST_EXIT, Quit, QuitTask, is_quit, state
from stackscope_pdb.program.machinery import module_name, outward

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Optional


def quit_program(frame: FrameType, event: str) -> Optional[Any]:
    """End the program from here.

    Args:
        frame: The innermost frame of the program's.
        event: What the trace function was called for: ``"line"`` and the like; ``"signal"`` if it
            was a signal handler, ``"stop"`` if the frame has called the debugger.

    Returns:
        A trace function, if the program has to run on to a place where it can be ended.

    Raises:
        Quit: Here is such a place.
        QuitTask: The same, inside an asyncio loop.
    """
    state.has_begun = True
    silence.keep_silent()
    leaver = _Leaver(frame)
    if event == "return":
        leaver.notice_return(frame)
    threads.end_all(lambda: leaver.has_raised)
    if loops.end_idle(frame):
        leaver.has_raised = True
        if event != "signal":
            leaver.go_on(frame)
            return leaver.trace
    elif event in ("line", "exception", "signal", "stop") and leaver.may_raise(frame, event):
        leaver.leave()
    else:
        leaver.go_on(frame)
        return leaver.trace
    return None


def quit_by_signal(frame: FrameType) -> None:
    """The user has quit in another thread, or presses Ctrl-C since the end takes long.

    Raises:
        Quit: The thread ends here.
        QuitTask: The same, inside an asyncio loop.
    """
    if not loops.end_idle(frame):
        _Leaver(None).leave()


class _Leaver:
    """Ends one thread.

    Args:
        frame: The frame that it stopped in.

    Attributes:
        has_raised: Whether the exception has been raised.
    """

    def __init__(self, frame: Optional[FrameType]) -> None:
        self._deadline = time.monotonic() + LONGEST_EXIT
        self._exit = exits.exit_in_progress(frame) or exits.entrance_in_progress(frame)
        self.has_raised = False
        self._just_left = -1
        self._stack = {id(outer) for outer in outward(frame)}
        self._tasks = loops.tasks_on(list(outward(frame)))

    # ------------------------------------------------------------------ where

    def may_raise(self, frame: FrameType, event: str) -> bool:
        """Whether an exception raised here would miss no exit."""
        if event in ("exception", "signal", "stop"):
            return self._exit is None
        if time.monotonic() > self._deadline:
            return True
        if self._exit is not None or exits.is_between(frame) or not self._is_own_task():
            return False
        return exits.exit_in_progress(frame) is None

    def _may_end(self, frame: FrameType) -> bool:
        """Whether a frame is the program's own, and not an event loop's or the like."""
        if exits.is_users(frame):
            return not _is_ours(frame)
        if self.has_raised or id(frame) not in self._stack:
            return False
        import stackscope
        from stackscope.snapshot.user_code import is_machinery

        stackscope.extract(None)  # so that glue is ready, which knows what is machinery
        return not is_machinery(frame)

    def _is_caught(self, frame: FrameType) -> bool:
        """Whether the program runs on as if nothing had happened.

        It doesn't in a ``finally`` block, nor in a handler of the exception.
        """
        handled = sys.exc_info()[1]
        if handled is not None and (is_quit(handled) or not isinstance(handled, Exception)):
            return False
        if exits.is_in_flight(frame) or exits.is_between(frame):
            return False
        return self._is_own_task() and exits.exit_in_progress(frame) is None

    def _is_own_task(self) -> bool:
        """Whether the task that runs now, if one does, is one that the program stopped in."""
        if not loops.is_here():
            return True
        current = loops.current_task()
        return any(task is current for task in self._tasks)

    # ------------------------------------------------------------------ how

    def go_on(self, frame: FrameType) -> None:
        """Run on to where an exception can be raised."""
        if exits.is_awaiting(frame):
            self._hurry()  # it goes on only when what it awaits has ended
        elif self._exit is None and exits.block_left(frame) is not None:
            if not self._go_back(frame):
                self._hurry()
        elif self._exit is not None and not exits.is_users(self._exit):
            self._hurry()
        self._watch(frame)

    def _hurry(self) -> None:
        """Have the event loop end, if there is one: an exit may wait for other tasks."""
        if not loops.end_this(self._tasks, by_exception=False):
            loops.end_trio()

    def _go_back(self, frame: FrameType) -> bool:
        """Go back into the ``with`` block that is left, whose exit then gets the exception."""
        handler = exits.block_left(frame) or 0
        # Up to 3.14 that is said of variables that the jump leaves without a value.
        warnings.filterwarnings("ignore", "assigning None to", RuntimeWarning)
        here = frame.f_lineno
        for line in exits.lines_inside(frame.f_code, handler):
            if line == here:
                continue
            try:
                frame.f_lineno = line  # type: ignore[misc]
            except ValueError:  # a loop begins between, or it is no event that allows it
                continue
            frame.f_trace_opcodes = True  # no event tells of the line itself
            if RAISES_BEFORE_JUMP:
                self._just_left = frame.f_lasti
            return True
        return False

    def _watch(self, frame: Optional[FrameType]) -> None:
        for outer in outward(frame):
            outer.f_trace = self.trace
            outer.f_trace_lines = True
        sys.settrace(self.trace)

    def trace(self, frame: FrameType, event: str, arg: Any) -> Any:
        """The trace function from now on."""
        if event == "return":
            self.notice_return(frame)
        elif frame.f_lasti == self._just_left:
            self._just_left = -1  # still that of the line from which we jumped
        elif event in ("line", "opcode") and self._is_to_raise(frame, event):
            self.leave()
        return self.trace

    def _is_to_raise(self, frame: FrameType, event: str) -> bool:
        if not self._may_end(frame):
            return False
        return self._is_caught(frame) if self.has_raised else self.may_raise(frame, event)

    def notice_return(self, frame: FrameType) -> None:
        """A function returns, or is suspended."""
        if frame is self._exit and not exits.is_suspended(frame):
            self._exit = None
        elif not self.has_raised and self._exit is None and _ends_task(frame):
            self.has_raised = True
            self._hurry()
        if frame.f_back is None:
            stop_watching()

    def leave(self) -> None:
        """Raise the exception, and be there if somebody catches it."""
        self.has_raised = True
        sys.setprofile(self._profile)
        if loops.end_this(self._tasks, by_exception=True):
            raise QuitTask
        raise Quit(1)

    def _profile(self, frame: FrameType, event: str, arg: Any) -> None:
        if event == "return" and frame.f_back is None:
            stop_watching()
        elif not _is_ours(frame):
            sys.setprofile(None)
            self._watch(frame)


def _ends_task(frame: FrameType) -> bool:
    """Whether the program's own part of a task ends as a function returns."""
    if not loops.is_here() or exits.is_suspended(frame) or frame.f_back is None:
        return False
    return exits.is_users(frame) and not exits.is_users(frame.f_back)


def stop_watching() -> None:
    """The thread has ended, or what was run by the debugger has."""
    sys.setprofile(None)
    sys.settrace(None)


def _is_ours(frame: FrameType) -> bool:
    return module_name(frame).partition(".")[0] in ("bdb", "pdb", "stackscope_pdb")
