"""What the running `pdb` and interpreter do: the only place here that asks for versions.

Each fact is named for the behaviour, and says where it was seen.
"""

from __future__ import annotations

import bdb
import sys

from stackscope_pdb.standard import pdb

HAS_BACKENDS = sys.version_info >= (3, 14)
"""`pdb.Pdb` takes ``mode``, ``backend`` and ``colorize``; it can trace by `sys.monitoring`; and
``start_trace`` and ``stop_trace`` turn that on and off (Lib/bdb.py)."""

STOPS_AT_CALL = hasattr(bdb.Bdb, "set_stepinstr")
"""``set_trace`` stops before the line that it is called in goes on. Up to 3.12 it stops at the next
event, which may be after a ``with`` block has been left."""

HAS_MONITORING = hasattr(sys, "monitoring")  # 3.12+

HAS_ASYNC_STOPS = sys.version_info >= (3, 14)
"""There is ``pdb.set_trace_async``."""

TAKES_EXCEPTIONS = sys.version_info >= (3, 13)
"""``Pdb.interaction`` takes an exception, and ``exceptions`` lists those that it was raised
from."""

COUNTS_FRAMES = sys.version_info >= (3, 14)
"""``where N`` shows N frames."""

OWES_PLACE = not hasattr(pdb.Pdb, "execRcLines") and not hasattr(
    pdb.Pdb, "_pdbcmd_print_frame_status"
)
"""Where commands from ``.pdbrc`` or ``-c`` run at a stop, `pdb` doesn't say where that is.

Seen in the last releases of 3.11 and 3.12, and on PyPy 3.11.
"""

GUARDS_REPRS = hasattr(pdb.Pdb, "_safe_repr")  # 3.11+
"""``args``, ``retval`` and ``display`` say so if a ``__repr__`` fails, which is asked for by
``_safe_repr``."""

HAS_CONVENIENCE_VARIABLES = hasattr(pdb.Pdb, "set_convenience_variable")  # 3.12+

ONE_TASK_PER_THREAD = sys.version_info >= (3, 14)
"""A thread has one current task only, whatever its loops (``_asyncio`` of 3.14)."""

WRITES_THROUGH = sys.implementation.name == "cpython" and sys.version_info >= (3, 13)
"""``frame.f_locals`` writes through to the frame (PEP 667)."""

CAN_UNBIND = not (3, 11) <= sys.version_info < (3, 13)
"""A variable of a frame can be made unbound. 3.11 and 3.12 assign ``None`` instead, with a
warning."""

RAISES_BEFORE_JUMP = sys.version_info < (3, 12)
"""Where a trace function has jumped, an exception raised at the next ``opcode`` event still counts
as one of the place before the jump (``maybe_call_line_trace`` in Python/ceval.c)."""

ENDS_UNSEEN = sys.implementation.name == "cpython" and (3, 10) <= sys.version_info < (3, 12)
"""The end of a coroutine may be no event in the one that awaits it, as `bdb` expects (3.10, 3.11,
where tracing began after the former was awaited: YIELD_FROM and SEND in Python/ceval.c)."""

JOINS_POOLS_EARLY = sys.version_info >= (3, 9)
"""The threads of executors are waited for before functions of `atexit` run, and not by one of these
(Lib/concurrent/futures/thread.py)."""

IS_PYPY = sys.implementation.name == "pypy"

JUMPS_BY_STACK = IS_PYPY or sys.version_info >= (3, 10)
"""Whether a jump is possible is told from what is on the stack of values, and not from blocks."""

NESTS_NO_SIGNAL_HANDLERS = IS_PYPY
"""No handler of signals runs before another one has ended (tried with PyPy 3.11)."""

CHECKS_FILES_BEFORE_COMMANDS = hasattr(pdb.Pdb, "_validate_file_mtime") and not HAS_BACKENDS
"""Each command says if a file has been changed since it was run; from 3.14 on, each stop does.
(``onecmd`` in Lib/pdb.py of 3.13)"""

CAN_ATTACH = hasattr(sys, "remote_exec")  # 3.14+
