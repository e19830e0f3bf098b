"""Asks a process that called `stackscope.register`, by its signal.

Where it has a mailbox (see `stackscope.answering.mailbox`), a request there has it connect to us,
and answer. Else it only writes its dump where it was told to.

A signal that a process has no handler for may end it, so none is sent unless the system says that
there is one.
"""

from __future__ import annotations

import json
import os
import signal
import time

from stackscope.answering.mailbox import read_mailbox
from stackscope.remote.calling import (
    AttachError,
    TimeIsUp,
    accept,
    check_process,
    place_to_meet,
)
from stackscope.remote.processes import Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import List

    from stackscope.answering.mailbox import Mailbox, Request
    from stackscope.remote.meeting import Meeting

__all__ = ["ask_by_signal", "may_be_asked", "send_signal", "signal_number"]

SECONDS_TO_REPEAT = 1.0
"""How long to wait until the signal is sent again: see `stackscope.answering.mailbox`."""


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
    process = Process(pid)
    handles = process.handles(number)
    if not process.is_alive:
        raise AttachError(f"Process {pid} has ended.")
    if handles is None:
        raise AttachError(
            f"It isn't known whether process {pid} has a handler for {name}, and without one the "
            f"signal would end it. If you are sure that it has one, use kill -{number} {pid}."
        )
    if not handles:
        raise AttachError(
            f"Process {pid} has no handler for {name}, so the signal would end it: have it call "
            f"stackscope.register() for it first."
        )
    _kill(pid, number)


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        raise AttachError(f"Process {pid} has ended.") from None
    except PermissionError:
        raise AttachError(f"Process {pid} is another user's.") from None


# ------------------------------------------------------------------------------- by its mailbox


def may_be_asked(process: Process) -> bool:
    """Whether a process has called `stackscope.register`, and can be asked by its signal."""
    mailbox = read_mailbox(process.pid)
    return mailbox is not None and _signal_of(process, mailbox) != 0


def _signal_of(process: Process, mailbox: Mailbox) -> int:
    """The signal to ask by; 0 if there is none.

    The process has said so, and the system says that it has a handler for it.
    """
    return next((number for number in mailbox.signals if process.handles(number)), 0)


def ask_by_signal(process: Process, seconds: float) -> List[socket.socket]:
    """Have a process that called `stackscope.register` connect to us.

    Args:
        process: The process.
        seconds: How long to wait for it.

    Raises:
        AttachError: It can't be done.
        TimeIsUp: It didn't connect.
    """
    pid = process.pid
    mailbox = read_mailbox(pid)
    number = 0 if mailbox is None else _signal_of(process, mailbox)
    if mailbox is None or not number:
        raise AttachError(f"Process {pid} has not called stackscope.register().")
    with place_to_meet(pid) as place:
        try:
            request = mailbox.post(_request(place))
        except OSError as exc:
            raise AttachError(f"Process {pid} can't be asked by a signal: {exc}.") from None
        try:
            if request.is_there:  # else somebody else's signal has done
                _kill(pid, number)
            return accept(pid, place, 1, seconds, _Repeating(request, number))
        except TimeIsUp:
            raise TimeIsUp(
                f"Process {pid} has not answered its signal {signal.Signals(number).name} for "
                f"{seconds:g} seconds: its main thread runs no Python code, so most likely it is "
                "in C code."
            ) from None
        finally:
            request.withdraw()


def _request(place: Meeting) -> bytes:
    """See `stackscope.answering.serving.answer_in_thread`."""
    folder, path = place.address
    words = {
        "folder": folder,
        "path": path,
        "its_secret": place.its_secret.decode(),
        "our_secret": place.our_secret.decode(),
    }
    return json.dumps(words).encode()


class _Repeating:
    """Sends a signal again, now and then, as long as a request has not been taken.

    Args:
        request: The request.
        number: The signal.
    """

    def __init__(self, request: Request, number: int) -> None:
        self._request = request
        self._number = number
        self._sent_at = time.monotonic()

    def __call__(self, pid: int) -> None:
        """Send it again if it is time."""
        now = time.monotonic()
        if now - self._sent_at >= SECONDS_TO_REPEAT and self._request.is_there:
            self._sent_at = now
            _kill(pid, self._number)
