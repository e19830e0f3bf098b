"""What the running interpreter does: the one place that asks which one it is.

Each fact is named for the behaviour, not for the version, and says where the behaviour was seen.
What concerns the layout of a single structure stands with its reader in
`stackscope.interpreter.frames`.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Tuple

IS_CPYTHON = sys.implementation.name == "cpython"
IS_PYPY = sys.implementation.name == "pypy"
VERSION = sys.version_info[:2]

# ------------------------------------------------------------------ code objects

# As in the inspect module, which takes long to import.
CO_OPTIMIZED = 0x1
"""Set for the code of a function, whose variables live in slots."""
CO_VARARGS = 0x4
CO_ANY_GENERATOR = 0x20 | 0x80 | 0x200
"""CO_GENERATOR, CO_COROUTINE and CO_ASYNC_GENERATOR."""

BYTECODE_IS_KNOWN = IS_CPYTHON or (IS_PYPY and VERSION >= (3, 11))
"""Whether somebody has tried what `stackscope.interpreter.bytecode` says about it."""

HAS_EXCEPTION_TABLE = IS_CPYTHON and VERSION >= (3, 11)
"""A table of the code object says what handles an exception where (``co_exceptiontable``). Before,
each frame has a stack of blocks (``f_blockstack``)."""

FINALLY_IS_SUBROUTINE = IS_CPYTHON and VERSION < (3, 9)
"""A ``finally`` block is called and returned from (CALL_FINALLY, END_FINALLY in Python/ceval.c)."""

CLEANUP_TAKES_EXIT = IS_CPYTHON and VERSION < (3, 9)
"""An exit method is taken off the stack before it is called (WITH_CLEANUP_START in
Python/ceval.c)."""

LOADS_SPECIAL = IS_CPYTHON and VERSION >= (3, 14)
"""``with`` looks its methods up one by one (LOAD_SPECIAL in Python/bytecodes.c)."""

HAS_LINE_RANGES = VERSION >= (3, 10)
"""Code objects tell the lines of their instructions by themselves (PEP 626)."""

JUMPS_COUNT_UNITS = VERSION >= (3, 10)
"""The arguments of jumps count code units of two bytes, and no longer bytes."""

JUMPS_START_BEHIND = IS_CPYTHON and VERSION >= (3, 11)
"""Relative jumps are counted from behind the caches of the jump."""

ITEMS_HIDE_KEYWORD = VERSION >= (3, 13)
"""Each instruction of a ``with`` item is at the item's expression (``codegen_with_inner`` in
Python/codegen.c), so that an item on a line of its own doesn't tell where its ``with`` is."""

CELLS_SHARE_SLOTS = IS_CPYTHON and VERSION >= (3, 11)
"""An argument that is also a cell has one slot (``co_localsplusnames``).

Before, and on PyPy, it has two. The first one is empty then; on PyPy it keeps the value that was
passed.
"""


def slot_names(code: CodeType) -> Tuple[str, ...]:
    """The names of the variables that a frame of ``code`` has slots for, in order of the slots.

    The value stack follows them.
    """
    cells = code.co_cellvars
    if CELLS_SHARE_SLOTS:
        local = set(code.co_varnames)
        cells = tuple(name for name in cells if name not in local)
    return code.co_varnames + cells + code.co_freevars


# ------------------------------------------------------------------------ frames

LOCALS_ARE_COPIED = IS_CPYTHON and VERSION < (3, 13)
"""Reading ``frame.f_locals`` of a function discards what a debugger has assigned there.

``PyFrame_FastToLocals`` in Objects/frameobject.c overwrites the dictionary. From 3.13 on it is a
proxy (PEP 667).
"""

COMPREHENSIONS_ARE_INLINED = IS_CPYTHON and VERSION >= (3, 12)
"""A comprehension has no frame of its own (PEP 709).

At module or class level its variables are in slots, as in a function. While it runs,
``frame.f_locals`` is no longer the namespace: a copy with them in it (3.12, ``_PyFrame_GetLocals``
in Objects/frameobject.c), or a proxy that knows them only.
"""

TAGGED_SLOTS = IS_CPYTHON and VERSION >= (3, 14)
"""The slots of a frame hold tagged pointers (Include/internal/pycore_stackref.h)."""

NULLS_ABOVE_AWAITED = int(IS_CPYTHON and VERSION >= (3, 15))
"""How many slots of a suspended coroutine's stack are above what it awaits, all NULL: that is an
iterator of two slots (``SEND`` in Python/bytecodes.c)."""

COLLECTS_IN_CALLS = IS_CPYTHON and VERSION < (3, 12)
"""The collector may come whenever a function in C makes an object. 3.12+ collects between two
instructions only."""

STACK_IS_IN_FRAME = IS_CPYTHON and VERSION < (3, 11)
"""The collector finds the value stack of a generator through its frame object, and not through the
generator."""

MAKES_FRAMES = IS_CPYTHON and VERSION == (3, 11)
"""Asking for a frame object makes it, and that may start the collector.

Its finalizers let other threads run, so that the frame may be gone when the object is made
(``PyFrame_GetBack`` and ``_PyFrame_MakeAndSetFrameObject`` of 3.11). 3.8 to 3.10 have the objects
already; 3.12+ collects between two instructions only.
"""

# ----------------------------------------------------------- threads and the heap

FREE_THREADED = "free-threading build" in sys.version
"""Whether this is a build of CPython that can do without the global interpreter lock (PEP 703)."""


def has_gil() -> bool:
    """Whether one thread at a time runs Python code.

    Builds that can do without the lock take it again for good once a module is imported that needs
    it.
    """
    return not FREE_THREADED or bool(sys._is_gil_enabled())  # type: ignore[attr-defined, unused-ignore]


INSTANCES_REFER_TO_TYPE = IS_CPYTHON and VERSION >= (3, 9)
"""The collector sees that instances refer to their classes (``subtype_traverse`` in
Objects/typeobject.c)."""

TASKS_TELL_ALL = VERSION >= (3, 12)
"""The collector sees all that a task of asyncio refers to. Before, it doesn't see the callbacks
once it has found what it looks for (``TaskObj_traverse`` in Modules/_asynciomodule.c drops what
``FutureObj_traverse`` returns)."""


class InspectionWarning(RuntimeWarning):
    """A warning: this interpreter doesn't allow some details to be found.

    Example:
        >>> import warnings
        >>> warnings.filterwarnings("ignore", category=stackscope.InspectionWarning)
    """
