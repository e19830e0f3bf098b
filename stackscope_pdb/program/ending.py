"""What ends the program after `quit`, and which exceptions mean that."""

from __future__ import annotations

import bdb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional

LONGEST_EXIT = 3.0
"""Seconds that an exit which has begun may take, before it is ended like all the rest."""

LONGEST_CHAIN = 20
"""How many exceptions that were raised from each other are looked through."""


class Quit(SystemExit):
    """Ends the program, since the user has said so."""

    def __init__(self, status: int = 1) -> None:
        super().__init__(status)  # raised in another thread, it is made without one


class QuitTask(BaseException):
    """The same inside an asyncio loop, which a `SystemExit` would end before its tasks."""


class _Quitting:
    """The end of this process.

    Attributes:
        has_begun: Whether the user has quit.
        interrupts_main: Whether a `KeyboardInterrupt` in the main thread is part of that.
    """

    def __init__(self) -> None:
        self.has_begun = False
        self.interrupts_main = False


state: _Quitting = _Quitting()


def is_quit(exc: object) -> bool:
    """Whether an exception means `quit`, comes from one that does, or is a group of those only."""
    for _ in range(LONGEST_CHAIN):
        if _means_quit(exc):
            return True
        if not isinstance(exc, BaseException):
            return False
        exc = exc.__cause__ or exc.__context__
    return False


def besides_quit(exc: BaseException) -> Optional[List[BaseException]]:
    """What else a group of exceptions consists of; ``None`` if nothing in it means `quit`.

    Servers raise exceptions of their own when a task of theirs ends without a result.
    """
    found: List[BaseException] = []
    has_quit = False
    todo = [exc]
    while todo:
        one = todo.pop()
        parts = getattr(one, "exceptions", None)
        if is_quit(one):
            has_quit = True
        elif isinstance(parts, tuple):
            todo += [part for part in reversed(parts) if isinstance(part, BaseException)]
        else:
            found.append(one)
    return found if has_quit else None


def _means_quit(exc: object) -> bool:
    if isinstance(exc, (Quit, QuitTask, bdb.BdbQuit)):
        return True
    if state.interrupts_main and isinstance(exc, KeyboardInterrupt):
        return True
    if state.has_begun and type(exc).__name__ in ("Cancelled", "CancelledError"):
        return True
    parts = getattr(exc, "exceptions", None) if isinstance(exc, BaseException) else None
    return isinstance(parts, tuple) and bool(parts) and all(map(is_quit, parts))
