"""Where a prompt writes while doctest keeps what is printed to itself."""

from __future__ import annotations

import sys
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator


DOCTESTS = "_SpoofOut"
"""The type of what doctest has for ``sys.stdout``. Its module may be ``__main__``."""


def visible_stdout() -> Any:
    """``sys.stdout``, or what it was before doctest put something else there.

    doctest lets a debugger of its own write to that: it stands behind `pdb.set_trace` meanwhile.
    """
    if not _is_doctests(sys.stdout):
        return sys.stdout
    # The module that goes by this name, even if it isn't the standard one: doctest imports it so.
    debugger = getattr(getattr(sys.modules.get("pdb"), "set_trace", None), "__self__", None)
    return getattr(debugger, "_OutputRedirectingPdb__out", sys.stdout)


def _is_doctests(stream: object) -> bool:
    return type(stream).__name__ == DOCTESTS


def is_swallowed() -> bool:
    """Whether doctest keeps what is written to ``sys.stdout``."""
    return type(sys.stdout).__name__ == DOCTESTS


@contextmanager
def stdout_of_prompt(stream: Any) -> Iterator[None]:
    """While the prompt waits, let what writes to ``sys.stdout`` be seen."""
    previous, sys.stdout = sys.stdout, stream
    try:
        yield
    finally:
        sys.stdout = previous
