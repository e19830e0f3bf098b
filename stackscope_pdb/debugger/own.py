"""`Pdb`: the standard debugger with our commands, and what its versions differ in.

Found by trying on 3.8 to 3.15; the sources are Lib/pdb.py and Lib/bdb.py.

- From 3.14 on the constructor knows ``mode``, ``backend`` and ``colorize``. Ours takes them
  everywhere.
- From 3.15 on lines are read by ``PdbPyReplInput`` if it can be used. That keeps a prompt of its
  own, and Tab after a space indents instead of completing an argument; so readline is preferred
  where there is one.
- From 3.14 on a recursive debugger is made by ``_create_recursive_debugger``, before by the name
  ``Pdb``.
"""

from __future__ import annotations

import os
import sys
import threading

from stackscope_pdb import settings
from stackscope_pdb.commands.arguments import completed_option
from stackscope_pdb.debugger.mixin import Commands
from stackscope_pdb.debugger.painting import Paints
from stackscope_pdb.facts import HAS_BACKENDS, TAKES_EXCEPTIONS
from stackscope_pdb.failures import around, attempt, handle
from stackscope_pdb.output.terminal import is_terminal
from stackscope_pdb.program import process, turns
from stackscope_pdb.program.depth import is_room_scarce, room_for_calls
from stackscope_pdb.program.doctests import is_swallowed, stdout_of_prompt, visible_stdout
from stackscope_pdb.program.ending import is_quit
from stackscope_pdb.program.finalizers import PassesFinalizers
from stackscope_pdb.program.interrupts import Interrupts, give_interrupts_back
from stackscope_pdb.program.machinery import is_at_prompt
from stackscope_pdb.program.streams import (
    alone_at_terminal,
    others_at_terminal,
    streams_of_prompt,
    why_not,
)
from stackscope_pdb.program.suspending import may_draw, program_off_terminal
from stackscope_pdb.program.tracing import (
    best_backend,
    foreign_tracer,
    note_backend,
    trace_at_once,
)
from stackscope_pdb.program.turns import released, turn
from stackscope_pdb.prompt import label
from stackscope_pdb.prompt.loop import ReadsLines
from stackscope_pdb.standard import pdb
from stackscope_pdb.stop.snapshots import is_loop_of_prompt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any, Callable, Dict, List, Optional


CONVENIENCE_VARIABLES = "__pdb_convenience_variables"
"""The name in a module under which the standard debugger keeps what begins with ``$``."""

STREAMS = "what finds the streams of the prompt"
"""What may fail."""


class Pdb(  # type: ignore[misc,unused-ignore]
    Paints, ReadsLines, Interrupts, Commands, PassesFinalizers, pdb.Pdb
):
    """A `pdb.Pdb` that knows tasks and context managers.

    Args:
        completekey, stdin, stdout, skip, nosigint, readrc: As for `pdb.Pdb`.
        mode: ``"inline"`` if the program started the debugger, ``"cli"`` if the debugger started
            the program.
        backend: ``"monitoring"`` or ``"settrace"``, on Python 3.14 and later. The default is
            ``"monitoring"``, unless another debugger uses it: the program then runs at full speed
            between its stops.
        colorize: ``False`` for no colours. Otherwise the usual settings and the terminal decide.
        kwargs: Passed on to `pdb.Pdb`.

    Example:
        >>> stackscope_pdb.Pdb(nosigint=True).set_trace()  # doctest: +SKIP
    """

    def __init__(
        self,
        completekey: str = "tab",
        stdin: Any = None,
        stdout: Any = None,
        skip: Any = None,
        nosigint: bool = False,
        readrc: bool = True,
        mode: Optional[str] = None,
        backend: Optional[str] = None,
        colorize: Optional[bool] = None,
        **kwargs: Any,
    ) -> None:
        self._has_complained = False
        self.header: Optional[str] = None
        self._dirty_globals: List[Dict[str, Any]] = []
        if HAS_BACKENDS:
            backend = backend or best_backend()
            note_backend(self, backend)
            kwargs.update(mode=mode, backend=backend)
        super().__init__(
            completekey=completekey,
            stdin=stdin,
            stdout=stdout,
            skip=skip,
            nosigint=nosigint,
            readrc=readrc,
            **kwargs,
        )
        self.allows_colors: bool = colorize is not False
        self.prompt = label.STANDARD
        self._follows_streams = (stdin is None, stdout is None)
        self._thread = threading.get_ident()
        self._process = process.number
        self._mode = mode
        self.choose_reader()

    # ------------------------------------------------------------------ stopping and going on

    def follow_streams(self) -> None:
        """Use the streams that are right for a prompt now, unless others were given."""
        if self._follows_streams == (True, True) and self._mode != "cli":
            self.stdin: Any
            self.stdout: Any
            self.stdin, self.stdout = streams_of_prompt()
            return
        if self._follows_streams[0]:
            self.stdin = sys.stdin
        if self._follows_streams[1]:
            self.stdout = visible_stdout()

    def _why_no_prompt(self) -> Optional[str]:
        """Why nothing can be asked here, if that is so."""
        if not self._follows_streams[0] or self._mode == "cli":
            return None
        # Where both are followed, that has been done just now.
        return why_not(self.stdin if self._follows_streams[1] else streams_of_prompt()[0])

    def set_trace(self, frame: Optional[FrameType] = None, **kwargs: Any) -> None:
        """Stop in ``frame``, by default in the caller."""
        attempt(STREAMS, self, self.follow_streams)
        reason = self._why_no_prompt()
        if reason is not None:
            print(reason, file=sys.stderr, flush=True)
        if self._has_quit or reason is not None:
            return
        frame = frame or sys._getframe().f_back
        try:
            attempt("what mentions other tracers", self, self.mention_tracer)
            if not is_at_prompt(frame):
                self.pause_tracing()
            attempt("what passes by finalizers", self, self.pass_finalizers)
            super().set_trace(frame, **kwargs)
            if frame is not None and getattr(self, "backend", None) == "settrace":
                trace_at_once(frame)
        except BaseException as exc:
            if self.is_passing(exc) or is_quit(exc):
                raise
            handle("all of it", exc, self)
            stop_in_standard(frame)

    def can_stop_again(self) -> bool:
        """Whether a new stop of this thread may use this debugger."""
        if getattr(self, "backend", None) == "monitoring" and foreign_tracer() is not None:
            return False  # see `best_backend`
        return not self.is_busy and self._thread == threading.get_ident()

    def interaction(self, frame: Optional[FrameType], tb_or_exc: Any) -> None:
        """Talk to the user. Takes an exception on every version, as 3.13 and later do."""
        if isinstance(tb_or_exc, BaseException):
            self.look_into(tb_or_exc)
            if not TAKES_EXCEPTIONS:
                tb_or_exc = tb_or_exc.__traceback__
        if is_room_scarce():
            with around("room for calls", self, room_for_calls):
                self._interaction_in_turn(frame, tb_or_exc)
        else:
            self._interaction_in_turn(frame, tb_or_exc)

    def _interaction_in_turn(self, frame: Optional[FrameType], tb_or_exc: Any) -> None:
        with turn() as has_prompt:
            if not has_prompt:
                self.end_without_prompt(frame)
                return
            self.is_busy = True
            try:
                self._get_ready()
                if self.is_at_terminal or is_swallowed() or may_draw():
                    self._interaction_at_terminal(frame, tb_or_exc)
                else:
                    self.talk(frame, tb_or_exc)
                self.end_tracing_in_time()
            except BaseException as exc:
                if self.is_passing(exc):
                    raise
                handle("the prompt", exc, self)
                attempt("the standard debugger", self, self._stop_plainly, frame, tb_or_exc)
            finally:
                self.is_busy: bool = False
                self.has_stopped = True
                self.end_noting()
            ends = self.quitting and frame is not None and self._ends_program()
            if ends:  # by now, for the next thread must not get its turn any more
                Pdb._has_quit = True
                turns.end()
        if ends and frame is not None:
            self._quit_program(frame)

    def end_without_prompt(self, frame: Optional[FrameType]) -> None:
        """Quit in a thread that has waited for the prompt: it doesn't go on either."""
        if not self._has_quit or frame is None or not self._ends_program():
            return
        if threading.current_thread() is threading.main_thread():
            from stackscope_pdb.program.threads import wait_until_main_is_told

            wait_until_main_is_told()  # it is interrupted here
            return
        self.set_quit()
        self._quit_program(frame)

    def _quit_program(self, frame: FrameType) -> None:
        from stackscope_pdb.program.quitting import quit_program

        event, self.stop_event = self.stop_event, "line"
        trace = quit_program(frame, event)
        if trace is not None:
            self.__dict__["trace_dispatch"] = trace
            self.quitting: bool = (
                event == "signal"
            )  # else the standard debugger raises its exception

    def user_call(self, frame: FrameType, argument_list: Any) -> None:
        """A function is called, or a generator resumed."""
        self._stop_at("call", super().user_call, frame, argument_list)

    def user_return(self, frame: FrameType, return_value: Any) -> None:
        """A function returns, or a generator yields."""
        self._stop_at("return", super().user_return, frame, return_value)

    def user_exception(self, frame: FrameType, exc_info: Any) -> None:
        """An exception passes a frame."""
        self._stop_at("exception", super().user_exception, frame, exc_info)

    def _stop_at(self, event: str, stop: Callable[..., None], *args: Any) -> None:
        self.stop_event = event
        try:
            stop(*args)
        finally:
            self.stop_event: str = "line"

    def _get_ready(self) -> None:
        """See to what comes before a prompt."""
        try:
            give_interrupts_back()
        except BaseException as exc:
            handle("Ctrl-C", exc, self)
        self.begin_noting()
        if not self._has_complained:
            attempt("the complaint about a style", self, self._complain_once)
        if self._process != process.number:
            attempt(STREAMS, self, self._follow_after_fork)
        if self.header is not None:
            header, self.header = self.header, None
            self.message(header)
        self.is_at_terminal = is_terminal(self.stdin)

    def _interaction_at_terminal(self, frame: Optional[FrameType], tb_or_exc: Any) -> None:
        """Talk to the user where others may write, too."""
        alone = around(
            "other processes", self, lambda: alone_at_terminal(self.stdin), self.is_at_terminal
        )
        visible = around(
            "output under doctest", self, lambda: stdout_of_prompt(self.stdout), is_swallowed()
        )
        suspended = around(
            "programs that draw",
            self,
            lambda: program_off_terminal(is_loop_of_prompt),
            may_draw(),
        )
        with alone, suspended as was_suspended:
            if was_suspended:
                self.follow_streams()
                self.is_at_terminal: bool = is_terminal(self.stdin)
            with visible:
                self.talk(frame, tb_or_exc)

    def _follow_after_fork(self) -> None:
        self._process = process.number
        self.follow_streams()

    def _stop_plainly(self, frame: Optional[FrameType], tb_or_exc: Any) -> None:
        """Stop in the standard debugger, for this one has failed."""
        plain = pdb.Pdb(stdin=self.stdin, stdout=self.stdout, nosigint=True, readrc=False)
        plain.use_rawinput = self.use_rawinput
        plain.reset()
        if isinstance(tb_or_exc, BaseException) and not TAKES_EXCEPTIONS:
            tb_or_exc = tb_or_exc.__traceback__
        self.cmdqueue.clear()
        try:
            plain.interaction(frame, tb_or_exc)
        finally:
            if plain.quitting:
                self.set_quit()
            else:
                self.set_continue()

    def _ends_program(self) -> bool:
        """Whether `quit` ends the whole program, and not only what was given to `run` or a test."""
        return self._mode in ("inline", "cli") and not hasattr(sys, "ps1")

    def do_quit(self, arg: str) -> Any:
        # The standard one raises SystemExit here, inside the prompt.
        if HAS_BACKENDS and self._mode == "inline" and self._ends_program():
            if not self._confirms_quit():
                return None
            self._user_requested_quit = True
            self.set_quit()
            return True
        return super().do_quit(arg)

    do_quit.__doc__ = pdb.Pdb.do_quit.__doc__
    do_q: Any = do_quit
    do_exit: Any = do_quit

    def do_EOF(self, arg: str) -> Any:  # noqa: N802  (the standard debugger's name)
        ends: Any = True
        try:
            ends = super().do_EOF(arg)
        finally:  # pytest's raises what ends its session
            if ends:  # from 3.14 on, the answer to its question may be that it doesn't
                is_all = self._ends_program() and not self.is_post_mortem
                self.message(f"End of input: the {'program' if is_all else 'debugger'} ends here.")
        return ends

    do_EOF.__doc__ = pdb.Pdb.do_EOF.__doc__

    def _confirms_quit(self) -> bool:
        """Ask, as the standard debugger does from 3.14 on."""
        while True:
            try:
                answer = self.ask("Quitting pdb will kill the process. Quit anyway? [y/n] ")
            except EOFError:
                self.message("")
                return True
            if answer.strip().lower() in ("", "y", "yes"):
                return True
            if answer.strip().lower() in ("n", "no"):
                return False

    def _complain_once(self) -> None:
        self._has_complained = True
        for sentence in settings.complaints():
            self.refuse(sentence)
        if "STACKSCOPE_PDB_STYLE" in os.environ:
            from stackscope_pdb.output.highlight import complaint

            about_style = complaint()
            if about_style:
                self.refuse(about_style)

    def set_convenience_variable(self, frame: FrameType, name: str, value: object) -> None:
        """Set a ``$`` variable.

        Which modules they are put in is noted, for they keep frames alive.
        """
        module = frame.f_globals
        module.setdefault(CONVENIENCE_VARIABLES, {})[name] = value
        self._dirty_globals.append(module)
        self.session.is_forgotten = False

    def forget(self) -> None:
        """Let go of the stop."""
        if self.session.is_forgotten and not self.__dict__.get("stack"):
            return  # the standard debugger does it before each stop, too
        Commands.forget(self)
        self._current_task = None  # 3.14 keeps it
        for module in self._dirty_globals:
            module.pop(CONVENIENCE_VARIABLES, None)
        self._dirty_globals.clear()
        self.session.is_forgotten = True

    def run_code(self, code: CodeType, namespace: Dict[str, Any]) -> None:
        """Run a program as ``__main__``, and stop before its first line."""
        import __main__

        self._wait_for_mainpyfile = True
        self._user_requested_quit = False
        self.mainpyfile: str = self.canonic(code.co_filename)
        __main__.__dict__.clear()
        __main__.__dict__.update(namespace)
        # Which files were as they are now when they were run; from 3.13 on.
        getattr(self, "_file_mtime_table", {}).clear()
        self.run(code)

    def run(self, cmd: Any, globals: Any = None, locals: Any = None) -> Any:
        """As that of `bdb.Bdb`. What functions in ``cmd`` use may be in ``locals``."""
        if isinstance(cmd, str) and locals is not None:
            from stackscope_pdb.program import evaluating

            line = evaluating.Line(cmd, "exec")
            if not line.awaits and line.needs_function(globals, locals, {}):
                with evaluating.Carried(line, locals, {}) as carried:
                    return self.runcall(carried.function(globals))
        return self._until_quit(super().run, cmd, globals, locals)

    def runeval(self, *args: Any, **kwargs: Any) -> Any:
        """As that of `bdb.Bdb`."""
        return self._until_quit(super().runeval, *args, **kwargs)

    def runcall(self, *args: Any, **kwargs: Any) -> Any:
        """As that of `bdb.Bdb`."""
        return self._until_quit(super().runcall, *args, **kwargs)

    def _until_quit(self, run: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call ``run``, which ends early if the user quits."""
        if self.watched is not None:
            self.arm()  # the program is run again
        try:
            return run(*args, **kwargs)
        except BaseException as exc:
            if not is_quit(exc):
                raise
            from stackscope_pdb.program.quitting import stop_watching

            stop_watching()
        finally:
            self.pause_watching()
        return None

    # ------------------------------------------------------------------ the prompt

    def default(self, line: str) -> Any:
        """Run a Python statement, which may wait for another process at this terminal."""
        with others_at_terminal():
            return super().default(line)

    def _complete_expression(self, text: str, line: str, begidx: int, endidx: int) -> List[str]:
        option = completed_option(line[:endidx])
        if option:
            return option
        # The standard one runs properties.
        if text.startswith("$"):
            return super()._complete_expression(text, line, begidx, endidx)  # type: ignore[misc,no-any-return]
        from stackscope_pdb.prompt.completion import expression_completions

        return expression_completions(self, text) if self.curframe else []

    # ------------------------------------------------------------------ help

    def _help_message_from_doc(self, *args: Any, **kwargs: Any) -> str:
        # From 3.12 on help is indented by the length of the prompt, which here may be long.
        prompt_now, self.prompt = self.prompt, "  "
        try:
            return str(super()._help_message_from_doc(*args, **kwargs))  # type: ignore[misc]
        finally:
            self.prompt: str = prompt_now

    # ------------------------------------------------------------------ other prompts

    def do_interact(self, arg: str) -> Any:
        """interact

        Start an interactive interpreter in which all names of the current
        scope are known. It works on copies of the variables: what is
        assigned there doesn't change those of the program, and is
        forgotten in the end. Ctrl-D or exit() goes back to the debugger.
        """
        from stackscope_pdb.prompt.interactive import Interpreter

        namespace = {**self.current_frame.f_globals, **self.frame_locals()}
        with self.python_reader(namespace) as read:
            Interpreter(self, namespace, read).run()

    def _create_recursive_debugger(self) -> Pdb:
        return type(self)(self.completekey, self.stdin, self.stdout)

    def do_debug(self, arg: str) -> Any:
        if not arg:
            return super().do_debug(arg)
        module = self.current_frame.f_globals
        known = dict(module.get(CONVENIENCE_VARIABLES, ()))
        try:
            with released():  # what it runs may wait for a thread that stops
                return super().do_debug(arg) if HAS_BACKENDS else self._debug_by_hand(arg)
        finally:
            if known:  # the inner debugger has changed and removed them
                module[CONVENIENCE_VARIABLES] = known

    do_debug.__doc__ = pdb.Pdb.do_debug.__doc__

    def _debug_by_hand(self, statement: str) -> None:
        """What ``do_debug`` does up to 3.13, with this class instead of the standard one."""
        tracer = sys.gettrace()  # none, if it is from a call that the program has stopped
        sys.settrace(None)
        inner = self._create_recursive_debugger()
        inner.prompt = f"({self.prompt.strip()}) "
        self.message("ENTERING RECURSIVE DEBUGGER")
        frame = self.current_frame
        try:
            sys.call_tracing(inner.run, (statement, frame.f_globals, self.frame_locals()))
        except Exception as exc:
            import traceback

            self.error(traceback.format_exception_only(type(exc), exc)[-1].strip())
        self.message("LEAVING RECURSIVE DEBUGGER")
        sys.settrace(tracer)
        self.lastcmd: str = inner.lastcmd


def _use_our_completion() -> None:
    """Let the commands that take expressions complete them in our way."""
    standard = getattr(pdb.Pdb, "_complete_expression", None)
    for name in dir(pdb.Pdb):
        if name.startswith("complete") and getattr(pdb.Pdb, name) is standard:
            setattr(Pdb, name, Pdb._complete_expression)
    setattr(Pdb, "completedefault", Pdb._complete_expression)  # noqa: B010  (its own method from 3.13 on)


_use_our_completion()


def stop_in_standard(frame: Optional[FrameType]) -> None:
    """Stop in the standard debugger, for ours can't."""
    sys.settrace(None)
    pdb.Pdb().set_trace(frame)
