"""The slots of a frame: one for each variable, then the value stack."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Tuple

# As in the inspect module, which takes long to import: the code is a function's.
CO_OPTIMIZED = 1
# CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR.
CO_ANY_GENERATOR = 0x20 | 0x80 | 0x200


def slot_names(code: CodeType) -> Tuple[str, ...]:
    """Names of the variables that a frame of ``code`` has slots for, in order of the slots.

    Up to 3.10 an argument that is also a cell has two slots (its first one is empty then); from
    3.11 on it has one (``co_localsplusnames``). On PyPy it has two (and its first one keeps the value
    that was passed).
    """
    cells = code.co_cellvars
    if sys.version_info >= (3, 11) and sys.implementation.name != "pypy":
        local = set(code.co_varnames)
        cells = tuple(name for name in cells if name not in local)
    return code.co_varnames + cells + code.co_freevars


FREE_THREADED = "free-threading build" in sys.version
"""Whether this is a build of CPython that can do without the global interpreter lock (PEP 703)."""


def has_gil() -> bool:
    """Whether one thread at a time runs Python code.

    Builds that can do without the lock take it again for good once a module is imported that needs it.
    """
    return not FREE_THREADED or bool(sys._is_gil_enabled())  # type: ignore[attr-defined, unused-ignore]
