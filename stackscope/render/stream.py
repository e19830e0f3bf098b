"""What a terminal or file takes: colours, characters, columns, and text past all buffers."""

from __future__ import annotations

import os
import re
import stat
import sys
import time

from stackscope.render.cells import beginning, end, width_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator, List, Mapping, Optional, TextIO, Tuple

__all__ = [
    "FileBeyondBuffers",
    "beginning",
    "can_encode",
    "cut_line",
    "draws_in_ascii",
    "encodable",
    "encoding_of",
    "end",
    "is_terminal",
    "padded",
    "wants_color",
    "width_of",
    "width_of_terminal",
    "wrapped",
    "write_over",
]

SIGNS = "╠║╚├│└─…⋮×"
"""The characters of our drawings that are not ASCII."""

WIDTH_WITHOUT_TERMINAL = 80

# ---------------------------------------------------------------------- colours


def wants_color(stream: object = None, environ: Optional[Mapping[str, str]] = None) -> bool:
    """Whether text for a stream should be coloured.

    The first of these that says something decides: ``PYTHON_COLORS`` (0 or 1), ``NO_COLOR``,
    ``FORCE_COLOR``, ``TERM=dumb``, and whether the stream is a terminal.

    Args:
        stream: A file; ``sys.stdout`` if ``None``.
        environ: The environment variables; those of the process if ``None``.
    """
    if environ is None:
        environ = {} if sys.flags.ignore_environment else os.environ
    python_colors = environ.get("PYTHON_COLORS")
    if python_colors in ("0", "1"):
        return python_colors == "1"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    if environ.get("TERM") == "dumb":
        return False
    return is_terminal(sys.stdout if stream is None else stream) and _terminal_understands(environ)


def is_terminal(stream: object) -> bool:
    """Whether a stream is a terminal."""
    try:
        return bool(stream.isatty())  # type: ignore[attr-defined]
    except (AttributeError, ValueError, OSError):  # no file, or one that is closed
        return False


def _terminal_understands(environ: Mapping[str, str]) -> bool:
    """Whether the console interprets escape sequences: all do but older ones of Windows."""
    if os.name != "nt":
        return True
    try:
        import nt

        return bool(nt._supports_virtual_terminal())  # type: ignore[attr-defined, unused-ignore]
    except (ImportError, AttributeError):  # up to 3.12
        return any(name in environ for name in ("WT_SESSION", "ANSICON", "ConEmuANSI", "TERM"))


# ------------------------------------------------------------------- characters


def can_encode(encoding: Optional[str], text: str = SIGNS) -> bool:
    """Whether a text can be written in an encoding, which may be one that nobody knows."""
    try:
        text.encode(encoding or "utf-8")
    except (LookupError, UnicodeEncodeError):
        return False
    return True


def encoding_of(stream: object) -> str:
    """The encoding of a stream; UTF-8 if it has none."""
    encoding = getattr(stream, "encoding", None)
    return encoding if isinstance(encoding, str) else "utf-8"


def encodable(text: str, stream: object) -> str:
    """``text`` with what the stream can't write escaped."""
    if text.isascii():
        return text
    encoding = encoding_of(stream)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    except LookupError:
        pass
    return text


# ---------------------------------------------------------------------- columns


def write_over(stream: TextIO, line: str, width: int) -> None:
    """Write a line of a terminal over another one.

    Args:
        stream: The terminal.
        line: The line, which fits in one.
        width: How many columns the other one has.
    """
    stream.write(f"\r{' ' * width}\r{line}")
    stream.flush()


def width_of_terminal(stream: object) -> int:
    """The columns to fill: those of ``COLUMNS``, of the terminal, or 80."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or WIDTH_WITHOUT_TERMINAL  # type: ignore[attr-defined]
    except (AttributeError, ValueError, OSError):  # no file, or none that is a terminal
        return WIDTH_WITHOUT_TERMINAL


def padded(text: str, width: int) -> str:
    """``text`` with spaces up to ``width`` columns."""
    return text + " " * (width - width_of(text))


def cut_line(line: List[Tuple[str, str]], width: int, ellipsis: str) -> List[Tuple[str, str]]:
    """A line of spans, or what fits into ``width`` columns, with an ellipsis."""
    if sum(width_of(text) for _, text in line) <= width:
        return line
    left = max(width - width_of(ellipsis), 0)
    short: List[Tuple[str, str]] = []
    for kind, text in line:
        if width_of(text) > left:
            short.append((kind, beginning(text, left)))
            break
        short.append((kind, text))
        left -= width_of(text)
    return [*short, ("note", ellipsis)]


LONGEST_WORD = 40
"""The most characters of a name with spaces in it that no line ends in."""


def wrapped(line: List[Tuple[str, str]], width: int) -> Iterator[List[Tuple[str, str]]]:
    """A line of spans as several, none wider than ``width`` columns if its words allow that.

    What goes on is indented by four columns more than the beginning.
    """
    if sum(width_of(text) for _, text in line) <= width:
        yield line
        return
    whole = "".join([text for _, text in line])
    margin = [("text", " " * (len(whole) - len(whole.lstrip(" ")) + 4))]
    current: List[Tuple[str, str]] = []
    is_blank = True
    used = 0
    for word in _words(line):
        text = "".join([part for _, part in word])
        if not is_blank and text.strip() and used + width_of(text.rstrip()) > width:
            kind, last = current[-1]
            yield [*current[:-1], (kind, last.rstrip())]
            current, used = [*margin], len(margin[0][1])
        current += word
        used += width_of(text)
        is_blank = is_blank and not text.strip()
    yield current


def _words(line: List[Tuple[str, str]]) -> Iterator[List[Tuple[str, str]]]:
    """The words of a line, each with the spaces behind it. Several spans may make one word.

    What somebody is called, such as ``task 3 (a name)``, is one, unless it is long.
    """
    word: List[Tuple[str, str]] = []
    for kind, text in line:
        is_name = kind == "root" and len(text) <= LONGEST_WORD
        for part in [text] if is_name else re.findall(r"\S+\s*|\s+", text):
            word.append((kind, part))
            if part[-1:].isspace():
                yield word
                word = []
    if word:
        yield word


# ---------------------------------------------------------------------- writing

PATIENCE = 5.0
"""Seconds to wait for a pipe, a socket or a terminal that takes nothing."""

LONGEST = 30.0
"""Seconds that one text may take altogether."""

PIECE = 512
"""How many bytes a pipe that can take anything takes without waiting: PIPE_BUF, as POSIX has it."""


class FileBeyondBuffers:
    """A file that is written to by its descriptor, past all buffers and whatever captures output.

    Args:
        file: An open file, or a descriptor.
        name: What to call it in an error.
        encoding: The encoding, if ``file`` doesn't tell.

    Raises:
        TypeError: ``file`` is neither.
        ValueError: It has no descriptor, or one that isn't open.
    """

    __slots__ = ("_fd", "_identity", "_poll", "ascii_only", "encoding", "file")

    def __init__(self, file: Any, name: str, encoding: Optional[str] = None) -> None:
        self.file: Any = file  # kept, so that it isn't closed
        self._fd = _descriptor(file, name)
        self._identity = _identity(self._fd)
        self._poll: Any = None
        self.encoding: str = encoding or encoding_of(file)
        self.ascii_only: bool = draws_in_ascii(self.encoding)

    def stay_open(self, poll: Any = None) -> None:
        """Use a descriptor of its own from now on, whatever becomes of the program's.

        Args:
            poll: `select.poll`, if there is one. Without it, writing may wait without end.
        """
        self._poll = poll
        try:
            self._fd = _second_descriptor(self._fd)
        except OSError:
            pass  # There are no descriptors left. This one may still be good when it is needed.

    def close(self) -> None:
        """Close the descriptor. What is written after that is lost."""
        # First, lest another thread write into a file that gets the same number.
        fd, self._fd = self._fd, -1
        if _identity(fd) == self._identity:
            os.close(fd)

    def write(self, lines: List[str]) -> bool:
        """Write lines. What a closed file, a full disk or a full pipe doesn't take is lost.

        Gives whether all of it was taken.
        """
        return self.write_bytes(self.encoded(lines), PATIENCE, LONGEST) == b""

    def encoded(self, lines: List[str]) -> bytes:
        """Lines as they are written."""
        return "".join(lines).encode(self.encoding, "backslashreplace")

    def write_bytes(self, given: bytes, patience: float, longest: float) -> Optional[bytes]:
        """Write what the file takes.

        Args:
            given: What to write.
            patience: Seconds to wait while it takes nothing. If there are none, and there is no
                telling whether writing waits, only what is no pipe or terminal takes something.
            longest: Seconds that it may take altogether.

        Returns:
            What it hasn't taken; ``None`` if it takes nothing any more.
        """
        data = memoryview(given)
        # The number may be another file's by now, if somebody has closed all descriptors.
        if _identity(self._fd) != self._identity:
            return None
        is_file = stat.S_ISREG(self._identity[0])
        if not patience and self._poll is None and not is_file:
            return given
        now = time.monotonic()
        end = now + longest
        patient_until = now + patience
        try:
            while data:
                taken = 0
                if self._takes(min(patient_until, end) - now):
                    try:
                        taken = os.write(self._fd, data if is_file else data[:PIECE])
                    except BlockingIOError:  # another one has filled it just before
                        pass
                now = time.monotonic()
                if taken:
                    data = data[taken:]
                    patient_until = now + patience
                elif now >= patient_until:
                    break
                else:
                    self._wait_a_little()
                if now >= end:
                    break
        except OSError:
            return None
        return bytes(data)

    @property
    def columns(self) -> int:
        """How wide the terminal is; 0 if it is none."""
        try:
            return os.get_terminal_size(self._fd).columns
        except (OSError, ValueError):
            return 0

    def _wait_a_little(self) -> None:
        if self._poll is None:
            time.sleep(0.01)
        else:
            self._poll().poll(10)  # time.sleep() may be gevent's

    def _takes(self, seconds: float) -> bool:
        """Whether something can be written without waiting, now or after some seconds."""
        if self._poll is None:
            return True
        waiting = self._poll()
        waiting.register(self._fd, POLLOUT)
        for _, events in waiting.poll(max(seconds, 0) * 1000):
            # Nobody reads it any more: to write would end programs that don't ignore SIGPIPE.
            if not events & POLLOUT or events & POLLERR:
                raise BrokenPipeError
            return True
        return False


POLLOUT, POLLERR = 4, 8  # as `select` has them where it has poll(), which may be gevent's


def _identity(fd: int) -> Tuple[int, int, int]:
    """What tells the file behind a descriptor from others; zeros if there is none."""
    try:
        found = os.fstat(fd)
    except (OSError, OverflowError):
        return 0, 0, 0
    return found.st_mode, found.st_dev, found.st_ino


def _second_descriptor(fd: int) -> int:
    """Another descriptor for the same file, which is closed in other programs.

    It doesn't block, where that can be had without changing the first one.
    """
    mode = os.fstat(fd).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        try:
            second = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        except (OSError, AttributeError):  # there is no /proc; the file belongs to another user
            return os.dup(fd)
        if _identity(second) == _identity(fd):
            return second
        os.close(second)
    return os.dup(fd)


def draws_in_ascii(encoding: str) -> bool:
    """Whether a file of which only the encoding is known had better get ASCII drawings."""
    return sys.platform == "win32" or not can_encode(encoding)


def _descriptor(file: Any, name: str) -> int:
    if file is None:
        raise ValueError(f"{name} is None here: pass an open file")
    try:
        fd = file if isinstance(file, int) else file.fileno()
    except AttributeError:
        raise TypeError(f"{name} must be an open file or a file descriptor, not {file!r}") from None
    except (OSError, ValueError):
        raise ValueError(
            f"{name} has no file descriptor: pass a file that open() has opened"
        ) from None
    try:
        os.fstat(fd)
    except (OSError, OverflowError):
        raise ValueError(f"{fd} isn't an open file descriptor") from None
    return int(fd)
