"""multiprocessing: what is between a worker process and the function that it calls is hidden."""

from __future__ import annotations

import sys
from types import FunctionType

from stackscope.hooks import customize

PLUMBING = (
    ("multiprocessing.process", "BaseProcess", "_bootstrap"),
    ("multiprocessing.process", "BaseProcess", "run"),
    ("multiprocessing.process", "BaseProcess", "start"),
    ("multiprocessing.context", "Process", "_Popen"),
    ("multiprocessing.context", "ForkProcess", "_Popen"),
    ("multiprocessing.popen_fork", "Popen", "__init__"),
    ("multiprocessing.popen_fork", "Popen", "_launch"),
    ("multiprocessing.forkserver", "", "main"),
    ("multiprocessing.forkserver", "", "_serve_one"),
    ("multiprocessing.spawn", "", "spawn_main"),
    ("multiprocessing.spawn", "", "_main"),
    ("multiprocessing.pool", "", "worker"),
    ("multiprocessing.pool", "", "mapstar"),
    ("concurrent.futures.process", "", "_process_worker"),
    ("concurrent.futures.process", "", "_process_chunk"),
)
"""Functions by module, class and name. Those whose module isn't imported yet are left alone."""


def install() -> None:
    for module, cls, name in PLUMBING:
        owner = sys.modules.get(module)
        if cls:
            owner = getattr(owner, cls, None)
        function = getattr(owner, name, None)
        if type(function) is FunctionType:
            customize(function, hide=True)
