"""Running a line that was typed: a command, or Python in the current frame."""

from __future__ import annotations

from stackscope_pdb.commands import registry
from stackscope_pdb.debugger.basics import Basics
from stackscope_pdb.program.assignments import CO_OPTIMIZED, Watch
from stackscope_pdb.prompt import command_or_python

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional

    from stackscope_pdb.commands.registry import Command
    from stackscope_pdb.stop.focus import Focus

ONLY_LOOKING = frozenset(
    ("a", "args", "display", "l", "list", "ll", "longlist", "p", "pp", "retval", "rv", "source")
    + ("undisplay", "whatis")
)
"""Commands of the standard debugger that just show something. What fails in them is no reason to
end."""


RUNS_NO_CODE = frozenset(("h", "help", "l", "list", "ll", "longlist"))
"""Commands of the standard debugger that run no code of the program."""


class Lines(Basics):
    """The part of a debugger that runs lines."""

    _passing: Optional[int] = None
    """The identity of the exception that the last command has raised."""

    def onecmd(self, line: str) -> bool:
        """Run one line, after which less may be known about the program."""
        self._passing = None
        word = command_or_python.first_word(line)
        entry = registry.find(word)
        if not self.commands_defining and self._is_python(line, word, entry):
            # It only looks like a command.
            self.lastcmd = line.strip()
            word, entry = "", None
            run: Callable[[str], Any] = self.default
        else:
            run = super().onecmd
        try:
            return bool(run(line))  # an `await` at the prompt ends the loop that reads it
        except BaseException as exc:
            if word not in ONLY_LOOKING:
                self._passing = id(exc)
                raise
            from stackscope.safe.interruptions import interrupts

            if interrupts(exc):
                self._passing = id(exc)
                raise
            self._tell_of_failure(word, exc)
            return False
        finally:
            if entry is None and word not in RUNS_NO_CODE and line.strip():
                self.session.snapshots.drop()

    def preloop(self) -> None:
        """Show what has changed of the expressions on display."""
        try:
            super().preloop()
        except BaseException as exc:  # comparing values runs their code
            from stackscope.safe.interruptions import interrupts

            if interrupts(exc):
                raise
            self._tell_of_failure("display", exc)

    def is_passing(self, exc: BaseException) -> bool:
        """Whether an exception was raised by a command, and so is to end the prompt."""
        return id(exc) == self._passing

    def _tell_of_failure(self, name: str, exc: BaseException) -> None:
        from stackscope.safe.text import describe_exception

        self.refuse(f"{name} failed: {describe_exception(exc)}")

    def _is_python(self, line: str, word: str, entry: Optional[Command]) -> bool:
        if entry is None and "=" not in line and ":" not in line:
            return False
        if not self.curframe or not hasattr(self, f"do_{word}"):
            return False
        if entry is None:
            # "n = 1", which the standard debugger takes for "next"
            return command_or_python.is_assignment(line)
        return command_or_python.is_python(line, entry.options, self.has_variable)

    def default(self, line: str) -> Any:
        """Run a Python statement in the current frame."""
        focus = self.session.focus
        if (
            focus is not None
            and command_or_python.is_assignment(line.lstrip("!"))
            and self._has_left(focus)
        ):
            self.refuse(f"{focus.noun} has left this frame meanwhile, so nothing was assigned.")
            return None
        from stackscope_pdb.program import awaiting

        code = awaiting.compiled(line)
        if code is not None and getattr(self, "async_shim_frame", None) is None:
            host: Any = self
            return self._assigning(lambda _line: awaiting.run(host, code), line)
        return self._assigning(super().default, line)

    def _has_left(self, focus: Focus) -> bool:
        """Whether the current frame is one that a thread, which goes on, isn't in any more."""
        return focus.kind == "thread" and not self.session.is_live(self.current_frame)

    def _getval(self, arg: str) -> Any:
        return self._assigning(super()._getval, arg)

    def _assigning(self, run: Callable[[str], Any], text: str) -> Any:
        """Call ``run``, then see to it that the assignments that it made reach the frame."""
        frame = self.curframe
        if frame is None or not frame.f_code.co_flags & CO_OPTIMIZED:
            return run(text)
        watch = Watch(frame, self.frame_locals())
        try:
            return run(text)
        finally:
            lost = watch.write_back()
            if lost:
                self.refuse(
                    f"{', '.join(lost)} stayed as before: this version of Python has no way to "
                    "change that variable of a frame so."
                )
