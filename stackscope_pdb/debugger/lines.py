"""Running a line that was typed: a command, or Python in the current frame."""

from __future__ import annotations

import bdb
import sys
from contextlib import contextmanager

from stackscope_pdb.commands import registry
from stackscope_pdb.debugger.basics import Basics
from stackscope_pdb.debugger.values import without_option
from stackscope_pdb.facts import CHECKS_FILES_BEFORE_COMMANDS
from stackscope_pdb.failures import attempt, handle, show_traceback
from stackscope_pdb.program.assignments import CO_OPTIMIZED, Watch
from stackscope_pdb.prompt import command_or_python
from stackscope_pdb.prompt.label import MORE
from stackscope_pdb.standard import pdb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable, Iterator, List, Optional, Tuple

    from stackscope_pdb.program.evaluating import Line
    from stackscope_pdb.stop.focus import Focus

SHOWS_PLACE = "_pdbcmd_print_frame_status"
"""What the standard debugger itself puts before the lines of a stop (3.13+)."""

ONLY_LOOKING = frozenset(
    ("a", "args", "display", "l", "list", "ll", "longlist", "p", "pp", "retval", "rv", "source")
    + ("undisplay", "whatis")
)
"""Commands of the standard debugger that just show something. What fails in them is no reason to
end."""


RUNS_NO_CODE = frozenset(("h", "help", "l", "list", "ll", "longlist"))
"""Commands of the standard debugger that run no code of the program."""


CAN_AWAIT = frozenset(("p", "pp", "source", "whatis"))
"""Commands of the standard debugger that show the value of an expression once."""

VARIABLES = "what carries assignments into the frame"
TELLING = "what tells Python from commands"
"""What may fail."""

ENDING = frozenset(("EOF", "exit", "q", "quit", "restart", "run"))
"""Commands of the standard debugger that may end by an exception, and mean it."""


class Lines(Basics):
    """The part of a debugger that runs lines."""

    _passing: Optional[int] = None
    """The identity of the exception that the last command has raised."""

    known_value: Optional[List[Any]] = None
    """The value of the expression that a command is about to show, if it has been awaited."""

    def onecmd(self, line: str) -> bool:
        """Run one line, after which less may be known about the program."""
        self._passing = None
        if "?" in line and line.rstrip()[-1:] == "?" and not self.commands_defining:
            meant = command_or_python.question(self, line)
            if meant:
                for command in meant:
                    self.onecmd(command)
                return False
        word = line if line.isidentifier() else command_or_python.first_word(line)
        entry = registry.find(word)
        run: Callable[[str], Any] = self._standard_onecmd
        if self.commands_defining or not hasattr(self, f"do_{word}"):
            if line == SHOWS_PLACE and not (self.commands_defining or CHECKS_FILES_BEFORE_COMMANDS):
                run = self._pdbcmd_print_frame_status
        elif word == line:  # which is the command, whatever variables there are
            run = self.run_word
        elif attempt(TELLING, self, command_or_python.is_command, self, line) is False:
            # It only looks like a command.
            self.lastcmd = line.strip()
            word, entry = "", None
            run = self.default
        elif entry is None:
            run = self._run_standard
        try:
            return bool(run(line))  # an `await` at the prompt ends the loop that reads it
        except BaseException as exc:
            if _is_meant(word, exc):
                self._passing = id(exc)
                raise
            self._tell_of_failure(word or "This line", exc)
            return False
        finally:
            if entry is None and word not in RUNS_NO_CODE and line.strip():
                self.session.snapshots.drop()

    def run_word(self, word: str) -> Any:
        """Run a command that was typed without arguments."""
        return self._standard_onecmd(word)

    def _run_standard(self, line: str) -> Any:
        """Run a command of the standard debugger, unless it would do what nobody has meant."""
        reason = command_or_python.why_not(line)
        if reason is not None:
            self.lastcmd = ""
            self.refuse(reason)
            return None
        if "await" in line or "async" in line:
            word, argument, _ = self.parseline(line)
            awaited = self._awaited(without_option(argument or ""))
            if awaited is not None and word in CAN_AWAIT:
                self.lastcmd = line.strip()
                return self._show_awaited(f"do_{word}", argument or "", awaited)
            if awaited is not None and word == "display":
                self.refuse("'display' can't await. 'p' can, which shows the value once.")
                return None
        return self._standard_onecmd(command_or_python.as_documented(line))

    def handle_command_def(self, line: str) -> Any:
        """Note a line that is to run at a breakpoint: Python as it is."""
        if self._is_python_for_sure(line):
            lines: Any = self.commands
            lines[self.commands_bnum].append(line.strip())
            return None
        return super().handle_command_def(line)  # type: ignore[misc,unused-ignore]

    def _is_python_for_sure(self, line: str) -> bool:
        """Whether a line is Python wherever it runs, or does harm as a command if it isn't."""
        word = command_or_python.first_word(line)
        if command_or_python.is_assignment(line) or line.lstrip().startswith("!"):
            return True
        return hasattr(self, f"do_{word}") and command_or_python.why_not(line) is not None

    def _pdbcmd_print_frame_status(self, arg: str) -> None:
        """Say where the program stopped (3.13+), unless it has been there all the time."""
        way_back = self.session.way_back
        if way_back is not None and way_back.leads_to(self.current_frame):
            self.session.way_back = None
            self.session.is_shown = True
            host: Any = self
            attempt("the way back", self, host.go_back, way_back)
            self._show_display()  # type: ignore[attr-defined]
        else:
            super()._pdbcmd_print_frame_status(arg)  # type: ignore[misc]

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
        attempt("what says why a command failed", self, self._describe_failure, name, exc)

    def _describe_failure(self, name: str, exc: BaseException) -> None:
        from stackscope.safe.text import describe_exception

        show_traceback(exc, self)
        self.refuse(f"{name} failed: {describe_exception(exc)}")

    def default(self, line: str) -> Any:
        """Run a Python statement in the current frame."""
        from stackscope_pdb.program import awaiting

        focus = self.session.focus
        if (
            focus is not None
            and command_or_python.is_assignment(line.lstrip("!"))
            and self._has_left(focus)
        ):
            self.refuse(f"{focus.noun} is no longer in this frame, so nothing was assigned.")
            return None
        host: Any = self
        with self.as_program_sees_it():
            try:
                statement = self._read_statement(line[1:].strip() if line[:1] == "!" else line)
            except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as exc:
                self._tell(exc)
                attempt("what knows mistyped commands", self, self._ask_what_is_meant, line, exc)
                return None
            except Exception as exc:
                handle("what reads statements", exc, self)
                return super().default(line)
            try:
                if statement is None:
                    return None
                if statement.awaits:
                    return self._assigning(lambda: awaiting.run(host, statement))
                self._assigning(lambda: statement.run(*self.namespaces()))
            except BaseException as exc:
                self._tell(exc)
                attempt("what knows mistyped commands", self, self._ask_what_is_meant, line, exc)
        return None

    def _ask_what_is_meant(self, line: str, exc: BaseException) -> None:
        """If a line that has failed may be a mistyped command, name that."""
        if isinstance(exc, (NameError, SyntaxError)):
            meant = command_or_python.meant(self, line)
            if meant:
                self.message(command_or_python.question_about(meant))

    def do_help(self, arg: str) -> Any:
        """Name the command that is probably meant, if there is none of that name."""
        shown = super().do_help(arg)
        word = arg.strip()
        if word and not (hasattr(self, f"do_{word}") or hasattr(self, f"help_{word}")):
            meant = command_or_python.most_like(word, command_or_python.commands_of(self))
            if meant:
                self.message(command_or_python.question_about(meant))
        return shown

    do_help.__doc__ = pdb.Pdb.do_help.__doc__
    do_h: Any = do_help

    @contextmanager
    def as_program_sees_it(self) -> Iterator[None]:
        """While a line runs, let its input and output be the debugger's."""
        before = sys.stdin, sys.stdout, sys.displayhook
        sys.stdin, sys.stdout, sys.displayhook = self.stdin, self.stdout, self.displayhook
        try:
            yield
        finally:
            sys.stdin, sys.stdout, sys.displayhook = before

    def namespaces(self) -> Tuple[Any, Any, Any]:
        """The globals and locals of the current frame, and its cells: for `evaluating.Line`."""
        frame = self.current_frame
        return frame.f_globals, self.frame_locals(), self.session.cells.setdefault(frame, {})

    def _read_statement(self, source: str) -> Optional[Line]:
        """What begins with ``source``, or ``None`` if the user gives it up."""
        from stackscope_pdb.program import evaluating

        if not source.strip():
            return None
        is_complete = self.is_complete(source + "\n")  # a block in one line is
        while not is_complete:
            more = self.read_more(source)
            if more is None:
                self.lastcmd = ""
                self.message("")
                return None
            source += "\n" + more
            self.lastcmd: str = source
            is_complete = self.is_complete(source)
        return evaluating.Line(source)

    def is_complete(self, source: str) -> bool:
        """Whether a statement needs no more lines, as far as can be said."""
        from stackscope_pdb.program import evaluating

        return evaluating.is_complete(source)

    def read_more(self, source: str) -> Optional[str]:
        """The next line of a statement, or ``None`` if there is none."""
        if self.use_rawinput:
            try:
                return input(MORE)
            except (EOFError, KeyboardInterrupt):
                return None
        self.stdout.write(MORE)
        self.stdout.flush()
        line: str = self.stdin.readline()
        return line.rstrip("\r\n") if line else None

    def _awaited(self, expression: str) -> Optional[Line]:
        """An expression that awaits; ``None`` for others."""
        from stackscope_pdb.program import evaluating

        try:
            line = evaluating.expression(expression)
        except (SyntaxError, ValueError, OverflowError):
            return None
        return line if line.awaits else None

    def _show_awaited(self, command: str, argument: str, expression: Line) -> Any:
        """Run a command that shows the value of ``expression``, once that is known."""
        from stackscope_pdb.program import awaiting

        def show(value: object) -> None:
            self.known_value = [value]
            try:
                getattr(self, command)(argument)
            finally:
                self.known_value = None

        host: Any = self
        return self._assigning(lambda: awaiting.run(host, expression, show))

    def _has_left(self, focus: Focus) -> bool:
        """Whether the current frame is one that a thread, which goes on, isn't in any more."""
        return focus.kind == "thread" and not self.session.is_live(self.current_frame)

    def _getval(self, arg: str) -> Any:
        if self.known_value is not None:
            return self.known_value[0]
        try:
            return self._assigning(lambda: self._evaluated(arg))
        except BaseException as exc:
            self._tell(exc)
            raise

    def _evaluated(self, expression: str) -> Any:
        from stackscope_pdb.program import evaluating

        return evaluating.expression(expression).run(*self.namespaces())

    def _getval_except(self, arg: str, frame: Optional[FrameType] = None) -> Any:
        if frame is not None:
            return super()._getval_except(arg, frame)  # type: ignore[misc,unused-ignore]
        try:
            return self._evaluated(arg)
        except BaseException as exc:
            from stackscope_pdb.output.tracebacks import one_line_of

            return pdb._rstr(f"** raised {one_line_of(exc)} **")  # type: ignore[attr-defined]

    def _assigning(self, run: Callable[[], Any]) -> Any:
        """Call ``run``, then see to it that the assignments that it made reach the frame."""
        frame = self.curframe
        if frame is None or not frame.f_code.co_flags & CO_OPTIMIZED:
            return run()
        watch = attempt(VARIABLES, self, lambda: Watch(frame, self.frame_locals()))
        try:
            return run()
        finally:
            lost = attempt(VARIABLES, self, watch.write_back) if watch is not None else ()
            if lost:
                self.refuse(
                    f"{', '.join(lost)} stayed as before: this version of Python can't assign to "
                    "that variable in this way."
                )


def _is_meant(word: str, exc: BaseException) -> bool:
    """Whether an exception of a command is to end the prompt, rather than being a failure."""
    from stackscope.safe.interruptions import interrupts

    kind = type(exc)
    if interrupts(exc) or issubclass(kind, (bdb.BdbQuit, pdb.Restart)) or word in ENDING:
        return True
    return word not in ONLY_LOOKING and not issubclass(kind, Exception)
