"""A look at all tasks, which the user need not wait for to its end.

Where there are a hundred thousand, it takes some seconds. Then a terminal shows how far it has
come, and Ctrl-C ends it: what was found until then is shown. A second one gives up the command.
"""

from __future__ import annotations

import time

from stackscope_pdb.failures import attempt
from stackscope_pdb.output.terminal import is_terminal
from stackscope_pdb.program.interrupts import OwnInterrupts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, List, TypeVar

    from stackscope import Snapshot
    from stackscope.render.drawing import Line
    from stackscope_pdb.stop.host import Host

    L = TypeVar("L", bound="LongLook")

SECONDS_IN_SILENCE = 1.0
"""How long a person waits without asking what is going on."""

SECONDS_BETWEEN_LINES = 0.25

SECONDS_OF_TAB = 1.0
"""How long Tab looks at tasks. It offers what was found by then."""

TASKS_BETWEEN_LOOKS = 64
"""How many tasks may pass without a look at the clock."""

SECONDS_OF_SHORT_LOOK = 0.3
"""What follows a look that takes no longer isn't told at once, for it will be short as well."""

HINT = "Ctrl-C shows what was found so far"
LEAVES_OUT = "Ctrl-C leaves that out"
SHOWS_DRAWN = "Ctrl-C shows what is drawn"

CUT = "Incomplete: Ctrl-C has ended the drawing."
"""What is said where not all lines of a drawing are shown."""


class LongLook:
    """To be entered for what looks at all tasks.

    Attributes:
        is_enough: Whether the user has had enough.
        has_ended: Whether a look has ended early for that.
    """

    def __init__(self) -> None:
        self.is_enough: bool = False
        self.has_ended: bool = False
        self._is_looking = True
        self._words = self._hint = ""
        self._entered = time.monotonic()
        self._silent_until = self._entered + SECONDS_IN_SILENCE
        self._calls = 0
        self._interrupts = OwnInterrupts(self._end)

    def __enter__(self: L) -> L:
        self._interrupts.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._interrupts.__exit__()
        self.wipe()

    def wants_more(self, share: float) -> bool:
        """Whether to go on with a look of which so much is done."""
        self._calls += 1
        if self._calls % TASKS_BETWEEN_LOOKS == 0:
            self._tell(f"Looking at all tasks: {share:.0%} ({HINT})")
        if self.is_enough:
            self.has_ended = True
        return not self.is_enough

    def begin(self, words: str, hint: str = LEAVES_OUT) -> None:
        """The look is done, and something begins that a `KeyboardInterrupt` ends.

        If the look wasn't short, that is told at once: what follows has as much to do.
        """
        self._is_looking = False
        self._words, self._hint = words, hint
        now = time.monotonic()
        if now > self._entered + SECONDS_OF_SHORT_LOOK:
            self._silent_until = min(self._silent_until, now)
        self._tell(f"{words} ({hint})")

    def goes_on(self, share: float) -> None:
        """So much is done of what has begun, from 0 to 1."""
        self._tell(f"{self._words}: {share:.0%} ({self._hint})")

    def sentence(self, snapshot: Snapshot) -> str:
        """Says how far a look has come that has ended early."""
        count = sum(node.state != "?" for node in snapshot.tasks())
        return f"Incomplete: Ctrl-C has ended the search after {count:,} task{'s' * (count != 1)}."

    def tell(self, line: str) -> None:
        """Show a line in the place of the one before."""
        raise NotImplementedError

    def wipe(self) -> None:
        """Take away the line that was shown last, if there is one."""
        raise NotImplementedError

    def _tell(self, line: str) -> None:
        now = time.monotonic()
        if now > self._silent_until:
            self._silent_until = now + SECONDS_BETWEEN_LINES
            self.tell(line)

    def _end(self) -> bool:
        """Ctrl-C was typed. Gives whether that is seen to."""
        is_first, self.is_enough = not self.is_enough, True
        return is_first and self._is_looking


class Patience(LongLook):
    """The same for a command of the debugger, which tells how far it has come at a terminal.

    Attributes:
        is_cut: Whether a drawing has ended early.
    """

    def __init__(self, debugger: Host) -> None:
        super().__init__()
        self.is_cut: bool = False
        self._debugger = debugger
        self._width = 0

    def show(self, lines: List[Line]) -> None:
        """Show the lines that `drawn` has given, and say so if these aren't all."""
        self._debugger.show(lines, self._debugger.console)
        if self.is_cut:
            self._debugger.message(CUT)

    def drawn(self, lines: Iterable[Line]) -> List[Line]:
        """The lines of a drawing, or those that are drawn when the user has enough of it."""
        found: List[Line] = []
        try:
            self.begin("Drawing what was found", SHOWS_DRAWN)
            for line in lines:
                found.append(line)
                if len(found) % TASKS_BETWEEN_LOOKS == 0:
                    self._tell(f"{self._words}: {len(found):,} lines ({self._hint})")
        except KeyboardInterrupt:
            self.is_cut = True
        return found

    def tell(self, line: str) -> None:
        attempt("what tells how far a look has come", self._debugger, self._show, line)

    def wipe(self) -> None:
        self._write_over("")

    def _show(self, line: str) -> None:
        if is_terminal(self._debugger.stdout):
            self._write_over(line)

    def _write_over(self, line: str) -> None:
        """Write a line of a terminal over the one that was written last."""
        if not line and not self._width:
            return
        # Here, for a stop that looks at nothing for long doesn't import the library.
        from stackscope.render.stream import write_over

        line = line[: max(self._debugger.console.width - 1, 1)]
        write_over(self._debugger.stdout, line, self._width)
        self._width = len(line)


class ShortPatience:
    """The same for Tab, which writes nothing, and doesn't look for long."""

    def __init__(self) -> None:
        self._calls = 0
        self._end = time.monotonic() + SECONDS_OF_TAB

    def wants_more(self, _share: float) -> bool:
        """Whether to go on."""
        self._calls += 1
        return self._calls % TASKS_BETWEEN_LOOKS != 0 or time.monotonic() < self._end
