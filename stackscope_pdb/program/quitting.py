"""How a program ends after `quit`: its `finally` blocks run, and no traceback of ours is shown.

The standard debugger raises `bdb.BdbQuit`, an ordinary exception. In a task of an event loop that
is just one more task that has failed: others go on, a task group wraps the exception, and logs fill
with it. So here a `SystemExit` is raised, which asyncio lets pass at once, and what wraps it is
kept from being shown.

If Ctrl-C has come while a trio run was idle, there is no task to raise it in, and in trio's own
loop it would be an internal error of trio, which leaves its tasks behind. There, the main task is
cancelled instead.
"""

from __future__ import annotations

import bdb
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

_has_hook = False
_has_cancelled = False


class Quit(SystemExit):
    """Ends the program, since the user has said so."""


def is_quit(exc: object) -> bool:
    """Whether an exception means `quit`: one of ours, or a group of nothing else."""
    if isinstance(exc, (Quit, bdb.BdbQuit)):
        return True
    if _has_cancelled and type(exc).__name__ == "Cancelled":
        return True
    parts = getattr(exc, "exceptions", None) if isinstance(exc, BaseException) else None
    return isinstance(parts, tuple) and bool(parts) and all(map(is_quit, parts))


def quit_program() -> None:
    """End the program from here.

    Raises:
        Quit: Always, but in an idle trio run. That ends as soon as we return to it.
    """
    _quiet_uncaught()
    if _cancel_idle_run():
        return
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


def _cancel_idle_run() -> bool:
    """Cancel the main task of this thread's trio run, if that is running none of its tasks."""
    global _has_cancelled
    trio: Any = sys.modules.get("trio.lowlevel")
    if trio is None:
        return False
    try:
        token, root = trio.current_trio_token(), trio.current_root_task()
    except RuntimeError:  # nothing runs here
        return False
    try:
        trio.current_task()
    except RuntimeError:
        # The innermost nursery of the root task is the one with the main task (Runner.init in
        # trio/_core/_run.py).
        token.run_sync_soon(root.child_nurseries[-1].cancel_scope.cancel)
        _has_cancelled = True
        return True
    return False


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
