"""The kinds of spans that a line is made of, and their colours, in terminals and on pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Dict, Mapping

    from stackscope.render.drawing import Line

RESET = "\x1b[0m"


class Style(NamedTuple):
    """What a kind of spans is, and the attributes that a terminal draws it with.

    The attributes are those of "select graphic rendition".
    """

    meaning: str
    attributes: str


# Of the 16 colours only these are legible on white and on black alike: no yellow, white, black, no
# bright ones, no plain blue; what matters most and least differs by weight, which works in any
# palette.
STYLES: Dict[str, Style] = {
    "guide": Style("the lines and corners of the tree", "2"),
    "header": Style("the title of a stack, or above a table", "1"),
    "root": Style("the object that a stack belongs to", "1"),
    "class": Style("a class, with the dot after it", "36"),
    "func": Style("a function", "1;36"),
    "module": Style("a module", ""),
    "path": Style("the path of a source file", "2"),
    "lineno": Style("a line number", "35"),
    "source": Style("source text", ""),
    "description": Style("what stands for the source text of a context", ""),
    "name": Style("a variable", "32"),
    "type": Style("the type of an object", "36"),
    "comment": Style("the words around the name and type of a context", "2"),
    "leaf": Style("what remains below the last frame", "35"),
    "error": Style("the error of a stack", "31"),
    "note": Style("a remark about the drawing itself", "2"),
    "text": Style("words between others", "2"),
    # In tables:
    "number": Style("the number by which something is called", "35"),
    "current": Style("the mark at the current frame, and what runs", "1;32"),
    "state": Style("what a task or thread does", "36"),
    "taskname": Style("the name of a task or thread", "1"),
    "place": Style("where a frame stands", ""),
    "alert": Style("what needs attention", "31"),
}

TOKENS = (
    # types of tokens, as Pygments calls them, the special ones before the general
    ("Token.Comment", "2"),
    ("Token.Keyword.Constant", "35"),
    ("Token.Keyword", "1"),
    ("Token.Literal.String.Interpol", "36"),
    ("Token.Literal.String", "32"),
    ("Token.Literal.Number", "35"),
    ("Token.Operator.Word", "1"),
    ("Token.Name.Decorator", "36"),
    ("Token.Name.Builtin.Pseudo", ""),  # self
    ("Token.Name.Builtin", "36"),
    ("Token.Name.Class", "1;36"),
    ("Token.Name.Function", "1;36"),
)
"""The attributes of the tokens of source text."""


class WebColor(NamedTuple):
    """How a page shows an attribute: a name, and colours for light and for dark.

    On white and on ``#111``, the grounds of notebooks, each has a contrast of 5.5 at least.
    """

    name: str
    light: str
    dark: str


WEB_COLORS: Mapping[str, WebColor] = {
    "2": WebColor("dim", "#5a616b", "#a9afb9"),
    "31": WebColor("red", "#b3261e", "#ff8a80"),
    "32": WebColor("green", "#1a6a2e", "#81d695"),
    "35": WebColor("magenta", "#86239f", "#e0a3f5"),
    "36": WebColor("cyan", "#0a6475", "#6fd3e3"),
}
"""The colours of pages, by the attributes of terminals. Bold is a weight on pages, too."""

PALETTE: Mapping[str, str] = {kind: style.attributes for kind, style in STYLES.items()}
"""The attributes of each kind."""


def styled(line: Line, palette: Mapping[str, str] = PALETTE) -> str:
    """One line as text with ANSI escape sequences, without a line end."""
    return "".join(
        [
            f"\x1b[{palette[kind]}m{text}{RESET}" if text and palette.get(kind) else text
            for kind, text in line
        ]
    )
