"""Ctrl-C while the program runs, and other reasons to open the prompt at once."""

from __future__ import annotations

import os
import pdb
import signal
import sys
import threading

# That of `signal` is slow where the handler is a function.
from _signal import getsignal  # type: ignore[import-not-found,unused-ignore]
from contextlib import contextmanager

from stackscope_pdb.facts import NESTS_NO_SIGNAL_HANDLERS
from stackscope_pdb.output.terminal import is_terminal
from stackscope_pdb.program.tracing import Tracing, module_name
from stackscope_pdb.program.waking import wake_loops

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Iterator, Optional

    from stackscope_pdb.debugger.mixin import Commands

    class Base(Tracing, Commands):
        """What it is mixed into."""

else:
    Base = Tracing

DEBUGGERS = ("bdb", "cmd", "codeop", "pdb", "stackscope_pdb")
"""The modules and packages that a debugger consists of."""


class Interrupts(Base):
    """The part of a debugger that opens the prompt while the program runs."""

    allow_kbdint: bool  # the stubs don't have it

    def sigint_handler(self, signum: Any, frame: Optional[FrameType]) -> None:
        """Open the prompt at once; the standard debugger waits for the next line of Python."""
        if self.allow_kbdint:
            raise KeyboardInterrupt
        if frame is None or module_name(frame).partition(".")[0] in DEBUGGERS:
            super().sigint_handler(signum, frame)  # type: ignore[arg-type,misc,unused-ignore]
            return
        self.stop_at_once(frame, "\nProgram interrupted. ('continue' goes on)")

    def stop_at_once(self, frame: FrameType, sentence: str) -> None:
        """Open the prompt in ``frame``, which is running, before it comes to its next line.

        Args:
            frame: A frame of this thread.
            sentence: Why it stops here.
        """
        self.stop_tracing()
        self.reset()
        self.botframe = _outermost(frame)
        self.message(sentence)
        self._show_tasks()
        with _interrupts_as_keys():
            self.interaction(frame, None)
        wake_loops()
        if not self.quitting and (self.stoplineno != -1 or self.breaks):
            self.trace_from(frame)

    def _show_tasks(self) -> None:
        """What the program waits for, if it has tasks."""
        if next(self.session.snapshots.tasks().tasks(), None) is not None:
            self.run_command("tasks", "")


def _outermost(frame: FrameType) -> FrameType:
    while frame.f_back is not None:
        frame = frame.f_back
    return frame


@contextmanager
def plain_interrupts() -> Iterator[None]:
    """While the prompt waits, let Ctrl-C give up the line and nothing else.

    `asyncio.run` (from 3.11 on) and `trio.run` have handlers that would cancel the program's main
    task.
    """
    previous = getsignal(signal.SIGINT)
    standard = signal.default_int_handler
    if not callable(previous) or previous is standard or not _in_main_thread():
        yield
        return
    base: Any = pdb.Pdb
    signal.signal(signal.SIGINT, standard)
    try:
        yield
    finally:
        if getsignal(signal.SIGINT) is standard:
            signal.signal(signal.SIGINT, previous)
        elif base._previous_sigint_handler is standard:  # `continue` has put it aside
            base._previous_sigint_handler = previous


@contextmanager
def _interrupts_as_keys() -> Iterator[None]:
    """While a signal handler has the prompt, let Ctrl-C come as a key if not as a signal.

    PyPy runs no handler of signals before another one has ended (tried with 3.11). Its readline,
    like prompt_toolkit, takes the key for what it means.
    """
    is_needed = NESTS_NO_SIGNAL_HANDLERS and sys.platform != "win32"
    if not is_needed or not is_terminal(sys.stdin):
        yield
        return
    import termios

    before = termios.tcgetattr(sys.stdin)
    changed = termios.tcgetattr(sys.stdin)
    changed[6][termios.VINTR] = os.fpathconf(sys.stdin.fileno(), "PC_VDISABLE").to_bytes(
        1, "little"
    )
    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, changed)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
