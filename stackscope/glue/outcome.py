"""outcome: the functions by which trio calls a task's code are hidden."""

from __future__ import annotations

import outcome

from stackscope.hooks import customize


def install() -> None:
    for function in (outcome.capture, outcome.acapture, outcome.Value.send, outcome.Error.send):
        customize(function, hide=True)
