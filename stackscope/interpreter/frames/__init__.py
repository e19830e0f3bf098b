"""What the interpreter holds: the value stack and the variables of frames.

`reader()` gives the reader for the running interpreter, after a self-test; ``None`` where frames
can't be read exactly. Then `public_only` does what public interfaces allow.

==================  ==========================================================
`choosing`          whether frames may be read exactly, and by which reader
`base`              what a reader offers
`blockstack`        CPython 3.8 to 3.10
`interpreterframe`  CPython 3.11 and later
`freethreaded`      builds without the GIL
`pypyframe`         PyPy
`public_only`       suspended frames, through public interfaces alone
`memory`            reading the memory of a frame that may move on at any time
`liveness`          whether an address is that of an object that is alive
`copying`           copying memory that may not be mapped
`methods`           which manager an exit callable belongs to
`blocking`          the lock that a thread waits for
`calling`           the function written in C that a frame is calling
`operands`          the objects that a call into C was given
`iterating`         the suspended generators that a frame has
`references`        what a running frame refers to, reference by reference
`selftest`          a trial on frames whose contents are known
`variables`         local variables, read without a trace
==================  ==========================================================
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
