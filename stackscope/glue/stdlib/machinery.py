"""What runs programs, modules and threads, and what debugs them: it is folded in stacks."""

from __future__ import annotations

from stackscope.snapshot.user_code import register_standard_machinery

WHOLE_MODULES = ("bdb", "cmd", "contextvars", "doctest", "pdb", "runpy")


def install() -> None:
    """Register the modules. That costs nothing, so they need not be imported."""
    register_standard_machinery(WHOLE_MODULES)
