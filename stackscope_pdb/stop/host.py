"""What a command may ask of the debugger that it runs in, whichever one that is."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import (
        Any,
        ContextManager,
        Dict,
        List,
        MutableMapping,
        Optional,
        Protocol,
        Sequence,
        Tuple,
    )

    from stackscope import Frame
    from stackscope.render.drawing import Line
    from stackscope_pdb.output.console import Console
    from stackscope_pdb.program.watched import Watched
    from stackscope_pdb.stop.focus import Entry, Focus
    from stackscope_pdb.stop.raised import Raised
    from stackscope_pdb.stop.returning import Return
    from stackscope_pdb.stop.session import Session

    class Host(Protocol):
        """A debugger as commands, prompts and views know it.

        The attributes are those of `pdb.Pdb`, where they have the same names.
        """

        stack: List[Entry]
        curindex: int
        curframe: Optional[FrameType]
        stdin: Any
        stdout: Any

        counts_frames: bool
        """Whether ``where N`` shows N frames, as the version's own debugger does."""

        folds_frames: bool
        """Whether lists of frames leave out some, unless asked for all."""

        libraries_shown: Sequence[str]
        """Libraries that aren't passed over."""

        skip: Any
        """The patterns of modules that are never stopped in."""

        watched: Optional[Watched]
        """What `catch` and `watch` wait for."""

        @property
        def is_post_mortem(self) -> bool:
            """Whether the frames belong to an exception, and not to a program that can go on."""
            raise NotImplementedError

        def arm(self, frame: Optional[FrameType] = None) -> None:
            """Wait for what `watched` says, and for nothing else."""

        @property
        def session(self) -> Session:
            """The memory of the stop."""
            raise NotImplementedError

        @property
        def raised(self) -> Optional[Raised]:
            """The exception that is looked at, if one is."""
            raise NotImplementedError

        @property
        def console(self) -> Console:
            """The terminal as it is now."""
            raise NotImplementedError

        @property
        def current_frame(self) -> FrameType:
            """The frame that commands work in."""
            raise NotImplementedError

        def frame_locals(self) -> MutableMapping[str, Any]:
            """The locals of the current frame, with what was assigned at the prompt."""
            raise NotImplementedError

        def namespaces(self) -> Tuple[Any, Any, Any]:
            """The globals and locals of the current frame, and its cells."""
            raise NotImplementedError

        def has_variable(self, name: str) -> bool:
            """Whether a name is a variable of the current frame or its module."""
            raise NotImplementedError

        def hidden_among(self, known: Dict[int, Frame]) -> List[bool]:
            """For each of the frames whether it is hidden, whatever it belongs to.

            Args:
                known: What the library says about frames, by their identities.
            """
            raise NotImplementedError

        def is_skipped_module(self, module_name: Any) -> bool:
            """Whether a module is among those of `skip`."""
            raise NotImplementedError

        def message(self, msg: str) -> None:
            """Write a line."""

        def message_painted(self, msg: str) -> None:
            """Write text that has been made harmless and may have been coloured."""

        def show(self, shown: Sequence[Line], console: Optional[Console] = None) -> None:
            """Write lines of spans."""

        def error(self, msg: str) -> None:
            """Write a line that says what is wrong."""

        def refuse(self, sentence: str) -> None:
            """Say why something can't be done."""

        def enter(self, focus: Focus, index: int) -> None:
            """Make the frames of something suspended the ones that all commands work in."""

        def leave(self) -> None:
            """Go back to where the program stopped."""

        def go_back(self, way: Return) -> None:
            """Be where one was before something was awaited, and say what isn't as it was."""

        def select(self, index: int) -> None:
            """Make one of the frames the current one."""

        def setup(self, f: Any, tb: Any) -> Any:
            """Get ready for a stop."""
            raise NotImplementedError

        def print_stack_entry(self, frame_lineno: Entry) -> None:
            """Say where one is."""

        def canonic(self, filename: str) -> str:
            """The path of a file as breakpoints know it."""
            raise NotImplementedError

        def get_file_breaks(self, filename: str) -> Any:
            """The lines of a file that have breakpoints."""
            raise NotImplementedError

        def as_program_sees_it(self) -> ContextManager[None]:
            """While a line runs, let its input and output be the debugger's."""
            raise NotImplementedError

        def show_value(self, value: object, whole: str, command: str = "p") -> None:
            """Show a value, and if something of it is left out, say what shows all of it."""

        def displayhook(self, obj: object) -> None:
            """Show the value of an expression."""
