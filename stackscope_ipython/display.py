"""Where results are shown: as coloured text in a terminal, as HTML and text in a notebook."""

from __future__ import annotations

import os
import sys
import uuid
from html import escape

from stackscope import Stack
from stackscope.render import nodes
from stackscope.render.drawing import draw
from stackscope.render.paths import with_short_paths
from stackscope.render.stack import stack_block
from stackscope.render.stream import is_terminal, write_over
from stackscope_ipython.overview import overview_lines, own_line
from stackscope_ipython.theme import ThemedConsole
from stackscope_pdb.output.console import Console

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, List, Mapping, Optional, Sequence

    from IPython.core.interactiveshell import InteractiveShell

    from stackscope.render.drawing import Line
    from stackscope_ipython.looking import View
    from stackscope_ipython.options import Request

WIDTH_OF_NOTEBOOK = 100
"""The columns of text in a notebook, where ``COLUMNS`` doesn't say how many there are."""

NOTE = '<div style="opacity:.7;font-size:90%">{}</div>'
"""What stands below the HTML of an overview."""


class Display:
    """Shows results in the way that suits the shell and the options.

    Args:
        shell: The shell.
        request: What was asked for.

    Attributes:
        is_notebook: Whether results are shown by a front end, and not in a terminal.
        console: What text is drawn on.
    """

    def __init__(self, shell: InteractiveShell, request: Request) -> None:
        self.shell = shell
        self.request = request
        self.is_notebook: bool = shows_html(shell)
        self.console: Console = _console(shell, request.has("ascii"))
        self._progress_id = ""
        self._progress_width = 0

    def text(self, lines: Iterable[Line]) -> str:
        """Lines as text for the terminal or notebook."""
        text = self.console.text(lines)
        if self.request.has("ascii"):
            return text.encode("ascii", "backslashreplace").decode("ascii")
        return text

    def show(self, text: str, html: Optional[Callable[[], str]] = None) -> None:
        """Show a text, or HTML in its place where there is some and a notebook shows it."""
        if not self.is_notebook:
            self.wipe_progress()
            print(text)
            return
        bundle = {"text/plain": text}
        if html is not None and not self.request.has("ascii") and not self.request.has("flat"):
            bundle["text/html"] = html()
        publish(bundle, self._progress_id, update=bool(self._progress_id))
        self._progress_id = ""

    # ---------------------------------------------------------------- progress

    def show_progress(self, line: str) -> None:
        """Show a line where the result will be shown, in the place of the line before."""
        if self.is_notebook:
            is_first = not self._progress_id
            self._progress_id = self._progress_id or uuid.uuid4().hex
            publish({"text/plain": line}, self._progress_id, update=not is_first)
        elif is_terminal(sys.stdout):
            self._write_over(line)

    def wipe_progress(self) -> None:
        """Take that line away, if nothing has been shown in its place."""
        if self._progress_id:
            publish({"text/plain": ""}, self._progress_id, update=True)
            self._progress_id = ""
        elif self._progress_width:
            self._write_over("")

    def _write_over(self, line: str) -> None:
        line = line[: max(self.console.width - 1, 1)]
        write_over(sys.stdout, line, self._progress_width)
        self._progress_width = len(line)

    # ------------------------------------------------------------------ stacks

    def show_result(self, result: Any) -> None:
        """Show a stack, something else that the library draws, or a list of these."""
        results = result if type(result) is list else [result]
        text = "\n\n".join([self._text_of(one).rstrip("\n") for one in results])
        self.show(text, lambda: "\n".join([self._html_of(one) for one in results]))

    def _text_of(self, result: Any) -> str:
        if type(result) is not Stack:
            bundle = result._repr_mimebundle_(include=["text/plain"])
            return str(bundle["text/plain"])
        if self.request.has("flat"):
            return "".join(result.format_flat(show_contexts=self.request.contexts))
        view = nodes.View(self.request.contexts, self.request.has("hidden"))
        layout = self.console.layout
        lines = draw(stack_block(nodes.StackNode(result, view), layout), layout)
        return self.text(map(with_short_paths, lines))

    def _html_of(self, result: Any) -> str:
        if type(result) is not Stack:
            bundle = result._repr_mimebundle_(include=["text/html"])
            return str(bundle["text/html"])
        return result.to_html(
            show_contexts=self.request.contexts, show_hidden_frames=self.request.has("hidden")
        )

    def show_diagnosis(self, diagnosis: Any) -> None:
        """Show what is stuck, and why."""
        ascii_only = self.request.has("ascii")
        lines = diagnosis.format(ascii_only=ascii_only, width=self.console.width)
        self.show("".join(lines).rstrip("\n"), diagnosis.to_html)

    # ---------------------------------------------------------------- overview

    def show_overview(self, view: View) -> None:
        """Show what everything does."""
        self.show(self.overview_text(view), lambda: self._overview_html(view))

    def overview_text(self, view: View, changes: Optional[Mapping[int, str]] = None) -> str:
        """What everything does, with signs at what has changed."""
        return self.text(overview_lines(view, self.console, changes or {}))

    def show_everything(self, view: View, headline: str) -> None:
        """Show what everything does, and the stacks of all, below a line that says why."""
        lines = view.snapshot.format(
            show_contexts=self.request.contexts,
            ascii_only=self.request.has("ascii"),
            width=self.console.width,
            findings=view.findings,
        )
        text = "\n".join([headline, "".join(lines).rstrip("\n"), *self._own(view)])
        self.show(text, lambda: f"<div>{escape(headline)}</div>{self._overview_html(view)}")

    def _own(self, view: View) -> Sequence[str]:
        own = own_line(view)
        found = [view.incomplete] if view.incomplete else []
        return [*found, f"{self.console.ellipsis} {own}"] if own else found

    def _overview_html(self, view: View) -> str:
        notes: List[str] = [NOTE.format(escape(line)) for line in self._own(view)]
        html = view.snapshot.to_html(show_contexts=self.request.contexts)
        return "\n".join([html, *notes])


def shows_html(shell: InteractiveShell) -> bool:
    """Whether a shell shows HTML."""
    formatter: Any = shell.display_formatter
    return formatter is not None and "text/html" in formatter.active_types


def publish(bundle: Mapping[str, str], display_id: str = "", *, update: bool = False) -> None:
    """Show a bundle of representations, or put it in the place of an earlier one."""
    from IPython.display import display, update_display

    show: Any = update_display if update else display
    if display_id:
        show(bundle, raw=True, display_id=display_id)
    else:
        show(bundle, raw=True)


def _console(shell: InteractiveShell, ascii_only: bool) -> Console:
    """What is drawn on. Text next to HTML has no colours, and neither has what shall be plain."""
    console: Console = (
        Console(sys.stdout, colors=False)
        if ascii_only or shows_html(shell)
        else ThemedConsole(shell)
    )
    if shows_html(shell) and not os.environ.get("COLUMNS", "").isdecimal():
        console.width = WIDTH_OF_NOTEBOOK
    console.ascii_only = console.ascii_only or ascii_only
    return console
