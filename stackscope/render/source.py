"""Source lines, and the parts of a ``with`` statement that stands on several of them."""

from __future__ import annotations

import ast
import io
import keyword
import linecache
import tokenize
from typing import TYPE_CHECKING, Iterator, NamedTuple, Optional

from stackscope.model.saved import saved_frame
from stackscope.safe.files import known_lines, lines_of_file
from stackscope.safe.interruptions import interrupts
from stackscope.safe.text import cut, is_silent

if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Dict, List, Sequence, Tuple, Union

LONGEST_HEAD = 500
"""Lines that are searched for the end of a ``with`` statement's head."""

LONGEST_ITEM = 200
"""Characters that are shown of an item that had to be put together from several lines."""

LAYOUT_TOKENS = frozenset(
    [
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    ]
)


class WithItem(NamedTuple):
    """One item of a ``with`` statement: the statement's head without the others."""

    head: str
    target: Optional[str]


def line_text(frame: FrameType, lineno: int) -> str:
    """The stripped source line ``lineno`` of the file of ``frame``; empty if it can't be found."""
    return Sources().line(frame, lineno)


class Sources:
    """The source files that one drawing needs, each looked up once.

    To be dropped when the drawing is done, so that the next one sees what has changed meanwhile.
    """

    def __init__(self) -> None:
        self._files: Dict[str, Sequence[str]] = {}
        self._typed: Dict[int, Tuple[CodeType, Sequence[str]]] = {}
        self._statements: Dict[Tuple[str, int], Optional[List[WithItem]]] = {}

    def line(self, frame: FrameType, lineno: int) -> str:
        """The stripped source line ``lineno``; empty if it can't be found."""
        saved = saved_frame(frame)
        if saved is not None:
            return saved.f_code.lines.get(lineno, "")
        lines = self._files.get(frame.f_code.co_filename) or self._lines(frame)
        if not 1 <= lineno <= len(lines):
            return ""
        line = lines[lineno - 1]
        return line.strip() if type(line) is str else ""  # the cache may hold anything

    def with_line(self, frame: FrameType, lineno: int, index: int, varname: Optional[str]) -> str:
        """The ``with`` statement that starts on line ``lineno``, as far as it is about one item.

        Args:
            frame: A frame of the function that the statement belongs to.
            lineno: The line of the ``with`` keyword.
            index: Which item of the statement is meant, counted from 0.
            varname: What the item is known to be assigned to, or ``None``.

        Returns:
            The source line, if the whole head of the statement is on it; else the head as if this
            item were the only one, put on a single line. Empty if the source is unknown.
        """
        line = self.line(frame, lineno)
        item = _choose(self.with_items(frame, lineno), index, varname) if line else None
        return item.head if item else line

    def with_items(self, frame: FrameType, lineno: int) -> Sequence[WithItem]:
        """The items of the ``with`` statement that starts on line ``lineno``.

        There are none if the statement's head is on one line, or can't be made sense of.
        """
        saved = saved_frame(frame)
        if saved is not None:
            return saved.f_code.statements.get(lineno, ())
        key = (frame.f_code.co_filename, lineno)
        if key not in self._statements:
            is_whole = is_whole_head(self.line(frame, lineno))
            self._statements[key] = (
                None if is_whole else parse_with(self._lines(frame)[lineno - 1 :])
            )
        return self._statements[key] or ()

    def _lines(self, frame: FrameType) -> Sequence[str]:
        code = frame.f_code
        lines = self._files.get(code.co_filename)
        if lines is None:
            lines = self._files[code.co_filename] = _read_lines(frame)
        if lines:
            return lines
        typed = self._typed.get(id(code))
        if typed is None:
            typed = self._typed[id(code)] = code, _typed_lines(code)
        return typed[1]


def _read_lines(frame: FrameType) -> Sequence[str]:
    filename = frame.f_code.co_filename
    try:
        lines = lines_of_file(filename)
        if lines is not None:
            return lines
        return (
            known_lines(filename) if is_silent() else linecache.getlines(filename, frame.f_globals)
        )
    except BaseException as exc:  # a module's __loader__ may do anything
        if interrupts(exc):
            raise
        return ()


def _typed_lines(code: CodeType) -> Sequence[str]:
    """What was typed at a prompt or given by ``-c``, which 3.13+ keeps by code object."""
    try:
        return linecache._getlines_from_code(code)  # type: ignore[attr-defined,no-any-return]
    except Exception as exc:
        # It is private, missing up to 3.12, and its argument was another one in 3.13.0.
        if interrupts(exc):
            raise
        return ()


def is_whole_head(line: str) -> bool:
    """Whether a statement's head surely ends on this line, so that no closer look is needed."""
    if line[-1:] != ":" or line.count("(") != line.count(")"):
        return False
    if "[" not in line and "{" not in line:
        return True
    return line.count("[") == line.count("]") and line.count("{") == line.count("}")


def _choose(items: Sequence[WithItem], index: int, varname: Optional[str]) -> Optional[WithItem]:
    """The item number ``index``, unless only another one is assigned to ``varname``."""
    if varname is not None:
        named = [item for item in items if item.target == varname]
        if len(named) == 1:
            return named[0]
    return items[index] if index < len(items) else None


def parse_with(lines: Sequence[str]) -> Optional[List[WithItem]]:
    """The items of the ``with`` statement that the first of ``lines`` starts.

    Returns:
        The items; ``None`` if the statement's head is on one line, or can't be made sense of.
    """
    try:
        head = _statement_head(lines[:LONGEST_HEAD])
        if head is None or "\n" not in head:
            return None
        statement = ast.parse(head + " pass").body[0]
        if not isinstance(statement, (ast.With, ast.AsyncWith)):
            return None
        return list(_with_items(head, statement))
    except Exception as exc:  # not the source that was compiled, perhaps no Python at all
        if interrupts(exc):
            raise
        return None


def _statement_head(lines: Sequence[str]) -> Optional[str]:
    """The compound statement at the start of ``lines``, without indent, up to its colon."""
    indent = len(lines[0]) - len(lines[0].lstrip())
    depth = lambdas = 0
    for token in tokenize.generate_tokens(iter(lines).__next__):
        if token.type == tokenize.NEWLINE:
            return None
        if token.string in ("(", "[", "{"):
            depth += 1
        elif token.string in (")", "]", "}"):
            depth -= 1
        elif token.string == "lambda" and not depth:
            lambdas += 1
        elif token.string == ":" and not depth and token.type == tokenize.OP:
            if not lambdas:
                row, column = token.end
                return "".join([*lines[: row - 1], lines[row - 1][:column]])[indent:]
            lambdas -= 1
    return None


def _with_items(head: str, statement: Union[ast.With, ast.AsyncWith]) -> Iterator[WithItem]:
    word = "async with" if isinstance(statement, ast.AsyncWith) else "with"
    for item in statement.items:
        text = cut(_one_line(head, item.context_expr), LONGEST_ITEM)
        target = None if item.optional_vars is None else _one_line(head, item.optional_vars)
        clause = f" as {target}" if target else ""
        yield WithItem(f"{word} {text}{clause}:", target)


def _one_line(source: str, node: ast.expr) -> str:
    """The source of an expression without line breaks and comments."""
    text = ast.get_source_segment(source, node) or ""
    if "\n" in text:
        text = _joined(f"({text})")[1:-1]
    if isinstance(node, (ast.Yield, ast.YieldFrom, ast.NamedExpr)):
        return f"({text})"
    return text


def _joined(source: str) -> str:
    """An expression in parentheses, put on one line."""
    lines = source.splitlines(keepends=True)
    parts: List[str] = []
    optional_commas: List[
        bool
    ] = []  # for each open bracket: whether a comma before its end means nothing
    previous = None
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in LAYOUT_TOKENS:
            continue
        is_end = token.string in (")", "]", "}") and token.type == tokenize.OP
        if previous is not None:
            on_new_line = token.start[0] > previous.end[0]
            if on_new_line and is_end and previous.string == "," and optional_commas[-1]:
                parts.pop()
            parts.append(_gap(lines, previous, token))
        if is_end:
            optional_commas.pop()
        elif token.string in ("(", "[", "{") and token.type == tokenize.OP:
            optional_commas.append(token.string != "(" or _is_callee(previous))
        parts.append(_between(lines, token.start, token.end))
        previous = token
    return "".join(parts)


def _gap(lines: Sequence[str], left: tokenize.TokenInfo, right: tokenize.TokenInfo) -> str:
    """What is written between two neighbouring tokens, where a line break counts as a space."""
    if left.end[0] == right.start[0]:
        return _between(lines, left.end, right.start)
    if left.string in ("(", "[", "{") or right.string in (")", "]", "}", "."):
        return ""
    return " "


def _between(lines: Sequence[str], start: Tuple[int, int], end: Tuple[int, int]) -> str:
    if start[0] == end[0]:
        return lines[start[0] - 1][start[1] : end[1]]
    middle = lines[start[0] : end[0] - 1]
    return "".join([lines[start[0] - 1][start[1] :], *middle, lines[end[0] - 1][: end[1]]])


def _is_callee(token: Optional[tokenize.TokenInfo]) -> bool:
    """Whether an opening parenthesis after ``token`` is that of a call."""
    if token is None:
        return False
    if token.type == tokenize.NAME:
        return not keyword.iskeyword(token.string)
    return token.string in (")", "]")
