"""multiprocessing: what is between a worker process and the function that it calls is hidden."""

from __future__ import annotations

import sys

from stackscope.glue.describing import hide_functions

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
    """Register what is known about the modules that are imported so far."""
    for module, cls, name in PLUMBING:
        hide_functions(sys.modules.get(module), [f"{cls}.{name}" if cls else name])
