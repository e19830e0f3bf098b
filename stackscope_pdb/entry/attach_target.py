"""The debugger in a process attached to by ``python -m stackscope_pdb -p PID`` (3.14+).

How it talks to the terminal is the standard debugger's business (`pdb._PdbServer`, Lib/pdb.py of
3.14 and 3.15). What differs: it has our commands, it stops at once instead of at the next line, so
that an event loop which idles can be looked at, and it draws for the terminal at the other end.
"""

from __future__ import annotations

import bdb
import signal
import socket
import sys
import threading
from contextlib import contextmanager, suppress

from stackscope_pdb.debugger.own import Pdb
from stackscope_pdb.entry.api import adopt
from stackscope_pdb.output.console import Console
from stackscope_pdb.program.interrupts import give_interrupts_back
from stackscope_pdb.program.tracing import not_end_with_interpreter
from stackscope_pdb.standard import pdb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

    class Standard(pdb.Pdb):
        """The standard debugger for the other process, as far as it is used here."""

        _interact_state: Optional[Dict[str, Any]]
        _owns_sockfile: bool
        _sockfile: Any

        def detach(self) -> None:
            """Say good-bye to the other end."""

else:
    Standard = getattr(pdb, "_PdbServer", object)


class _Stream:
    """What there is to know about the terminal at the other end.

    Args:
        encoding: Its encoding.
        is_terminal: Whether it is one.
    """

    def __init__(self, encoding: str, *, is_terminal: bool) -> None:
        self.encoding = encoding
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._is_terminal


class AttachedPdb(Pdb, Standard):  # type: ignore[misc,unused-ignore]
    """Our debugger, which talks through a socket.

    Args:
        terminal: The terminal at the other end: what `attach.terminal` says about it.
        connection: The socket.
        forget: Called when all is over.
        **kwargs: As for the class that it inherits from.
    """

    # Another one would talk to the terminal of the program.
    makes_debugger: Optional[Callable[[], Any]] = None

    def __init__(
        self,
        terminal: Dict[str, Any],
        connection: socket.socket,
        forget: Callable[[], None],
        **kwargs: Any,
    ) -> None:
        self._terminal = terminal
        self._connection = connection
        self._forget = forget
        self._is_detached = False
        self._first_breakpoint = len(bdb.Breakpoint.bpbynumber)
        with _no_readline():
            super().__init__(colorize=terminal["colors"], **kwargs)

    def choose_reader(self) -> None:
        """Lines are read at the other end."""
        self.pyrepl_input: None = None

    @property
    def console(self) -> Console:
        """The terminal at the other end."""
        terminal = self._terminal
        stream = _Stream(terminal["encoding"], is_terminal=terminal["is_terminal"])
        console = Console(stream)
        console.colors = terminal["colors"]
        console.width = terminal["width"]
        console.rows = terminal["rows"]
        return console

    def cmdloop(self, intro: Any = None) -> None:
        """Get commands from the other end."""
        Standard.cmdloop(self, intro)

    def do_interact(self, arg: str) -> Any:
        # The standard one, for the other end has to know; with what ours adds.
        from stackscope_pdb.prompt.interactive import BANNER, leave_by_name

        result = Standard.do_interact(self, arg)
        self.message(BANNER.partition("\n")[2])
        if self._interact_state is not None:
            leave_by_name(self._interact_state["ns"])
        return result

    do_interact.__doc__ = Pdb.do_interact.__doc__

    def completedefault(self, text: str, line: str, begidx: int, endidx: int) -> List[str]:
        """What Tab offers after ``interact``, and behind commands that don't know better."""
        if self._interact_state is None:
            return self._complete_expression(text, line, begidx, endidx)
        from stackscope_pdb.prompt.completion import completions_in

        start, found = completions_in([self._interact_state["ns"]], text)
        return [text[:start] + name for name in found]

    def _interact_displayhook(self, obj: object) -> None:
        """Show the value of an expression that was typed after ``interact``."""
        from stackscope_pdb.prompt.interactive import WHOLE

        if obj is not None and self._interact_state is not None:
            self._interact_state["ns"]["_"] = obj
            self.show_value(obj, WHOLE)

    def _error_exc(self) -> Any:
        if self._interact_state is not None and isinstance(sys.exc_info()[1], SystemExit):
            from stackscope_pdb.prompt.interactive import GOOD_BYE

            self._interact_state = None
            return self.message(GOOD_BYE)
        return super()._error_exc()  # type: ignore[misc]

    def detach(self) -> None:
        """Let go of the process, which goes on."""
        super().detach()
        if self._owns_sockfile:
            adopt(None)
            self._connection.close()
            self._is_detached = True
            self._trace_nothing()

    def _trace_nothing(self) -> None:
        """Take back what makes the interpreter call this debugger."""
        for breakpoint_ in bdb.Breakpoint.bpbynumber[self._first_breakpoint :]:
            if breakpoint_ is not None:
                breakpoint_.deleteMe()
        self.disarm()
        not_end_with_interpreter()
        self._breaks = {}  # of its own, and none of those that the program has
        frames = [*self.frame_trace_lines_opcodes, *_running_frames()]
        self.set_continue()
        for frame in frames:
            if getattr(frame.f_trace, "__self__", None) is self:
                frame.f_trace = None

    def interaction(self, *args: Any, **kwargs: Any) -> None:
        """Talk to the user, after which all may be over."""
        super().interaction(*args, **kwargs)
        self._leave_nothing()

    def stop_at_once(self, *args: Any, **kwargs: Any) -> None:
        """Open the prompt, after which all may be over."""
        super().stop_at_once(*args, **kwargs)
        self._leave_nothing()

    def _leave_nothing(self) -> None:
        if self._is_detached:
            self._forget()

    def is_abandoned(self) -> bool:
        """Whether the other end is gone."""
        flags = socket.MSG_PEEK | getattr(socket, "MSG_DONTWAIT", 0)
        try:
            return not self._connection.recv(1, flags)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def let_go(self) -> None:
        """Let go of the process, which is running."""
        give_interrupts_back()
        self.set_quit()
        self.detach()
        self._leave_nothing()

    def _highlighted(self, sources: Sequence[str]) -> List[str]:
        from stackscope_pdb.output.highlight import highlight

        if not self._terminal["colors"]:
            return list(sources)
        return [highlight(source.rstrip("\n")) or source for source in sources]

    def _create_recursive_debugger(self) -> Pdb:
        return type(self)(
            self._terminal,
            self._connection,
            self._forget,
            sockfile=self._sockfile,
            owns_sockfile=False,
        )


def _running_frames() -> Iterator[FrameType]:
    """The frames of this thread."""
    frame: Optional[FrameType] = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back


@contextmanager
def _no_readline() -> Iterator[None]:
    """Keep `pdb` from loading readline, which takes over ``SIGWINCH`` and can't be unloaded."""
    if "readline" in sys.modules:
        yield
        return
    sys.modules["readline"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if "readline" in sys.modules and sys.modules["readline"] is None:
            del sys.modules["readline"]


def connect(
    frame: Optional[FrameType],
    connections: Sequence[Any],
    commands: Sequence[str],
    version: int,
    terminal: Dict[str, Any],
    forget: Callable[[], None],
) -> None:
    """Talk to whoever has asked for it, and stop in ``frame``.

    Called in the process that is attached to.

    Args:
        frame: The frame that the main thread is running.
        connections: The connection with the other end, as a `_socket.socket`; and another one if
            Ctrl-C is passed on by that, as it must be on Windows.
        commands: Commands to run first.
        version: The version of the protocol at the other end.
        terminal: What `attach.terminal` says there.
        forget: Called when all is over, to unload what was loaded for it.
    """
    connection, *others = [socket.socket(fileno=each.detach()) for each in connections]
    debugger = AttachedPdb(terminal, connection, forget, sockfile=connection.makefile("rwb"))
    reason = _why_not(debugger, frame, version)
    if frame is None or reason is not None:
        debugger.error(reason)
        for each in (debugger._sockfile, connection, *others):
            with suppress(OSError):
                each.close()
        forget()
        return
    for other in others:
        threading.Thread(target=_raise_interrupts, args=[other], daemon=True).start()
    pdb.Pdb._last_pdb_instance = debugger  # type: ignore[attr-defined,unused-ignore]
    adopt(debugger)
    debugger.rcLines.extend(commands)
    debugger.stop_at_once(frame, "Attached. ('continue' lets it run, 'quit' detaches)")


def _raise_interrupts(connection: socket.socket) -> None:
    """Press Ctrl-C in this process whenever the other end says so."""
    with connection, suppress(OSError):
        while connection.recv(1024):
            signal.raise_signal(signal.SIGINT)


def let_go() -> None:
    """End a session whose other end is gone."""
    last: Any = getattr(pdb.Pdb, "_last_pdb_instance", None)
    # At its prompt it notices that by itself.
    if isinstance(last, AttachedPdb) and not last.is_busy and last.is_abandoned():
        last.let_go()


def _why_not(debugger: Any, frame: Optional[FrameType], version: int) -> Optional[str]:
    """Why this process can't be debugged now, if that is so."""
    if version != debugger.protocol_version():
        python = sys.version.split()[0]
        return f"The process runs Python {python}, whose debugger speaks another protocol."
    if frame is None:
        return "The process runs no Python code in its main thread."
    last: Any = getattr(pdb.Pdb, "_last_pdb_instance", None)
    if isinstance(last, Standard):
        return "Another debugger is attached to this process already."
    if getattr(last, "curframe", None) is not None:
        return "This process is at the prompt of a debugger already."
    return None
