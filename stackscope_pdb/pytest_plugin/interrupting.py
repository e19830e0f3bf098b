"""How a test that runs in the main thread is interrupted.

An event loop knows what to do on Ctrl-C: asyncio's runner cancels the main task, trio raises
`KeyboardInterrupt` where that does no harm, gevent hands it to the main greenlet. So where one runs
in the main thread, this is what it gets. Elsewhere a signal of our own raises pytest's exception
for a failure: pytest and `unittest` tear down after that, but not after `KeyboardInterrupt`
(``teardown_exact`` of ``_pytest/runner.py`` and ``testPartExecutor`` of ``unittest/case.py``).

A signal also ends what the main thread waits for: a lock, a ``sleep``, ``select``.
"""

from __future__ import annotations

import signal
import threading
from _thread import allocate_lock, interrupt_main
from time import sleep

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Optional, Tuple

    from stackscope import Snapshot

    Handler = Callable[[int, object], None]

OURS: Optional[int] = getattr(signal, "SIGVTALRM", None)
"""The signal that raises a failure: one that hardly anybody uses. Windows has none."""

SETTLING = 0.001
"""Seconds of sleep, in which a signal that was sent before is handled."""


class Interrupter:
    """Interrupts one test, in one of its phases: setup, call, teardown.

    To be made in the thread that runs the test. `interrupt` is for another one.

    Args:
        message: What the test is failed with.
    """

    def __init__(self, message: str) -> None:
        self.message = message
        self.is_possible: bool = threading.current_thread() is threading.main_thread()
        self.has_interrupted: bool = False
        self._thread = threading.get_ident()
        self._lock = allocate_lock()
        self._is_in_phase = False
        self._replaced: Dict[int, Tuple[Handler, Any]] = {}

    def prepare(self) -> None:
        """Set the handlers that are needed, where nobody else has set one."""
        if not self.is_possible:
            return
        if OURS is not None:
            self._handle(OURS, self._on_ours, instead_of=signal.SIG_DFL)
        # A shell has programs that run in the background ignore it.
        self._handle(signal.SIGINT, self._on_ctrl_c, instead_of=signal.SIG_IGN)

    def _handle(self, number: int, handler: Handler, instead_of: Any) -> None:
        if signal.getsignal(number) == instead_of:
            signal.signal(number, handler)
            self._replaced[number] = (handler, instead_of)

    def restore(self) -> None:
        """Undo `prepare`."""
        for number, (handler, before) in self._replaced.items():
            if signal.getsignal(number) == handler:
                signal.signal(number, before)

    def enter(self) -> None:
        """A phase begins, in which the test may be interrupted."""
        self._is_in_phase = True

    def leave(self) -> None:
        """It has ended. What was sent before is handled, and does nothing any more."""
        while True:
            try:
                with self._lock:
                    self._is_in_phase = False
                if self.has_interrupted:
                    sleep(SETTLING)
                return
            except (KeyboardInterrupt, pytest.fail.Exception):
                pass

    def interrupt(self, snapshot: Optional[Snapshot]) -> bool:
        """Interrupt the test, if it is in a phase. Gives whether it is.

        Args:
            snapshot: What it is doing, if that is known.
        """
        with self._lock:
            if not self._is_in_phase:
                return False
            self.has_interrupted = True
            if self._takes_ours(snapshot):
                self._send(OURS)
            else:
                self._send(signal.SIGINT)
            return True

    def _takes_ours(self, snapshot: Optional[Snapshot]) -> bool:
        """Whether nothing is there that knows what to do on Ctrl-C."""
        if OURS not in self._replaced or snapshot is None or snapshot.items:
            return False
        main = threading.main_thread().name
        return not any(loop.is_running and loop.thread in (main, None) for loop in snapshot.loops)

    def _send(self, number: Any) -> None:
        if hasattr(signal, "pthread_kill"):
            signal.pthread_kill(self._thread, number)
        else:
            interrupt_main()

    def failure(self, exc: Optional[BaseException]) -> BaseException:
        """What the test is failed with.

        Args:
            exc: What it has raised when it was interrupted, as event loops do; ``None`` if it went
                on.
        """
        if exc is None:
            return pytest.fail.Exception(f"{self.message}, and went on when it was interrupted")
        failure = pytest.fail.Exception(self.message).with_traceback(exc.__traceback__)
        failure.__context__ = exc.__context__
        return failure

    def _on_ours(self, number: int, frame: object) -> None:
        __tracebackhide__ = True
        if self._is_in_phase:
            raise pytest.fail.Exception(self.message)

    def _on_ctrl_c(self, number: int, frame: object) -> None:
        __tracebackhide__ = True
        if self._is_in_phase and self.has_interrupted:
            raise KeyboardInterrupt
