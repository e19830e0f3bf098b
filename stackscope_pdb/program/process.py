"""The number of this process, which is asked for at every stop: the kernel isn't, each time."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

number: int = os.getpid()
"""The number of this process."""


def after_fork(function: Callable[[], object]) -> None:
    """Have a function called in each process that is forked from this one."""
    if hasattr(os, "register_at_fork"):  # there is no fork on Windows
        os.register_at_fork(after_in_child=function)


def _note() -> None:
    global number
    number = os.getpid()


after_fork(_note)
