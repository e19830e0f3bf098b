"""A signal that ends the process while a line is read leaves the terminal as it was before.

Whatever reads the line has the terminal give each key at once and echo none. If the process ends
there, nobody turns that back, and what the user types next can't be seen.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

# Those of `signal` are slow where the handler is a function.
from _signal import SIG_DFL, getsignal  # type: ignore[import-not-found,unused-ignore]
from _signal import signal as set_handler  # type: ignore[import-not-found,unused-ignore]
from contextlib import contextmanager

from stackscope_pdb.facts import NESTS_NO_SIGNAL_HANDLERS
from stackscope_pdb.output.terminal import modes_of_terminal, put_terminal_back, set_modes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Dict, Iterator, List, Optional

ENDINGS = tuple(
    getattr(signal, name) for name in ("SIGHUP", "SIGQUIT", "SIGTERM") if hasattr(signal, name)
)


class Guard:
    """Puts the terminal back if one of `ENDINGS` comes.

    What the program does at these signals, it does all the same.
    """

    def __init__(self) -> None:
        self._handlers: Dict[int, Any] = {}
        self._modes: List[Any] = []

    def set(self) -> None:
        """A line is going to be read, from a terminal that is as it should be."""
        if self._handlers:
            return
        modes = modes_of_terminal()
        if modes is None or threading.current_thread() is not threading.main_thread():
            return
        self._modes = modes
        for number in ENDINGS:
            handler = getsignal(number)
            if _can_stand_in_for(number, handler):
                # Noted first: the signal may come as soon as the handler is set.
                self._handlers[number] = handler
                try:
                    set_handler(number, self._on_signal)
                except ValueError:  # another interpreter than the main one
                    del self._handlers[number]
                    return

    def lift(self) -> None:
        """The line has been read."""
        for number, handler in self._handlers.items():
            if getsignal(number) == self._on_signal:
                set_handler(number, handler)
        self._handlers.clear()

    def _on_signal(self, number: int, frame: Optional[FrameType]) -> None:
        handler = self._handlers.get(number, SIG_DFL)
        if callable(handler):
            meanwhile = modes_of_terminal()
            set_modes(self._modes)
            handler(number, frame)
            if meanwhile is not None:
                set_modes(meanwhile)
            return
        put_terminal_back(self._modes)
        self.lift()
        set_handler(number, SIG_DFL)
        os.kill(os.getpid(), number)


@contextmanager
def keeps_terminal() -> Iterator[Guard]:
    """While lines are read, put the terminal back if a signal ends the process."""
    guard = Guard()
    guard.set()
    try:
        yield guard
    finally:
        guard.lift()


def _can_stand_in_for(number: int, handler: Any) -> bool:
    """Whether a handler of ours can do the same as ``handler``."""
    if handler == SIG_DFL:
        return not _is_handled_in_c(number) and not _in_handler_that_blocks_others()
    # Those of asyncio's loops do nothing, and what else they have set up can't be put back.
    return callable(handler) and getattr(handler, "__module__", "") != "asyncio.unix_events"


def _is_handled_in_c(number: int) -> bool:
    """Whether there is a handler that Python doesn't know of, such as that of `faulthandler`."""
    try:
        with open("/proc/self/status", "rb") as file:
            caught = file.read().partition(b"SigCgt:")[2].split(None, 1)[0]
        return bool(int(caught, 16) >> (number - 1) & 1)
    except (OSError, ValueError, IndexError):
        return "faulthandler" in sys.modules


def _in_handler_that_blocks_others() -> bool:
    from stackscope_pdb.program.interrupts import Interrupts

    frame: Optional[FrameType] = sys._getframe(1) if NESTS_NO_SIGNAL_HANDLERS else None
    while frame is not None:
        if frame.f_code is Interrupts.sigint_handler.__code__:
            return True
        frame = frame.f_back
    return False
