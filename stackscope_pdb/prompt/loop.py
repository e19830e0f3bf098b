"""Which reader gives the lines, and the loop that runs them."""

from __future__ import annotations

import os
import sys

from stackscope_pdb import settings
from stackscope_pdb.output.terminal import is_terminal
from stackscope_pdb.program.interrupts import plain_interrupts
from stackscope_pdb.prompt.ending import keeps_terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

    from stackscope_pdb.debugger.mixin import Commands as Base
    from stackscope_pdb.prompt.ending import Guard
else:
    Base = object


class ReadsLines(Base):
    """The part of a debugger that reads lines, by prompt_toolkit, by readline, or plainly."""

    _uses_readline = False
    """Whether the line that is being typed is."""

    _guard: Optional[Guard] = None
    """What puts the terminal back if a signal ends the process while a line is read."""

    def choose_reader(self) -> None:
        """Prefer readline to pyrepl, and both only where a terminal is at both ends."""
        if getattr(self, "pyrepl_input", None) is None:
            return
        from stackscope_pdb.prompt import by_readline

        if by_readline.is_there() or not is_terminal(self.stdout) or self._has_toolkit():
            self.pyrepl_input = None
        else:
            self.set_prompt(self.prompt)

    def _has_toolkit(self) -> bool:
        """Whether prompt_toolkit is there, is wanted, and has a terminal at both ends."""
        if not self.use_rawinput or settings.prompt_kind() not in ("", "auto", "prompt_toolkit"):
            return False
        if os.environ.get("TERM") in ("dumb", "unknown"):
            return False
        if not (is_terminal(sys.stdin) and is_terminal(self.stdout)):
            return False
        if self.stdin is not sys.stdin and not is_terminal(self.stdin):
            return False
        try:
            import prompt_toolkit  # noqa: F401
        except Exception:  # not there, or not for this Python
            return False
        return True

    def cmdloop(self, intro: Any = None) -> None:
        """Read and run commands, with prompt_toolkit if that can be used."""
        with keeps_terminal() as guard:
            outer, self._guard = self._guard, guard
            try:
                self._read_and_run(intro)
            finally:
                self._guard = outer

    def _read_and_run(self, intro: Any) -> None:
        if not self._has_toolkit():
            if self.use_rawinput:
                self._loop_with_readline(intro)
            else:
                super().cmdloop(intro)
            return
        stop = None
        self.preloop()
        while not stop:
            line = self.cmdqueue.pop(0) if self.cmdqueue else self._read_line()
            line = self.precmd(line)
            stop = self.postcmd(self.onecmd(line), line)
        self.postloop()

    def _loop_with_readline(self, intro: Any) -> None:
        from stackscope_pdb.prompt import by_readline

        if settings.prompt_kind() == "plain":
            self.completekey = ""
        if not self.completekey or not is_terminal(sys.stdin) or not by_readline.is_there():
            super().cmdloop(intro)
            return
        by_readline.bind_keys(settings.keys())
        before, self._uses_readline = self._uses_readline, True
        try:
            with by_readline.own_history(settings.history_file()):
                super().cmdloop(intro)
        finally:
            self._uses_readline = before

    def precmd(self, line: str) -> str:
        """Note what was typed, before aliases and the like change it."""
        if self._guard is not None:
            self._guard.lift()
        if self._uses_readline:
            from stackscope_pdb.prompt import by_readline

            by_readline.note(settings.history_file(), line)
        return super().precmd(line)

    def postcmd(self, stop: bool, line: str) -> bool:
        """Get ready to read the next line."""
        stop = super().postcmd(stop, line)
        if self._guard is not None and not stop:
            self._guard.set()
        return stop

    def _read_line(self) -> str:
        from stackscope_pdb.prompt import toolkit

        self.stdout.flush()
        try:
            return toolkit.read_line(self, self.prompt)
        except EOFError:
            return "EOF"

    def _cmdloop(self) -> None:
        with plain_interrupts():
            super()._cmdloop()
