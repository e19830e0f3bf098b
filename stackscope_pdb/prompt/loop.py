"""Which reader gives the lines, and the loop that runs them."""

from __future__ import annotations

import functools
import importlib.util
import io
import os
import sys
from contextlib import contextmanager

from stackscope_pdb import settings
from stackscope_pdb.facts import CHECKS_FILES_BEFORE_COMMANDS
from stackscope_pdb.failures import around, attempt, guarded, handle
from stackscope_pdb.output.terminal import is_terminal
from stackscope_pdb.program.interrupts import (
    INTERRUPT,
    InterruptKey,
    are_interrupts_plain,
    end_noting,
    interrupt_key,
    note_interrupts,
    plain_interrupts,
)
from stackscope_pdb.program.waking import forget_interrupts
from stackscope_pdb.prompt import first
from stackscope_pdb.prompt.ending import keeps_terminal
from stackscope_pdb.prompt.label import MORE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, ContextManager, Dict, Iterator, Optional

    from stackscope_pdb.debugger.mixin import Commands as Base
    from stackscope_pdb.prompt.ending import Guard
    from stackscope_pdb.prompt.printing import Others
else:
    Base = object


THE_TERMINAL = "what puts the terminal back when a signal ends the program"
CTRL_C = "Ctrl-C at the prompt"
HISTORY = "the history"
READER = "prompt_toolkit's prompt"
"""What may fail."""


class ReadsLines(Base):
    """The part of a debugger that reads lines, by prompt_toolkit, by readline, or plainly."""

    _uses_readline = False
    """Whether the line that is being typed is."""

    erases_drawings = True
    """Whether what `sticky` has drawn is taken off the screen before it is drawn anew."""

    _is_at_keys = False
    """Whether there is something to do before a line is read from a terminal, and after that."""

    _toolkit_fails = False
    """Whether prompt_toolkit is there, and can't be imported."""

    _is_typed = False
    """Whether the next line will be typed, and isn't waiting in the queue."""

    has_prompted: bool = False
    """Whether there was a prompt."""

    has_stopped: bool = False
    """Whether there was a stop, which is over."""

    _is_noting = False
    """Whether Ctrl-C is only noted, since the prompt is about to come."""

    _guard: Optional[Guard] = None
    """What puts the terminal back if a signal ends the process while a line is read."""

    _others: Optional[Others] = None
    """What takes the output of other threads while readline reads a line."""

    _key: Optional[InterruptKey] = None
    """What makes Ctrl-C a key, in a thread that isn't the main one."""

    def choose_reader(self) -> None:
        """Prefer readline to pyrepl, and both only where a terminal is at both ends."""
        if getattr(self, "pyrepl_input", None) is None:
            return
        from stackscope_pdb.prompt import by_readline

        if by_readline.is_there() or not is_terminal(self.stdout) or self._has_toolkit():
            self.pyrepl_input: None = None
        else:
            self.set_prompt(self.prompt)

    @guarded(READER, lambda _self: False)
    def _has_toolkit(self) -> bool:
        """Whether prompt_toolkit is there, is wanted, and has a terminal at both ends."""
        if not (self.use_rawinput and is_terminal(self.stdin) and is_terminal(self.stdout)):
            return False
        if settings.prompt_kind() not in ("", "auto", "prompt_toolkit"):
            return False
        if os.environ.get("TERM") in ("dumb", "unknown"):
            return False
        return not ReadsLines._toolkit_fails and _is_installed("prompt_toolkit")

    def cmdloop(self, intro: Any = None) -> None:
        """Read and run commands, with prompt_toolkit if that can be used."""
        if not self.is_busy:  # after commands that belong to a breakpoint; up to 3.13
            self.is_at_terminal: bool = is_terminal(self.stdin)
        is_at_terminal = self.is_at_terminal
        if not is_at_terminal and self.stdin is not sys.stdin:
            is_at_terminal = is_terminal(sys.stdin)
        if self.stdin is None or getattr(self.stdin, "closed", False):
            self.stdin: Any = io.StringIO()  # the first thing that is read is its end
        if not is_at_terminal:
            try:
                if self.use_rawinput and (self.stdin is not sys.stdin and not _is_open(sys.stdin)):
                    self._loop_plainly(intro)
                else:
                    read = self._read_by_input if self.use_rawinput else self._read_plainly
                    self._run_lines(read, intro)
            except KeyboardInterrupt:
                self.session.pasted = ""
                raise
            return
        in_order = around(THE_TERMINAL, self, keeps_terminal)
        with in_order as guard, around(CTRL_C, self, interrupt_key) as key:
            outer = self._guard, self._key, self._is_at_keys
            self._guard, self._key, self._is_at_keys = guard, key, True
            try:
                self._read_and_run(intro)
            except KeyboardInterrupt:
                self.session.pasted = ""
                raise
            finally:
                self._end_reading()
                self._guard, self._key, self._is_at_keys = outer

    def _read_and_run(self, intro: Any) -> None:
        if not self.use_rawinput:
            self._run_lines(self._read_plainly, intro)
        elif self.is_at_terminal and self._has_toolkit():
            self._run_lines(self._read_line, intro)
        elif self._is_at_other_terminal():
            self._loop_plainly(intro)
        else:
            self._loop_with_readline(intro)

    def _run_lines(self, read: Callable[[], str], intro: Any) -> None:
        """What `cmd.Cmd.cmdloop` does, with another way to read lines."""
        stop = None
        self.preloop()
        if intro is not None:
            self.intro = intro
        if self.intro:
            self.stdout.write(f"{self.intro}\n")
        while not stop:
            line = self.cmdqueue.pop(0) if self.cmdqueue else read()
            line = self.precmd(line)
            stop = self.postcmd(self.onecmd(line), line)
        self.postloop()

    def _read_plainly(self) -> str:
        stdout = self.stdout
        stdout.write(self.prompt)
        stdout.flush()
        line: str = self.stdin.readline()
        return line.rstrip("\r\n") if line else "EOF"

    def _read_by_input(self) -> str:
        """Read a line as `cmd.Cmd.cmdloop` does, but without setting up readline for it."""
        try:
            return input(self.prompt)
        except EOFError:
            return "EOF"

    def _is_at_other_terminal(self) -> bool:
        """Whether `input` would read or write somewhere else, or can't read at all."""
        if self.stdin is not sys.stdin and not _is_open(sys.stdin):
            return True
        return is_terminal(self.stdin) and (
            self.stdin is not sys.stdin or self.stdout is not sys.stdout
        )

    def _loop_plainly(self, intro: Any) -> None:
        reader, self.pyrepl_input = getattr(self, "pyrepl_input", None), None
        self.use_rawinput = False
        try:
            super().cmdloop(intro)
        finally:
            self.use_rawinput: bool = True
            self.pyrepl_input = reader

    def ask(self, question: str) -> str:
        """Ask for a line that is no command.

        Raises:
            EOFError: There is none.
        """
        if self.use_rawinput and not self._is_at_other_terminal():
            return input(question)
        self.stdout.write(question)
        self.stdout.flush()
        line = self.stdin.readline()
        if not line:
            raise EOFError
        return str(line)

    def _loop_with_readline(self, intro: Any) -> None:
        if not self._has_readline():
            super().cmdloop(intro)
            return
        attempt("pasted lines", self, _take_pasted_as_typed)
        if not self.completekey:
            super().cmdloop(intro)
            return
        attempt("the keys", self, self._bind_keys)
        before, self._uses_readline = self._uses_readline, True
        try:
            with around(HISTORY, self, _own_history):
                super().cmdloop(intro)
        finally:
            self._uses_readline = before

    @guarded("readline's prompt", lambda _self: False)
    def _has_readline(self) -> bool:
        from stackscope_pdb.prompt import by_readline

        if settings.prompt_kind() == "plain":
            self.completekey = ""
        return is_terminal(sys.stdin) and by_readline.is_there()

    def _bind_keys(self) -> None:
        from stackscope_pdb.prompt import by_readline

        by_readline.bind_keys(settings.keys())
        if self._key is not None:
            by_readline.bind_interrupt()

    def preloop(self) -> None:
        """Get ready to read the first line."""
        if self.displaying:  # else the standard debugger does nothing here
            super().preloop()
        elif not self.cmdqueue:
            self.tell_of_threads()
        self._get_ready_for_line()

    def _get_ready_for_line(self) -> None:
        if self.session.pasted:
            attempt("pasted lines", self, self._take_pasted)
        self._is_typed = is_typed = not self.cmdqueue
        if is_typed and (self._is_at_keys or self.session.drawn is not None):
            self._begin_reading()

    def precmd(self, line: str) -> str:
        """Note what was typed, before aliases and the like change it."""
        if self._is_at_keys:
            self._end_reading()
        if self._key is not None and INTERRUPT in line:
            attempt(HISTORY, self, self._forget_line)
            raise KeyboardInterrupt
        if self.session.drawn is not None:
            attempt("the code on the screen", self, self._make_room, line.strip() or self.lastcmd)
        if self._uses_readline:
            attempt(HISTORY, self, self._note, line)
        if "\n" in line:
            first = attempt("pasted lines", self, self._first_pasted, line)
            line = line if first is None else first
        if "\n" in line:
            return self._replace_convenience_variables(line)
        if not self.aliases and ";;" not in line and "$" not in line:
            return line  # the standard debugger changes nothing else
        return super().precmd(line)

    def _replace_convenience_variables(self, line: str) -> str:
        inherited = getattr(super(), "_replace_convenience_variables", None)  # 3.12+
        return line if inherited is None else str(inherited(line))

    def _first_pasted(self, text: str) -> str:
        """The first line or statement of pasted text. The others come later."""
        from stackscope_pdb.prompt import pasting

        if self.commands_defining:
            piece, _, rest = text.partition("\n")
        else:
            piece, rest = pasting.first(self, text)
        self.session.pasted = "\n".join(filter(None, (rest, self.session.pasted)))
        return piece

    def _take_pasted(self) -> None:
        """Let the next line of pasted text be run as if it had been typed."""
        if self.session.pasted and not self.cmdqueue:
            text, self.session.pasted = self.session.pasted, ""
            piece = self._first_pasted(text)
            self.cmdqueue.append(piece)
            self.message(self.prompt + piece.replace("\n", f"\n{MORE}"))

    def read_more(self, source: str) -> Optional[str]:
        """The next line of a statement: one that was pasted, or one that is typed."""
        if self.session.pasted:
            line, _, self.session.pasted = self.session.pasted.partition("\n")
            return line
        more = super().read_more(source)
        if more is None or self._belongs(more, source):
            return self._with_what_follows(source, more)
        self.session.pasted = more
        return ""

    def _belongs(self, line: str, source: str) -> bool:
        """Whether a line goes on with a statement, and doesn't begin another one."""
        from stackscope_pdb.prompt import pasting

        return not line.strip() or pasting.goes_on(line) or not self.is_complete(source + "\n")

    def _with_what_follows(self, source: str, more: Optional[str]) -> Optional[str]:
        """An empty line ends a statement that is typed, but not one that is pasted."""
        from stackscope_pdb.prompt import pasting

        while more is not None and not more.strip() and self._has_typed_ahead():
            following = super().read_more(source)
            if following is None:
                break
            if following.strip() and not pasting.goes_on(following):
                self.session.pasted = following
                break
            more += "\n" + following
        return more

    def _has_typed_ahead(self) -> bool:
        if not self.use_rawinput or sys.platform == "win32" or not is_terminal(sys.stdin):
            return False
        import select

        return bool(select.select([sys.stdin], [], [], 0)[0])

    def postcmd(self, stop: bool, line: str) -> bool:
        """Get ready to read the next line."""
        if not stop:
            stop = super().postcmd(stop, line)
        if not stop:
            self._get_ready_for_line()
        return stop

    def run_word(self, word: str) -> Any:
        """Run a command without arguments, as `cmd.Cmd.onecmd` does it."""
        if CHECKS_FILES_BEFORE_COMMANDS:
            return super().run_word(word)
        self.lastcmd: str = "" if word == "EOF" else word
        return getattr(self, f"do_{word}")("")

    def _note(self, line: str) -> None:
        from stackscope_pdb.prompt import by_readline

        by_readline.note(settings.history_file(), line)

    def _forget_line(self) -> None:
        from stackscope_pdb.prompt import by_readline

        if self._uses_readline:
            by_readline.forget_line()

    def _begin_reading(self) -> None:
        if self._guard is not None:
            attempt(THE_TERMINAL, self, self._guard.set)
        if self._key is not None:
            attempt(CTRL_C, self, self._key.set)
        if self.session.drawn is not None:
            self.session.drawn.wait_for_line_end()
        if self._uses_readline and self._others is None:
            self._others = attempt("the output of other threads", self, self._take_output)

    def _end_reading(self) -> None:
        others, self._others = self._others, None
        if others is not None:
            attempt("the output of other threads", self, others.__exit__)
        if self._key is not None:
            attempt(CTRL_C, self, self._key.lift)
        if self._guard is not None:
            attempt(THE_TERMINAL, self, self._guard.lift)

    def _take_output(self) -> Others:
        from stackscope_pdb.prompt.by_readline import shown_above

        others = shown_above(self.prompt)
        others.__enter__()
        return others

    def complete(self, text: str, state: int) -> Any:
        """A completion of what is typed; readline may list all of them below the prompt."""
        self.session.forget_drawing()
        return super().complete(text, state)  # type: ignore[misc]

    def _make_room(self, line: str) -> None:
        """Take the code that `sticky` has drawn off the screen, if it will be drawn anew."""
        from stackscope_pdb.output import redrawing

        drawn = self.session.drawn
        if drawn is None or not self._is_typed or "\n" in line:
            self.session.forget_drawing()
        elif redrawing.keeps_to_itself(line):
            drawn.note(self.prompt + line)
        else:
            if redrawing.draws_anew(line):
                drawn.note(self.prompt + line)
                drawn.erase(self.stdout)
            self.session.forget_drawing()

    def _read_line(self) -> str:
        try:
            self.stdout.flush()
            if first.DRAWS not in sys.modules:
                return self._read_first_line()
            from stackscope_pdb.prompt import toolkit

            return toolkit.read_line(self, self.prompt)
        except EOFError:
            return "EOF"
        except BaseException as exc:
            handle(READER, exc, self)
        return self._read_by_input()

    def _read_first_line(self) -> str:
        """The same as long as prompt_toolkit hasn't been imported, which takes a while."""
        shown = first.shown_at_once(
            self.stdin, self.stdout, self.prompt, is_bold=self.console.colors
        )
        with around("the first prompt", self, lambda: shown):
            try:
                ReadsLines._toolkit_fails = not _can_import_toolkit()
                if not ReadsLines._toolkit_fails:
                    from stackscope_pdb.prompt import toolkit

                    toolkit.get_ready(self)
            finally:
                attempt("the first prompt", self, shown.is_over)
            if not ReadsLines._toolkit_fails:
                from stackscope_pdb.prompt import toolkit

                return toolkit.read_line(self, self.prompt)
        return input(self.prompt)

    @contextmanager
    def python_reader(self, namespace: Dict[str, Any]) -> Iterator[Callable[[str], str]]:
        """What reads lines of Python, given the prompt.

        Args:
            namespace: The variables, whose names are completed.
        """
        before, self._uses_readline = self._uses_readline, False
        session = attempt(READER, self, self._python_session, namespace)
        completes = session is None and before
        try:
            with around("completion", self, lambda: _completing(namespace), completes):
                yield functools.partial(self._read_python, session)
        finally:
            self._uses_readline = before

    def _python_session(self, namespace: Dict[str, Any]) -> Any:
        if not self._has_toolkit():
            return None
        from stackscope_pdb.prompt import toolkit

        return toolkit.python_session(self, namespace)

    def _read_python(self, session: Any, prompt: str) -> str:
        self._begin_reading()
        try:
            if session is not None:
                from stackscope_pdb.prompt import toolkit

                return toolkit.read_line(self, prompt, session)
            line = input(prompt)
        finally:
            self._end_reading()
        if self._key is not None and INTERRUPT in line:
            raise KeyboardInterrupt
        if is_terminal(sys.stdin):
            attempt(HISTORY, self, self._note_python, line)
        return line

    def _note_python(self, line: str) -> None:
        from stackscope_pdb.prompt import history

        history.note(settings.history_file(), line)

    def _pdbcmd_print_frame_status(self, arg: str) -> None:
        # The standard debugger of 3.14 shows nothing of it after Ctrl-C.
        self.begin_noting()
        try:
            super()._pdbcmd_print_frame_status(arg)
        finally:
            self.end_noting()

    def _show_display(self) -> None:
        self.end_noting()  # expressions on display may take long
        super()._show_display()  # type: ignore[misc]

    def execRcLines(self) -> Any:  # noqa: N802  (the standard debugger's name, up to 3.12)
        """Run the commands that are there before the first prompt. Ctrl-C ends them."""
        if not self.rcLines:
            return None
        self.end_noting()
        try:
            return super().execRcLines()  # type: ignore[misc]
        except KeyboardInterrupt:
            self.message("--KeyboardInterrupt--")
        self.begin_noting()
        return None

    def begin_noting(self) -> None:
        """Until `end_noting`, let Ctrl-C do nothing but ask for the prompt, which is coming."""
        # Later on, it takes a while at each stop, and commands from a file aren't interrupted.
        if not self.has_stopped or is_terminal(self.stdin):
            self._is_noting = True
            attempt(CTRL_C, self, note_interrupts)

    def end_noting(self) -> None:
        """Let Ctrl-C do what it did before."""
        if self._is_noting:
            self._is_noting = False
            if attempt(CTRL_C, self, end_noting):
                self.message("--KeyboardInterrupt--")

    def _cmdloop(self) -> None:
        self.has_prompted = True
        self.end_noting()
        try:
            is_plain = are_interrupts_plain()
        except BaseException as exc:
            handle(CTRL_C, exc, self)
            is_plain = True
        if is_plain:
            self._standard__cmdloop()
            return
        with around(CTRL_C, self, plain_interrupts):
            self._standard__cmdloop()
        attempt(CTRL_C, self, forget_interrupts)


def _is_installed(module: str) -> bool:
    """Whether a module is there, which isn't imported for that."""
    if module in sys.modules:
        return sys.modules[module] is not None
    try:
        return importlib.util.find_spec(module) is not None
    except Exception:  # by some finder of the program's
        return False


def _can_import_toolkit() -> bool:
    try:
        import prompt_toolkit  # noqa: F401
    except Exception:  # it isn't for this Python, or not all of it is there
        return False
    return True


def _completing(namespace: Dict[str, Any]) -> ContextManager[None]:
    from stackscope_pdb.prompt.interactive import completing

    return completing(namespace)


def _take_pasted_as_typed() -> None:
    from stackscope_pdb.prompt import by_readline

    by_readline.take_pasted_as_typed()


def _own_history() -> ContextManager[None]:
    from stackscope_pdb.prompt import by_readline

    return by_readline.own_history(settings.history_file())


def _is_open(stream: Any) -> bool:
    """Whether a stream of the program can be used: there may be none, and it may be closed."""
    return stream is not None and not getattr(stream, "closed", False)
