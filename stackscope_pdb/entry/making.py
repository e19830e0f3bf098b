"""Who makes the debugger for a stop: we do, unless somebody has said that they do.

A module of its own, for `pytest` loads our plugin at each start, and must not load the debugger for
that.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional

    Maker = Callable[[Optional[str]], Any]

_maker: Optional[Maker] = None


def set_debugger_maker(make: Optional[Maker]) -> None:
    """Let the debuggers for `stackscope_pdb.set_trace` come from somewhere else.

    Args:
        make: Gets a line to print first, or ``None``, and gives a debugger of our class; ``None``
            undoes it.
    """
    global _maker
    _maker = make


def debugger_maker() -> Optional[Maker]:
    """What `set_debugger_maker` has set."""
    return _maker
