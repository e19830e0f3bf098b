"""``stackscope dump`` and ``stackscope why``: what a running process is doing, and why it hangs."""

from __future__ import annotations

import time

from stackscope.command_line.options import (
    add_formats,
    number_of_process,
    parser_of,
    seconds,
)
from stackscope.command_line.output import (
    FINE,
    STUCK,
    CommandError,
    Progress,
    filtered,
    looks,
    write_file,
    write_lines,
)
from stackscope.model.snapshot import Snapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any, Optional, Sequence

    from stackscope.model.diagnosis import Diagnosis
    from stackscope.remote.attach import Connection

__all__ = ["dump", "show_found", "why"]

DESCRIPTION = """\
Show what a running process is doing: its tasks, threads and greenlets, which
line each one is at, what it waits for, and who holds that.

The process needs no preparation, and continues as before. It may run a
different version of Python. Before Python 3.14, gdb has to be installed.
"""

WHY = """\
Say why a running process is stuck: which tasks and threads can never continue,
and which lines to look at. The exit status is 1 if there are any.
"""


def dump(words: Sequence[str]) -> int:
    """Do ``stackscope dump``. Gives the exit status."""
    parser = parser_of("stackscope dump", DESCRIPTION)
    _add_process(parser)
    add_formats(parser)
    parser.add_argument("--json", metavar="FILE", help="write JSON instead (- for stdout)")
    parser.add_argument(
        "--watch",
        type=seconds,
        metavar="SECONDS",
        help="repeat this often, and show what has changed, until Ctrl-C",
    )
    parser.add_argument(
        "--signal",
        metavar="SIG",
        help="ask only by this signal, which the program has passed to stackscope.register()",
    )
    options = parser.parse_args(words)
    if options.signal is not None:
        from stackscope.remote.registered import send_signal

        send_signal(options.pid, options.signal)
        return FINE
    return _ask(options)


def why(words: Sequence[str]) -> int:
    """Do ``stackscope why``. Gives the exit status."""
    parser = parser_of("stackscope why", WHY)
    _add_process(parser)
    options = parser.parse_args(words)
    diagnosis = _Asking(options, why=True).look().diagnosis
    assert diagnosis is not None
    write_lines(diagnosis.format(**looks()))
    return STUCK if diagnosis.findings else FINE


def _add_process(parser: Any) -> None:
    parser.add_argument("pid", type=number_of_process, metavar="PID", help="the process")
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=10.0,
        metavar="SECONDS",
        help="how long to wait for an answer (default: 10)",
    )


class Found:
    """What a process has told.

    Args:
        text: As JSON.
        snapshot: What it is doing.
        diagnosis: What is stuck, if that was asked for.
    """

    def __init__(self, text: str, snapshot: Snapshot, diagnosis: Optional[Diagnosis]) -> None:
        self.text = text
        self.snapshot = snapshot
        self.diagnosis = diagnosis


class _Asking:
    """A process that is asked, once or again and again.

    Args:
        options: The command line.
        why: Whether to ask why it is stuck.
    """

    def __init__(self, options: Namespace, *, why: bool) -> None:
        from stackscope.remote.attach import attach

        self._why = why
        self._progress = progress = Progress()
        progress.begin(f"attaching to process {options.pid}")
        try:
            self._connection: Connection = attach(
                options.pid,
                seconds=options.timeout,
                doing=progress.begin,
                progress=progress.search,
            )
        finally:
            progress.end()

    def look(self) -> Found:
        """Ask once."""
        self._progress.begin(f"process {self._connection.pid} looks at itself")
        try:
            snapshot, diagnosis = self._connection.ask(why=self._why)
        finally:
            self._progress.end()
        pid = self._connection.pid
        if diagnosis is None:
            return Found(snapshot, _read(pid, Snapshot.from_json, snapshot), None)
        from stackscope.model.diagnosis import Diagnosis

        found = _read(pid, Diagnosis.from_json, diagnosis)
        return Found(diagnosis, found.snapshot, found)

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()


def _read(pid: int, reader: Any, text: str) -> Any:
    try:
        return reader(text)
    except ValueError as exc:
        raise CommandError(f"What process {pid} has sent can't be read: {exc}") from None


def _ask(options: Namespace) -> int:
    asking = _Asking(options, why=options.why)
    try:
        found = asking.look()
        status = _show(found, options)
        while options.watch is not None:
            time.sleep(options.watch)
            earlier, found = found.snapshot, asking.look()
            if options.json is None and options.html is None:
                difference = filtered(earlier, options.filter).diff(
                    filtered(found.snapshot, options.filter)
                )
                write_lines(["\n", *difference.format(**looks())])
            else:
                _show(found, options)
    finally:
        asking.close()
    return status


def _show(found: Found, options: Namespace) -> int:
    if options.json is not None:
        write_file(options.json, found.text)
        if options.html is None:
            return STUCK if found.diagnosis is not None and found.diagnosis.findings else FINE
    return show_found(found.snapshot, found.diagnosis, options)


def show_found(snapshot: Snapshot, diagnosis: Optional[Diagnosis], options: Namespace) -> int:
    """Show a snapshot, and before it what is stuck, as the command line says.

    Returns:
        The exit status.
    """
    findings = None if diagnosis is None else diagnosis.findings
    chosen = filtered(snapshot, options.filter, findings)
    if options.html is not None:
        whole: Any = snapshot if diagnosis is None else diagnosis
        write_file(options.html, (whole if options.filter is None else chosen).to_html(full=True))
    else:
        if diagnosis is not None:
            write_lines([*diagnosis.format(**looks()), "\n"])
        write_lines(chosen.format(whole=options.stacks, findings=findings or (), **looks()))
    return STUCK if findings else FINE
