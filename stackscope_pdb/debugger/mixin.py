"""What a debugger inherits to have our commands: a mixin for `pdb.Pdb` and the like.

It knows what all of them share (``stack``, ``curindex``, ``curframe``, ``_select_frame``,
``message``, ``error``), and neither which one it is part of nor where that reads its lines.
"""

from __future__ import annotations

import sys

import stackscope_pdb.commands  # noqa: F401  (registers them)
from stackscope_pdb import settings
from stackscope_pdb.commands import registry
from stackscope_pdb.debugger import stepping
from stackscope_pdb.debugger.breakpoints import Breakpoints
from stackscope_pdb.debugger.lines import Lines
from stackscope_pdb.debugger.painting import PLACE
from stackscope_pdb.debugger.turns import TakesTurns
from stackscope_pdb.debugger.values import FormatsByRepr, ShowsValues
from stackscope_pdb.debugger.watching import Watching
from stackscope_pdb.facts import COUNTS_FRAMES, HAS_CONVENIENCE_VARIABLES, OWES_PLACE
from stackscope_pdb.failures import attempt, handle
from stackscope_pdb.output.harmless import encodable
from stackscope_pdb.program import turns
from stackscope_pdb.program.patience import Patience
from stackscope_pdb.program.turns import turn
from stackscope_pdb.prompt import label

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

    from stackscope import Frame
    from stackscope_pdb.program.libraries import Passed
    from stackscope_pdb.stop.focus import Entry, Focus
    from stackscope_pdb.stop.raised import Raised
    from stackscope_pdb.stop.returning import Return


MEMORY = "the memory of the stop"
STICKY = "sticky code"
"""What may fail."""


class Commands(TakesTurns, Watching, Breakpoints, ShowsValues, Lines, FormatsByRepr):
    """Our commands, and what the standard ones need to work in focused frames."""

    counts_frames = COUNTS_FRAMES
    """Whether ``where N`` shows N frames, as the version's own debugger does."""

    doc_leader = "Commands beyond those of pdb ('help COMMAND' describes one):"
    """The first line of ``help``."""

    folds_frames = True
    """Whether lists of frames leave out some, unless asked for all."""

    def hidden_among(self, known: Dict[int, Frame]) -> List[bool]:
        """For each of the frames whether it is hidden, whatever it belongs to.

        Args:
            known: What the library says about frames, by their identities.
        """
        from stackscope_pdb.views.folding import left_out_or_hidden

        return left_out_or_hidden(self.stack, known)

    # ------------------------------------------------------------------ stopping and going on

    def interaction(self, frame: Optional[FrameType], tb_or_exc: Any) -> None:
        """Talk to the user, and forget the exception that it was about in the end."""
        __stackscope_exits_stay__ = True  # noqa: F841 (see stackscope.safe.interruptions)
        with turn() as has_prompt:
            if has_prompt:
                self.talk(frame, tb_or_exc)

    def talk(self, frame: Optional[FrameType], tb_or_exc: Any) -> None:
        """The same for a thread that has its turn."""
        __stackscope_exits_stay__ = True  # noqa: F841 (see stackscope.safe.interruptions)
        if frame is None:
            leaf = attempt("what belongs to the group", self, self._leaf_instead, tb_or_exc)
            tb_or_exc = tb_or_exc if leaf is None else leaf
        # What passes by finalizers does so until a stop: see `stackscope_pdb.program.finalizers`.
        self.__dict__.pop("dispatch_call", None)
        try:
            self._standard_interaction(frame, tb_or_exc)
        finally:
            session = self.session
            session.raised = session.calling = None
            if self.watched is not None:
                self.pass_assignments(frame)

    def _leaf_instead(self, tb_or_exc: Any) -> Any:
        """What to open post-mortem debugging with: the only one in a group, instead of the group.

        If there are several ones, say what to do. A group's own frames tell the least.
        """
        from stackscope.safe.objects import exceptions_in_group, traceback_of
        from stackscope.safe.text import describe_exception
        from stackscope_pdb.stop.raised import exception_of

        is_exception = issubclass(type(tb_or_exc), BaseException)
        known = self.session.raised
        exception: Optional[BaseException] = tb_or_exc if is_exception else exception_of(tb_or_exc)
        exception = known.exception if known is not None else exception
        if exception is None or not exceptions_in_group(exception):
            return tb_or_exc
        count = len(exceptions_in_group(exception))
        self.session.opens_at_user = True
        raised = known or self.look_into(exception)
        leaf = raised.only_leaf()
        if leaf is None:
            self.session.raised = known
            sentence = (
                f"A group of {count} exception{'s' * (count != 1)}: 'exceptions' lists "
                f"{'them' if count != 1 else 'it'}, 'exceptions NUMBER' goes to one."
            )
            self.message(self.console.wrapped(sentence))
            return tb_or_exc
        raised.current = leaf
        group = raised.number_of(raised.exception)
        self.message(f"{describe_exception(leaf)}\n(in a group: 'exceptions {group}' goes to that)")
        return leaf if is_exception else traceback_of(leaf)

    @property
    def raised(self) -> Optional[Raised]:
        """The exception looked at in post-mortem debugging, with those that belong to it."""
        from stackscope_pdb.stop.raised import exception_of

        found = self.session.raised
        traceback, (stop, _) = self.session.traceback, self.session.stop
        # At a stop where an exception is raised, frames that are running come first.
        if found is None and traceback is not None and stop[0][0] is traceback.tb_frame:
            chained = getattr(self, "_chained_exceptions", ())
            exception = chained[-1] if chained else exception_of(traceback)
            if exception is not None:
                found = self.look_into(exception)
        return found

    def look_into(self, exception: BaseException) -> Raised:
        """Let ``exception`` be the one that is looked at."""
        from stackscope_pdb.stop.raised import Raised

        found = self.session.raised = Raised(exception)
        return found

    def get_stack(self, f: Any, t: Optional[TracebackType]) -> Tuple[List[Entry], int]:
        """The frames of a stop, which are remembered for `unfocus`."""
        stack, index = self._standard_get_stack(f, t)
        if "greenlet" in sys.modules:
            outside = attempt("the greenlets outside", self, self._outside, f, stack) or []
            stack, index = [*outside, *stack], index + len(outside)
        try:
            self.session.arrive(stack, index, t)
        except BaseException as exc:
            handle(MEMORY, exc, self)
        return stack, index

    def _outside(self, f: Any, stack: List[Entry]) -> List[Entry]:
        """The frames of a greenlet's parents, which the base class doesn't find."""
        if f is None or not stack:
            return []
        from stackscope_pdb.stop.greenlets import frames_outside

        end = getattr(self, "botframe", None)
        return [(frame, frame.f_lineno) for frame in frames_outside(stack[0][0], end)]

    def setup(self, f: Any, tb: Any) -> Any:
        """Get ready for a stop."""
        self.passed = None
        result = self._standard_setup(f, tb)
        session = self.session
        if session.opens_at_user:
            session.opens_at_user = False
            attempt("what finds your code", self, self._go_to_user)
        session.is_place_owed = OWES_PLACE and bool(self.cmdqueue)
        return result

    def _go_to_user(self) -> None:
        """Begin a stop in the innermost frame of the user's."""
        from stackscope_pdb.views.folding import innermost_of_user

        index = innermost_of_user(self)
        if index is None or index == self.curindex:
            return
        self.session.arrive(self.stack, index, self.session.traceback)
        self._select_silently(index)

    def _select_silently(self, index: int) -> None:
        # As _select_frame() does it, which shows the frame as well.
        debugger: Any = self
        frame, _ = self.stack[index]
        debugger.curindex, debugger.curframe = index, frame
        if "curframe_locals" in self.__dict__:
            debugger.curframe_locals = frame.f_locals
        if HAS_CONVENIENCE_VARIABLES:
            debugger.set_convenience_variable(frame, "_frame", frame)
            if self.session.raised is not None:
                raised = self.session.raised.current
                debugger.set_convenience_variable(frame, "_exception", raised)

    def postcmd(self, stop: bool, line: str) -> bool:
        """Before the first line that the user types, say where the program stopped."""
        if not stop and not self.cmdqueue and self.session.is_place_owed:
            attempt(PLACE, self, self._show_owed_place)
        stop = self._standard_postcmd(stop, line)
        if not stop and not self.cmdqueue:
            self.tell_of_threads()
        return stop

    def _show_owed_place(self) -> None:
        self.session.is_place_owed = False
        if not self.session.is_shown:
            self.print_stack_entry(self.stack[self.curindex])

    def forget(self) -> None:
        """Let go of the stop."""
        session = self.session
        try:
            if session.focus is not None:
                self._show_focus(None)
        except BaseException as exc:
            handle(MEMORY, exc, self)
        finally:
            session.reset()
        self._standard_forget()
        # Up to 3.12 the base class keeps the locals of the last frame.
        self.__dict__.pop("curframe_locals", None)

    def reset(self) -> None:
        """Get ready to trace."""
        self.__dict__.pop("trace_dispatch", None)
        self.passed: Optional[Passed] = None
        super().reset()

    def print_stack_entry(self, frame_lineno: Entry, *args: Any, **kwargs: Any) -> None:
        """Say where one is: by a line, or by the code around it if `sticky` is on."""
        self.session.is_shown = True
        before = self.is_painting
        self.is_painting: bool = True
        try:
            try:
                if settings.sticky_lines() and self._draw_code(frame_lineno):
                    return
            except BaseException as exc:
                handle(STICKY, exc, self)
            self._standard_print_stack_entry(frame_lineno, *args, **kwargs)
            return
        except BaseException as exc:
            handle(PLACE, exc, self)
        finally:
            self.is_painting = before
        self._standard_print_stack_entry(frame_lineno, *args, **kwargs)

    def _draw_code(self, frame_lineno: Entry) -> bool:
        if frame_lineno[0] is not self.curframe:
            return False
        from stackscope_pdb.commands.sticky import draw

        return draw(self, frame_lineno)

    # ------------------------------------------------------------------ focus

    def enter(self, focus: Focus, index: int) -> None:
        """Make the frames of something suspended the ones that all commands work in.

        Args:
            focus: What to move into. It has frames.
            index: Which of them to begin with.
        """
        self._show_focus(focus)
        self.stack = focus.entries()
        self.select(index)

    def leave(self) -> None:
        """Go back to where the program stopped."""
        self._show_focus(None)
        stack, index = self.session.stop
        self.stack = list(stack)
        self.select(index)

    def go_back(self, way: Return) -> None:
        """Be where one was before something was awaited, and say what isn't as it was."""
        if way.has_focus:
            focus = way.focus()
            if focus is None:
                self.message(f"There are no frames of {way.noun} any more.")
                self.leave()
                return
            from stackscope.snapshot.user_code import index_of_user_frame

            self._show_focus(focus)
            self.stack: List[Tuple[FrameType, int]] = focus.entries()
            index = way.index_in(self.stack)
            if index is None:
                self.select(index_of_user_frame(focus.stack))
                return
        else:
            index = way.index_in(self.stack)
        if index is not None:
            self._select_silently(index)
            if not way.is_same_line(self.stack[index]):
                self.print_stack_entry(self.stack[index])

    def select(self, index: int) -> None:
        """Make one of the frames the current one."""
        self._select_frame(index)

    def _show_focus(self, focus: Optional[Focus]) -> None:
        """Change the focus, and let the prompt say what it is."""
        if self.session.focus is None:
            reader = getattr(self, "pyrepl_input", None)
            # While that reads, self.prompt is empty.
            self.session.prompt = self.prompt if reader is None else reader.prompt
        self.session.enter(focus)
        base = self.session.prompt
        named = attempt("the name in the prompt", self, self._named, base, focus)
        self.set_prompt(named or base)

    def _named(self, base: str, focus: Optional[Focus]) -> str:
        if focus is None:
            return base
        return label.with_name(base, encodable(focus.name, self.stdout))

    def set_prompt(self, text: str) -> None:
        """Change the prompt of the next line."""
        reader = getattr(self, "pyrepl_input", None)  # 3.15
        if reader is None:
            self.prompt = text
        else:
            reader.prompt = text

    # ------------------------------------------------------------------ commands

    def run_command(self, name: str, argument: str) -> Optional[bool]:
        """Run one of our commands."""
        return registry.run(self, name, argument)

    def show_busy_threads(self) -> None:
        """Show what other threads do, if one of them isn't idle."""
        if len(sys._current_frames()) == 1:
            return
        from stackscope.render.stuck import stuck_by
        from stackscope.render.threads import is_idle, thread_lines
        from stackscope_pdb.stop.snapshots import threads_with_waits

        with Patience(self) as patience:
            nodes, circles, findings = threads_with_waits(patience.wants_more)
        shown = [node for node in nodes if node.is_here or not is_idle(node)]
        if len(shown) == 1:
            return
        console = self.console
        lines = thread_lines(
            shown, None, turns.waiting(), console, circles=circles, stuck=stuck_by(findings)
        )
        self.show(list(lines), console)
        idle = len(nodes) - len(shown)
        if idle == 1:
            self.message("  1 more thread is idle or in a library: 'threads' shows it")
        elif idle:
            words = "more threads are idle or in libraries: 'threads' shows them"
            self.message(f"  {idle} {words}")

    def print_topics(
        self, header: str, cmds: Optional[List[str]], cmdlen: Any, maxcol: int
    ) -> None:
        """Print names of commands, for ``help``: first ours, with what they do.

        All of it has 24 lines at most in a terminal of 80 columns.
        """
        import textwrap

        if not cmds:
            return
        if header == self.misc_header:
            return  # they are among the names
        if header != self.doc_header:
            super().print_topics(header, cmds, cmdlen, maxcol)  # type: ignore[misc]
            return
        from stackscope_pdb.standard import pdb

        ours = registry.beyond(pdb.Pdb)
        for line in registry.briefly(ours, self.console.width):
            self.message(line)
        names = " ".join([*self._standard_names(set(cmds), ours), *self._topics()])
        text = f"The commands of pdb: {names}"
        self.message(textwrap.fill(text, self.console.width, subsequent_indent="  "))

    def _topics(self) -> List[str]:
        """What else there is help for."""
        names = [name for name in dir(type(self)) if name.startswith("help_")]
        return [name[len("help_") :] for name in names]

    def _standard_names(self, names: Set[str], ours: Sequence[registry.Command]) -> List[str]:
        """All names but those of some commands, and of others the longest one only."""
        longest: Dict[Optional[str], str] = {}
        for name in sorted(names.difference(*[entry.names for entry in ours])):
            text = getattr(self, f"do_{name}").__doc__
            longest[text] = max(longest.get(text, ""), name, key=len)
        return sorted(longest.values())

    def help_stackscope(self) -> None:
        """Say which commands this debugger adds."""
        self.message(self.doc_leader)
        for line in registry.overview(self.console.width):
            self.message(line)
        from stackscope_pdb.output import highlight

        if not highlight.has_pygments():
            self.message(f"Colours for source text need Pygments: {highlight.INSTALL}")


def install(cls: type) -> None:
    """Give ``cls``, derived from `Commands`, the methods by which `cmd.Cmd` finds commands."""
    registry.install(cls)
    stepping.install(cls)


install(Commands)
