"""``%%stackscope``: where everything is if a cell is interrupted, raises, or takes long."""

from __future__ import annotations

import signal
import sys
import threading
import time
from contextvars import copy_context

import stackscope
from stackscope.safe.interruptions import attempt
from stackscope.snapshot.taking import take_snapshot
from stackscope_ipython.display import Display
from stackscope_ipython.looking import View, look
from stackscope_ipython.options import DEFAULT_EVERY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable, List, Optional

    from IPython.core.interactiveshell import InteractiveShell

    from stackscope import Snapshot
    from stackscope_ipython.options import Request


class Guards:
    """The guard of the cell that runs in a shell, if it has one.

    Args:
        shell: The shell.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self._guards: List[_Guard] = []

    def begin(self, request: Request) -> None:
        """Guard the cell that runs now, to its end."""
        self.end()
        self._guards.append(_Guard(request, Display(self.shell, request)))
        self.shell.events.register("post_run_cell", self._ended)
        self._guards[-1].begin()

    def run(self, request: Request, cell: str) -> None:
        """Run the text of a cell, and guard it."""
        self.begin(request)
        self.shell.run_cell(cell, store_history=False)
        self.end()

    def end(self) -> None:
        """Guard nothing any more."""
        for guard in self._guards:
            guard.end()
            self.shell.events.unregister("post_run_cell", self._ended)
        self._guards = []

    def _ended(self, result: Any = None) -> None:
        """What IPython calls at the end of the cell."""
        guards = list(self._guards)
        self.end()
        for guard in guards:
            error = getattr(result, "error_in_exec", None)
            guard.show_end(error)


class _Guard:
    """Looks after one cell."""

    def __init__(self, request: Request, display: Display) -> None:
        self.request = request
        self.display = display
        self.interrupted: Optional[Snapshot] = None
        self.interrupts = Interrupts(self._interrupt)
        self.ends = threading.Event()
        self.lock = threading.Lock()

    def begin(self) -> None:
        """The cell begins."""
        self.interrupts.begin()
        after = self.request.seconds("after")
        if after is not None:
            every = self.request.seconds("every") or DEFAULT_EVERY
            context = copy_context()  # by which a kernel knows the cell that a text belongs to
            threading.Thread(
                target=context.run,
                args=(self._look_later, after, every),
                name="%%stackscope --after",
                daemon=True,
            ).start()

    def end(self) -> None:
        """The cell has ended."""
        self.interrupts.end()
        with self.lock:
            self.ends.set()

    def show_end(self, error: Optional[BaseException]) -> None:
        """Show where everything was, if the cell has not just ended well."""
        if self.interrupted is not None:
            view = View(self.interrupted, shows_all=self.request.has("all"))
            self.interrupted = None
            self.display.show_everything(view, "The cell was interrupted here:")
        elif error is not None and type(error).__name__ != "UsageError":
            stack = stackscope.extract(error, with_contexts=self.request.contexts)
            self.display.show_result(stack)
            self.display.show_everything(look(self.request), "What else there is now:")

    def _interrupt(self, frame: Optional[FrameType]) -> None:
        """Ctrl-C: look before the program hears of it."""
        stackscope.extract(None)  # so that all glue is ready
        self.interrupted = take_snapshot(frame, self.request.contexts, interrupts=True)

    def _look_later(self, after: float, every: float) -> None:
        start, pause = time.monotonic(), after
        while not self.ends.wait(pause):
            view = look(self.request)
            seconds = time.monotonic() - start
            with self.lock:
                if self.ends.is_set():
                    return
                self._show(view, f"The cell has been running for {seconds:.1f} s:")
            pause = every

    def _show(self, view: View, headline: str) -> None:
        """Show a look; not if the kernel is shutting down, when nobody is there to see it."""
        attempt(None, self.display.show_everything, view, headline)
        attempt(None, sys.stdout.flush)


class Interrupts:
    """Hears of Ctrl-C first, and lets the program handle it as if nobody else did.

    Runtimes look at the handler of ``SIGINT``, and put their own in the place of the default one:
    `asyncio.Runner.run` (Lib/asyncio/runners.py), `trio` (trio/_core/_ki.py), ipykernel
    (`_cancel_on_sigint`). So `signal.signal` and `signal.getsignal` tell of the handler that would
    be there without this one, for as long as a cell runs.

    Args:
        hear: Is called with the frame that was interrupted.
    """

    def __init__(self, hear: Callable[[Optional[FrameType]], None]) -> None:
        self._hear = hear
        self._set, self._get = signal.signal, signal.getsignal
        self._ours = (self._signal, self._getsignal)
        self._handler: Any = _Handler(self)
        self._visible: Any = None
        self._is_active = False

    def begin(self) -> None:
        """Hear of Ctrl-C from now on, if this is the main thread and the program handles it."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._visible = self._get(signal.SIGINT)
        if not callable(self._visible) or isinstance(self._visible, signal.Handlers):
            return
        self._set(signal.SIGINT, self._handler)
        self._is_active = True
        signal.signal, signal.getsignal = self._ours  # type: ignore[assignment]

    def end(self) -> None:
        """Put back the handler that the program knows of."""
        if not self._is_active:
            return
        self._is_active = False
        if signal.signal is self._ours[0]:
            signal.signal = self._set
        if signal.getsignal is self._ours[1]:
            signal.getsignal = self._get
        if self._get(signal.SIGINT) is self._handler:
            self._set(signal.SIGINT, self._visible)

    def _signal(self, signalnum: Any, handler: Any, /) -> Any:
        if not self._is_active or signalnum != signal.SIGINT:
            return self._set(signalnum, handler)
        self._set(signalnum, handler)  # raises if it isn't one
        before, self._visible = self._visible, handler
        if callable(handler) and not isinstance(handler, signal.Handlers):
            self._set(signalnum, self._handler)
        return before

    def _getsignal(self, signalnum: Any, /) -> Any:
        if self._is_active and signalnum == signal.SIGINT:
            return self._visible
        return self._get(signalnum)

    def heard(self, frame: FrameType) -> Any:
        """Ctrl-C has come: the handler of the program, to be called next."""
        attempt(None, self._hear, frame)
        return self._visible


class _Handler:
    """The handler of the signal. It stands in no traceback of what the program's handler raises.

    What calls an object asks its class for ``__call__``, and calls what it gets there: a property
    has returned by then (Objects/typeobject.c, ``slot_tp_call``).
    """

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts

    @property
    def __call__(self) -> Any:
        return self._interrupts.heard(sys._getframe(1))
