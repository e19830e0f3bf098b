"""Stopping for an exception that is raised, and for a value that changes.

Where there is `sys.monitoring`, that tells of it, and nothing is traced. A frame may be traced all
the same, since one steps through it; then it must not stop twice. Of an event, the interpreter
tells a trace function first, then us, then the base class if that uses `sys.monitoring`
(call_instrumentation_vector in Python/instrumentation.c: the highest tool comes first).

Before 3.12 all is traced for `catch`, and the frame for `watch`.
"""

from __future__ import annotations

import bdb
import sys
import threading

from stackscope_pdb.debugger.stopping import Stopping
from stackscope_pdb.facts import HAS_MONITORING
from stackscope_pdb.failures import attempt
from stackscope_pdb.program.machinery import is_at_prompt, is_of_cell, outward, serves_debugger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable, Optional

    from stackscope_pdb.program.monitor import Monitor
    from stackscope_pdb.program.watched import Watch, Watched


class Watching(Stopping):
    """The part of a debugger that waits for exceptions and changes."""

    watched: Optional[Watched] = None
    """What is waited for. It costs nothing until there is something."""

    makes_debugger: Optional[Callable[[], Any]] = None
    """What gives the debugger of the thread that it is called in; none stops in other threads."""

    _monitor: Optional[Monitor] = None
    _told: int = 0
    """The identity of the exception that was just stopped for, of which we may be told twice."""

    # ------------------------------------------------------------------ on and off

    def arm(self, frame: Optional[FrameType] = None) -> None:
        """Wait for what `watched` says, and for nothing else.

        Args:
            frame: One that something is watched in from now on.
        """
        self._told = 0
        if frame is not None and self.must_trace:
            self.trace_suspended(frame)
        if HAS_MONITORING:
            from stackscope_pdb.program.monitor import Monitor

            self._monitor = self._monitor or Monitor(self)
            if not self._monitor.watch_for(self.watched or _nothing()):
                self.refuse("All tools of sys.monitoring are in use, so nothing is noticed.")
        else:
            self._trace_new_threads()
        if not self.watched:
            self.watched = self._monitor = None
        # Only while something is watched: they are called for each traced line.
        is_wanted = self.must_trace or (self.watched is not None and bool(self.watched.watches))
        for name in ("dispatch_line", "dispatch_return"):
            self.__dict__.pop(name, None)
            if is_wanted:
                self.__dict__[name] = getattr(self, f"_watching_{name}")

    def disarm(self) -> None:
        """Wait for nothing any more."""
        if self.watched is not None:
            self.watched = None
            self.arm()

    def pause_watching(self) -> None:
        """Wait for nothing until the program is run again."""
        if self.watched is not None:
            self.watched.watches.clear()
        if not HAS_MONITORING:
            self._trace_new_threads(is_wanted=False)
        if self._monitor is not None:
            self._monitor.close()

    @property
    def must_trace(self) -> bool:
        """Whether what is waited for is noticed by tracing."""
        return bool(self.watched) and not HAS_MONITORING

    @property
    def is_tracing_wanted(self) -> bool:
        """Whether the program must be traced from now on."""
        return self.must_trace or super().is_tracing_wanted

    def set_quit(self) -> None:
        """End the program, and wait for nothing any more."""
        self.disarm()
        super().set_quit()

    def set_continue(self) -> None:
        """Go on; where it takes tracing, wait for what is wanted."""
        super().set_continue()
        stack, _ = self.session.stop
        if self.must_trace and not self.breaks and stack:
            self._trace_on(stack[-1][0])

    def pass_assignments(self, frame: Optional[FrameType]) -> None:
        """Have no assignment of the user's taken for a change to stop for.

        Args:
            frame: The one that the program has stopped in.
        """
        if self.watched is not None:
            for one in outward(frame):
                for watch in self.watched.of_frame(one):
                    watch.change(one)

    def _trace_on(self, frame: FrameType) -> None:
        self.__dict__.pop("trace_dispatch", None)
        frames = list(outward(frame))
        self.botframe: Optional[FrameType] = frames[-1]
        self.stopframe: Optional[FrameType] = frames[-1]
        self.stoplineno: int = -1
        assert self.watched is not None
        for one in frames:
            one.f_trace = self._trace_exceptions if self.watched.caught else None
            one.f_trace_lines = False
        self._trace_watched_frames(frames)
        sys.settrace(self.trace_dispatch)

    def _trace_watched_frames(self, frames: Any) -> None:
        for frame in frames:
            if self.watched is not None and self.watched.of_frame(frame):
                frame.f_trace, frame.f_trace_lines = self.trace_dispatch, True

    # ------------------------------------------------------------------ by monitoring

    def noticed_exception(self, frame: FrameType, exc: BaseException) -> None:
        """An exception goes through a frame."""
        __stackscope_exits_stay__ = True  # noqa: F841 (see stackscope.safe.interruptions)
        told, self._told = self._told, 0
        if told == id(exc) or self._is_traced(frame):
            return
        traceback = exc.__traceback__
        if self._wants(frame, type(exc), traceback):
            info: Any = (type(exc), exc, traceback)
            self._told = id(exc) if getattr(self, "backend", None) == "monitoring" else 0
            self._open_prompt(frame, lambda: self.user_exception(frame, info))

    def noticed_handling(self) -> None:
        """An exception is handled, so that another one may come to be where it was."""
        self._told = 0

    def noticed_elsewhere(self, frame: FrameType, info: Any) -> None:
        """An exception goes through a frame of another thread, which runs this."""
        __stackscope_exits_stay__ = True  # noqa: F841 (see stackscope.safe.interruptions)
        if self._wants(frame, info[0], info[2]):
            other = attempt("'catch' in other threads", self, self._debugger_here)
            if other is not None:
                other.stop_for_caught(frame, info)

    def _debugger_here(self) -> Optional[Watching]:
        """The debugger of this thread, which waits for what this one does."""
        other: Any = None if self.makes_debugger is None else self.makes_debugger()
        if other is None or other is self or other.is_busy or other._has_quit:
            return None
        other.watched, other._monitor = self.watched, self._monitor
        if self._monitor is not None:
            self._monitor.serve(other)
        return other  # type: ignore[no-any-return]

    def stop_for_caught(self, frame: FrameType, info: Any) -> None:
        """Stop for an exception in a thread that hasn't been stopped for one so far."""
        __stackscope_exits_stay__ = True  # noqa: F841 (see stackscope.safe.interruptions)
        host: Any = self
        attempt("what ends tracing", self, host.stop_tracing)
        self.reset()
        *_, self.botframe = outward(frame)
        self._open_prompt(frame, lambda: self.user_exception(frame, info))

    def noticed_line(self, frame: FrameType) -> None:
        """A frame in which something is watched comes to a line."""
        __stackscope_exits_stay__ = True  # noqa: F841 (see stackscope.safe.interruptions)
        is_to_stop = self._is_traced(frame) and self.stop_here(frame)
        if not is_to_stop and self._tells_changes(frame):
            self._open_prompt(frame, lambda: self.interaction(frame, None))

    def noticed_end(self, frame: FrameType) -> None:
        """A frame in which something is watched ends."""
        __stackscope_exits_stay__ = True  # noqa: F841 (see stackscope.safe.interruptions)
        self.noticed_line(frame)
        self._end_watches(frame)

    def _is_traced(self, frame: FrameType) -> bool:
        """Whether the base class is told, too, what happens in a frame."""
        if getattr(frame.f_trace, "__self__", None) is not self:
            return False
        return sys.gettrace() is not None or bool(
            getattr(getattr(self, "monitoring_tracer", None), "_enabled", False)
        )

    def _open_prompt(self, frame: FrameType, prompt: Callable[[], None]) -> None:
        from stackscope_pdb.program.tracing import Tracing

        self.__dict__.pop("trace_dispatch", None)
        if self.botframe is None:
            *_, self.botframe = outward(frame)
        prompt()
        if self.quitting:
            raise bdb.BdbQuit
        if super().is_tracing_wanted:
            Tracing.trace_from(self, frame)  # type: ignore[arg-type]

    # ------------------------------------------------------------------ by tracing

    if not HAS_MONITORING:

        def dispatch_call(self, frame: FrameType, arg: Any) -> Any:
            """A function is called."""
            watched = self.watched
            if watched is None:
                return self._standard_dispatch_call(frame, arg)
            is_stepping = self.breaks or self.stopframe is not self.botframe
            local: Any = self._standard_dispatch_call(frame, arg) if is_stepping else None
            if local is None and watched.of_frame(frame):
                return self.trace_dispatch
            if local is None and watched.caught:
                frame.f_trace_lines = False
                return self._trace_exceptions
            return local

    def _trace_new_threads(self, *, is_wanted: bool = True) -> None:
        """Have threads that begin from now on traced, unless somebody else does that."""
        hook = threading._trace_hook  # type: ignore[attr-defined]
        watched = self.watched
        if is_wanted and watched is not None and watched.caught:
            if hook is None and self.makes_debugger is not None:
                threading.settrace(self._trace_thread)
        elif getattr(hook, "__func__", None) is Watching._trace_thread:
            threading.settrace(None)  # type: ignore[arg-type]

    def _trace_thread(self, frame: FrameType, event: str, arg: Any) -> Any:
        """The trace function of such a thread."""
        if self.watched is None or not self.watched.caught:
            sys.settrace(None)
            return None
        frame.f_trace_lines = False
        return self._trace_exceptions_elsewhere

    def _trace_exceptions_elsewhere(self, frame: FrameType, event: str, arg: Any) -> Any:
        """The trace function of its frames."""
        if event == "exception":
            self.noticed_elsewhere(frame, arg)
            return frame.f_trace
        return self._trace_exceptions_elsewhere

    def _trace_exceptions(self, frame: FrameType, event: str, arg: Any) -> Any:
        """The trace function of frames that nothing but exceptions matter of."""
        if event == "return" and not _is_suspended(frame):
            self._end_watches(frame)
            return None
        if event != "exception" or not self._wants(frame, arg[0], arg[2]):
            return self._trace_exceptions
        self._open_prompt(frame, lambda: self.user_exception(frame, arg))
        return frame.f_trace

    def dispatch_exception(self, frame: FrameType, arg: Any) -> Any:
        """An exception goes through a frame."""
        told, self._told = self._told, 0
        if told and told == id(arg[1]):
            return self.trace_dispatch
        if self.watched is None or not self._wants(frame, arg[0], arg[2]):
            return Stopping.dispatch_exception(self, frame, arg)
        self._told = id(arg[1]) if sys.gettrace() is not None else 0
        self.user_exception(frame, arg)
        if self.quitting:
            raise bdb.BdbQuit
        return self.trace_dispatch

    def _watching_dispatch_line(self, frame: FrameType) -> Any:
        """A traced frame comes to a line."""
        self._told = 0  # another exception may come to be where that one was
        if not self._tells_changes(frame):
            return type(self).dispatch_line(self, frame)
        self.user_line(frame)
        if self.quitting:
            raise bdb.BdbQuit
        return self.trace_dispatch

    def _watching_dispatch_return(self, frame: FrameType, arg: Any) -> Any:
        """A traced frame ends, or is suspended."""
        ends = not _is_suspended(frame)
        if ends and self._tells_changes(frame):
            self.user_line(frame)
            if self.quitting:
                raise bdb.BdbQuit
        result: Any = type(self).dispatch_return(self, frame, arg)
        if ends:
            self._end_watches(frame)
        return result

    # ------------------------------------------------------------------ either way

    def _wants(self, frame: FrameType, cls: type, traceback: Any) -> bool:
        watched = self.watched
        if watched is None or not watched.wants(frame, cls, traceback):
            return False
        return not is_at_prompt(frame) and not serves_debugger(frame) and is_of_cell(frame)

    def _tells_changes(self, frame: FrameType) -> bool:
        """Say what has changed of what is watched in a frame."""
        watches = self.watched.of_frame(frame) if self.watched is not None else []
        told = [self._tell_of(one, frame) for one in watches]
        return any(told)

    def _tell_of(self, watch: Watch, frame: FrameType) -> bool:
        change = watch.change(frame)
        for line in change or ():
            self.message(line)
        return change is not None

    def _end_watches(self, frame: FrameType) -> None:
        """A frame has ended, and so has what was watched in it."""
        watched = self.watched
        watches = watched.of_frame(frame) if watched is not None else []
        if watched is None or not (watches or watched.ends_with(frame)):
            return
        for one in watches:
            watched.watches.remove(one)
            self.message(f"{frame.f_code.co_name} has ended, and with it 'watch {one.expression}'.")
        if watched.ends_with(frame):
            watched.caught.clear()
        self.arm()
        if not HAS_MONITORING and not self.must_trace and not self.breaks and self.stoplineno == -1:
            self.set_continue()  # no need to trace any more


def _nothing() -> Watched:
    from stackscope_pdb.program.watched import Watched

    return Watched()


def _is_suspended(frame: FrameType) -> bool:
    """Whether a frame that gives a value back yields it."""
    import dis

    if not frame.f_code.co_flags & (0x20 | 0x80 | 0x200):  # inspect.CO_GENERATOR and the like
        return False
    # Up to 3.9 it stands before the YIELD_FROM that it will repeat.
    here = frame.f_code.co_code[frame.f_lasti : frame.f_lasti + 4 : 2]
    names = [dis.opname[operation] for operation in here]
    if not names:  # it is closed before it has begun
        return False
    return names[0].startswith("YIELD") or names[0] in ("SEND", "RESUME") or "YIELD_FROM" in names
