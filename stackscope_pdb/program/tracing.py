"""Turning the tracing of the program on and off, next to others that trace it."""

from __future__ import annotations

import atexit
import bdb
import gc
import sys
import threading
import weakref

from stackscope_pdb.facts import HAS_BACKENDS
from stackscope_pdb.failures import attempt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Dict, List, Optional, Tuple

    from stackscope_pdb.debugger.stepping import Stepping as Base
else:
    Base = object


class Tracing(Base):
    """The part of a debugger that is called while the program runs."""

    frame_trace_lines_opcodes: Dict[FrameType, Any]  # the stubs don't have it

    _breaks: Dict[str, List[int]] = {}

    @property  # type: ignore[override,unused-ignore]
    def breaks(self) -> Dict[str, List[int]]:  # type: ignore[override,unused-ignore]
        """The lines of each file that have breakpoints.

        Breakpoints belong to the process, and each thread that stops has a debugger of its own. A
        breakpoint that another one has set would be missed, and one that it has cleared would be an
        error.
        """
        return self._breaks

    @breaks.setter
    def breaks(self, _lines: Dict[str, List[int]]) -> None:  # type: ignore[override,unused-ignore]
        # The standard debugger sets it when it is made, and when all breakpoints are cleared.
        known: Dict[str, List[int]] = {}
        for filename, lineno in tuple(bdb.Breakpoint.bplist):
            known.setdefault(filename, []).append(lineno)
        if known != self._breaks:
            self._breaks.clear()
            self._breaks.update(known)

    def mention_tracer(self) -> None:
        """Say it if somebody else's trace function is set, of which there can be one only."""
        tracer = foreign_tracer()
        if tracer is None:
            return
        owner = tracer if hasattr(tracer, "__qualname__") else type(tracer)
        self.message(
            f"sys.settrace was in use, by {owner.__module__}.{owner.__qualname__}. The debugger "
            "takes its place, and it is not put back."
        )

    def pause_tracing(self) -> None:
        """Trace nothing of what prepares a stop. The stop will trace the program again."""
        if not HAS_BACKENDS or self.backend == "settrace":  # type: ignore[attr-defined,unused-ignore]
            sys.settrace(None)

    def stop_tracing(self) -> None:
        """Let the program run untraced, in this thread."""
        if HAS_BACKENDS:
            self.stop_trace()  # type: ignore[attr-defined,unused-ignore]
        else:
            sys.settrace(None)

    def end_tracing_in_time(self) -> None:
        """After a stop: the program may be traced until its end, but not any longer."""
        if not (_ends_with_interpreter or self.quitting) and self.is_tracing_wanted:
            attempt("what ends tracing", self, end_with_interpreter)

    def trace_from(self, frame: Optional[FrameType]) -> None:
        """Trace ``frame`` and its callers from now on, as `set_trace` does, without a stop."""
        while frame is not None:
            frame.f_trace = self.trace_dispatch
            if HAS_BACKENDS:
                flags = (frame.f_trace_lines, frame.f_trace_opcodes)
                self.frame_trace_lines_opcodes[frame] = flags
            frame.f_trace_lines = True
            frame = frame.f_back
        if HAS_BACKENDS:
            self.start_trace()  # type: ignore[attr-defined,unused-ignore]
        else:
            sys.settrace(self.trace_dispatch)
        if self.stopframe is not None:
            self.trace_suspended(self.stopframe)  # it may be a focused one


def trace_at_once(frame: FrameType) -> None:
    """Have the next instruction of a frame traced, where that is set for it.

    If another thread uses the other backend, the interpreter traces nothing before the next line
    else (seen in 3.14 and 3.15).
    """
    if frame.f_trace_opcodes:
        frame.f_trace_opcodes = False
        frame.f_trace_opcodes = True


_ends_with_interpreter = False


def end_with_interpreter() -> None:
    """Trace nothing any more when the interpreter clears its modules.

    No prompt can open then, and what is traced fails: the trace function has no globals any more.
    Before that, the interpreter collects what isn't used (Py_FinalizeEx in Python/pylifecycle.c),
    after all functions of `atexit`, which may be stepped through.
    """
    global _ends_with_interpreter
    if not _ends_with_interpreter:
        _ends_with_interpreter = True
        atexit.register(_wait_for_collection)


def not_end_with_interpreter() -> None:
    """Undo what `end_with_interpreter` has done."""
    global _ends_with_interpreter
    if _ends_with_interpreter:
        _ends_with_interpreter = False
        atexit.unregister(_wait_for_collection)


def _wait_for_collection() -> None:
    gc.callbacks.append(_end_tracing)


def _end_tracing(phase: str, info: object) -> None:
    if phase == "stop" and sys.is_finalizing():
        sys.settrace(None)
        debugger: Any = None if _fast is None else _fast[0]()
        if debugger is not None:
            debugger.stop_trace()


def foreign_tracer() -> Any:
    """The trace function that is set, if it is none of a debugger like this one."""
    tracer: Any = sys.gettrace()
    return None if isinstance(getattr(tracer, "__self__", None), bdb.Bdb) else tracer


def best_backend() -> str:
    """The fast backend, unless another debugger has taken its place in `sys.monitoring`.

    It traces one thread only. Nor does it work with a trace function: the interpreter would
    call ours for it, by ``frame.f_trace``.
    """
    if foreign_tracer() is not None or _other_thread_is_fast():
        return "settrace"
    monitoring = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
    user = monitoring.get_tool(monitoring.DEBUGGER_ID)
    return "monitoring" if user in (None, "bdbtracer") else "settrace"


_fast: Optional[Tuple[weakref.ref[object], int]] = None
"""The debugger that has the fast backend, and its thread."""


def note_backend(debugger: object, backend: str) -> None:
    """Remember which debugger has the fast backend."""
    global _fast
    if backend == "monitoring":
        _fast = (weakref.ref(debugger), threading.get_ident())


def stop_fast() -> None:
    """Turn off the fast backend, whichever debugger has it: it is called to the very end."""
    debugger: Any = None if _fast is None else _fast[0]()
    if debugger is not None:
        debugger.stop_trace()


def _other_thread_is_fast() -> bool:
    if _fast is None:
        return False
    debugger, ident = _fast
    is_alive = debugger() is not None and ident in sys._current_frames()
    return is_alive and ident != threading.get_ident()
