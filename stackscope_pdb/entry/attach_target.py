"""The debugger in a process attached to by ``python -m stackscope_pdb -p PID`` (3.14+).

How it talks to the terminal is the standard debugger's business (`pdb._PdbServer`, Lib/pdb.py of
3.14 and 3.15). What differs: it has our commands, it stops at once instead of at the next line, so
that an event loop which idles can be looked at, and it draws for the terminal at the other end.
"""

from __future__ import annotations

import pdb
import socket
import weakref

from stackscope_pdb.debugger.own import Pdb
from stackscope_pdb.entry.api import adopt
from stackscope_pdb.output.console import Console

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Dict, List, Optional, Sequence

Standard: Any = getattr(pdb, "_PdbServer", object)


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
        **kwargs: As for the class that it inherits from.
    """

    def __init__(self, terminal: Dict[str, Any], **kwargs: Any) -> None:
        self._terminal = terminal
        super().__init__(colorize=terminal["colors"], **kwargs)
        self.pyrepl_input = None

    @property
    def console(self) -> Console:
        """The terminal at the other end."""
        terminal = self._terminal
        stream = _Stream(terminal["encoding"], is_terminal=terminal["is_terminal"])
        console = Console(stream)
        console.colors = terminal["colors"]
        console.width = terminal["width"]
        return console

    def cmdloop(self, intro: Any = None) -> None:
        """Get commands from the other end."""
        Standard.cmdloop(self, intro)

    def detach(self) -> None:
        """Let go of the process, which goes on."""
        adopt(None)
        super().detach()

    def _highlighted(self, sources: Sequence[str]) -> List[str]:
        from stackscope_pdb.output.highlight import highlight

        if not self._terminal["colors"]:
            return list(sources)
        return [highlight(source.rstrip("\n")) or source for source in sources]

    def _create_recursive_debugger(self) -> Pdb:
        return type(self)(self._terminal, sockfile=self._sockfile, owns_sockfile=False)


def connect(
    frame: Optional[FrameType],
    port: int,
    commands: Sequence[str],
    version: int,
    terminal: Dict[str, Any],
    *,
    signal_thread: bool,
) -> None:
    """Connect to whoever has asked for it, and stop in ``frame``.

    Called in the process that is attached to.

    Args:
        frame: The frame that the main thread is running.
        port: Where to connect to, on this machine.
        commands: Commands to run first.
        version: The version of the protocol at the other end.
        terminal: What `attach.terminal` says there.
        signal_thread: Whether Ctrl-C comes by another connection, as it must on Windows.
    """
    with socket.create_connection(("localhost", port)) as connection:
        sockfile = connection.makefile("rwb")
    address = ("localhost", port) if signal_thread else None
    debugger = AttachedPdb(terminal, sockfile=sockfile, signal_server=address)
    weakref.finalize(debugger, sockfile.close)
    reason = _why_not(debugger, frame, version)
    if frame is None or reason is not None:
        debugger.error(reason)
        return
    pdb.Pdb._last_pdb_instance = debugger  # type: ignore[attr-defined,unused-ignore]
    adopt(debugger)
    debugger.rcLines.extend(commands)
    debugger.stop_at_once(frame, "Attached. ('continue' lets it run, 'quit' leaves it alone)")


def _why_not(debugger: Any, frame: Optional[FrameType], version: int) -> Optional[str]:
    """Why this process can't be debugged now, if that is so."""
    if version != debugger.protocol_version():
        import sys

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
