"""What the parts of our debuggers stand on: the stop, the current frame, and output."""

from __future__ import annotations

from contextlib import nullcontext

from stackscope_pdb.failures import attempt
from stackscope_pdb.stop.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable, ContextManager, MutableMapping, Optional, Sequence

    from stackscope.render.drawing import Line
    from stackscope_pdb.output.console import Console
    from stackscope_pdb.standard import pdb

    Base = pdb.Pdb
    cached_property = property  # type checkers don't take functools' one for that of `Host`
else:
    from functools import cached_property

    Base = object


class Basics(Base):
    """To be mixed into a `pdb.Pdb`.

    A class derived from this one has methods ``_standard_NAME``, too: those of the debugger that it
    is mixed into, looked up once by `look_up_standard`. `super` finds the same, but goes through
    all of our classes at each call. Up to 3.13 that takes longer than most of these methods do.
    They are those that run at each stop, or at each event of tracing.
    """

    _standard_dispatch_call: Callable[..., Any]
    _standard_dispatch_exception: Callable[..., Any]
    _standard_stop_here: Callable[..., Any]
    _standard_user_call: Callable[..., Any]
    _standard_user_exception: Callable[..., Any]
    _standard_user_line: Callable[..., Any]
    _standard_user_return: Callable[..., Any]
    _standard_interaction: Callable[..., Any]
    _standard_setup: Callable[..., Any]
    _standard_get_stack: Callable[..., Any]
    _standard_print_stack_entry: Callable[..., Any]
    _standard_format_stack_entry: Callable[..., str]
    _standard_message: Callable[..., Any]
    _standard__cmdloop: Callable[..., Any]
    _standard_onecmd: Callable[..., Any]
    _standard_postcmd: Callable[..., Any]
    _standard_do_step: Callable[..., Any]
    _standard_do_next: Callable[..., Any]
    _standard_do_until: Callable[..., Any]
    _standard_do_return: Callable[..., Any]
    _standard_do_continue: Callable[..., Optional[bool]]
    _standard_forget: Callable[..., Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        look_up_standard(cls)

    allows_colors = True
    """Whether output may be coloured, if the terminal takes it."""

    is_painting: bool = False
    """Whether what is written now has been made harmless already."""

    is_at_terminal: bool = False
    """Whether the lines of this stop come from a terminal."""

    is_busy = False
    """Whether it talks to the user, and so has its turn."""

    _has_quit = False
    """Whether the program ends."""

    stop_event = "line"
    """The event of tracing that the program stopped at; ``"signal"`` if it was none, or ``"stop"``
    if the program called for it."""

    @cached_property
    def session(self) -> Session:
        """The memory of the stop."""
        # Made at first use: the base class's __init__ may already stop, or forget a stop.
        return Session()

    @property
    def current_frame(self) -> FrameType:
        """The frame that commands work in. There is one whenever a command runs."""
        frame: Optional[FrameType] = self.curframe
        assert frame is not None
        return frame

    def frame_locals(self) -> MutableMapping[str, Any]:
        """The locals of the current frame, with what was assigned at the prompt."""
        # Up to 3.12 the dictionary that the base class has read; reading it again would lose
        # assignments.
        found: Optional[MutableMapping[str, Any]] = self.__dict__.get("curframe_locals")
        return self.current_frame.f_locals if found is None else found  # type: ignore[return-value,unused-ignore]

    def has_variable(self, name: str) -> bool:
        """Whether ``name`` is a variable of the current frame or its module."""
        return name in self.frame_locals() or name in self.current_frame.f_globals

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
        """Write text that has been made harmless and may have been coloured."""
        self.message(msg)

    def painting(self) -> ContextManager[None]:
        """While what is written has been made harmless, and may have been coloured."""
        return nullcontext()

    def _tell(self, exc: BaseException) -> None:
        from stackscope_pdb.output.tracebacks import one_line_of

        self.error(one_line_of(exc))

    def refuse(self, sentence: str) -> None:
        """Say why something can't be done."""
        self.error(attempt("wrapped lines", self, self._wrapped, sentence) or sentence)

    def _wrapped(self, sentence: str) -> str:
        return self.console.wrapped(sentence)


def look_up_standard(cls: type) -> None:
    """Give a class, and those derived from it, the methods ``_standard_NAME``.

    To be called again where the bases of a class have been changed.
    """
    order = cls.__mro__
    behind = order[order.index(Basics) + 1 :] if Basics in order else ()
    for ours in Basics.__annotations__:
        prefix, _, name = ours.partition("_standard_")
        found = [vars(one)[name] for one in behind if not prefix and name in vars(one)]
        if found:
            setattr(cls, ours, found[0])
        elif not prefix and ours in vars(cls):
            delattr(cls, ours)
    subclass: type
    for subclass in cls.__subclasses__():
        look_up_standard(subclass)
