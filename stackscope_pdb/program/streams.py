"""Which streams a prompt reads and writes, if those of the program are for something else.

- A child process of `multiprocessing` or pytest-xdist has ``/dev/null`` for its input, and ``app <
  data`` has its data there: then the prompt is at the terminal that controls the process.
- `contextlib.redirect_stdout` and the like hide what is written: then it is written to
  ``sys.__stdout__``, or to that terminal.

A pipe is left alone, for a script may write commands into it; so is a file or ``/dev/null`` where
there is no terminal, and with ``python -m stackscope_pdb``.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from contextlib import contextmanager

from stackscope_pdb.output.terminal import is_terminal
from stackscope_pdb.program import process, turns
from stackscope_pdb.program.doctests import visible_stdout
from stackscope_pdb.program.turns import A_MOMENT

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, Optional, Tuple

TERMINAL = "/dev/tty"

_opened: Dict[int, Tuple[Any, Any]] = {}
"""The streams of the terminal, by the process that has opened them."""

_alone: Dict[int, int] = {}
"""The descriptor that locks the terminal, by the process that has locked it."""

_last_prompt: Dict[str, int] = {}
"""The last process that had a prompt here or in what this one was forked from; 0 if another has."""


def streams_of_prompt() -> Tuple[Any, Any]:
    """The streams to read commands from, and to write to."""
    source, target = sys.stdin, visible_stdout()
    if is_terminal(source):
        return source, target if _is_seen(target) else _seen_instead(target)
    if source is None or _has_no_commands(source):
        return _terminal() or (source, target)
    return source, target


def why_not(source: Any) -> Optional[str]:
    """Why this process can't prompt, if that is so: a child without input and without terminal.

    Args:
        source: Where it would read lines.
    """
    if is_terminal(source) or (source is not None and not _is_nothing(source)) or not _is_child():
        return None
    number = os.getpid()
    return (
        f"breakpoint() in process {number} can't prompt, for its input is {os.devnull} and it has "
        f"no terminal: {_instead(number)}."
    )


def _instead(number: int) -> str:
    if "PYTEST_XDIST_WORKER" in os.environ:
        return "run pytest with -n0"
    from stackscope_pdb.facts import CAN_ATTACH

    if CAN_ATTACH:
        return f"while it runs, 'python -m stackscope_pdb -p {number}' can"
    return "run it in the main process, or give it a terminal"


def _is_child() -> bool:
    """Whether another Python process has started this one to work for it."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    is_started = multiprocessing is not None and multiprocessing.parent_process() is not None
    return is_started or "PYTEST_XDIST_WORKER" in os.environ


def _has_no_commands(stream: Any) -> bool:
    """Whether what a stream gives is the program's data, or nothing."""
    mode = _mode(stream)
    return mode is not None and (stat.S_ISREG(mode) or _is_nothing(stream))


def _is_seen(stream: Any) -> bool:
    """Whether somebody sees what is written to a stream, or gets it on purpose."""
    mode = _mode(stream)
    is_piped = mode is not None and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode))
    return is_piped or is_terminal(stream)


def _mode(stream: Any) -> Optional[int]:
    try:
        return os.fstat(stream.fileno()).st_mode
    except (AttributeError, OSError, ValueError):  # no file
        return None


def _is_nothing(stream: Any) -> bool:
    try:
        return os.path.samestat(os.fstat(stream.fileno()), os.stat(os.devnull))
    except (AttributeError, OSError, ValueError):
        return False


def _seen_instead(stream: Any) -> Any:
    if is_terminal(sys.__stdout__):
        return sys.__stdout__
    terminal = _terminal()
    return stream if terminal is None else terminal[1]


def _terminal() -> Optional[Tuple[Any, Any]]:
    """The streams of the terminal that controls this process, if that may use it now."""
    number = os.getpid()
    if number not in _opened:
        found = _open_terminal()
        if found is None:
            return None
        _opened.clear()
        _opened[number] = found
    return _opened[number] if _is_in_foreground(_opened[number][0]) else None


def _open_terminal() -> Optional[Tuple[Any, Any]]:
    if sys.platform == "win32":
        return None
    try:
        # A descriptor: of a file, Python would say that it is still open when the program ends.
        number = os.open(TERMINAL, os.O_RDWR)
    except OSError:  # there is none
        return None
    return (
        open(number, encoding="utf-8", errors="replace", closefd=False),
        open(number, "w", encoding="utf-8", errors="backslashreplace", closefd=False),
    )


def _is_in_foreground(stream: Any) -> bool:
    """Whether the terminal is this process's, and not that of a job that runs before it."""
    try:
        return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except OSError:
        return False


@contextmanager
def alone_at_terminal(stream: Any) -> Iterator[None]:
    """Keep the prompts of other processes away from a terminal, such as those of a child."""
    descriptor = None if os.getpid() in _alone else _open_lock(stream)
    if descriptor is None:
        yield
        return
    _alone.clear()
    _alone[os.getpid()] = descriptor
    try:
        with _locked(descriptor):
            yield
    finally:
        _alone.clear()
        os.close(descriptor)


@contextmanager
def others_at_terminal() -> Iterator[None]:
    """Let the prompts of other processes go first, for code runs that may wait for them."""
    descriptor = _alone.get(os.getpid())
    if descriptor is None:
        yield
        return
    _flock(descriptor, "LOCK_UN")
    try:
        yield
    finally:
        _wait_for_lock(descriptor)


def _open_lock(stream: Any) -> Optional[int]:
    """A descriptor of a terminal for a lock; ``None`` if the stream is none.

    It is opened anew: a child has the descriptors of its parent, and with them its locks.
    """
    if fcntl is None or not is_terminal(stream):
        return None
    try:
        return os.open(os.ttyname(stream.fileno()), os.O_RDONLY | os.O_NOCTTY)
    except (AttributeError, OSError, ValueError):  # it only says that it is one
        return None


def process_has_moved() -> bool:
    """Whether the prompt before this one was in another process, as far as this one knows."""
    before, now = _last_prompt.get("process"), process.number
    _last_prompt["process"] = now
    return before not in (None, now)


@contextmanager
def _locked(descriptor: int) -> Iterator[None]:
    _wait_for_lock(descriptor)
    try:
        yield
    finally:
        _flock(descriptor, "LOCK_UN")


def _wait_for_lock(descriptor: int) -> None:
    assert fcntl is not None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _flock(descriptor, "LOCK_EX")
        _last_prompt["process"] = 0
        turns.look_again()
        time.sleep(A_MOMENT)


def _flock(descriptor: int, operation: str) -> None:
    assert fcntl is not None
    fcntl.flock(descriptor, getattr(fcntl, operation))
