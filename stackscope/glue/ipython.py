"""IPython and Jupyter: all that runs what is typed into them is machinery; names of cells.

Tried on IPython 8.12 to 9.18, and ipykernel 6.29 to 7.4: the compiler of a shell knows the cells by
the names of their files, in `CachingCompiler._filename_map` (IPython/core/compilerop.py). A shell
in a terminal has no other active type than ``text/plain`` (IPython/terminal/interactiveshell.py).
"""

from __future__ import annotations

import sys

from stackscope.render.front_ends import register_front_end
from stackscope.snapshot.user_code import register_machinery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

PACKAGES = ("IPython", "ipdb", "ipykernel", "tornado", "traitlets")


def install() -> None:
    """Register the packages, and what a shell tells."""
    for package in PACKAGES:
        register_machinery(f"{package}.*")
    register_front_end("IPython", name_of_cell, shows_html)


def name_of_cell(filename: str) -> Optional[str]:
    """What IPython calls a cell: ``In [2]``; ``None`` for what is none."""
    shell = _shell()
    number = None if shell is None else shell.compile._filename_map.get(filename)
    return None if number is None else f"In [{number}]"


def shows_html() -> Optional[bool]:
    """Whether the shell shows HTML; ``None`` without a shell."""
    shell = _shell()
    return None if shell is None else "text/html" in shell.display_formatter.active_types


def _shell() -> Any:
    """The shell of this process, if there is one."""
    module: Any = sys.modules.get("IPython.core.interactiveshell")
    return None if module is None else module.InteractiveShell._instance
