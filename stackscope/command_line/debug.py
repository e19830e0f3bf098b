"""``stackscope debug``: the same as ``python -m stackscope_pdb``."""

from __future__ import annotations

import importlib
import os
import sys

from stackscope.command_line.output import FINE, NOT_DONE, CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Sequence

__all__ = ["debug", "look_for_modules_here"]


def debug(words: Sequence[str]) -> int:
    """Do ``stackscope debug``. Gives the exit status."""
    look_for_modules_here()
    try:
        # The debugger stands on top of the library, which doesn't import it.
        cli: Any = importlib.import_module("stackscope_pdb.entry.cli")
    except ImportError as exc:
        raise CommandError(f"The debugger can't be imported: {exc}.") from None
    cli.main(words, prog="stackscope debug", not_done=NOT_DONE)
    return FINE


def look_for_modules_here() -> None:
    """Put the current folder on ``sys.path``, as ``python -m`` does.

    A script such as ``stackscope`` has its own folder there, which is no place for modules.
    """
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = os.getcwd()
