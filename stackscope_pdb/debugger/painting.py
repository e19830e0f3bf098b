"""What the standard debugger writes, made harmless and coloured.

What our own commands write is painted before, by `stackscope_pdb.output`.
"""

from __future__ import annotations

import os
from contextlib import nullcontext

from stackscope_pdb.failures import guarded, handle
from stackscope_pdb.output.harmless import encodable, harmless, one_line, without_colors
from stackscope_pdb.standard import pdb

PLACE = "the place in the code"
"""What may fail."""

MARK = "\0" + os.urandom(8).hex()
"""What stands before the source of an entry, and in nobody's name."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, ContextManager, Dict, List, Optional, Sequence

    from stackscope_pdb.debugger.mixin import Commands as Base
else:
    Base = object


class _Painting:
    """See `Paints.painting`. It is entered for each line, and faster than a generator.

    Args:
        debugger: Who writes.
    """

    __slots__ = ("_before", "_debugger")

    def __init__(self, debugger: Paints) -> None:
        self._debugger = debugger

    def __enter__(self) -> None:
        self._before = self._debugger.is_painting
        self._debugger.is_painting = True

    def __exit__(self, *exc: object) -> None:
        self._debugger.is_painting = self._before


class Paints(Base):
    """A debugger whose output is harmless and may be coloured; mixed in before all others."""

    tb_lineno: Dict[FrameType, int]  # the stubs don't have it

    _plain: Any = None
    """The stdout that takes no colours, once that is known."""

    def message(self, msg: object, *args: Any, **kwargs: Any) -> None:
        """Write a line without colours but our own. What could repaint the terminal is escaped."""
        is_ready = self.is_painting and type(msg) is str and msg.isascii()
        text: Any = msg if is_ready else self._harmless(msg)
        if self.session.drawn is None:
            self._standard_message(text, *args, **kwargs)  # 3.15 has `end`
            return
        with self._alone():
            self._standard_message(text, *args, **kwargs)
        self._note_written(text)

    def error(self, msg: object) -> None:
        """Write a line that says what is wrong."""
        text = self._harmless(msg)
        with self._alone():
            super().error(text)
        self._note_written(f"*** {text}")

    def _alone(self) -> ContextManager[None]:
        """While rows are counted, other threads that write wait for the end of a line."""
        drawn = self.session.drawn
        return nullcontext() if drawn is None else drawn.alone()

    def _note_written(self, text: str) -> None:
        """Take note of what stands below the code that `sticky` has drawn."""
        drawn = self.session.drawn
        if drawn is not None:
            drawn.note(text)
            if text.startswith("--KeyboardInterrupt--"):  # of a line that nobody has counted
                self.session.forget_drawing()

    @guarded("what makes text harmless", lambda _self, msg: _surely_harmless(str(msg)))
    def _harmless(self, msg: object) -> str:
        text = msg if type(msg) is str else str(msg)
        return encodable(text if self.is_painting else harmless(without_colors(text)), self.stdout)

    def message_painted(self, msg: str) -> None:
        """Write text that has been made harmless and may have been coloured."""
        with self.painting():
            self.message(msg)

    def painting(self) -> ContextManager[None]:
        """While what is written has been made harmless, and may have been coloured."""
        return _Painting(self)

    def format_stack_entry(self, frame_lineno: Any, lprefix: str = ": ") -> str:
        """An entry of the stack in the standard format, its source line coloured.

        It is one line, or one and the source, whatever the names are.
        """
        try:
            entry = self._standard_format_stack_entry(frame_lineno, MARK)
        except BaseException as exc:  # the loader of the module may do anything
            from stackscope.safe.interruptions import interrupts

            if interrupts(exc):
                raise
            frame, lineno = frame_lineno
            code = frame.f_code
            entry = f"{self.canonic(code.co_filename)}({lineno}){code.co_name}()"
        try:
            head, mark, source = entry.partition(MARK)
            if not mark:
                return one_line(head)
            if not source.isprintable():
                source = one_line(without_colors(source))
            if self._plain is not self.stdout:
                source = self._highlighted([source])[0]
            return (head if head.isprintable() else one_line(head)) + lprefix + source
        except BaseException as exc:
            handle(PLACE, exc, self)
        return entry.replace(MARK, lprefix)

    @guarded("the listing", pdb.Pdb._print_lines)  # type: ignore[attr-defined]
    def _print_lines(
        self,
        lines: Sequence[str],
        start: int,
        breaks: Sequence[int] = (),
        frame: Optional[FrameType] = None,
    ) -> None:
        """A listing in the standard format, coloured. ``frame`` is the one whose line is marked."""
        from stackscope_pdb.views.code import Marks, listing

        marks = Marks(breaks=breaks)
        if frame is not None:
            marks = Marks(frame.f_lineno or -1, self.tb_lineno.get(frame, -1), breaks)
        colors = self.console.colors
        if colors:
            sources = self._colored_listing(lines, start, frame)
        else:
            sources = [harmless(without_colors(line)) for line in lines]
        for line in listing(sources, start, marks, colors=colors):
            self.message_painted(line)

    def _colored_listing(
        self, lines: Sequence[str], start: int, frame: Optional[FrameType]
    ) -> List[str]:
        from stackscope_pdb.views.code import colored_part, source_lines

        if frame is not None:
            whole = source_lines(frame)
            stop = start + len(lines)
            if whole[start - 1 : stop - 1] == list(lines):
                return colored_part(whole, start, stop, frame.f_code.co_firstlineno)
        return colored_part(lines, 1, len(lines) + 1, 1)

    @guarded("colours", lambda _self, sources: [_surely_harmless(one) for one in sources])
    def _highlighted(self, sources: Sequence[str]) -> List[str]:
        sources = [harmless(without_colors(source)) for source in sources]
        if self._plain is self.stdout:
            return sources
        from stackscope_pdb.output.highlight import highlight_line, wants_highlighting

        if not wants_highlighting(self.stdout, allowed=self.allows_colors):
            self._plain = self.stdout
            return sources
        return [highlight_line(source.rstrip("\n")) or source for source in sources]


def _surely_harmless(text: str) -> str:
    """``text`` with whatever isn't plain ASCII escaped, in the simplest way."""
    return "".join(
        [char if " " <= char <= "~" or char in "\n\t" else ascii(char)[1:-1] for char in text]
    )
