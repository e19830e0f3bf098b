"""Stopping where `set_trace` is called, before anything else happens there.

From 3.13 on the standard debugger does so itself, by tracing each instruction. Before, it stops at
the next event: if the call ends a block, a ``with`` block has been left by then, or the function.
There the prompt is opened from within the call, and the program is traced from its end on.
"""

from __future__ import annotations

import bdb
import sys

from stackscope_pdb.debugger.stepping import Stepping
from stackscope_pdb.facts import STOPS_AT_CALL
from stackscope_pdb.failures import attempt
from stackscope_pdb.program.machinery import is_at_prompt, outward, serves_debugger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Optional


class Stopping(Stepping):
    """The part of a debugger that stops where it was called."""

    def set_trace(self, frame: Optional[FrameType] = None, *args: Any, **kwargs: Any) -> None:
        """Stop in ``frame``, by default in the caller."""
        __stackscope_exits_stay__ = True  # noqa: F841 (see stackscope.safe.interruptions)
        frame = frame or sys._getframe().f_back
        assert frame is not None
        if STOPS_AT_CALL:
            self.session.calling = frame
            super().set_trace(frame, *args, **kwargs)
        elif is_at_prompt(frame):
            self._stop_inside_prompt(frame)
        else:
            super().set_trace(frame, *args, **kwargs)
            if not serves_debugger(frame):
                sys.settrace(None)
                self.stop_in_call(frame)

    def stop_in_call(self, frame: FrameType) -> None:
        """Show the prompt within a call of `set_trace`, before Python 3.13."""
        self.session.calling, self.stop_event = frame, "stop"
        try:
            self.interaction(frame, None)
        finally:
            self.stop_event: str = "line"
        if self._has_quit:
            return  # what ends the program has set its own trace function
        if self.quitting:
            _untrace(frame)
            raise bdb.BdbQuit
        if not self.is_tracing_wanted:
            _untrace(frame)
            return
        if self.stopframe not in (None, self.botframe):
            self.trace_suspended(self.stopframe)
        sys.settrace(self.trace_dispatch)  # the last line: what is called from now on is traced

    def _stop_inside_prompt(self, frame: FrameType) -> None:
        """Stop in what was called at a prompt, whose debugger finds everything as it was."""
        tracer = sys.gettrace()
        traced = [(one, one.f_trace) for one in outward(frame)]
        try:
            super().set_trace(frame)
            sys.settrace(None)
            self.stop_in_call(frame)
        finally:
            sys.settrace(None)
            for one, trace in traced:
                one.f_trace = trace
            sys.settrace(tracer)

    # ------------------------------------------------------------------ jump

    def jump_from_call(self, argument: str) -> Optional[bool]:
        """Jump as soon as the next line begins, for Python allows it at a beginning only."""
        frame = self.current_frame
        if not _ends_line(frame):
            self.refuse("'jump' can't leave this line before it has ended: use 'next' first.")
            return None
        self.jump_owed = int(argument)
        self.set_next(frame)
        return True

    def user_return(self, frame: FrameType, return_value: Any) -> None:
        """The program has come to where a function returns, or is suspended."""
        variables = frame.f_locals
        self._standard_user_return(frame, return_value)
        attempt("what a stop left", self, _forget, variables, "__return__")

    def user_exception(self, frame: FrameType, exc_info: Any) -> None:
        """The program has come to where an exception passes."""
        variables = frame.f_locals
        self._standard_user_exception(frame, exc_info)
        attempt("what a stop left", self, _forget, variables, "__exception__")

    def jump_now(self, frame: FrameType, line: int) -> None:
        """Jump as it was said in the middle of a line, which has ended."""
        import warnings

        self.jump_owed = None
        try:
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")  # it may say that it assigns None to variables
                frame.f_lineno = line  # type: ignore[misc]
        except ValueError as exc:
            self.error(f"Jump failed: {exc}")
        else:
            for warning in warned:
                self.message(str(warning.message))


def _forget(variables: Any, name: str) -> None:
    """Take away a variable that the standard debugger has added to a frame for one stop.

    A frame that is suspended goes on later, and would show at all its lines what it gave then.

    Args:
        variables: Those of the frame. Up to 3.12 looking at them anew would undo assignments.
        name: Its name.
    """
    try:
        variables.pop(name, None)
    except (RuntimeError, TypeError, ValueError):  # 3.13.0 takes none away
        pass


def _untrace(frame: FrameType) -> None:
    # Up to 3.9 a frame with a trace function doesn't count its lines while nothing is traced.
    for one in outward(frame):
        one.f_trace = None


def _ends_line(frame: FrameType) -> bool:
    """Whether a new line follows the call that a frame is at, and nothing runs in between."""
    import dis

    # It is at the call, or already at the instruction that drops the result.
    rest = [one for one in dis.get_instructions(frame.f_code) if one.offset >= frame.f_lasti]
    begin = 0 if rest[0].opname == "POP_TOP" else 1
    names = [one.opname for one in rest[begin : begin + 1]]
    starts = {offset for offset, _ in dis.findlinestarts(frame.f_code)}
    return names == ["POP_TOP"] and rest[begin + 1].offset in starts
