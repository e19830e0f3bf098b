"""contextvars: ``Context.run()`` is hidden where it is Python code, as it is on PyPy."""

from __future__ import annotations

import contextvars
from types import FunctionType

from stackscope.glue.reading import class_attribute
from stackscope.hooks import customize


def install() -> None:
    run = class_attribute(contextvars.Context, "run")
    if type(run) is FunctionType:
        customize(run, hide=True)
