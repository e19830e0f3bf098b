"""Showing values: `p`, `pp`, `args`, `retval`, `display`, and what an expression gives.

In a terminal a value takes one line, or as many as there are on the screen at most. Elsewhere it is
shown as the standard debugger does, unless it is so large that this would take long.
"""

from __future__ import annotations

import inspect
from contextlib import contextmanager

from stackscope_pdb.commands.arguments import WHOLE
from stackscope_pdb.debugger.basics import Basics
from stackscope_pdb.facts import GUARDS_REPRS
from stackscope_pdb.output.harmless import harmless, without_colors
from stackscope_pdb.standard import pdb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, Optional

    from stackscope_pdb.output.console import Console
    from stackscope_pdb.views.pretty import Shown

FEWEST_ROWS = 10
"""How many lines a value may have, however low the terminal is."""

ROWS_AMONG_OTHERS = 8
"""How many lines it may have if it isn't the only one."""

ROWS_IN_FILE = 200
"""How many lines it may have if they go to no terminal, and it is too large for all of it."""

COLUMNS_IN_FILE = 80

ROOM_BEFORE = len("display : ")
"""The columns that something else than the expression takes before a value."""

LONGEST_EXPRESSION = 30
"""An expression that is longer isn't repeated in a hint."""


def without_option(argument: str) -> str:
    """The expression that was typed after `p` or `pp`."""
    words = argument.split(None, 1)
    return words[1] if len(words) == 2 and words[0] == WHOLE else argument


def _expression_in(line: str) -> str:
    """What was typed, if it is an expression and nothing else; else nothing."""
    expression = line.strip()
    try:
        compile(expression, "<stdin>", "eval")
    except (SyntaxError, ValueError):
        return ""
    return expression


class ShowsValues(Basics):
    """The part of a debugger that shows values."""

    displaying: Dict[Any, Dict[str, Any]]

    def do_p(self, arg: str) -> Any:
        """p [--whole] expression

        Print the value of the expression. What doesn't fit on the screen
        is left out; a note says how much. --whole prints all.
        """
        return self._print(arg, "p", super().do_p)

    def do_pp(self, arg: str) -> Any:
        """pp [--whole] expression

        Pretty-print the value of the expression. What doesn't fit on
        the screen is left out; a note says how much. --whole
        prints all.
        """
        return self._print(arg, "pp", super().do_pp)

    def _print(self, argument: str, command: str, standard: Callable[[str], Any]) -> Any:
        expression = without_option(argument)
        if not expression.strip():
            return standard(expression)
        try:
            value = self._getval(expression)
        except BaseException:  # it has been shown
            return None
        try:
            if expression is argument:
                self._show_value(value, command, expression)
            else:
                self.message(_standard(value, command))
        except BaseException as exc:
            from stackscope.safe.interruptions import interrupts

            if interrupts(exc):
                raise
            self._tell(exc)
        return None

    def displayhook(self, obj: object) -> None:
        """Show the value of an expression that was typed as it is."""
        if obj is not None:
            self._show_value(obj, "p", _expression_in(self.lastcmd))

    def _show_value(self, value: object, command: str, expression: str) -> None:
        self.show_value(value, f"{command} {WHOLE} {_short(expression)}", command)

    def show_value(self, value: object, whole: str, command: str = "p") -> None:
        """Show a value, and if something of it is left out, say what shows all of it.

        Args:
            value: The value.
            whole: What shows all of it.
            command: The command that shows it, ``p`` or ``pp``.

        Raises:
            BaseException: Whatever its ``repr`` raises.
        """
        console = self.console
        found = self._found(value, command, self._rows(console), console)
        if found is None:
            self.message(_standard(value, command))
            return
        self.message_painted(console.uncut(found.lines))
        if not found.is_all:
            self._say_how(whole)

    def _rows(self, console: Console) -> int:
        rows = console.rows
        return max(rows - 4, FEWEST_ROWS) if rows else 0

    def _found(
        self, value: object, command: str, rows: int, console: Console, first: int = 0
    ) -> Optional[Shown]:
        """What is shown of a value; ``None`` if that is all that the standard debugger shows."""
        from stackscope_pdb.views import pretty, values

        if rows:
            return pretty.shown(value, console.width, rows, console.ellipsis, first)
        if values.is_small(value):
            return None
        if command == "pp":
            return pretty.shown(value, COLUMNS_IN_FILE, ROWS_IN_FILE, console.ellipsis)
        return pretty.shown_on_one_line(value, console.ellipsis)

    def _say_how(self, command: str) -> None:
        self.message_painted(self.console.uncut([[("note", f"'{command}' shows all of it.")]]))

    # ------------------------------------------------------------------ several values

    _rows_of_each: int = 0
    """How many lines a value may have now; 0 where that is left to the standard debugger."""

    _is_something_cut: bool = False
    """Whether something of the values was left out."""

    def do_args(self, arg: str) -> Any:
        with self._showing_several(ROWS_AMONG_OTHERS, "NAME"):
            return super().do_args(arg)

    def do_retval(self, arg: str) -> Any:
        with self._showing_several(self._rows(self.console), "__return__"):
            return super().do_retval(arg)

    def do_display(self, arg: str) -> Any:
        with self._showing_several(ROWS_AMONG_OTHERS, "EXPRESSION"):
            return super().do_display(arg)

    do_args.__doc__ = pdb.Pdb.do_args.__doc__
    do_retval.__doc__ = pdb.Pdb.do_retval.__doc__
    do_display.__doc__ = pdb.Pdb.do_display.__doc__
    do_a: Any = do_args
    do_rv: Any = do_retval

    def preloop(self) -> None:
        """Show what has changed of the expressions on display (up to 3.12)."""
        with self._showing_several(ROWS_AMONG_OTHERS, "EXPRESSION"):
            super().preloop()

    def _show_display(self) -> None:
        """Show what has changed of the expressions on display (from 3.13 on)."""
        if not self.displaying:
            return
        with self._showing_several(ROWS_AMONG_OTHERS, "EXPRESSION"):
            super()._show_display()  # type: ignore[misc]

    @contextmanager
    def _showing_several(self, rows: int, whole: str) -> Iterator[None]:
        """While values are shown among other text, by `_safe_repr`.

        Args:
            rows: How many lines each of them may have in a terminal.
            whole: What to give to `p` to see all of one that was cut.
        """
        before = self._rows_of_each, self._is_something_cut
        self._rows_of_each, self._is_something_cut = rows, False
        try:
            with self.painting():
                yield
            if self._is_something_cut:
                self._say_how(f"p {WHOLE} {whole}")
        finally:
            self._rows_of_each, self._is_something_cut = before

    def _safe_repr(self, obj: object, expr: str) -> str:
        """A value as it stands behind ``expr`` in the output of the standard debugger."""
        try:
            console = self.console
            rows = min(self._rows(console), self._rows_of_each)
            found = self._found(obj, "p", rows, console, len(expr) + ROOM_BEFORE)
            if found is None:
                return harmless(without_colors(repr(obj)))
        except Exception as exc:
            from stackscope_pdb.output.tracebacks import one_line_of

            text = f"*** repr({expr}) failed: {one_line_of(exc)} ***"
            return harmless(without_colors(text))
        self._is_something_cut = self._is_something_cut or not found.is_all
        return console.uncut(found.lines)


def _standard(value: object, command: str) -> str:
    if command == "p":
        return repr(value)
    import pprint

    return pprint.pformat(value)


def _short(expression: str) -> str:
    return expression if 0 < len(expression) <= LONGEST_EXPRESSION else "EXPRESSION"


class FormatsByRepr(Basics):
    """The commands of the standard debugger that don't guard against a failing ``__repr__`` there.

    They come after all that extends them. The texts are those of the standard debugger.
    """

    displaying: Dict[Any, Dict[str, Any]]
    _safe_repr: Callable[[object, str], str]

    def do_args(self, arg: str) -> Any:
        if GUARDS_REPRS:
            return super().do_args(arg)
        values, code = self.frame_locals(), self.current_frame.f_code
        count = code.co_argcount + code.co_kwonlyargcount
        count += bool(code.co_flags & inspect.CO_VARARGS)
        count += bool(code.co_flags & inspect.CO_VARKEYWORDS)
        for name in code.co_varnames[:count]:
            known = name in values
            text = self._safe_repr(values[name], name) if known else "*** undefined ***"
            self.message(f"{name} = {text}")
        return None

    def do_retval(self, arg: str) -> Any:
        if GUARDS_REPRS or "__return__" not in self.frame_locals():
            return super().do_retval(arg)
        self.message(self._safe_repr(self.frame_locals()["__return__"], "retval"))
        return None

    def do_display(self, arg: str) -> Any:
        if GUARDS_REPRS:
            return super().do_display(arg)
        known = self.displaying.setdefault(self.curframe, {})
        if arg:
            known[arg] = self._getval_except(arg)
            self.message(f"display {arg}: {self._safe_repr(known[arg], arg)}")
            return None
        self.message("Currently displaying:")
        for expression, value in known.items():
            self.message(f"{expression}: {self._safe_repr(value, expression)}")
        return None

    def preloop(self) -> None:
        """Show what has changed of the expressions on display."""
        if GUARDS_REPRS:
            super().preloop()
            return
        known = self.displaying.get(self.curframe) or {}
        for expression, old in known.items():
            new = self._getval_except(expression)
            if new is not old and new != old:
                known[expression] = new
                texts = self._safe_repr(new, expression), self._safe_repr(old, expression)
                self.message(f"display {expression}: {texts[0]}  [old: {texts[1]}]")
