"""Where what the commands find goes to: the terminal, or files that nobody else can read."""

from __future__ import annotations

import os
import sys
import time
from threading import Event, Thread

from stackscope.render.stream import (
    beginning,
    draws_in_ascii,
    encodable,
    encoding_of,
    is_terminal,
    wants_color,
    width_of_terminal,
    wrapped,
    write_over,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, List, Optional, TextIO

    from stackscope.model.snapshot import Snapshot

__all__ = [
    "FINE",
    "INTERRUPTED",
    "NOT_DONE",
    "STUCK",
    "WRONG_USE",
    "CommandError",
    "Progress",
    "end_output",
    "filtered",
    "looks",
    "read_file",
    "read_json",
    "say",
    "with_whole_words",
    "write_file",
    "write_lines",
]

FINE, STUCK, WRONG_USE, NOT_DONE = 0, 1, 2, 3
"""The statuses that the command ends with."""

INTERRUPTED = 130
"""As a shell says of a program that SIGINT has ended."""


SECONDS_IN_SILENCE = 1.0
"""How long something may take before anything is said of it."""

SECONDS_BETWEEN_LINES = 0.2


class CommandError(Exception):
    """A sentence for the user: why it can't be done."""


def looks() -> Dict[str, Any]:
    """The options of `Snapshot.format` and the like for the terminal."""
    return {
        "ascii_only": draws_in_ascii(encoding_of(sys.stdout)),
        "width": width_of_terminal(sys.stdout),
        "color": wants_color(sys.stdout),
    }


def write_lines(lines: Iterable[str]) -> None:
    """Write lines, each ending in a newline, to the standard output.

    Raises:
        CommandError: There is none, or it can't be written.
        BrokenPipeError: Whoever reads has seen enough.
    """
    stream: Optional[TextIO] = sys.stdout
    if stream is None:
        raise CommandError("There is no standard output to write to.")
    for line in lines:
        _to_output(stream.write, encodable(line, stream))
    _to_output(stream.flush)


def _to_output(method: Callable[..., object], *arguments: str) -> None:
    try:
        method(*arguments)
    except BrokenPipeError:
        raise
    except OSError as exc:
        end_output()
        raise CommandError(f"The standard output can't be written: {exc.strerror}.") from None


def end_output() -> None:
    """Let what isn't written yet go nowhere: the interpreter would try to write it as it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def say(text: str) -> None:
    """Tell the user something that is no result."""
    if sys.stderr is not None:
        line = with_whole_words(f"stackscope: {text}")
        sys.stderr.write(encodable(f"{line}\n", sys.stderr))
        sys.stderr.flush()


def with_whole_words(line: str, stream: Optional[TextIO] = None) -> str:
    """A sentence for a stream, stderr by default: in lines if a terminal would break a word."""
    stream = stream or sys.stderr
    if not is_terminal(stream):
        return line
    parts = wrapped([("text", line)], width_of_terminal(stream))
    return "\n".join("".join(piece for _, piece in part) for part in parts)


def write_file(path: str, text: str) -> None:
    """Write a file that only its owner can read, or to the standard output if it is ``-``.

    Raises:
        CommandError: It can't be written.
    """
    if path == "-":
        write_lines([text, "\n"])
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as exc:
        raise CommandError(f"{path} can't be written: {exc.strerror}.") from None


def read_file(path: str) -> bytes:
    """What is in a file, or is read from the standard input if it is ``-``.

    Raises:
        CommandError: It can't be read.
    """
    stdin: Optional[TextIO] = sys.stdin
    if path == "-" and stdin is None:
        raise CommandError("There is no standard input to read from.")
    try:
        if path == "-":
            return sys.stdin.buffer.read()
        with open(path, "rb") as file:
            return file.read()
    except OSError as exc:
        raise CommandError(f"{path} can't be read: {exc.strerror}.") from None


def read_json(path: str, data: bytes, reader: Any) -> Any:
    """What a JSON file tells.

    Args:
        path: Its path.
        data: What is in it.
        reader: `Snapshot.from_json`, or the like.

    Raises:
        CommandError: It is something else.
    """
    try:
        return reader(data)
    except ValueError as exc:
        raise CommandError(f"{path}: {exc}") from None


def filtered(snapshot: Snapshot, text: Optional[str], findings: Any = None) -> Snapshot:
    """What a filter leaves of a snapshot.

    Raises:
        CommandError: There is no such filter.
    """
    if text is None:
        return snapshot
    try:
        return snapshot.filter(text, findings=findings)
    except ValueError as exc:
        raise CommandError(f"--filter: {exc}") from None


class Progress:
    """Tells on a terminal what is being done, and for how long, once that takes some time."""

    def __init__(self) -> None:
        self._is_shown = is_terminal(sys.stderr)
        self._words = ""
        self._ended: Optional[Event] = None
        self._thread: Optional[Thread] = None

    def begin(self, words: str) -> None:
        """Say what is being done from now on."""
        self._words = words
        if self._is_shown and self._ended is None:
            self._ended = Event()
            self._thread = Thread(target=self._tell, args=[self._ended], daemon=True)
            self._thread.start()

    def search(self, told: List[float]) -> None:
        """Say how much of a search is done."""
        if told:
            self._words = f"looking for what could end the waits: {told[0]:.0%}"

    def end(self) -> None:
        """Take it away."""
        if self._ended is not None and self._thread is not None:
            self._ended.set()
            self._thread.join()
            self._ended = self._thread = None

    def _tell(self, ended: Event) -> None:
        begun = time.monotonic()
        width = 0
        if not ended.wait(SECONDS_IN_SILENCE):
            while not ended.wait(SECONDS_BETWEEN_LINES):
                passed = time.monotonic() - begun
                line = encodable(f"{self._words} ({passed:.0f} s)", sys.stderr)
                line = beginning(line, width_of_terminal(sys.stderr) - 1)
                write_over(sys.stderr, line, width)
                width = len(line)
            write_over(sys.stderr, "", width)
