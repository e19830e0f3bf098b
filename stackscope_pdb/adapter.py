"""`Pdb`: the standard debugger with our commands, and what its versions differ in.

Found by trying on 3.8 to 3.15; the sources are Lib/pdb.py and Lib/bdb.py.

- From 3.14 on the constructor knows ``mode``, ``backend`` and ``colorize``. Ours takes them everywhere.
- From 3.15 on lines are read by ``PdbPyReplInput`` if it can be used. That keeps a prompt of its own, and
  Tab after a space indents instead of completing an argument; so readline is preferred where there is one.
- From 3.14 on a recursive debugger is made by ``_create_recursive_debugger``, before by the name ``Pdb``.
"""

from __future__ import annotations

import os
import pdb
import signal
import sys
import threading
from contextlib import contextmanager

from stackscope_pdb import prompt
from stackscope_pdb.commands import Commands

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any, Dict, Iterator, List, Optional, Sequence

HAS_BACKENDS = sys.version_info >= (3, 14)
STOPS_AT_EXCEPTIONS = sys.version_info >= (
    3,
    13,
)  # interaction() takes them, and `exceptions` lists them


class Pdb(Commands, pdb.Pdb):
    """A `pdb.Pdb` that knows tasks and context managers.

    Args:
        completekey, stdin, stdout, skip, nosigint, readrc: As for `pdb.Pdb`.
        mode: ``"inline"`` if the program started the debugger, ``"cli"`` for the opposite.
        backend: ``"monitoring"`` or ``"settrace"``, on 3.14 and later. The default is the former, with which
            a program runs at full speed between its stops, unless another debugger uses it already.
        colorize: ``False`` rules out colours. Else the usual switches and the terminal decide.
        kwargs: Passed on.
    """

    counts_frames = HAS_BACKENDS

    displaying: Dict[FrameType, Any]

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
        self._dirty_globals: List[Dict[str, Any]] = []
        if HAS_BACKENDS:
            kwargs.update(mode=mode, backend=backend or _best_backend())
        super().__init__(completekey, stdin, stdout, skip, nosigint, readrc, **kwargs)
        self.allows_colors = colorize is not False
        self.prompt = prompt.STANDARD
        self._follows_streams = (stdin is None, stdout is None)
        self._thread = threading.get_ident()
        self._choose_reader()

    def _choose_reader(self) -> None:
        """Prefer readline to pyrepl, and both only where a terminal is at both ends."""
        if getattr(self, "pyrepl_input", None) is None:
            return
        try:
            import readline  # noqa: F401

            has_readline = True
        except ImportError:
            has_readline = False
        if has_readline or not _is_terminal(self.stdout):
            self.pyrepl_input = None
        else:
            self.set_prompt(self.prompt)

    # ------------------------------------------------------------------ stopping and going on

    def follow_streams(self) -> None:
        """Use the present ``sys.stdin`` and ``sys.stdout``, unless others were given."""
        if self._follows_streams[0]:
            self.stdin = sys.stdin
        if self._follows_streams[1]:
            self.stdout = sys.stdout

    def can_stop_again(self) -> bool:
        """Whether a new stop of this thread may use this debugger."""
        return not self.is_busy and self._thread == threading.get_ident()

    def interaction(self, frame: Optional[FrameType], tb_or_exc: Any) -> None:
        """Talk to the user. Takes an exception on every version, as 3.13 and later do."""
        if isinstance(tb_or_exc, BaseException) and not STOPS_AT_EXCEPTIONS:
            tb_or_exc = tb_or_exc.__traceback__
        self.is_busy = True
        self._complain_once()
        try:
            super().interaction(frame, tb_or_exc)
        finally:
            self.is_busy = False

    def _complain_once(self) -> None:
        if not self._has_complained and "STACKSCOPE_PDB_STYLE" in os.environ:
            from stackscope_pdb.highlight import complaint

            self._has_complained = True
            sentence = complaint()
            if sentence:
                self.refuse(sentence)

    def _cmdloop(self) -> None:
        with _plain_interrupts():
            super()._cmdloop()

    def reset(self) -> None:
        """Get ready to trace."""
        self.__dict__.pop("trace_dispatch", None)
        super().reset()

    def set_continue(self) -> None:
        """Go on; without breakpoints that ends the tracing, and then nothing of the program is kept."""
        super().set_continue()
        if not self.breaks:
            self.botframe = self.stopframe = None
            self.displaying.clear()
            # The trace function is about to return itself, which would leave it set on the current frame.
            # Up to 3.9 that freezes the frame's f_lineno (PyFrame_GetLineNumber in Objects/frameobject.c).
            self.__dict__["trace_dispatch"] = None

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

    # ------------------------------------------------------------------ the prompt

    def set_prompt(self, text: str) -> None:
        """Change the prompt of the next line."""
        reader = getattr(self, "pyrepl_input", None)
        if reader is None:
            self.prompt = text
        else:
            reader.prompt = text  # self.prompt is empty while it reads

    # ------------------------------------------------------------------ output

    def format_stack_entry(self, frame_lineno: Any, lprefix: str = ": ") -> str:
        """An entry of the stack in the standard format, its source line coloured."""
        entry = super().format_stack_entry(frame_lineno, lprefix)
        head, separator, source = entry.partition(lprefix)
        return head + separator + self._highlighted([source])[0] if separator else entry

    def _print_lines(self, lines: Sequence[str], *args: Any, **kwargs: Any) -> None:
        super()._print_lines(self._highlighted(lines), *args, **kwargs)

    def _highlighted(self, sources: Sequence[str]) -> List[str]:
        from stackscope_pdb.highlight import highlight, wants_highlighting

        if not wants_highlighting(self.stdout, allowed=self.allows_colors):
            return list(sources)
        return [highlight(source.rstrip("\n")) or source for source in sources]

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


@contextmanager
def _plain_interrupts() -> Iterator[None]:
    """While the prompt waits, let Ctrl-C give up the line and nothing else.

    `asyncio.run` (from 3.11 on) and `trio.run` have handlers that would cancel the program's main task.
    """
    previous = signal.getsignal(signal.SIGINT)
    standard = signal.default_int_handler
    if not callable(previous) or previous is standard or not _in_main_thread():
        yield
        return
    base: Any = pdb.Pdb
    signal.signal(signal.SIGINT, standard)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is standard:
            signal.signal(signal.SIGINT, previous)
        elif base._previous_sigint_handler is standard:  # `continue` has put it aside
            base._previous_sigint_handler = previous


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


def _best_backend() -> str:
    """The fast backend, unless another debugger has taken its place in `sys.monitoring`."""
    monitoring = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
    user = monitoring.get_tool(monitoring.DEBUGGER_ID)
    return "monitoring" if user in (None, "bdbtracer") else "settrace"
