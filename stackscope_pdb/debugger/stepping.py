"""Going on: what stepping means in a suspended frame, and what is traced then."""

from __future__ import annotations

import opcode
import sys
import weakref

from stackscope_pdb.debugger.basics import Basics
from stackscope_pdb.facts import ENDS_UNSEEN
from stackscope_pdb.failures import attempt, handle
from stackscope_pdb.program.machinery import serves_debugger
from stackscope_pdb.standard import pdb
from stackscope_pdb.stop.snapshots import goes_on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable, Dict, Optional, Sequence

    from stackscope_pdb.program.libraries import Passed
    from stackscope_pdb.stop.focus import Focus

RETURN_VALUE = opcode.opmap["RETURN_VALUE"]

STEPPING = {
    # commands that run the program on from the current frame, with their short forms
    "step": ("s",),
    "next": ("n",),
    "return": ("r",),
    "until": ("unt",),
    "jump": ("j",),
}


class Stepping(Basics):
    """The part of a debugger that lets the program run on."""

    displaying: Dict[FrameType, Any]

    libraries_shown: Sequence[str] = ()
    """Libraries that aren't passed over."""

    passed: Optional[Passed] = None
    """What is passed over since the user has typed a command that runs the program on."""

    _passed_last: Optional[Passed] = None
    """The same of the last command. Most commands are given where the one before was."""

    caller: int = 0
    """The identity of the frame that has called the one that the user runs on."""

    jump_owed: Optional[int] = None
    """The line to jump to as soon as the line that has called us has ended."""

    runner: int = 0
    """The identity of the task that runs that frame; 0 if none does."""

    @property
    def is_post_mortem(self) -> bool:
        """Whether the frames belong to an exception, and not to a program that can go on."""
        # At a line, the program has called us.
        return not (self.session.is_at_line or self.session.has_running_frames())

    @property
    def is_tracing_wanted(self) -> bool:
        """Whether the program must be traced to stop where the user has said."""
        # `return` in a coroutine has the line -1, too, but a frame of its own to stop in.
        is_stepping = self.stoplineno != -1 or self.stopframe is not self.botframe
        return is_stepping or bool(self.breaks)

    def set_continue(self) -> None:
        """Go on; without breakpoints, end the tracing and keep nothing of the program."""
        outermost = self.botframe
        super().set_continue()
        attempt("what ends tracing", self, self._trace_less, outermost)

    def _trace_less(self, outermost: Optional[FrameType]) -> None:
        if not self.breaks:
            if outermost is not None:
                outermost.f_trace = None  # the base class does so with all others
            self.botframe: Optional[FrameType] = None
            self.stopframe: Optional[FrameType] = None
            self.displaying.clear()
            # The trace function is about to return itself, which would leave it set on the current
            # frame. Up to 3.9 that freezes the frame's f_lineno (PyFrame_GetLineNumber in
            # Objects/frameobject.c).
            if getattr(self, "async_shim_frame", None) is None:  # that calls it once more
                self.__dict__["trace_dispatch"] = None
        else:
            self._keep_fewer_frames()

    def _keep_fewer_frames(self) -> None:
        """Forget how those frames were traced that are traced as any frame is at first.

        From 3.14 on the standard debugger keeps all frames, to restore that in the end.
        """
        flags: Dict[FrameType, Any] = self.__dict__.get("frame_trace_lines_opcodes", {})
        for frame in [frame for frame, were in flags.items() if were == (True, False)]:
            del flags[frame]

    def stop_here(self, frame: FrameType) -> bool:
        """Whether to stop in a frame, going by the last command; never in a debugger's own."""
        if sys.meta_path is None:
            return False  # the interpreter ends, and a prompt would need what can't be imported
        if self.stopframe is None:
            passed = self.passed
            # Most steps end in the file where they begin.
            is_elsewhere = passed is not None and frame.f_code.co_filename != passed.user_file
            if is_elsewhere and self._is_passed(frame):
                return False
        elif frame is self.stopframe and self.returnframe is not None and self._is_passed(frame):
            # `return` has come back to a caller, which would be next, and isn't the user's.
            self.set_step()
            return False
        if not self._standard_stop_here(frame):
            return False
        try:
            return not serves_debugger(frame)
        except BaseException as exc:
            handle("what passes over the debugger's own code", exc, self)
            return True

    def pass_libraries(self) -> None:
        """From now on until the program stops, pass over libraries where any line may be next."""
        from stackscope_pdb.program.libraries import Passed

        session = self.session
        stop, index = session.stop
        if not stop or not (session.is_at_line or session.has_running_frames()):
            return
        frame: Optional[FrameType] = stop[index][0]
        current, outermost = self.curframe, self.botframe
        assert frame is not None and current is not None
        passed, shown = self._passed_last, self.libraries_shown
        if (
            passed is None
            or frame is not current
            or frame.f_code.co_filename != passed.user_file
            or passed.shown is not shown
            or passed.has_looked
        ):
            frames = (frame,) if frame is current else (frame, current)
            passed = self._passed_last = Passed(*frames, shown=shown)
        self.passed = passed
        self.caller = id(current.f_back)
        self.runner = 0
        if "asyncio" in sys.modules or "trio" in sys.modules:
            self.runner = _task_here(self)
        # The next line may be that of a caller beyond a library's frames, which isn't traced yet.
        while frame is not None and frame is not outermost:
            if frame.f_trace is None:
                frame.f_trace = self.trace_dispatch
            frame = frame.f_back

    def user_line(self, frame: FrameType) -> None:
        """Stop at the beginning of a line."""
        if self.jump_owed is not None:
            self.jump_now(frame, self.jump_owed)
        session = self.session
        session.is_at_line = True
        try:
            self._standard_user_line(frame)
        finally:
            session.is_at_line = False

    def user_opcode(self, frame: FrameType) -> None:
        """Stop in a line, behind `breakpoint`; from 3.13 on."""
        self.session.is_at_line = True
        try:
            super().user_opcode(frame)  # type: ignore[misc,unused-ignore]
        finally:
            self.session.is_at_line = False

    def jump(self, argument: str) -> Optional[bool]:
        """Go on at another line, if nothing is in the way.

        From 3.11 on the interpreter lets a frame jump from where it is called, or returns, too. If
        that is a generator it may crash then.
        """
        import warnings

        if self.is_post_mortem:
            self.refuse("'jump' needs a program that can go on.")
            return None
        reason = self._why_no_jump(argument)
        if reason is not None:
            self.error(f"Jump failed: {reason}")
            return None
        if self._jumps_from_call(argument):
            return self.jump_from_call(argument)
        if not self.session.is_at_line and self.curindex + 1 == len(self.stack):
            self.refuse(
                "'jump' works where a line begins, and the program has stopped elsewhere: 'next' "
                "goes there."
            )
            return None
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                super().do_jump(argument)
            except Exception as exc:
                self.error(f"Jump failed: {exc}")
        for warning in warned:  # that variables have no value there
            self.message(f"Warning: {warning.message}")
        return None

    def _why_no_jump(self, argument: str) -> Optional[str]:
        from stackscope_pdb.program import jumping

        if not argument.strip().isdecimal() or self.curindex + 1 != len(self.stack):
            return None  # the base class says so
        frame, line = self.current_frame, int(argument)
        return jumping.outside(frame, line) or jumping.why_not(frame, line)

    def next_in_focus(self, focus: Focus) -> Optional[bool]:
        """Let the program run until the selected, suspended frame comes to its next line."""
        found = None
        if focus.kind in ("task", "other") and not self.is_post_mortem:
            found = self.session.snapshots.task_of_frame(self.curframe)
        if found is None:
            reason = "it has ended." if focus.kind == "task" else _why_not(focus)
            if self.is_post_mortem:
                reason = "the program isn't running any more."
            self.refuse(f"'next' can't run {focus.noun}: {reason} {_instead(focus)}")
            return None
        loop, _ = found
        if goes_on(loop):
            self.refuse(
                f"'next' can't run {focus.noun}: its event loop runs in another thread, which goes "
                "on. Use 'unfocus' to step where the program stopped."
            )
            return None
        self.runner = 0
        self.set_next(self.current_frame)
        self.trace_suspended(self.current_frame)
        origin = focus.stack.frames[self.curindex].origin
        self.session.awaited = None if origin is None else weakref.ref(origin)
        return True

    def dispatch_exception(self, frame: FrameType, arg: Any) -> Any:
        """An exception goes through a frame.

        Where the base class waits for a generator or coroutine, it takes any `StopIteration` for
        the end of that one. It isn't while that one still has the frame that is waited for, nor in
        another task.
        """
        if attempt("'next' in a task", self, self._is_not_awaited, frame):
            return self.trace_dispatch
        if attempt("what stays in one task", self, self._is_of_other_task, frame, arg[0]):
            return self.trace_dispatch
        stopframe = self.stopframe
        if stopframe is not None and frame is not stopframe and self._is_passed(frame):
            if id(frame) == self.caller and arg[0] is StopIteration:
                # The coroutine has ended. The next line of the user's is what is wanted.
                self.set_step()
            return self.trace_dispatch
        return self._standard_dispatch_exception(frame, arg)

    def _jumps_from_call(self, argument: str) -> bool:
        """Whether the program is in the middle of a line, and there is nothing else to mind."""
        is_number = argument.strip().lstrip("-").isdecimal()
        return is_number and self.current_frame is self.session.calling

    def jump_from_call(self, argument: str) -> Optional[bool]:
        """Jump from the middle of a line."""
        raise NotImplementedError

    def jump_now(self, frame: FrameType, line: int) -> None:
        """Jump as it was said in the middle of a line, which has ended."""
        raise NotImplementedError

    def _is_not_awaited(self, frame: FrameType) -> bool:
        awaited, stopframe = self.session.awaited, self.stopframe
        is_waited_for = awaited is not None and _frame_of(awaited()) is stopframe
        return is_waited_for and stopframe is not None and frame is not stopframe

    def _is_of_other_task(self, frame: FrameType, cls: type) -> bool:
        """Whether another task than the one that is stepped has awaited something to its end."""
        if cls not in (StopIteration, GeneratorExit) or not self.runner:
            return False
        is_waiting = self.stopframe not in (None, self.botframe, frame)
        return is_waiting and _task_here(self) not in (0, self.runner)

    def _is_passed(self, frame: FrameType) -> bool:
        passed = self.passed
        try:
            return passed is not None and passed(frame)
        except BaseException as exc:
            handle("what passes over libraries", exc, self)
            return False

    if ENDS_UNSEEN:

        def dispatch_return(self, frame: FrameType, arg: Any) -> Any:
            """A frame returns or yields."""
            result = super().dispatch_return(frame, arg)
            if frame is self.stopframe and self.stoplineno != -1 and _returns(frame):
                self.set_step()
            return result

    def trace_suspended(self, frame: FrameType) -> None:
        """Notice the next line of a suspended frame, whatever else runs before."""
        frame.f_trace = self.trace_dispatch
        tracer = getattr(self, "monitoring_tracer", None)  # 3.14+
        if tracer is not None:
            # It disables the event by which a frame resumes, for all frames with the same code, as
            # soon as one of them resumes that isn't waited for.
            tracer.update_local_events(frame)


def _step(name: str) -> Callable[[Stepping, str], Optional[bool]]:
    """The standard command that runs the program on, but not in a frame that is suspended."""
    method, standard = f"do_{name}", f"_standard_do_{name}"

    def run(self: Stepping, argument: str) -> Optional[bool]:
        focus = self.session.focus
        if focus is None:
            if name == "jump":
                return self.jump(argument)
            self.pass_libraries()
            return getattr(self, standard)(argument)  # type: ignore[no-any-return]
        if name == "next":
            return self.next_in_focus(focus)
        self.refuse(f"'{name}' can't run {focus.noun}: {_why_not(focus)} {_instead(focus)}")
        return None

    run.__name__ = method
    run.__doc__ = getattr(pdb.Pdb, method).__doc__
    return run


def install(cls: type) -> None:
    """Give ``cls`` the commands that run the program on."""
    for name, aliases in STEPPING.items():
        for alias in (name, *aliases):
            setattr(cls, f"do_{alias}", _step(name))


def _task_here(debugger: Stepping) -> int:
    """The identity of the task that runs in this thread; 0 if none does."""
    from stackscope_pdb.program.loops import current_task

    task = attempt("what stays in one task", debugger, current_task)
    return id(task) if task else 0


def _returns(frame: FrameType) -> bool:
    """Whether a frame is about to return, and not to yield."""
    return frame.f_code.co_code[frame.f_lasti] == RETURN_VALUE


def _frame_of(origin: object) -> Optional[FrameType]:
    """The frame that a generator, coroutine or async generator still has."""
    frames = (getattr(origin, name, None) for name in ("gi_frame", "cr_frame", "ag_frame"))
    return next((frame for frame in frames if frame is not None), None)


def _instead(focus: Focus) -> str:
    way_back = "Use 'unfocus' to step where the program stopped"
    if focus.is_stopped:
        return f"{way_back}, or 'continue' to let the next thread have the prompt."
    if focus.kind == "ended":
        return f"{way_back}."
    if focus.kind == "task":
        return f"'next' stops when it comes to its next line. {way_back}."
    return f"{way_back}, or 'break' to stop here next time and 'continue'."


def _why_not(focus: Focus) -> str:
    if focus.kind == "task":
        return f"it {focus.doing}, and only its event loop can resume it."
    if focus.is_stopped:
        return "it has stopped, too, and can be stepped when it gets the prompt."
    if focus.kind == "thread":
        return "it goes on at its own pace, and only the thread that stopped can be stepped."
    if focus.kind == "ended":
        return "an exception has ended it."
    if focus.kind == "context":
        return "it is suspended until its 'with' block ends."
    return "it is suspended, and no task drives it."
