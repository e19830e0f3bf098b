"""outcome: the functions by which trio calls a task's code are hidden."""

from __future__ import annotations

import outcome

from stackscope.extraction.hooks import customize
from stackscope.snapshot.user_code import register_runtime_package


def install() -> None:
    """Hide them."""
    register_runtime_package("outcome")
    for function in (outcome.capture, outcome.acapture, outcome.Value.send, outcome.Error.send):
        customize(function, hide=True)
