"""A `pdb` that knows tasks and context managers.

Use it like `pdb`::

    PYTHONBREAKPOINT=stackscope_pdb.set_trace python app.py
    python -m stackscope_pdb app.py

or by ``stackscope_pdb.set_trace()`` in the program. All commands of `pdb` work. Others are new,
such as ``tasks``, ``task``, ``threads``, ``why``, ``ctx`` and ``where --contexts``: type ``help``
at the prompt.

The debugger itself is imported when it is first used.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List

    from stackscope_pdb.debugger.own import Pdb
    from stackscope_pdb.entry.api import (
        pm,
        post_mortem,
        run,
        runcall,
        runctx,
        runeval,
        set_trace,
        set_trace_async,
    )
    from stackscope_pdb.entry.install import install, uninstall

__all__ = [
    "Pdb",
    "install",
    "pm",
    "post_mortem",
    "run",
    "runcall",
    "runctx",
    "runeval",
    "set_trace",
    "set_trace_async",
    "uninstall",
]

if sys.version_info < (3, 14):  # as `facts.HAS_ASYNC_STOPS`, which would import pdb
    __all__.remove("set_trace_async")


def __getattr__(name: str) -> Any:
    if name in ("install", "uninstall"):
        from stackscope_pdb.entry import install

        return getattr(install, name)
    if name in __all__:
        from stackscope_pdb.program.depth import room_for_calls

        with room_for_calls():  # importing takes many
            from stackscope_pdb.entry import api

        return getattr(api, name)
    if name == "set_trace_async":
        raise AttributeError("stackscope_pdb.set_trace_async needs Python 3.14 or later")
    raise AttributeError(f"module 'stackscope_pdb' has no attribute {name!r}")


def __dir__() -> List[str]:
    return sorted([*globals(), *__all__])
