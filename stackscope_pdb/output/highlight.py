"""Colours for source text, by Pygments where it is installed.

The environment variable ``STACKSCOPE_PDB_STYLE`` names a style of Pygments. Without it the 16
colours of the terminal are used, and of those only such as can be read on a dark and on a light
background.
"""

from __future__ import annotations

import functools
import os
import sys

from stackscope.render.style import TOKENS
from stackscope_pdb.failures import attempt
from stackscope_pdb.output.terminal import is_terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterable, Optional, Sequence, Tuple

    from pygments.formatter import Formatter
    from pygments.lexer import Lexer

STYLE_VARIABLE = "STACKSCOPE_PDB_STYLE"

INSTALL = "pip install pygments"


def highlight(source: str) -> Optional[str]:
    """A piece of Python with escape sequences; ``None`` without Pygments."""
    render = attempt("colours", None, _renderer)
    if render is None:
        return None
    # A lexer or style may be one that someone has registered.
    found: Optional[str] = attempt("colours", None, render, source)
    return found


def highlight_line(source: str) -> Optional[str]:
    """The same for a line, without importing all of Pygments if the line is simple."""
    if "pygments.lexers.python" in sys.modules or os.environ.get(STYLE_VARIABLE):
        return highlight(source)
    from stackscope_pdb.output import plain_lines

    found = colored(plain_lines.tokens(source)) if has_pygments() else None
    return highlight(source) if found is None else found


def colored(tokens: Optional[Iterable[Tuple[str, str]]]) -> Optional[str]:
    """Tokens, with what Pygments calls them, in the colours of the terminal."""
    if tokens is None:
        return None
    return "".join([_sixteen(kind, text) for kind, text in tokens])


@functools.lru_cache(maxsize=16)
def highlight_lines(sources: Tuple[str, ...]) -> Optional[Sequence[str]]:
    """Lines that follow each other, with escape sequences that don't go on over their ends.

    It is ``None`` without Pygments.
    """
    if not sources:
        return []  # not even an empty one
    text = highlight("\n".join(sources))
    return None if text is None else text.split("\n")


def complaint() -> Optional[str]:
    """A sentence about a style that was asked for and can't be had, if one was."""
    style = os.environ.get(STYLE_VARIABLE)
    if not style or _renderer() is not None:
        return None
    if not has_pygments():
        return f"{STYLE_VARIABLE}={style} needs Pygments: {INSTALL}"
    return f"{STYLE_VARIABLE}={style} is not a style of Pygments, so there are no colours."


def has_pygments() -> bool:
    """Whether Pygments is installed."""
    try:
        import pygments  # noqa: F401
    except ImportError:
        return False
    return True


@functools.lru_cache(maxsize=1)
def _renderer() -> Optional[Callable[[str], str]]:
    if not has_pygments():
        return None
    from pygments import lex

    # Not by `pygments.lexers`, which replaces itself in sys.modules while it is imported: another
    # thread may find it incomplete then.
    from pygments.lexers.python import PythonLexer

    lexer = PythonLexer(stripnl=False, ensurenl=False)
    style = os.environ.get(STYLE_VARIABLE)
    if style:
        return _renderer_of_style(style, lexer)
    return lambda source: colored((str(kind), text) for kind, text in lex(source, lexer)) or ""


def _renderer_of_style(style: str, lexer: Lexer) -> Optional[Callable[[str], str]]:
    from pygments import highlight as render
    from pygments.formatters.terminal256 import Terminal256Formatter
    from pygments.util import ClassNotFound

    try:
        formatter: Formatter[str] = Terminal256Formatter(style=style)
    except ClassNotFound:
        return None
    return lambda source: render(source, lexer, formatter)


def _in_code(code: str, text: str) -> str:
    """A token in a colour, which doesn't go on over the ends of lines."""
    parts = [f"\x1b[{code}m{part}\x1b[0m" if code and part else part for part in text.split("\n")]
    return "\n".join(parts)


def _sixteen(kind: str, text: str) -> str:
    for prefix, code in TOKENS:
        if kind.startswith(prefix):
            return _in_code(code, text)
    return text


def wants_highlighting(stream: object, *, allowed: bool) -> bool:
    """Whether source text for ``stream`` shall be coloured, and can be."""
    if not allowed or _is_surely_plain(stream):
        return False
    from stackscope.render.stream import wants_color

    return wants_color(stream) and _can_highlight()


def _can_highlight() -> bool:
    return _renderer() is not None if os.environ.get(STYLE_VARIABLE) else has_pygments()


def _is_surely_plain(stream: object) -> bool:
    """Whether there is no need to look closer, which would take imports at the first stop."""
    if is_terminal(stream):
        return False
    return "PYTHON_COLORS" not in os.environ and "FORCE_COLOR" not in os.environ


PROMPT_STYLE = {
    "pygments.comment": "italic",  # bright black is the background of some palettes
    "pygments.keyword": "bold",
    "pygments.keyword.constant": "nobold ansimagenta",
    "pygments.literal.string": "ansigreen",
    "pygments.literal.number": "ansimagenta",
    "pygments.operator.word": "bold",
    "pygments.name.builtin": "ansicyan",
    "pygments.name.builtin.pseudo": "noinherit",
    "pygments.name.decorator": "ansicyan",
    "prompt": "bold",
}
