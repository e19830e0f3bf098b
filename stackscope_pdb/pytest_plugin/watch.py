"""The thread that looks at one test when that takes too long."""

from __future__ import annotations

import os
from _thread import allocate_lock, start_new_thread

import pytest

from stackscope_pdb.pytest_plugin.interrupting import Interrupter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, List, Optional, Tuple

    from stackscope import Snapshot
    from stackscope_pdb.pytest_plugin.limits import Limits
    from stackscope_pdb.pytest_plugin.telling import Teller

    Section = Tuple[str, str]
    Seen = Tuple[Optional[Snapshot], List[str]]

LONGEST_JOIN = 30.0
"""Seconds that a test which ends while its tree is drawn waits for the end of that."""

ATTEMPTS = 3
"""How often a test is interrupted. asyncio's runner takes the first Ctrl-C for a request only."""

SHORTEST_GRACE, LONGEST_GRACE = 2.0, 10.0
"""Seconds that a test has for its clean-up after it was interrupted, before that is done again."""

SOON, LONGEST_PAUSE = 0.01, 30.0
"""Seconds after which a test is tried again that is between two of its phases, and for how long."""


class Watch:
    """Looks at one test when its time is over, and fails it if that is wanted.

    Its thread is one that `threading` doesn't know of. So a test that counts threads counts its
    own.

    Args:
        name: The test.
        limits: How long it may take, and what happens then.
        teller: What looks, draws and prints.
        sections: Gets what belongs into the test's report, with a title each.
    """

    def __init__(self, name: str, limits: Limits, teller: Teller, sections: List[Section]) -> None:
        self.name = name
        self._limits = limits
        self._teller = teller
        self._sections = sections
        self.interrupter: Optional[Interrupter] = None
        if limits.fails:
            self.interrupter = Interrupter(
                f"takes more than {limits.seconds:g} s (stackscope_timeout)"
            )
        self._is_cancelled = allocate_lock()
        self._is_cancelled.acquire()
        self._is_over = allocate_lock()
        self._is_over.acquire()

    def start(self) -> None:
        """Begin."""
        if self.interrupter is not None:
            self.interrupter.prepare()
        start_new_thread(self._run, ())

    def end(self) -> None:
        """Do nothing any more, and wait for what is being done. To be called once."""
        self._is_cancelled.release()
        # Else the tree would get mixed up with what pytest prints next.
        self._is_over.acquire(timeout=LONGEST_JOIN)
        if self.interrupter is not None:
            self.interrupter.restore()

    # ------------------------------------------------------------------------- in the thread

    def _run(self) -> None:
        __stackscope_exits_stay__ = True  # noqa: F841 (see stackscope.safe.interruptions)
        try:
            if self.interrupter is not None and self.interrupter.is_possible:
                if self._waits_for_phases(self.interrupter):
                    self._fail(self.interrupter)
            elif self._waits(self._limits.seconds):
                self._tell()
        finally:
            self._is_over.release()

    def _waits(self, seconds: float) -> bool:
        """Wait. Gives whether this hasn't been ended meanwhile."""
        return not self._is_cancelled.acquire(timeout=seconds)

    def _waits_for_phases(self, interrupter: Interrupter) -> bool:
        """Wait until the test has spent its time, and is in a phase. Gives whether that came."""
        left = self._limits.seconds
        while self._waits(max(left, SOON)):
            left = self._limits.seconds - interrupter.spent()
            if left <= 0 and interrupter.is_in_phase:
                return True
        return False

    def _tell(self) -> None:
        """Tell what the test is doing, and leave it running."""
        why = "" if self.interrupter is None else ", for only the main thread can be interrupted"
        seconds = self._limits.seconds
        earlier, lines = self._look()
        if self._teller.is_worker:
            self._report(f"was doing after {seconds:g} s", lines)
        self._print(f"takes more than {seconds:g} s and is left running{why}", lines)
        while self._limits.repeat and self._waits(self._limits.repeat):
            seconds += self._limits.repeat
            earlier, lines = self._look_again(earlier)
            if self._teller.is_worker:
                self._report(f"had done meanwhile after {seconds:g} s", lines)
            self._print(f"is still running after {seconds:g} s", lines)

    def _look(self) -> Seen:
        """A copy of everything, if it is needed for the next look; and its drawing."""
        return self._attempt(self._saved_and_drawn)

    def _look_again(self, earlier: Optional[Snapshot]) -> Seen:
        """The same, but drawn is only what has changed."""
        if earlier is None:
            return self._look()
        return self._attempt(self._saved_and_compared, earlier)

    def _attempt(self, look: Callable[..., Seen], *arguments: object) -> Seen:
        try:
            return look(*arguments)
        except Exception as exc:
            from stackscope.safe.text import describe_exception

            return None, [f"stackscope could not find out: {describe_exception(exc)}\n"]

    def _saved_and_drawn(self) -> Seen:
        snapshot = self._teller.look()
        saved = self._teller.saved(snapshot) if self._limits.repeat else None
        return saved, self._teller.everything(snapshot)

    def _saved_and_compared(self, earlier: Snapshot) -> Seen:
        snapshot = self._teller.look()
        return self._teller.saved(snapshot), self._teller.changes(earlier, snapshot)

    def _print(self, begins: str, lines: List[str]) -> None:
        title = f"+++ stackscope: {self.name} {begins} +++\n"
        end = f"+++ end of what {self.name} was doing +++\n"
        self._teller.print(["\n", title, *lines, end])

    def _report(self, what: str, lines: List[str]) -> None:
        """Have lines in the test's report. What a worker prints may be lost, or not be read."""
        self._sections.append((f"What the test {what} (stackscope)", "".join(lines)))

    # ------------------------------------------------------------------------------- failing

    def _fail(self, interrupter: Interrupter) -> None:
        """Put into the test's report what it is doing, and interrupt it."""
        snapshot, lines = self._attempt(self._seen_and_drawn)
        self._report(f"was doing after {self._limits.seconds:g} s", lines)
        grace = min(max(self._limits.seconds, SHORTEST_GRACE), LONGEST_GRACE)
        for _ in range(ATTEMPTS):
            pause = 0.0
            while not interrupter.interrupt(snapshot) and pause < LONGEST_PAUSE:
                if not self._waits(SOON):
                    return
                pause += SOON
            if not self._waits(grace):
                return
        self._give_up()

    def _seen_and_drawn(self) -> Seen:
        snapshot = self._teller.look()
        return snapshot, self._teller.everything(snapshot)

    def _give_up(self) -> None:
        """End the process. A run that hangs for ever tells less than one that has ended."""
        _, lines = self._look()
        self._print("can't be interrupted: the run is ended", lines)
        os._exit(pytest.ExitCode.INTERRUPTED)
