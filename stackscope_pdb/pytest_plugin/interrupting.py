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
import time
from _thread import allocate_lock, interrupt_main

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

    # Not looked up when it is called: freezegun replaces it in modules, and a test's time counts
    # even if the test has stopped the clock.
    _now = staticmethod(time.monotonic)

    def __init__(self, message: str) -> None:
        self.message = message
        self.is_possible: bool = threading.current_thread() is threading.main_thread()
        self.has_interrupted: bool = False
        self._thread = threading.get_ident()
        self._lock = allocate_lock()
        self.is_in_phase: bool = False
        self._entered = 0.0
        self._spent = 0.0
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
        try:
            with self._lock:
                self._entered = self._now()
                self.is_in_phase = True
        except (KeyboardInterrupt, pytest.fail.Exception):
            # At once. The phase runs nevertheless, as finalizers must; the next attempt ends it.
            if not self.has_interrupted:
                raise

    def leave(self) -> None:
        """It has ended. What was sent before is handled, and does nothing any more."""
        while True:
            try:
                with self._lock:
                    self._spent += self._in_this_phase()
                    self.is_in_phase = False
                if self.has_interrupted:
                    time.sleep(SETTLING)
                return
            except (KeyboardInterrupt, pytest.fail.Exception):
                pass

    def _in_this_phase(self) -> float:
        return self._now() - self._entered if self.is_in_phase else 0.0

    def spent(self) -> float:
        """How many seconds the test has spent in its phases. What pytest does between isn't its."""
        with self._lock:
            return self._spent + self._in_this_phase()

    def interrupt(self, snapshot: Optional[Snapshot]) -> bool:
        """Interrupt the test, if it is in a phase. Gives whether it is.

        Args:
            snapshot: What it is doing, if that is known.
        """
        with self._lock:
            if not self.is_in_phase:
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
        if self.is_in_phase:
            raise pytest.fail.Exception(self.message)

    def _on_ctrl_c(self, number: int, frame: object) -> None:
        __tracebackhide__ = True
        if self.is_in_phase and self.has_interrupted:
            raise KeyboardInterrupt
