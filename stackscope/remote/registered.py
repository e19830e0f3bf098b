"""Asks a process that has called `stackscope.register`: by its signal.

It writes its dump where it was told to. A signal that a process has no handler for may end it, so
none is sent then.
"""

from __future__ import annotations

import os
import signal
import sys

from stackscope.remote.calling import AttachError, check_process
from stackscope.remote.processes import Process

__all__ = ["send_signal", "signal_number"]


def signal_number(name: str) -> int:
    """The number of a signal: of ``SIGUSR1``, ``USR1``, ``usr1`` or ``10``.

    Raises:
        AttachError: There is none of that name.
    """
    text = name.upper()
    if text.isdecimal():
        if int(text) in {int(number) for number in signal.valid_signals()}:
            return int(text)
    else:
        found = getattr(signal, text if text.startswith("SIG") else f"SIG{text}", None)
        if isinstance(found, signal.Signals):
            return int(found)
    raise AttachError(f"There is no signal {name}: see kill -l.")


def send_signal(pid: int, name: str) -> None:
    """Send a signal to a process that handles it.

    Args:
        pid: The process.
        name: The signal.

    Raises:
        AttachError: It doesn't, or that isn't known, or it can't be sent.
    """
    number = signal_number(name)
    check_process(pid, own="That is the process of this command itself.")
    handles = Process(pid).handles(number)
    if handles is None and sys.platform.startswith("linux"):
        raise AttachError(f"Process {pid} has ended.")
    if handles is False:
        raise AttachError(
            f"Process {pid} has no handler for {name}, so the signal would end it: have it call "
            f"stackscope.register() for it first."
        )
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        raise AttachError(f"Process {pid} has ended.") from None
    except PermissionError:
        raise AttachError(f"Process {pid} is another user's.") from None
