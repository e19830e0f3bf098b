"""What a debugger inherits to have our commands: `Commands`, a mixin for `pdb.Pdb` and its subclasses.

It knows what all of them share (``stack``, ``curindex``, ``curframe``, ``_select_frame``, ``message``,
``error``), and neither which one it is part of nor where that reads its lines.
"""

from __future__ import annotations

import pdb
import sys
import weakref

from stackscope_pdb.commands import table
from stackscope_pdb.output.harmless import encodable
from stackscope_pdb.program.assignments import CO_OPTIMIZED, Watch
from stackscope_pdb.prompt import label, lines
from stackscope_pdb.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Any, Callable, Dict, List, MutableMapping, Optional, Sequence, Tuple

    from stackscope.render.text import Line
    from stackscope_pdb.output.console import Console
    from stackscope_pdb.raised import Raised
    from stackscope_pdb.session import Entry, Focus

    Base = pdb.Pdb
else:
    Base = object


OWES_PLACE = not hasattr(pdb.Pdb, "execRcLines") and not hasattr(
    pdb.Pdb, "_pdbcmd_print_frame_status"
)
"""Whether commands from ``.pdbrc`` or ``-c`` keep it to itself where the program stopped.

So it is in the last releases of 3.11 and 3.12, and on PyPy 3.11.
"""


class Commands(Base):
    """Our commands, and what the standard ones need to work in focused frames."""

    displaying: Dict[FrameType, Any]

    counts_frames = sys.version_info >= (3, 14)
    """Whether ``where N`` shows N frames, as the version's own debugger does."""

    allows_colors = True
    """Whether output may be coloured, if the terminal takes it."""

    @property
    def session(self) -> Session:
        """Where the user has navigated to."""
        # Made at first use: the base class's __init__ may already stop, or forget a stop.
        found: Optional[Session] = self.__dict__.get("_stackscope_session")
        if found is None:
            found = self.__dict__["_stackscope_session"] = Session()
        return found

    @property
    def current_frame(self) -> FrameType:
        """The frame that commands work in. There is one whenever a command runs."""
        frame: Optional[FrameType] = self.curframe
        assert frame is not None
        return frame

    @property
    def console(self) -> Console:
        """The terminal as it is now."""
        from stackscope_pdb.output.console import Console

        return Console(self.stdout, colors=self.allows_colors)

    def show(self, shown: Sequence[Line], console: Optional[Console] = None) -> None:
        """Write lines of spans."""
        if shown:
            self.message_painted((console or self.console).text(shown))

    def message_painted(self, msg: str) -> None:
        """Write text that may have been coloured."""
        self.message(msg)

    def refuse(self, sentence: str) -> None:
        """Say why something can't be done."""
        self.error(self.console.wrapped(sentence))

    # ------------------------------------------------------------------ stopping and going on

    def interaction(self, frame: Optional[FrameType], tb_or_exc: Any) -> None:
        """Talk to the user, and forget the exception that it was about in the end."""
        if frame is None:
            self._tell_of_group(tb_or_exc)
        try:
            super().interaction(frame, tb_or_exc)
        finally:
            self.__dict__.pop("_stackscope_raised", None)

    def _tell_of_group(self, tb_or_exc: Any) -> None:
        """Say what to do with an exception group, whose own frames tell the least."""
        from stackscope_pdb.raised import exception_of, members

        known: Optional[Raised] = self.__dict__.get("_stackscope_raised")
        if known is not None:
            exception: Optional[BaseException] = known.exception
        elif issubclass(type(tb_or_exc), BaseException):
            exception = tb_or_exc
        else:
            exception = exception_of(tb_or_exc)
        count = len(members(exception)) if exception is not None else 0
        if count:
            self.message(
                f"A group of {count} exception{'s' * (count != 1)}: 'exceptions' lists "
                f"{'them' if count != 1 else 'it'}, 'exceptions NUMBER' goes to one."
            )

    @property
    def raised(self) -> Optional[Raised]:
        """The exception that is looked at in post-mortem debugging, with those that belong to it."""
        from stackscope_pdb.raised import exception_of

        found: Optional[Raised] = self.__dict__.get("_stackscope_raised")
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
        from stackscope_pdb.raised import Raised

        found = self.__dict__["_stackscope_raised"] = Raised(exception)
        return found

    def get_stack(self, f: Any, t: Optional[TracebackType]) -> Tuple[List[Entry], int]:
        """The frames of a stop, which are remembered for `unfocus`."""
        stack, index = super().get_stack(f, t)
        self.session.arrive(stack, index, t)
        return stack, index

    def setup(self, f: Any, tb: Any) -> Any:
        """Get ready for a stop."""
        result = super().setup(f, tb)
        self.session.is_place_owed = OWES_PLACE and bool(self.cmdqueue)
        return result

    def postcmd(self, stop: bool, line: str) -> bool:
        """After a command: before the first line that the user types, say where the program stopped."""
        session = self.session
        if session.is_place_owed and not stop and not self.cmdqueue:
            session.is_place_owed = False
            if not session.is_shown:
                self.print_stack_entry(self.stack[self.curindex])
        return super().postcmd(stop, line)

    def forget(self) -> None:
        """Let go of the stop."""
        if self.session.focus is not None:
            self._show_focus(None)
        self.session.reset()
        super().forget()
        # Up to 3.12 the base class keeps the locals of the last frame.
        self.__dict__.pop("curframe_locals", None)

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
        else:
            self._keep_fewer_frames()

    def _keep_fewer_frames(self) -> None:
        """Forget how frames were traced that were traced as all frames are. 3.14 and later restore that in the end."""
        flags: Dict[FrameType, Any] = self.__dict__.get("frame_trace_lines_opcodes", {})
        for frame in [frame for frame, were in flags.items() if were == (True, False)]:
            del flags[frame]

    def print_stack_entry(self, frame_lineno: Entry, *args: Any, **kwargs: Any) -> None:
        """Say where one is: by a line, or by the code around it if `sticky` is on."""
        from stackscope_pdb import settings

        if settings.sticky_lines() and frame_lineno[0] is self.curframe:
            from stackscope_pdb.commands.code import draw

            if draw(self, frame_lineno):
                self.session.is_shown = True
                return
        self.session.is_shown = True
        super().print_stack_entry(frame_lineno, *args, **kwargs)

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

    def select(self, index: int) -> None:
        """Make one of the frames the current one."""
        self._select_frame(index)

    def _show_focus(self, focus: Optional[Focus]) -> None:
        """Change the focus, and let the prompt say what it is."""
        if self.session.focus is None:
            reader = getattr(self, "pyrepl_input", None)
            # While that reads, self.prompt is empty.
            self.__dict__["_stackscope_prompt"] = self.prompt if reader is None else reader.prompt
        self.session.focus = focus
        base = self.__dict__["_stackscope_prompt"]
        self.set_prompt(
            label.with_name(base, encodable(focus.name, self.stdout)) if focus else base
        )

    def set_prompt(self, text: str) -> None:
        """Change the prompt of the next line."""
        reader = getattr(self, "pyrepl_input", None)  # 3.15
        if reader is None:
            self.prompt = text
        else:
            reader.prompt = text

    def next_in_focus(self, focus: Focus) -> Optional[bool]:
        """Let the program run on until the selected frame, which is suspended, comes to its next line."""
        from stackscope_pdb.commands.stacks import task_of_frame

        found = None
        if focus.kind in ("task", "other") and not self.is_post_mortem:
            found = task_of_frame(self.curframe)
        if found is None:
            reason = "it has ended." if focus.kind == "task" else _why_not(focus)
            if self.is_post_mortem:
                reason = "the program isn't running any more."
            self.refuse(f"'next' can't run {focus.noun}: {reason} {_instead(focus)}")
            return None
        loop, _ = found
        if loop.is_running and not loop.is_here:
            self.refuse(
                f"'next' can't run {focus.noun}: its event loop runs in another thread, which goes on. "
                "Use 'unfocus' to step where the program stopped."
            )
            return None
        self.set_next(self.current_frame)
        self.trace_suspended(self.current_frame)
        origin = focus.stack.frames[self.curindex].origin
        self.__dict__["_stackscope_awaited"] = None if origin is None else weakref.ref(origin)
        return True

    def dispatch_exception(self, frame: FrameType, arg: Any) -> Any:
        """An exception goes through a frame.

        Where the base class waits for a generator or coroutine, it takes any `StopIteration` for the end of
        that one. It isn't while that one still has the frame that is waited for.
        """
        awaited, stopframe = self.__dict__.get("_stackscope_awaited"), self.stopframe
        is_waited_for = awaited is not None and _frame_of(awaited()) is stopframe
        if is_waited_for and stopframe is not None and frame is not stopframe:
            return self.trace_dispatch
        return super().dispatch_exception(frame, arg)

    def trace_suspended(self, frame: FrameType) -> None:
        """See to it that the next line of a suspended frame is noticed, whatever else runs before."""
        frame.f_trace = self.trace_dispatch
        tracer = getattr(self, "monitoring_tracer", None)  # 3.14+
        if tracer is not None:
            # It disables the event by which a frame resumes, for all frames with the same code, as soon as
            # one of them resumes that isn't waited for.
            tracer.update_local_events(frame)

    @property
    def is_post_mortem(self) -> bool:
        """Whether the frames of the stop belong to an exception, and not to a program that can go on."""
        stop, _ = self.session.stop
        return not any(self.session.is_running(frame) for frame, _ in stop)

    # ------------------------------------------------------------------ lines

    def onecmd(self, line: str) -> bool:
        """Run one line, unless it only looks like a command of ours."""
        if not self.commands_defining and self._is_python(line):
            self.lastcmd = line.strip()
            return bool(self.default(line))  # an `await` at the prompt ends the loop that reads it
        try:
            return bool(super().onecmd(line))
        except BaseException as exc:
            word = lines.first_word(line)
            if word not in ONLY_LOOKING or isinstance(exc, KeyboardInterrupt):
                raise
            self._tell_of_failure(word, exc)
            return False

    def preloop(self) -> None:
        """Show what has changed of the expressions on display."""
        try:
            super().preloop()
        except Exception as exc:  # comparing values runs their code
            self._tell_of_failure("display", exc)

    def _tell_of_failure(self, name: str, exc: BaseException) -> None:
        from stackscope.render.safe import describe_exception

        self.refuse(f"{name} failed: {describe_exception(exc)}")

    def _is_python(self, line: str) -> bool:
        word = lines.first_word(line)
        entry = table.find(word)
        if entry is None and "=" not in line and ":" not in line:
            return False
        if not self.curframe or not hasattr(self, f"do_{word}"):
            return False
        if entry is None:
            # "n = 1", which the standard debugger takes for "next"
            return lines.is_assignment(line)
        return lines.is_python(line, entry.options, self.has_variable)

    def has_variable(self, name: str) -> bool:
        """Whether ``name`` is a variable of the current frame or its module."""
        return name in self.frame_locals() or name in self.current_frame.f_globals

    def frame_locals(self) -> MutableMapping[str, Any]:
        """The locals of the current frame, with what was assigned at the prompt."""
        # Up to 3.12 the dictionary that the base class has read; reading it again would lose assignments.
        found: Optional[MutableMapping[str, Any]] = self.__dict__.get("curframe_locals")
        return self.current_frame.f_locals if found is None else found  # type: ignore[return-value,unused-ignore]

    def default(self, line: str) -> Any:
        """Run a Python statement in the current frame."""
        focus = self.session.focus
        if focus is not None and lines.is_assignment(line.lstrip("!")) and self._has_left(focus):
            self.refuse(f"{focus.noun} has left this frame meanwhile, so nothing was assigned.")
            return None
        from stackscope_pdb.program import awaiting

        code = awaiting.compiled(line)
        if code is not None and getattr(self, "async_shim_frame", None) is None:
            return self._assigning(lambda _line: awaiting.run(self, code), line)
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

    # ------------------------------------------------------------------ dispatch

    def run_command(self, name: str, argument: str) -> Optional[bool]:
        """Run one of our commands. Whatever happens in it ends in a sentence."""
        entry = table.find(name)
        assert entry is not None
        try:
            return entry.action(self, argument.strip())
        except table.CommandError as exc:
            self.refuse(str(exc))
        except Exception as exc:
            from stackscope.render.safe import describe_exception

            self.refuse(f"{name} failed, which is a bug in stackscope: {describe_exception(exc)}")
        return None

    def complete_command(
        self, name: str, text: str, line: str, begidx: int, endidx: int
    ) -> List[str]:
        """What Tab offers for the last word of ``line``, which is an argument of one of our commands."""
        entry = table.find(name)
        if entry is None or entry.complete is None:
            return []
        # A name with spaces in it is several words to readline, which replaces the last one only.
        before = line[:begidx].partition(" ")[2].lstrip()
        try:
            found = entry.complete(self, before + text)
        except Exception:
            return []
        return [item[len(before) :] for item in found if item.startswith(before + text)]

    def help_stackscope(self) -> None:
        """Say which commands this debugger adds."""
        self.message("Commands beyond those of pdb ('help COMMAND' tells more):")
        entries = sorted(table.commands(), key=lambda entry: entry.name)
        width = max(len(entry.usage) for entry in entries)
        for entry in entries:
            self.message(f"  {entry.usage.ljust(width)}  {entry.brief}")
        from stackscope_pdb.output import highlight

        if not highlight.has_pygments():
            self.message(f"Colours for source text need Pygments: {highlight.INSTALL}")


ONLY_LOOKING = frozenset(
    ("a", "args", "display", "l", "list", "ll", "longlist", "p", "pp", "retval", "rv", "source")
    + ("undisplay", "whatis")
)
"""Commands of the standard debugger that just show something. What fails in them is no reason to end."""

STEPPING = {
    # commands that run the program on from the current frame, with their short forms
    "step": ("s",),
    "next": ("n",),
    "return": ("r",),
    "until": ("unt",),
    "jump": ("j",),
}


def install(cls: type) -> None:
    """Give ``cls`` the methods ``do_X`` and ``complete_X`` by which `cmd.Cmd` finds commands."""
    for entry in table.commands():
        members: Dict[str, Any] = {f"do_{entry.name}": _do(entry)}
        if entry.complete is not None:
            members[f"complete_{entry.name}"] = _complete(entry)
        for name, member in members.items():
            for alias in entry.names:
                setattr(cls, name.partition("_")[0] + "_" + alias, member)
    for name, aliases in STEPPING.items():
        for alias in (name, *aliases):
            setattr(cls, f"do_{alias}", _step(name))


def _do(entry: table.Command) -> Callable[[Commands, str], Optional[bool]]:
    def run(self: Commands, argument: str) -> Optional[bool]:
        return self.run_command(entry.name, argument)

    run.__name__ = f"do_{entry.name}"
    run.__doc__ = entry.help
    return run


def _complete(entry: table.Command) -> Callable[..., List[str]]:
    def complete(self: Commands, text: str, line: str, begidx: int, endidx: int) -> List[str]:
        return self.complete_command(entry.name, text, line, begidx, endidx)

    complete.__name__ = f"complete_{entry.name}"
    return complete


def _step(name: str) -> Callable[[Commands, str], Optional[bool]]:
    """A command that runs the program on: the standard one, but not in a frame that is suspended."""

    def run(self: Commands, argument: str) -> Optional[bool]:
        focus = self.session.focus
        if focus is None:
            return getattr(super(Commands, self), f"do_{name}")(argument)  # type: ignore[no-any-return]
        if name == "next":
            return self.next_in_focus(focus)
        self.refuse(f"'{name}' can't run {focus.noun}: {_why_not(focus)} {_instead(focus)}")
        return None

    run.__name__ = f"do_{name}"
    run.__doc__ = getattr(pdb.Pdb, f"do_{name}").__doc__
    return run


def _frame_of(origin: object) -> Optional[FrameType]:
    """The frame that a generator, coroutine or async generator still has."""
    frames = (getattr(origin, name, None) for name in ("gi_frame", "cr_frame", "ag_frame"))
    return next((frame for frame in frames if frame is not None), None)


def _instead(focus: Focus) -> str:
    way_back = "Use 'unfocus' to step where the program stopped"
    if focus.kind == "ended":
        return f"{way_back}."
    if focus.kind == "task":
        return f"'next' stops when it comes to its next line. {way_back}."
    return f"{way_back}, or 'break' to stop here next time and 'continue'."


def _why_not(focus: Focus) -> str:
    if focus.kind == "task":
        return "it is suspended, and only its event loop can resume it."
    if focus.kind == "thread":
        return "it goes on at its own pace, and only the thread that stopped can be stepped."
    if focus.kind == "ended":
        return "an exception has ended it."
    if focus.kind == "context":
        return "it is suspended until its 'with' block ends."
    return "it is suspended, and no task drives it."
