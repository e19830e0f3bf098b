"""How a program ends after `quit`: with its `finally` blocks run, and without a word about the debugger.

The standard debugger raises `bdb.BdbQuit`, an ordinary exception. In a task of an event loop that is just
one more task that has failed: others go on, a task group wraps the exception, and logs fill with it. So
here a `SystemExit` is raised, which asyncio lets pass at once, and what wraps it is kept from being shown.
"""

from __future__ import annotations

import bdb
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

_has_hook = False


class Quit(SystemExit):
    """Ends the program, since the user has said so."""


def is_quit(exc: object) -> bool:
    """Whether an exception is how a program takes `quit`: one of ours, or a group of nothing else."""
    if isinstance(exc, (Quit, bdb.BdbQuit)):
        return True
    parts = getattr(exc, "exceptions", None) if isinstance(exc, BaseException) else None
    return isinstance(parts, tuple) and bool(parts) and all(map(is_quit, parts))


def quit_program() -> None:
    """End the program from here.

    Raises:
        Quit: Always.
    """
    _quiet_uncaught()
    _quiet_loop()
    raise Quit(1)


def _quiet_uncaught() -> None:
    """Let no traceback appear if a group of `Quit` is what ends the program, as it is with trio."""
    global _has_hook
    if _has_hook:
        return
    _has_hook = True
    previous = sys.excepthook

    def hook(cls: Any, exc: BaseException, traceback: Any) -> None:
        if not is_quit(exc):
            previous(cls, exc, traceback)

    sys.excepthook = hook


def _quiet_loop() -> None:
    """Let the running asyncio loop, which ends now, not log the tasks that `Quit` has ended."""
    asyncio: Any = sys.modules.get("asyncio")
    loop: Optional[Any] = asyncio._get_running_loop() if asyncio is not None else None
    if loop is None:
        return
    previous = loop.get_exception_handler()

    def handle(loop: Any, context: Any) -> None:
        if is_quit(context.get("exception")):
            return
        if previous is not None:
            previous(loop, context)
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)
