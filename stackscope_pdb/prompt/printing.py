"""What other threads print while a line is typed appears above that line, and not inside it.

Neither ``sys.stdout`` nor what a logging handler has kept of it is replaced: the ``write`` of the
stream itself is, and only while a line is read. Nothing is lost: what has no line end yet is
written when the line has been read, as is all that came too late to be shown above.
"""

from __future__ import annotations

import atexit
import sys
import threading
from _thread import allocate_lock, get_ident
from collections import deque

from stackscope_pdb.output.terminal import is_terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Deque, Dict, List, Optional, Tuple

LONGEST_WAIT = 1.0
"""Seconds that the prompt waits in the end for a thread that is just writing."""


class Others:
    """What other threads write.

    Args:
        show: Gets this object, in a thread that has written a line. It has to call `write_lines`
            then or later, in any thread, where the terminal has room for it.
    """

    def __init__(self, show: Callable[[Others], None]) -> None:
        self._show = show
        self._reader = get_ident()
        self._is_reading = True
        self._may_be_left = False
        self._written: Deque[Tuple[Any, str]] = deque()
        self._writing = allocate_lock()
        self._taken: List[Tuple[Any, Any, Any]] = []

    def __enter__(self) -> None:
        """From now on, what is written to the terminal comes here."""
        streams = {id(stream): stream for stream in (sys.stdout, sys.stderr)}
        for stream in streams.values():
            if stream is not None and is_terminal(stream):
                before = stream.__dict__.get("write")
                writer = self._writer(stream.write)
                setattr(stream, "write", writer)  # noqa: B010  (types are for the class)
                self._taken.append((stream, writer, before))
        if threading.current_thread() is not threading.main_thread():
            self._may_be_left = True  # the program may end before the line
            atexit.register(self.__exit__)

    def _writer(self, original: Callable[[str], int]) -> Callable[[str], int]:
        def write(text: str) -> int:
            if not self._is_reading or get_ident() == self._reader or not isinstance(text, str):
                return original(text)
            self._written.append((original, text))
            if not self._is_reading:
                self.write_rest()  # the line was read meanwhile
            elif "\n" in text:
                self._show_safely()
            return len(text)

        return write

    def _show_safely(self) -> None:
        try:
            self._show(self)
        except Exception as exc:  # this is the program's own thread
            from stackscope.safe.interruptions import interrupts

            if interrupts(exc):
                raise
            self._is_reading = False
            self.write_rest()

    def __exit__(self, *_exception: object) -> None:
        """The line has been read."""
        self._is_reading = False
        if self._may_be_left:
            atexit.unregister(self.__exit__)
        for stream, writer, before in self._taken:
            if stream.__dict__.get("write") is not writer:
                continue
            if before is None or getattr(before, "is_over", False):
                del stream.write
            else:
                stream.write = before
        self._taken.clear()
        if self._written:
            self.write_rest(LONGEST_WAIT)

    def write_lines(self, before: Optional[Callable[[], None]] = None) -> bool:
        """Write what there is, up to the last line end; says whether there was something.

        Args:
            before: Called first if there is something.
        """
        if not self._writing.acquire(False):
            return False  # that thread looks again in the end
        try:
            lines = self._complete()
            if lines and before is not None:
                before()
            _write(lines)
            return bool(lines)
        finally:
            self._writing.release()

    def _complete(self) -> List[Tuple[Any, str]]:
        """What was written, up to the last line end. The rest is left."""
        found = [self._written.popleft() for _ in range(len(self._written))]
        last = next((i for i in range(len(found) - 1, -1, -1) if "\n" in found[i][1]), -1)
        if last >= 0:
            original, text = found[last]
            head, end, rest = text.rpartition("\n")
            found[last] = (original, head + end)
            if rest:
                found.insert(last + 1, (original, rest))
        self._written.extendleft(reversed(found[last + 1 :]))
        return found[: last + 1]

    def write_rest(self, timeout: float = LONGEST_WAIT) -> None:
        """Write all that there is."""
        if not self._writing.acquire(timeout=timeout):
            return
        try:
            while self._written:
                _write([self._written.popleft()])
        finally:
            self._writing.release()


def _write(parts: List[Tuple[Any, str]]) -> None:
    """Write texts, each by the method that it was meant for."""
    flushes: Dict[int, Any] = {}
    for original, text in parts:
        getattr(original, "for_others", original)(text)
        stream = getattr(original, "__self__", None)
        flushes[id(stream)] = getattr(stream, "flush", None)
    for flush in flushes.values():
        if flush is not None:
            flush()
