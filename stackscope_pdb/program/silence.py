"""After `quit` nobody shows the exception that ends the program."""

from __future__ import annotations

import sys
import threading

from stackscope_pdb.facts import IS_PYPY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List

PENDING = "Task was destroyed but it is pending!"
"""What asyncio says of a task whose loop was closed without it."""

_is_kept = False


def keep_silent() -> None:
    """From now on, let nothing be shown of exceptions that mean `quit`."""
    global _is_kept
    if _is_kept:
        return
    _is_kept = True
    _hook_uncaught()
    threading.excepthook = _unless_quit(threading.excepthook)
    sys.unraisablehook = _unless_quit(sys.unraisablehook)
    _filter_logs()


def _hook_uncaught() -> None:
    from stackscope_pdb.program.ending import besides_quit

    previous = sys.excepthook

    def hook(cls: Any, exc: BaseException, traceback: Any) -> None:
        others = besides_quit(exc)
        if others is None:
            previous(cls, exc, traceback)
        elif others:
            print(_in_a_line(others), file=sys.stderr)
        elif cls is KeyboardInterrupt and not IS_PYPY:
            raise SystemExit(1)  # else the status is another one

    sys.excepthook = hook


def _unless_quit(previous: Callable[[Any], Any]) -> Callable[[Any], None]:
    """A hook for exceptions that nobody can catch: the one that was there, but not for `quit`."""
    from stackscope_pdb.program.ending import is_quit

    def hook(args: Any) -> None:
        if not is_quit(args.exc_value):
            previous(args)

    return hook


def _filter_logs() -> None:
    """Drop what servers and pools log of the exception.

    Filters of handlers see everything, those of loggers not what comes from loggers below.
    """
    logging: Any = sys.modules.get("logging")
    if logging is None:
        return
    for reference in list(logging._handlerList):
        handler = reference()
        if handler is not None:
            handler.addFilter(_is_worth_it)
    logging.lastResort.addFilter(_is_worth_it)


def _is_worth_it(record: Any) -> bool:
    from stackscope_pdb.program.ending import besides_quit

    exc = record.exc_info[1] if record.exc_info else None
    if exc is not None:
        others = besides_quit(exc)
        if others:
            text = f"{record.getMessage().rstrip()}: {_in_a_line(others)}"
            record.msg, record.args = text, ()
            record.exc_info = record.exc_text = None
        return others is None or bool(others)
    text = record.msg if isinstance(record.msg, str) else ""
    return not (text == PENDING or _is_traceback_of_quit(record))


def _in_a_line(others: List[BaseException]) -> str:
    """What has failed because of `quit`."""
    texts = []
    for one in others:
        try:
            texts.append(f"{type(one).__name__}: {one}")
        except Exception:
            texts.append(type(one).__name__)
    return ", ".join(dict.fromkeys(texts))


def _is_traceback_of_quit(record: Any) -> bool:
    """Whether a message is the text of a traceback, as servers send it to others."""
    text = record.msg % record.args if record.args and "%" in record.msg else record.msg
    if not isinstance(text, str) or "Traceback (most recent call last)" not in text:
        return False
    last = text.rstrip().rpartition("\n")[2]
    return last.partition(":")[0].rpartition(".")[2] in ("CancelledError", "Quit", "QuitTask")
