"""The interpreter's prompt, which the command ``interact`` opens."""

from __future__ import annotations

import builtins
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, NoReturn


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
