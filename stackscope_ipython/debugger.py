"""IPython's debugger with our commands.

The class is made when the extension is loaded, over the one that the shell uses: `TerminalPdb` in a
terminal, `InterruptiblePdb` in a notebook. Tried on IPython 8.12 and 9.18:

- ``%debug``, ``%pdb on`` and ``%run -d`` use ``shell.InteractiveTB.debugger_cls`` and keep what it
  made in ``InteractiveTB.pdb``. ``shell.debugger_cls`` can't be set.
- ``breakpoint()`` in a cell opens the standard debugger, unless ``sys.breakpointhook`` says
  otherwise.
- `TerminalPdb` asks IPython's completer, and not the methods ``complete_X``.
- On 3.15 the standard debugger blanks ``prompt`` while pyrepl reads, which IPython's prompt shows.
"""

from __future__ import annotations

import asyncio
import os
import sys

from IPython.core.debugger import Pdb as IPythonPdb
from IPython.core.interactiveshell import InteractiveShell

from stackscope_ipython.theme import ThemedConsole
from stackscope_pdb.debugger.mixin import install
from stackscope_pdb.entry.install import class_with_commands
from stackscope_pdb.program.finalizers import PassesFinalizers
from stackscope_pdb.stop.snapshots import loop_of_prompt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable, Dict, List, Optional, Sequence

    from stackscope import Frame
    from stackscope_pdb.debugger.mixin import Commands
    from stackscope_pdb.output.console import Console

    class Base(Commands, PassesFinalizers):
        """What it is mixed into."""

else:
    Base = PassesFinalizers


HIDING, SKIPPED = "__tracebackhide__", "__debuggerskip__"
"""The variables by which a function says that it is hidden, and that it is stepped over."""

RUNS_CELL = InteractiveShell.run_code.__code__
"""The code that runs the code of a cell."""

PACKAGES = ("IPython", "ipykernel", "tornado", "traitlets")
"""What runs a cell."""


class InIPython(Base):
    """What is different about our commands in IPython's debugger."""

    counts_frames = False
    shell: InteractiveShell
    initial_frame: Optional[FrameType] = None
    skip_hidden: bool
    _predicates: Dict[str, bool]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if getattr(self, "pyrepl_input", None) is not None:
            self.pyrepl_input: None = None

    def set_trace(self, frame: Optional[FrameType] = None, *args: Any, **kwargs: Any) -> None:
        """Stop in ``frame``, by default in the caller."""
        self.pass_finalizers()
        super().set_trace(frame or sys._getframe().f_back, *args, **kwargs)

    def interaction(self, frame: Optional[FrameType], *args: Any, **kwargs: Any) -> None:
        """Talk to the user, and keep nothing of the program afterwards."""
        try:
            super().interaction(frame, *args, **kwargs)
        finally:
            self.initial_frame = None

    def stop_here(self, frame: FrameType) -> bool:
        """Whether to stop in a frame, going by the last command."""
        # Even in a function that is stepped over: there is a call of breakpoint() in it.
        return frame is self.initial_frame or super().stop_here(frame)

    def dispatch_line(self, frame: FrameType) -> Any:
        """A frame comes to a line. If the cell has ended, there is nothing to step through."""
        if self.passed is not None and frame.f_code is RUNS_CELL:
            self.set_continue()
            return None
        return super().dispatch_line(frame)

    @property
    def folds_frames(self) -> bool:  # type: ignore[override]
        """Whether lists of frames leave out some: IPython's command ``skip_hidden`` says so."""
        return bool(self.skip_hidden)

    @property
    def libraries_shown(self) -> Sequence[str]:  # type: ignore[override]
        """IPython itself, if ``skip_predicates`` says that it isn't hidden."""
        return () if self._predicates["ipython_internal"] else PACKAGES

    def hidden_among(self, known: Dict[int, Frame]) -> List[bool]:
        """For each of the frames whether it is hidden, by IPython's rules as they are set now."""
        skips = self._predicates["debuggerskip"]
        return [
            (is_ours and not _names(frame, HIDING))
            or bool(is_theirs)
            or (skips and _names(frame, SKIPPED))
            for (frame, _), is_ours, is_theirs in zip(
                self.stack,
                super().hidden_among(known),
                self.hidden_frames(self.stack),  # type: ignore[attr-defined]
            )
        ]

    @property
    def console(self) -> Console:
        """The terminal or notebook, with the colours of IPython's theme."""
        return ThemedConsole(self.shell, self.stdout)

    def pt_init(self, *args: Any, **kwargs: Any) -> None:
        """Make the prompt, and let it complete the arguments of our commands."""
        super().pt_init(*args, **kwargs)  # type: ignore[misc]
        completer: Any = self._ptcomp.ipy_completer  # type: ignore[attr-defined]
        completer.custom_matchers.insert(0, _matcher(self))


def _names(frame: FrameType, variable: str) -> bool:
    """Whether a frame's code has a variable of that name."""
    code = frame.f_code
    return variable in code.co_varnames or variable in code.co_cellvars


install(InIPython)


def _where(self: Any, argument: str) -> Optional[bool]:
    """IPython's command if a number of context lines is given, else ours."""
    if argument.strip().isdecimal():
        IPythonPdb.do_where(self, argument.strip())  # type: ignore[no-untyped-call,unused-ignore]
        return None
    result: Optional[bool] = self.run_command("where", argument)
    return result


def _use_where() -> None:
    cls: Any = InIPython
    ours = cls.do_where.__doc__
    head, _, _ = ours.partition("From Python 3.14 on")
    _where.__doc__ = head + "With N alone, show IPython's own list, with N lines of every frame."
    cls.do_where = cls.do_w = cls.do_bt = _where


_use_where()


def _matcher(debugger: Any) -> Callable[[Any], Any]:
    """What completes our commands' arguments in IPython, and keeps others quiet there."""
    from IPython.core.completer import SimpleCompletion, context_matcher

    from stackscope_pdb.commands import registry
    from stackscope_pdb.prompt import command_or_python, completion

    def stackscope_commands(context: Any) -> Any:
        text = context.line_with_cursor[: context.cursor_position]
        word = command_or_python.first_word(text)
        entry = registry.find(word) if len(text.lstrip()) > len(word) else None
        if entry is None or command_or_python.is_python(text, entry.options, debugger.has_variable):
            return {"completions": [], "suppress": False}
        # The prompt that asks runs in this thread.
        with loop_of_prompt(asyncio._get_running_loop()):
            start, found = completion.completions(debugger, text)
        return {
            "completions": [SimpleCompletion(text=name, type="param") for name in found],
            "matched_fragment": text[start:],
            "ordered": True,
            "suppress": True,
        }

    decorate: Any = context_matcher(identifier="stackscope.commands")
    matcher: Callable[[Any], Any] = decorate(stackscope_commands)
    return matcher


class Hooked:
    """What the extension has changed in a shell, so that it can be undone.

    Args:
        shell: The shell.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        base = shell.InteractiveTB.debugger_cls
        self.debugger_cls: Any = class_with_commands("StackscopePdb", base, InIPython)
        tb = shell.InteractiveTB
        # 9.x finds the class when it is asked for the first time, and keeps it under this name
        self._name = "_debugger_cls" if "_debugger_cls" in vars(tb) else "debugger_cls"
        self._before = (vars(tb)[self._name], tb.pdb)
        tb.debugger_cls = self.debugger_cls
        tb.pdb = None
        self._hook_before = sys.breakpointhook
        self._hook = self._breakpoint
        if not os.environ.get("PYTHONBREAKPOINT"):
            sys.breakpointhook = self._hook

    def undo(self) -> None:
        """Put back what was there before, as far as nobody else has changed it since."""
        tb = self.shell.InteractiveTB
        if vars(tb)[self._name] is self.debugger_cls:
            setattr(tb, self._name, self._before[0])
            tb.pdb = self._before[1]
        if sys.breakpointhook is self._hook:
            sys.breakpointhook = self._hook_before

    def _breakpoint(
        self,
        *args: Any,
        header: Optional[str] = None,
        commands: Optional[Sequence[str]] = None,
        **kwargs: Any,
    ) -> Any:
        """What ``breakpoint()`` does, unless ``PYTHONBREAKPOINT`` says otherwise by now."""
        if os.environ.get("PYTHONBREAKPOINT"):
            return sys.__breakpointhook__(*args, **kwargs)  # noqa: T100
        debugger = self.debugger_cls()
        if header is not None:
            debugger.message(header)
        if commands is not None:
            debugger.rcLines.extend(commands)
        debugger.set_trace(sys._getframe().f_back)
        return None


_hooked: List[Hooked] = []


def hook(shell: InteractiveShell) -> None:
    """Let ``shell`` use our commands in its debugger. Doing it twice is harmless."""
    if not any(one.shell is shell for one in _hooked):
        _hooked.append(Hooked(shell))


def unhook(shell: InteractiveShell) -> None:
    """Undo `hook`."""
    for one in [one for one in _hooked if one.shell is shell]:
        _hooked.remove(one)
        one.undo()
