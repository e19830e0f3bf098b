"""What the interpreter holds: the value stack and the variables of frames.

`reader()` gives the reader for the running interpreter, after a self-test, or `None` where frames
can't be read exactly; then `public_only` does what public interfaces allow.
"""

from __future__ import annotations

from stackscope.interpreter.frames.choosing import reader, set_trickery_enabled
from stackscope.interpreter.frames.variables import (
    first_argument,
    local_value,
    local_values,
    name_of_local,
)

__all__ = [
    "first_argument",
    "local_value",
    "local_values",
    "name_of_local",
    "reader",
    "set_trickery_enabled",
]
