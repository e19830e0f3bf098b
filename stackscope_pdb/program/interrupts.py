"""Ctrl-C while the program runs, and other reasons to open the prompt at once."""

from __future__ import annotations

import functools
import os
import signal
import sys
import threading

# Those of `signal` are slow where the handler is a function.
from _signal import getsignal  # type: ignore[import-not-found,unused-ignore]
from _signal import signal as set_handler  # type: ignore[import-not-found,unused-ignore]
from contextlib import contextmanager

from stackscope_pdb.facts import NESTS_NO_SIGNAL_HANDLERS
from stackscope_pdb.failures import around, attempt
from stackscope_pdb.output.terminal import (
    is_terminal,
    modes_of_terminal,
    put_terminal_back,
    set_modes,
)
from stackscope_pdb.program import turns
from stackscope_pdb.program.machinery import DEBUGGERS, is_at_prompt, module_name
from stackscope_pdb.program.tracing import Tracing
from stackscope_pdb.program.waking import note_interrupt, wake_loops
from stackscope_pdb.standard import pdb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable, Dict, Iterator, List, Optional

    from stackscope_pdb.debugger.mixin import Commands

    class Base(Tracing, Commands):  # type: ignore[misc,unused-ignore]
        """What it is mixed into."""

else:
    Base = Tracing

INTERRUPT = "\x03"
"""What Ctrl-C is where it comes as a key and not as a signal."""

_put_aside: List[Any] = []
"""The handler of ``SIGINT`` that was there before `continue`, if a debugger of ours put it aside.

The standard debugger keeps it in an attribute of its class. Setting that makes the interpreter
forget what it remembers of the class and those derived from it: a third of what a stop takes.
"""


_is_kept = False
"""Whether Ctrl-C is the debugger's also where the program sets a handler: see `keep_interrupts`."""


class Interrupts(Base):
    """The part of a debugger that opens the prompt while the program runs."""

    # The stubs don't have them.
    allow_kbdint: bool
    nosigint: bool

    _may_hand_on = _hands_on = False
    """Whether the program has a handler of its own for the Ctrl-C that has stopped it, and whether
    that is to be called."""

    def do_continue(self, arg: str) -> Optional[bool]:
        # As the standard one; see `_put_aside`.
        before, self.nosigint = self.nosigint, True
        try:
            goes_on = self._standard_do_continue(arg)
        finally:
            self.nosigint = before
        if goes_on and not self.nosigint:
            attempt("Ctrl-C", self, _take_interrupts, self.sigint_handler)
        return goes_on

    do_continue.__doc__ = pdb.Pdb.do_continue.__doc__
    do_c: Any = do_continue
    do_cont: Any = do_continue

    def sigint_handler(self, signum: Any, frame: Optional[FrameType]) -> None:
        """Open the prompt at once; the standard debugger waits for the next line of Python."""
        if self._has_quit and frame is not None:
            from stackscope_pdb.program.quitting import quit_by_signal

            quit_by_signal(frame)
            return
        if self.allow_kbdint or is_at_prompt(frame):
            raise KeyboardInterrupt
        prompting = turns.holder()
        if prompting not in (None, threading.get_ident()):
            _interrupt_command_in(prompting)
            return
        if frame is None or module_name(frame).partition(".")[0] in DEBUGGERS:
            super().sigint_handler(signum, frame)  # type: ignore[arg-type,misc,unused-ignore]
            return
        self._may_hand_on = _handler_of_program() is not None
        sentence = "Program interrupted. ('continue' goes on)"
        if self._may_hand_on and _is_kept:
            sentence = "Program interrupted. ('continue' goes on; 'interrupt' leaves Ctrl-C to it)"
        self.stop_at_once(frame, f"\n{sentence}")
        hands_on, self._hands_on = self._hands_on, False
        handler = _handler_of_program()
        if hands_on and handler is not None:
            attempt("what tells event loops of Ctrl-C", self, note_interrupt)
            handler(signum, frame)

    def do_interrupt(self, arg: str) -> Optional[bool]:
        """interrupt

        Continue, and let the program handle the Ctrl-C that has stopped
        it. Use it if the program has its own handler, such as a server
        that finishes its requests first.

        'quit' ends the program, whether it has a handler or not.
        """
        if self.stop_event != "signal":
            self.refuse("'interrupt' is for a program that Ctrl-C has stopped.")
            return None
        if not self._may_hand_on:
            self.refuse("The program has no handler for Ctrl-C. 'quit' ends it.")
            return None
        self._hands_on = True
        return self.do_continue("")

    def stop_at_once(self, frame: FrameType, sentence: str) -> None:
        """Open the prompt in ``frame``, which is running, before it comes to its next line.

        Args:
            frame: A frame of this thread.
            sentence: Why it stops here.
        """
        with turns.turn():
            attempt("what ends tracing", self, self.stop_tracing)
            self.reset()
            self.botframe: Optional[FrameType] = _outermost(frame)
            self.message(sentence)
            attempt("the tasks", self, self._show_tasks)
            attempt("the threads", self, self.show_busy_threads)
            self.session.opens_at_user = True
            self.stop_event = "signal"
            try:
                with around("Ctrl-C as a key", self, _interrupts_as_keys):
                    self.interaction(frame, None)
            finally:
                self.stop_event: str = "line"
        attempt("what wakes event loops", self, wake_loops)
        if not self.quitting and self.is_tracing_wanted:
            attempt("what traces the program again", self, self.trace_from, frame)

    def _show_tasks(self) -> None:
        """What the program waits for, if it has tasks."""
        if self.session.snapshots.has_tasks():
            self.run_command("tasks", "")


def _take_interrupts(handler: Any) -> None:
    """Have Ctrl-C call a debugger's handler, until `give_interrupts_back`."""
    try:
        previous = set_handler(signal.SIGINT, handler)
    except ValueError:  # not in the main thread
        return
    # None stands for a handler that wasn't set from Python, and can't be set again.
    if previous is not None and not _is_ours(previous):
        _put_aside[:] = [previous]


def give_interrupts_back() -> None:
    """Have Ctrl-C do at a prompt what it did before the program went on."""
    handler = pdb.Pdb._previous_sigint_handler  # type: ignore[attr-defined]
    if handler is not None and _is_ours(handler):
        # A standard debugger has put ours aside, which it must not bring back after this stop.
        pdb.Pdb._previous_sigint_handler = None  # type: ignore[attr-defined]
    if _put_aside:
        try:
            set_handler(signal.SIGINT, _put_aside[0])
        except ValueError:  # not in the main thread
            return
        _put_aside.clear()


@contextmanager
def keep_interrupts() -> Iterator[None]:
    """Let Ctrl-C open the prompt also in a program that has a handler of its own, as servers do.

    What the program sets while a debugger's handler is there is put aside: it is as if it had been
    set before `continue`. The function that the interpreter's library has for it is replaced
    meanwhile, in this process only. Without a terminal nobody presses Ctrl-C, and nothing is kept.
    """
    global _is_kept
    standard = signal.signal

    @functools.wraps(standard)
    def put_aside(signalnum: Any, handler: Any) -> Any:
        __tracebackhide__ = True
        if signalnum != signal.SIGINT or not (_in_main_thread() and _is_handler(handler)):
            return standard(signalnum, handler)
        if not _is_ours(getsignal(signal.SIGINT)) or not is_terminal(sys.stdin):
            return standard(signalnum, handler)
        before = _put_aside[0] if _put_aside else signal.default_int_handler
        _put_aside[:] = [signal.default_int_handler if _is_ours(handler) else handler]
        return before

    signal.signal, _is_kept = put_aside, True
    try:
        yield
    finally:
        _is_kept = False
        if signal.signal is put_aside:
            signal.signal = standard


def _is_handler(handler: object) -> bool:
    return callable(handler) or handler in (signal.SIG_DFL, signal.SIG_IGN)


def _handler_of_program() -> Any:
    """What the program itself does at Ctrl-C while a debugger's handler is there, if anything."""
    handler = _put_aside[0] if _put_aside else None
    return handler if callable(handler) and handler is not signal.default_int_handler else None


def _is_ours(handler: object) -> bool:
    return getattr(handler, "__func__", None) is Interrupts.sigint_handler


def _outermost(frame: FrameType) -> FrameType:
    while frame.f_back is not None:
        frame = frame.f_back
    return frame


def are_interrupts_plain() -> bool:
    """Whether Ctrl-C raises `KeyboardInterrupt` and does nothing else."""
    handler = getsignal(signal.SIGINT)
    return not callable(handler) or handler is signal.default_int_handler


@contextmanager
def plain_interrupts() -> Iterator[None]:
    """While the prompt waits, let Ctrl-C give up the line and nothing else.

    `asyncio.run` (from 3.11 on) and `trio.run` have handlers that would cancel the program's main
    task.
    """
    previous = getsignal(signal.SIGINT)
    standard = signal.default_int_handler
    if are_interrupts_plain() or not _in_main_thread():
        yield
        return
    set_handler(signal.SIGINT, standard)
    try:
        yield
    finally:
        if getsignal(signal.SIGINT) is standard:
            set_handler(signal.SIGINT, previous)
        elif _put_aside and _put_aside[0] is standard:
            _put_aside[0] = previous


_noting: List[Any] = []
"""The handler of ``SIGINT`` that was there before `note_interrupts`."""

_noted: List[bool] = []
"""Not empty if there was a Ctrl-C since then."""


def note_interrupts() -> None:
    """Until `end_noting`, let Ctrl-C do nothing for once.

    It is for the time that a stop takes before its prompt, which is what Ctrl-C asks for. What the
    handler raises would go through the debugger, and would reach the program as if it were its own.
    A second one calls the handler, in case that the prompt doesn't come.
    """
    handler = getsignal(signal.SIGINT)
    if not _noting and callable(handler) and _in_main_thread():
        _noting.append(handler)
        set_handler(signal.SIGINT, _note)


def end_noting() -> bool:
    """Let Ctrl-C do what it did before; gives whether there was one."""
    if not _noting or not _in_main_thread():
        return False
    handler, is_noted = _noting.pop(), bool(_noted)
    _noted.clear()
    if getsignal(signal.SIGINT) is _note:
        set_handler(signal.SIGINT, handler)
    return is_noted


def _note(signum: int, frame: Optional[FrameType]) -> None:
    if not _noted:
        _noted.append(True)
        return
    handler = _noting[0]
    end_noting()
    handler(signum, frame)


class OwnInterrupts:
    """While a command runs, Ctrl-C calls a function, also at the prompt of another thread.

    Args:
        end: Ends the command as it should; gives whether it can. If it can't, a `KeyboardInterrupt`
            is raised in the command.
    """

    _ends: Dict[int, Callable[[], bool]] = {}
    """What ends the commands of threads, by the identifiers of these."""

    def __init__(self, end: Callable[[], bool]) -> None:
        self._end = end
        self._ident = threading.get_ident()
        self._before: Any = None

    def __enter__(self) -> None:
        handler = getsignal(signal.SIGINT)
        if not _in_main_thread():
            self._before = self._ends.get(self._ident)
            self._ends[self._ident] = self._end
        elif handler is signal.default_int_handler or _is_ours(handler):
            self._before = set_handler(signal.SIGINT, self._on_signal)

    def __exit__(self, *exc: object) -> None:
        if not _in_main_thread():
            self._ends.pop(self._ident, None)
            if self._before is not None:
                self._ends[self._ident] = self._before
        elif self._before is not None and getsignal(signal.SIGINT) == self._on_signal:
            set_handler(signal.SIGINT, self._before)

    def _on_signal(self, _number: int, _frame: Optional[FrameType]) -> None:
        if not self._end():
            raise KeyboardInterrupt

    @classmethod
    def ends(cls, ident: int) -> bool:
        """End the command of a thread, if it can be ended so."""
        end = cls._ends.get(ident)
        return end is not None and end()


@contextmanager
def _interrupts_as_keys() -> Iterator[None]:
    """While the prompt runs inside a signal handler, let Ctrl-C come as a key, not as a signal.

    It is needed where no handler runs before another one has ended. There, readline and
    prompt_toolkit understand the key (tried with PyPy 3.11).
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


class InterruptKey:
    """Keeps Ctrl-C, typed at the prompt of a thread, from the main thread, which gets all signals.

    While a line is read, it is a key. While a command runs, it is one, too, unless our own handler
    is set, which then interrupts that command.
    """

    _threads: List[int] = []
    """The threads whose prompts run a command that may be interrupted."""

    _interrupted: List[int] = []
    """Those of which one was."""

    def __init__(self) -> None:
        self._ident = threading.get_ident()
        self._character: Optional[bytes] = None
        self._modes: Any = None

    def set(self) -> None:
        """A line is going to be read."""
        if self._ident in self._threads:
            self._threads.remove(self._ident)
            self._take_late()
        if self._character is None:
            import atexit

            self._modes = modes_of_terminal()
            if self._modes is not None:
                self._character = _change_interrupt_character(None)
                atexit.register(self._end)

    def lift(self) -> None:
        """The line has been read."""
        if _is_ours(getsignal(signal.SIGINT)):
            self._put_back()
            self._threads.append(self._ident)

    def end(self) -> None:
        """The prompt is left."""
        if self._ident in self._threads:
            self._threads.remove(self._ident)
            self._take_late()
        self._put_back()

    def _take_late(self) -> None:
        """The command has ended; if it was interrupted, the exception may still come.

        It is raised here then. If it were taken back, interpreters up to 3.11 would look for it for
        ever: ``pending.async_exc`` in Python/ceval.c stays set, and a traced call doesn't begin.
        """
        if self._ident not in self._interrupted:
            return
        self._interrupted.remove(self._ident)
        try:
            _raise_in(self._ident, KeyboardInterrupt)
            for _ in range(1000):
                pass
        except KeyboardInterrupt:
            pass

    def _put_back(self) -> None:
        character, self._character = self._character, None
        if character is not None:
            import atexit

            atexit.unregister(self._end)
            _change_interrupt_character(character)

    def _end(self) -> None:
        """The program ends, and this thread with it."""
        put_terminal_back(self._modes)


@contextmanager
def interrupt_key() -> Iterator[Optional[InterruptKey]]:
    """An `InterruptKey` for the prompt of this thread, if it isn't the main one."""
    if _in_main_thread() or sys.platform == "win32":
        yield None
        return
    key = InterruptKey()
    try:
        yield key
    finally:
        key.end()


def _change_interrupt_character(character: Optional[bytes]) -> Optional[bytes]:
    """Say which character is Ctrl-C for the terminal; the one that was, if that was done."""
    import termios

    modes = modes_of_terminal()
    if modes is None:
        return None
    before: bytes = modes[6][termios.VINTR]
    if character is None:
        disabled = os.fpathconf(sys.stdin.fileno(), "PC_VDISABLE")
        character = disabled.to_bytes(1, "little")
    modes[6][termios.VINTR] = character
    return before if set_modes(modes) else None


def _interrupt_command_in(ident: Optional[int]) -> None:
    """Ctrl-C came while a thread has the prompt: it is meant for the command that it runs."""
    if ident is not None and ident in InterruptKey._threads:
        if OwnInterrupts.ends(ident):
            return
        if ident not in InterruptKey._interrupted:
            InterruptKey._interrupted.append(ident)
        _raise_in(ident, KeyboardInterrupt)


def _raise_in(ident: int, exception: type) -> None:
    """Raise an exception in a thread, as soon as it runs Python."""
    try:
        import ctypes

        raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    except (ImportError, AttributeError):  # PyPy
        return
    raise_in(ctypes.c_ulong(ident), ctypes.py_object(exception))


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
