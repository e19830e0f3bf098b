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
from typing import Any, Dict, List, Optional, Sequence

from stackscope.interpreter.bytecode.blocks import Block
from stackscope.interpreter.facts import HAS_LINE_RANGES, ITEMS_HIDE_KEYWORD
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


def correct_start_lines(
    code: CodeType,
    blocks: List[Block],
    namespace: Optional[Dict[str, Any]] = None,
) -> None:
    """Move the `start_line` of blocks from their item to their keyword.

    Args:
        code: the code that the blocks belong to.
        blocks: its blocks.
        namespace: the globals of its module.
    """
    if not ITEMS_HIDE_KEYWORD or not blocks:
        return
    try:
        import linecache

        lines = lines_of_file(code.co_filename)
        if lines is None:
            lines = linecache.getlines(code.co_filename)
        if not lines and namespace is not None and _is_zipped(namespace):
            lines = linecache.getlines(code.co_filename, namespace)
    except Exception as exc:
        # The interpreter is shutting down, or a loader's get_source() has raised. What may go well
        # at another time is not remembered.
        if issubclass(type(exc), (RecursionError, MemoryError)) or interrupts(exc):
            raise
        return
    keywords: Optional[List[int]] = None
    for block in blocks:
        line = block.start_line
        if line is None or not 0 < line <= len(lines) or type(lines[line - 1]) is not str:
            continue
        if _KEYWORD_FIRST(lines[line - 1]):  # nothing of its own line stands before it
            continue
        if keywords is None:
            keywords = _keyword_lines(lines, code.co_firstlineno, blocks)
        above = bisect_left(keywords, line)
        if above:
            block.start_line = keywords[above - 1]


def _is_zipped(namespace: Dict[str, Any]) -> bool:
    """Whether the loader of a module is that of zip files. Others may run code of the program."""
    zipimport = sys.modules.get("zipimport")
    loader = dict.get(namespace, "__loader__")
    return zipimport is not None and type(loader) is zipimport.zipimporter


def _keyword_lines(lines: Sequence[str], first: int, blocks: List[Block]) -> List[int]:
    """Lines with a ``with`` keyword, from line ``first`` to the last item."""
    import tokenize

    last = max(block.start_line or 0 for block in blocks)
    first = max(first, 1)
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
