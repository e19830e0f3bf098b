"""Several threads or processes that stop at once: each has its turn before it says anything."""

from __future__ import annotations

import os

from stackscope_pdb.debugger.basics import Basics
from stackscope_pdb.failures import handle
from stackscope_pdb.program import turns
from stackscope_pdb.program.streams import process_has_moved
from stackscope_pdb.program.turns import turn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Optional


class TakesTurns(Basics):
    """The part of a debugger that the interpreter calls at a stop."""

    _count_told = 0
    """How many other threads the user knows to have stopped."""

    def user_call(self, frame: FrameType, argument_list: Any) -> None:
        """A function is called, and this may be a stop."""
        if not self.stop_here(frame):
            self._standard_user_call(frame, argument_list)
            return
        with turn() as has_prompt:
            if has_prompt:
                self._standard_user_call(frame, argument_list)
            else:
                self.end_without_prompt(frame)

    def user_return(self, frame: FrameType, return_value: Any) -> None:
        """A stop where a function returns."""
        with turn() as has_prompt:
            if has_prompt:
                super().user_return(frame, return_value)
            else:
                self.end_without_prompt(frame)

    def user_exception(self, frame: FrameType, exc_info: Any) -> None:
        """A stop where an exception is raised."""
        with turn() as has_prompt:
            if has_prompt:
                super().user_exception(frame, exc_info)
            else:
                self.end_without_prompt(frame)

    def end_without_prompt(self, frame: Optional[FrameType]) -> None:
        """The program ends, and this thread doesn't get the prompt that it has waited for."""

    def preloop(self) -> None:
        """Get ready to read lines."""
        super().preloop()
        if not self.cmdqueue:
            self.tell_of_threads()

    def tell_of_threads(self) -> None:
        """Say whose prompt this is, if it was another's before, and how many threads wait."""
        try:
            if self._count_told or not turns.is_as_before():
                self._tell_what_has_changed()
        except BaseException as exc:
            handle("the list of stopped threads", exc, self)

    def _tell_what_has_changed(self) -> None:
        is_other_process = process_has_moved()
        has_moved, count = turns.has_moved(), len(turns.waiting())
        words = []
        if is_other_process:
            words.append(f"This is process {os.getpid()} now, which {os.getppid()} has started.")
        if has_moved:
            words.append(f"This is thread {_name_of_this()} now.")
        if count and (has_moved or count != self._count_told):
            noun, them = ("thread is", "it") if count == 1 else ("threads are", "them")
            words.append(f"{count} more {noun} stopped: 'threads' lists {them}.")
        self._count_told = count
        if words:
            self.message(" ".join(words))


def _name_of_this() -> str:
    import threading

    known: Any = threading._active.get(threading.get_ident())  # type: ignore[attr-defined]
    return "?" if known is None else str(known.name)
