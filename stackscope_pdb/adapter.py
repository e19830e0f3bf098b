"""`Pdb`: the standard debugger with our commands, and what its versions differ in.

Found by trying on 3.8 to 3.15; the sources are Lib/pdb.py and Lib/bdb.py.

- From 3.14 on the constructor knows ``mode``, ``backend`` and ``colorize``. Ours takes them everywhere.
- From 3.15 on lines are read by ``PdbPyReplInput`` if it can be used. That keeps a prompt of its own, and
  Tab after a space indents instead of completing an argument; so readline is preferred where there is one.
- From 3.14 on a recursive debugger is made by ``_create_recursive_debugger``, before by the name ``Pdb``.
"""

from __future__ import annotations

import bdb
import os
import pdb
import signal
import sys
import threading

# That of `signal` is slow where the handler is a function.
from _signal import getsignal  # type: ignore[import-not-found,unused-ignore]
from contextlib import contextmanager

from stackscope_pdb import settings
from stackscope_pdb.commands import Commands
from stackscope_pdb.folding import OWN_PACKAGE, module_name
from stackscope_pdb.painting import Paints
from stackscope_pdb.program.finalizers import PassesFinalizers
from stackscope_pdb.prompt import label

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any, Callable, Dict, Iterator, List, Optional

HAS_BACKENDS = sys.version_info >= (3, 14)
DEBUGGERS = ("bdb", "cmd", "codeop", "pdb", OWN_PACKAGE)  # what a debugger consists of
STOPS_AT_EXCEPTIONS = sys.version_info >= (
    3,
    13,
)  # interaction() takes them, and `exceptions` lists them


class Pdb(Paints, Commands, PassesFinalizers, pdb.Pdb):
    """A `pdb.Pdb` that knows tasks and context managers.

    Args:
        completekey, stdin, stdout, skip, nosigint, readrc: As for `pdb.Pdb`.
        mode: ``"inline"`` if the program started the debugger, ``"cli"`` for the opposite.
        backend: ``"monitoring"`` or ``"settrace"``, on 3.14 and later. The default is the former, with which
            a program runs at full speed between its stops, unless another debugger uses it already.
        colorize: ``False`` rules out colours. Else the usual switches and the terminal decide.
        kwargs: Passed on.
    """

    # What the bases have, and their stubs don't, or not for every version.
    frame_trace_lines_opcodes: Dict[FrameType, Any]
    allow_kbdint: bool

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
        self.is_busy = False
        self._has_complained = False
        self._uses_readline = False  # for the line that is being typed
        self._dirty_globals: List[Dict[str, Any]] = []
        if HAS_BACKENDS:
            kwargs.update(mode=mode, backend=backend or _best_backend())
        super().__init__(
            completekey=completekey,
            stdin=stdin,
            stdout=stdout,
            skip=skip,
            nosigint=nosigint,
            readrc=readrc,
            **kwargs,
        )
        self.allows_colors = colorize is not False
        self.prompt = label.STANDARD
        self._follows_streams = (stdin is None, stdout is None)
        self._thread = threading.get_ident()
        self._mode = mode
        self._choose_reader()

    def _choose_reader(self) -> None:
        """Prefer readline to pyrepl, and both only where a terminal is at both ends."""
        if getattr(self, "pyrepl_input", None) is None:
            return
        from stackscope_pdb.prompt import by_readline, reader

        if by_readline.is_there() or not _is_terminal(self.stdout) or reader.is_usable(self):
            self.pyrepl_input = None
        else:
            self.set_prompt(self.prompt)

    # ------------------------------------------------------------------ stopping and going on

    def follow_streams(self) -> None:
        """Use the present ``sys.stdin`` and ``sys.stdout``, unless others were given."""
        if self._follows_streams[0]:
            self.stdin = sys.stdin
        if self._follows_streams[1]:
            self.stdout = _visible_stdout()

    def set_trace(self, frame: Optional[FrameType] = None, **kwargs: Any) -> None:
        """Stop in ``frame``, by default in the caller."""
        self._mention_tracer()
        self.pass_finalizers()
        super().set_trace(frame or sys._getframe().f_back, **kwargs)

    def _mention_tracer(self) -> None:
        """Say it if somebody else's trace function is set, of which there can be one only."""
        tracer = _foreign_tracer()
        if tracer is None:
            return
        owner = tracer if hasattr(tracer, "__qualname__") else type(tracer)
        self.message(
            f"sys.settrace was in use, by {owner.__module__}.{owner.__qualname__}. The debugger takes its "
            "place, and it is not put back."
        )

    def can_stop_again(self) -> bool:
        """Whether a new stop of this thread may use this debugger."""
        if getattr(self, "backend", None) == "monitoring" and _foreign_tracer() is not None:
            return False  # see _best_backend
        return not self.is_busy and self._thread == threading.get_ident()

    def interaction(self, frame: Optional[FrameType], tb_or_exc: Any) -> None:
        """Talk to the user. Takes an exception on every version, as 3.13 and later do."""
        if isinstance(tb_or_exc, BaseException):
            self.look_into(tb_or_exc)
            if not STOPS_AT_EXCEPTIONS:
                tb_or_exc = tb_or_exc.__traceback__
        self.is_busy = True
        self._complain_once()
        try:
            with _stdout_of_prompt(self.stdout):
                super().interaction(frame, tb_or_exc)
        finally:
            self.is_busy = False
        if self.quitting and frame is not None and self._ends_program():
            from stackscope_pdb.program.quitting import quit_program

            quit_program()

    def _ends_program(self) -> bool:
        """Whether `quit` ends the whole program, and not only what was given to `run` or a test."""
        return self._mode in ("inline", "cli") and not hasattr(sys, "ps1")

    def do_quit(self, arg: str) -> Any:
        # The standard one raises SystemExit here, inside of the prompt.
        if HAS_BACKENDS and self._mode == "inline" and self._ends_program():
            if not self._confirms_quit():
                return None
            self._user_requested_quit = True
            self.set_quit()
            return True
        return super().do_quit(arg)

    do_quit.__doc__ = pdb.Pdb.do_quit.__doc__
    do_q = do_exit = do_quit

    def _confirms_quit(self) -> bool:
        """Ask, as the standard debugger does from 3.14 on."""
        while True:
            try:
                answer = input("Quitting pdb will kill the process. Quit anyway? [y/n] ")
            except EOFError:
                self.message("")
                return True
            if answer.strip().lower() in ("", "y", "yes"):
                return True
            if answer.strip().lower() in ("n", "no"):
                return False

    # ------------------------------------------------------------------ Ctrl-C while the program runs

    def sigint_handler(self, signum: Any, frame: Optional[FrameType]) -> None:
        """Open the prompt, at once: the standard debugger waits until the program runs Python code again."""
        if self.allow_kbdint:
            raise KeyboardInterrupt
        if frame is None or module_name(frame).partition(".")[0] in DEBUGGERS:
            super().sigint_handler(signum, frame)  # type: ignore[arg-type,unused-ignore]
            return
        self.stop_at_once(frame, "\nProgram interrupted. ('continue' goes on)")

    def stop_at_once(self, frame: FrameType, sentence: str) -> None:
        """Open the prompt in ``frame``, which is running, and not only when it comes to its next line.

        Args:
            frame: A frame of this thread.
            sentence: Why it stops here.
        """
        self._stop_tracing()
        from stackscope_pdb.program.waking import wake_loops

        self.reset()
        self.botframe = _outermost(frame)
        self.message(sentence)
        self._show_tasks()
        with _interrupts_as_keys():
            self.interaction(frame, None)
        wake_loops()
        if not self.quitting and (self.stoplineno != -1 or self.breaks):
            self._trace_from(frame)

    def _show_tasks(self) -> None:
        """What the program waits for, if it has tasks."""
        if "asyncio" in sys.modules or "trio" in sys.modules:
            from stackscope_pdb.commands.tasks import take_snapshot

            if next(take_snapshot().tasks(), None) is not None:
                self.run_command("tasks", "")

    def _stop_tracing(self) -> None:
        if HAS_BACKENDS:
            self.stop_trace()  # type: ignore[attr-defined,unused-ignore]
        else:
            sys.settrace(None)

    def _trace_from(self, frame: Optional[FrameType]) -> None:
        """Trace what comes in ``frame`` and its callers, as `set_trace` does, but without a stop."""
        while frame is not None:
            frame.f_trace = self.trace_dispatch
            if HAS_BACKENDS:
                flags = (frame.f_trace_lines, frame.f_trace_opcodes)
                self.frame_trace_lines_opcodes[frame] = flags
            frame.f_trace_lines = True
            frame = frame.f_back
        if HAS_BACKENDS:
            self.start_trace()  # type: ignore[attr-defined,unused-ignore]
        else:
            sys.settrace(self.trace_dispatch)
        if self.stopframe is not None:
            self.trace_suspended(self.stopframe)  # it may be a focused one

    def _complain_once(self) -> None:
        if self._has_complained:
            return
        self._has_complained = True
        if "STACKSCOPE_PDB_STYLE" in os.environ:
            from stackscope_pdb.output.highlight import complaint

            sentence = complaint()
            if sentence:
                self.refuse(sentence)

    def cmdloop(self, intro: Any = None) -> None:
        """Read and run commands, with prompt_toolkit if that can be used."""
        from stackscope_pdb.prompt import reader

        if not reader.is_usable(self):
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
        if not self.completekey or not _is_terminal(sys.stdin) or not by_readline.is_there():
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
        if self._uses_readline:
            from stackscope_pdb.prompt import by_readline

            by_readline.note(settings.history_file(), line)
        return super().precmd(line)

    def _read_line(self) -> str:
        from stackscope_pdb.prompt import reader

        self.stdout.flush()
        try:
            return reader.read_line(self, self.prompt)
        except EOFError:
            return "EOF"

    def _cmdloop(self) -> None:
        with _plain_interrupts():
            super()._cmdloop()

    def set_convenience_variable(self, frame: FrameType, name: str, value: object) -> None:
        """Set a ``$`` variable. Which modules they are put in is noted, for they keep frames alive."""
        # not there up to 3.11
        super().set_convenience_variable(frame, name, value)  # type: ignore[misc,unused-ignore]
        self._dirty_globals.append(frame.f_globals)

    def forget(self) -> None:
        """Let go of the stop."""
        super().forget()
        for module in self._dirty_globals:
            module.pop("__pdb_convenience_variables", None)
        self._dirty_globals.clear()

    def run_code(self, code: CodeType, namespace: Dict[str, Any]) -> None:
        """Run a program as ``__main__``, and stop before its first line."""
        import __main__

        self._wait_for_mainpyfile = True
        self._user_requested_quit = False
        self.mainpyfile = self.canonic(code.co_filename)
        __main__.__dict__.clear()
        __main__.__dict__.update(namespace)
        self.run(code)

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """As that of `bdb.Bdb`."""
        return _until_quit(super().run, *args, **kwargs)

    def runeval(self, *args: Any, **kwargs: Any) -> Any:
        """As that of `bdb.Bdb`."""
        return _until_quit(super().runeval, *args, **kwargs)

    def runcall(self, *args: Any, **kwargs: Any) -> Any:
        """As that of `bdb.Bdb`."""
        return _until_quit(super().runcall, *args, **kwargs)

    # ------------------------------------------------------------------ the prompt

    def _complete_expression(self, text: str, line: str, begidx: int, endidx: int) -> List[str]:
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
            self.prompt = prompt_now

    # ------------------------------------------------------------------ recursive debuggers

    def _create_recursive_debugger(self) -> Pdb:
        return type(self)(self.completekey, self.stdin, self.stdout)

    def do_debug(self, arg: str) -> Any:
        if HAS_BACKENDS or not arg:
            return super().do_debug(arg)
        return self._debug_by_hand(arg)

    do_debug.__doc__ = pdb.Pdb.do_debug.__doc__

    def _debug_by_hand(self, statement: str) -> None:
        """What ``do_debug`` does up to 3.13, with this class instead of the standard one."""
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
        sys.settrace(self.trace_dispatch)
        self.lastcmd = inner.lastcmd


def _use_our_completion() -> None:
    """Let the commands that take expressions complete them in our way."""
    standard = getattr(pdb.Pdb, "_complete_expression", None)
    for name in dir(pdb.Pdb):
        if name.startswith("complete") and getattr(pdb.Pdb, name) is standard:
            setattr(Pdb, name, Pdb._complete_expression)
    setattr(Pdb, "completedefault", Pdb._complete_expression)  # noqa: B010  (its own method from 3.13 on)


_use_our_completion()


def _until_quit(run: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call ``run``, which ends early if the user quits."""
    try:
        return run(*args, **kwargs)
    except BaseException as exc:
        from stackscope_pdb.program.quitting import is_quit

        if not is_quit(exc):
            raise
    return None


def _outermost(frame: FrameType) -> FrameType:
    while frame.f_back is not None:
        frame = frame.f_back
    return frame


@contextmanager
def _plain_interrupts() -> Iterator[None]:
    """While the prompt waits, let Ctrl-C give up the line and nothing else.

    `asyncio.run` (from 3.11 on) and `trio.run` have handlers that would cancel the program's main task.
    """
    previous = getsignal(signal.SIGINT)
    standard = signal.default_int_handler
    if not callable(previous) or previous is standard or not _in_main_thread():
        yield
        return
    base: Any = pdb.Pdb
    signal.signal(signal.SIGINT, standard)
    try:
        yield
    finally:
        if getsignal(signal.SIGINT) is standard:
            signal.signal(signal.SIGINT, previous)
        elif base._previous_sigint_handler is standard:  # `continue` has put it aside
            base._previous_sigint_handler = previous


@contextmanager
def _interrupts_as_keys() -> Iterator[None]:
    """While a handler of signals has the prompt, let Ctrl-C come as a key where it can't come as a signal.

    PyPy runs no handler of signals before another one has ended (tried with 3.11). Its readline, like
    prompt_toolkit, takes the key for what it means.
    """
    is_needed = sys.implementation.name == "pypy" and sys.platform != "win32"
    if not is_needed or not _is_terminal(sys.stdin):
        yield
        return
    import termios

    before = termios.tcgetattr(sys.stdin)
    changed = termios.tcgetattr(sys.stdin)
    changed[6][termios.VINTR] = os.fpathconf(sys.stdin.fileno(), "PC_VDISABLE").to_bytes(
        1, "little"
    )
    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, changed)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _foreign_tracer() -> Any:
    """The trace function that is set, if it is none of a debugger like this one."""
    tracer: Any = sys.gettrace()
    return None if isinstance(getattr(tracer, "__self__", None), bdb.Bdb) else tracer


def _visible_stdout() -> Any:
    """``sys.stdout``, or what it was before doctest put something else there.

    doctest lets a debugger of its own write to that: it stands behind `pdb.set_trace` meanwhile.
    """
    if not _is_doctests(sys.stdout):
        return sys.stdout
    debugger = getattr(pdb.set_trace, "__self__", None)
    return getattr(debugger, "_OutputRedirectingPdb__out", sys.stdout)


def _is_doctests(stream: object) -> bool:
    return type(stream).__name__ == "_SpoofOut"  # its module may be __main__


@contextmanager
def _stdout_of_prompt(stream: Any) -> Iterator[None]:
    """While the prompt waits, let what writes to ``sys.stdout`` be seen, if doctest swallows it."""
    previous = sys.stdout
    if stream is previous or not _is_doctests(previous):
        yield
        return
    sys.stdout = stream
    try:
        yield
    finally:
        sys.stdout = previous


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


def _best_backend() -> str:
    """The fast backend, unless another debugger has taken its place in `sys.monitoring`.

    Nor does it get along with a trace function: the interpreter would call ours for it, by ``frame.f_trace``.
    """
    if _foreign_tracer() is not None:
        return "settrace"
    monitoring = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
    user = monitoring.get_tool(monitoring.DEBUGGER_ID)
    return "monitoring" if user in (None, "bdbtracer") else "settrace"
