"""The interpreter's prompt, which the command ``interact`` opens."""

from __future__ import annotations

import builtins
import code
import sys
from contextlib import contextmanager

from stackscope_pdb.output.harmless import encodable, harmless, without_colors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, List, NoReturn, Optional

    from stackscope_pdb.stop.host import Host

BANNER = """\
*pdb interact start*
Python with copies of the variables: what you assign here stays here.
Ctrl-D goes back to the debugger."""

GOOD_BYE = "*exit from pdb interact command*"

WHOLE = "print(_)"
"""What shows all of a value that has just been shown in part."""


class Interpreter(code.InteractiveConsole):
    """That prompt.

    Args:
        debugger: The debugger, which shows values.
        namespace: The variables.
        read: Reads a line, given the prompt.
    """

    def __init__(
        self, debugger: Host, namespace: Dict[str, Any], read: Callable[[str], str]
    ) -> None:
        super().__init__(namespace, "<interact>")
        self.debugger = debugger
        self.namespace = namespace
        self.read = read

    def raw_input(self, prompt: str = "") -> str:
        """Read a line."""
        return self.read(prompt)

    def write(self, data: str) -> None:
        """Write about an error."""
        stream = self.debugger.stdout
        stream.write(encodable(harmless(without_colors(data)), stream))
        stream.flush()

    def show(self, value: object) -> None:
        """Show the value of an expression, and remember it as ``_``."""
        if value is not None:
            self.namespace["_"] = value
            self.debugger.show_value(value, WHOLE)

    def run(self) -> None:
        """Read and run lines until the user goes back."""
        before, sys.displayhook = sys.displayhook, self.show
        self.debugger.message(BANNER)
        try:
            with leaving_returns():
                self.interact(banner="", exitmsg="")
        finally:
            sys.displayhook = before
            self.debugger.message(GOOD_BYE)


@contextmanager
def completing(namespace: Dict[str, Any]) -> Iterator[None]:
    """While lines are read by readline, let Tab complete the names of a namespace."""
    import readline

    from stackscope_pdb.prompt.completion import completions_in

    found: List[str] = []

    def complete(text: str, state: int) -> Optional[str]:
        if state == 0:
            start, names = completions_in([namespace], text)
            found[:] = [text[:start] + name for name in names] if text.strip() else ["    "]
        return found[state] if state < len(found) else None

    before = readline.get_completer(), readline.get_completer_delims()
    readline.set_completer(complete)
    readline.set_completer_delims(" \t\n`~!@#$%^&*()-=+[{]}\\|;:'\",<>/?")
    try:
        yield
    finally:
        readline.set_completer(before[0])
        readline.set_completer_delims(before[1])


class _Leave:
    """Stands for ``exit`` and ``quit``, which would close the input and end the program.

    Args:
        name: What it stands for.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"Use {self.name}() or end of input to go back to the debugger"

    def __call__(self, code: object = None) -> NoReturn:
        raise SystemExit(code)


def leave_by_name(namespace: Dict[str, Any]) -> None:
    """Let ``exit`` and ``quit`` go back to the debugger's prompt, where these are builtins."""
    for name in ("exit", "quit"):
        if hasattr(builtins, name):
            namespace.setdefault(name, _Leave(name))


@contextmanager
def leaving_returns() -> Iterator[None]:
    """While that prompt is open, let ``exit`` and ``quit`` go back to the debugger's."""
    before = {name: getattr(builtins, name) for name in ("exit", "quit") if hasattr(builtins, name)}
    for name in before:
        setattr(builtins, name, _Leave(name))
    try:
        yield
    except SystemExit:
        pass
    finally:
        for name, function in before.items():
            setattr(builtins, name, function)
