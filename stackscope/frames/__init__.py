"""What the interpreter holds: the value stack and the variables of frames.

`reader()` gives the reader for the running interpreter, after a self-test, or `None` where frames
can't be read exactly; then `stackscope.frames.safe` does what public interfaces allow.
"""

from __future__ import annotations

from stackscope import model
from stackscope.frames.gate import reader, set_trickery_enabled
from stackscope.frames.variables import (
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

# The model is the ground floor: it takes what it needs of frames through these two.
model.first_argument = first_argument
model.local_variables = local_values
