"""The magics ``%stackscope`` and ``%%stackscope``."""

from __future__ import annotations

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand

import stackscope
from stackscope_ipython import files
from stackscope_ipython.cells import Guards
from stackscope_ipython.completion import Completer
from stackscope_ipython.display import Display
from stackscope_ipython.errors import Refused
from stackscope_ipython.looking import look, look_for_stuck
from stackscope_ipython.options import help_text, parse
from stackscope_ipython.patience import Patience
from stackscope_ipython.rewriting import Rewriting
from stackscope_ipython.subjects import (
    BEFORE,
    Subjects,
    has_users_code,
    interrupted_cells,
    last_exception,
)
from stackscope_ipython.watching import Watches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List

    from IPython.core.interactiveshell import InteractiveShell

    from stackscope_ipython.options import Request

NAME = "stackscope"
"""What the magics are called."""


@magics_class
class StackscopeMagics(Magics):  # type: ignore[misc,unused-ignore]
    """The magics of this package.

    Args:
        shell: The shell.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)  # type: ignore[no-untyped-call,unused-ignore]
        self.host = shell
        self.watches: Watches = Watches(shell)
        self.guards: Guards = Guards(shell)

    @no_var_expand
    @line_magic(NAME)  # type: ignore[arg-type,untyped-decorator,unused-ignore]
    def line(self, line: str) -> Any:
        try:
            return self._answer(parse(line, "line"))
        except Refused as exc:
            raise refusal(exc) from None

    @no_var_expand
    @cell_magic(NAME)  # type: ignore[arg-type,untyped-decorator,unused-ignore]
    def cell(self, line: str, cell: str) -> None:
        try:
            request = parse(line, "cell")
        except Refused as exc:
            raise refusal(exc) from None
        if request.has("help"):
            print(help_text("cell"))
        elif cell.strip():
            self.guards.run(request, cell)
        else:  # the cell follows, see `stackscope_ipython.rewriting`
            self.guards.begin(request)

    def _answer(self, request: Request) -> Any:
        if request.has("help"):
            print(help_text("line"))
            return None
        if request.has("stop"):
            print(self.watches.stop())
            return None
        display = Display(self.host, request)
        if request.has("watch"):
            self.watches.start(request, display)
            return None
        with Patience(display) as patience:
            result, view = self._result(request, patience)
            self._keep(request, result)
            if self._write(request, result) or request.has("quiet"):
                return result
            if view is not None:
                display.show_overview(view)
            elif request.has("why"):
                display.show_diagnosis(result)
            else:
                display.show_result(result)
        return result

    def _result(self, request: Request, patience: Patience) -> Any:
        """What is asked for; and for an overview the view of it."""
        if request.expression:
            subjects = Subjects(
                self.host, contexts=request.contexts, children=request.has("children")
            )
            return subjects.of(request.expression), None
        if request.has("last"):
            return _last(request), None
        if request.has("why"):
            return look_for_stuck(patience), None
        view = look(request, diagnoses=True, patience=patience)
        return view.snapshot, view

    def _keep(self, request: Request, result: object) -> None:
        name = request.text("out")
        if name is None:
            return
        if not name.isidentifier():
            raise Refused(f"-o needs the name of a variable: {name!r} isn't one.")
        self.host.user_ns[name] = result

    def _write(self, request: Request, result: Any) -> bool:
        """Write what is asked for to files; whether that was asked for."""
        json, html = request.text("json"), request.text("html")
        if json is not None:
            print(files.write_json(json, result))
        if html is not None:
            options = {} if request.has("why") else {"show_contexts": request.contexts}
            if isinstance(result, stackscope.Stack):
                options["show_hidden_frames"] = request.has("hidden")
            print(files.write_html(html, result, **options))
        return json is not None or html is not None


for _where in ("line", "cell"):
    vars(StackscopeMagics)[_where].__doc__ = help_text(_where)


def refusal(exc: Refused) -> UsageError:
    """What IPython shows as one line. It becomes the last exception: the one before is kept."""
    error = UsageError(str(exc))
    setattr(error, BEFORE, last_exception())
    return error


def _last(request: Request) -> Any:
    """The stack of the last exception, and those of interrupted cells where that tells nothing."""
    exc = last_exception()
    if exc is None:
        raise Refused("No exception has been raised yet: there is no last traceback.")
    stack = stackscope.extract(
        exc, with_contexts=request.contexts, recurse_child_tasks=request.has("children")
    )
    if has_users_code(exc):
        return stack
    snapshot = stackscope.extract_all(with_contexts=request.contexts)
    stacks = [node.stack for node in interrupted_cells(list(snapshot.tasks()))]
    return [stack, *stacks] if stacks else stack


# ---------------------------------------------------------------------- registering


class Registered:
    """What has been added to a shell, so that it can be undone.

    Args:
        shell: The shell.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.magics: StackscopeMagics = StackscopeMagics(shell)
        shell.register_magics(self.magics)
        self.completer: Completer = Completer(shell)
        self.rewriting: Rewriting = Rewriting(shell)

    def undo(self) -> None:
        """Put back what was there before."""
        manager: Any = self.shell.magics_manager
        for kind in ("line", "cell"):
            method: Any = manager.magics[kind].get(NAME)
            if getattr(method, "__self__", None) is self.magics:
                del manager.magics[kind][NAME]
        if manager.registry.get("StackscopeMagics") is self.magics:
            del manager.registry["StackscopeMagics"]
        self.completer.undo()
        self.rewriting.undo()
        self.magics.watches.stop()
        self.magics.guards.end()


_registered: List[Registered] = []


def register(shell: InteractiveShell) -> None:
    """Add the magics to a shell, with completion. Doing it twice is harmless."""
    if not any(one.shell is shell for one in _registered):
        _registered.append(Registered(shell))


def unregister(shell: InteractiveShell) -> None:
    """Undo `register`."""
    for one in [one for one in _registered if one.shell is shell]:
        _registered.remove(one)
        one.undo()
