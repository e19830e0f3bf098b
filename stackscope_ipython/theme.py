"""The colours of IPython's theme for our output.

What has colours elsewhere by the kinds of its spans gets a token for each kind here: one that
IPython's own tracebacks are made of. The two generations of themes, tried on 8.12 and 9.18:

- 8.x has a table of escape sequences by name, `IPython.core.excolors.exception_colors`;
- 9.x has themes that format Pygments tokens, `IPython.utils.PyColorize.theme_table`.
"""

from __future__ import annotations

import sys

from stackscope_pdb.output.console import Console

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Optional

    from IPython.core.interactiveshell import InteractiveShell

    from stackscope.render.drawing import Line

TOKENS: Dict[str, str] = {
    "alert": "ExcName",
    "class": "VName",
    "current": "Prompt",
    "error": "ExcName",
    "func": "VName",
    "lineno": "Lineno",
    "name": "Name",
    "number": "Lineno",
    "path": "Filename",
    "root": "Name",
    "state": "Filename",
    "taskname": "LinenoEm",
}
"""The token of each kind of span, by its name in 9.x. Other kinds are plain."""

NAMES_8 = {"Name": "name", "VName": "vName", "ExcName": "excName", "LinenoEm": "linenoEm"}
"""The names of 8.x where they are others than the same in small letters."""


ROWS_OF_NOTEBOOK = 40
"""How many lines of a notebook somebody sees at once."""


class ThemedConsole(Console):
    """A console that paints in the colours of the shell.

    Args:
        shell: The shell.
        stream: The file that the output goes to.
    """

    def __init__(self, shell: InteractiveShell, stream: object = None) -> None:
        name = str(getattr(shell, "colors", "")).lower()
        super().__init__(sys.stdout if stream is None else stream, colors=name != "nocolor")
        if hasattr(shell, "kernel"):  # a notebook is no terminal, but is read by a person
            self.rows: int = ROWS_OF_NOTEBOOK
            self.colors: bool = name != "nocolor" and _not_forbidden()
        self._paint = _painter(name) if self.colors else None
        self._source = _source_painter(name) if self.colors else None

    def _colored(self, line: Line) -> str:
        if self._paint is None:
            return super()._colored(line)
        return "".join([self._span(kind, text) for kind, text in line])

    def _span(self, kind: str, text: str) -> str:
        assert self._paint is not None
        if kind == "source" and self._source is not None:
            return self._source(text)
        token = TOKENS.get(kind)
        return self._paint(token, text) if token and text.strip() else text


def _not_forbidden() -> bool:
    import os

    return os.environ.get("PYTHON_COLORS") != "0" and not os.environ.get("NO_COLOR")


def _painter(name: str) -> Optional[Callable[[str, str], str]]:
    """What paints a piece of text by a token's name; ``None`` if the theme is of no known kind."""
    from IPython.utils import PyColorize

    themes: Any = getattr(PyColorize, "theme_table", None)
    if themes is None:
        return _painter_8(name)
    theme = themes.get(name)
    if theme is None:
        return None
    from pygments.token import Token

    return lambda token, text: str(theme.format([(getattr(Token, token), text)]))


def _painter_8(name: str) -> Optional[Callable[[str, str], str]]:
    import importlib

    try:
        module: Any = importlib.import_module("IPython.core.excolors")
    except ImportError:
        return None
    table = module.exception_colors()
    scheme = next((found for found in table if found.lower() == name), None)
    if scheme is None:
        return None
    table.set_active_scheme(scheme)
    colors = table.active_colors

    def paint(token: str, text: str) -> str:
        code = getattr(colors, NAMES_8.get(token, token.lower()), "")
        return f"{code}{text}{colors.Normal}" if code else text

    return paint


def _source_painter(name: str) -> Optional[Callable[[str], str]]:
    """What paints a piece of one line of Python as IPython does."""
    from IPython.utils import PyColorize

    make: Any = PyColorize.Parser
    try:
        if hasattr(PyColorize, "theme_table"):
            parser = make(theme_name=name)
        else:
            parser = make(style={"lightbg": "LightBG"}.get(name, name.capitalize()))
    except Exception as exc:  # a theme of somebody's own
        from stackscope.safe.interruptions import interrupts

        if interrupts(exc):
            raise
        return None

    def paint(source: str) -> str:
        try:
            painted, failed = parser.format2(source, "str")
        except Exception as exc:
            from stackscope.safe.interruptions import interrupts

            if interrupts(exc):
                raise
            return source
        # It adds line ends, and does not know what to do with part of a statement.
        return source if failed or painted is None else painted.replace("\n", "").rstrip()

    return paint
