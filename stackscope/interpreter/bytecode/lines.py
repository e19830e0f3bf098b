"""The line of a ``with`` keyword, where the bytecode doesn't tell it.

From 3.13 on every instruction of a ``with`` item carries the position of the item's expression
(``codegen_with_inner`` in Python/codegen.c), so an item on a line of its own leads to its keyword
only through the source. ``with`` is a reserved word: the last one before the item is the item's.
Without source the item's own line stands.
"""

from __future__ import annotations

import dis
import re
import sys
from bisect import bisect_left, bisect_right
from types import CodeType
from typing import Any, Dict, List, Optional, Sequence, Set

from stackscope.interpreter.facts import HAS_LINE_RANGES
from stackscope.safe.files import lines_of_file
from stackscope.safe.interruptions import interrupts

_KEYWORD_FIRST = re.compile(r"\s*(async\s+)?with\b").match


def lines_at(code: CodeType, offsets: Sequence[int]) -> List[Optional[int]]:
    """The lines of instructions, `None` for those that have none.

    Args:
        code: the code.
        offsets: where they are, in order.
    """
    if HAS_LINE_RANGES:
        ranges = list(code.co_lines())  # type: ignore[attr-defined, unused-ignore]
        ends = [end for _, end, _ in ranges]
        found = [bisect_right(ends, offset) for offset in offsets]
        return [ranges[i][2] if i < len(ranges) else None for i in found]
    starts = [(0, None), *dis.findlinestarts(code)]
    known = [start for start, _ in starts]
    return [starts[bisect_right(known, offset) - 1][1] for offset in offsets]


class KeywordLines:
    """Finds the lines of the ``with`` keywords of a code object. Has no reference to that.

    The source is read when the first one is asked for: that is when something is drawn.

    Args:
        code: The code.
        items: The lines of its items.
        namespace: The globals of its module.
    """

    __slots__ = ("_filename", "_first", "_found", "_items", "_last", "_zipped")

    def __init__(
        self,
        code: CodeType,
        items: Sequence[Optional[int]],
        namespace: Optional[Dict[str, Any]] = None,
    ) -> None:
        self._filename: str = code.co_filename
        self._first: int = max(code.co_firstlineno, 1)
        self._items: Set[int] = {line for line in items if line is not None}
        self._last: int = max(self._items, default=0)
        self._zipped: Optional[Dict[str, Any]] = None
        if namespace is not None and _is_zipped(namespace):
            names = ("__name__", "__spec__", "__loader__")  # what linecache asks for
            self._zipped = {name: dict.get(namespace, name) for name in names}
        self._found: Optional[Dict[int, int]] = None

    def of_item(self, line: int) -> int:
        """The line of the keyword of the item on a line; that line, without source."""
        if self._found is None:
            try:
                found = self._find(self._read())
            except Exception as exc:
                # The interpreter is shutting down, or a loader's get_source() has raised. What may
                # go well at another time is not remembered.
                if interrupts(exc):
                    raise
                if issubclass(type(exc), (RecursionError, MemoryError)):
                    return line
                found = {}
            self._found = found
        return self._found.get(line, line)

    def _read(self) -> Sequence[object]:
        import linecache

        lines = lines_of_file(self._filename)
        if lines is None:
            lines = linecache.getlines(self._filename)
        if not lines and self._zipped is not None:
            lines = linecache.getlines(self._filename, self._zipped)
        return lines

    def _find(self, lines: Sequence[object]) -> Dict[int, int]:
        """The lines of the keywords that stand on others than their items."""
        keywords: Optional[List[int]] = None
        found: Dict[int, int] = {}
        for line in self._items:
            text = lines[line - 1] if 0 < line <= len(lines) else None
            if type(text) is not str or _KEYWORD_FIRST(text):
                continue  # nothing of its own line stands before it
            if keywords is None:
                keywords = _keyword_lines(lines, self._first, self._last)
            above = bisect_left(keywords, line)
            if above:
                found[line] = keywords[above - 1]
        return found


def _is_zipped(namespace: Dict[str, Any]) -> bool:
    """Whether the loader of a module is that of zip files. Others may run code of the program."""
    zipimport = sys.modules.get("zipimport")
    loader = dict.get(namespace, "__loader__")
    return zipimport is not None and type(loader) is zipimport.zipimporter


def _keyword_lines(lines: Sequence[object], first: int, last: int) -> List[int]:
    """Lines with a ``with`` keyword, from line ``first`` to line ``last``."""
    import tokenize

    # The cache of source lines may hold anything.
    source = iter([line if type(line) is str else "\n" for line in lines[first - 1 : last]])
    found: List[int] = []
    try:
        found.extend(
            token.start[0] + first - 1
            for token in tokenize.generate_tokens(lambda: next(source, ""))
            if token.type == tokenize.NAME and token.string == "with"
        )
    except (tokenize.TokenError, SyntaxError, ValueError) as exc:
        # The source ends amid a statement, or is no text (a lone surrogate); the keywords before
        # that are found.
        if interrupts(exc):
            raise
    return found
