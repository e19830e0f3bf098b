"""Private. Glue: what this package knows about other libraries, and the runner that installs it.

Each library that is known has a room here, a module or a package, with the functions that are hooks
for it and an `install()` that registers them. It imports its library at the top, for it is itself
imported only when an extraction finds the library in ``sys.modules``. A library that brings glue of
its own, as a function ``_stackscope_install_glue_()``, is asked to install that instead.
"""

from __future__ import annotations

import os
import sys
import time
from _thread import get_ident
from types import ModuleType

from stackscope.extraction.errors import interrupts
from stackscope.safe.objects import mro_of, namespace_of_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Optional, Tuple

__all__ = ["make_ready"]

BUILT_IN = {
    "IPython": "ipython",
    "_pytest.runner": "pytest",
    "anyio": "anyio.common",
    "anyio._backends._asyncio": "anyio.on_asyncio",
    "anyio._backends._trio": "anyio.on_trio",
    "async_generator": "async_generator",
    "asyncio": "asyncio",
    "builtins": "stdlib",
    "concurrent.futures.process": "stdlib.multiprocessing",
    "concurrent.futures.thread": "stdlib.concurrent_futures",
    "contextlib": "stdlib.contextlib",
    "contextvars": "stdlib.contextvars",
    "gevent": "greenlets.gevent",
    "gevent.threadpool": "greenlets.gevent",
    "greenback": "greenlets.greenback",
    "greenlet": "greenlets",
    "ipdb": "ipython",
    "ipykernel": "ipython",
    "multiprocessing.forkserver": "stdlib.multiprocessing",
    "multiprocessing.pool": "stdlib.multiprocessing",
    "multiprocessing.popen_fork": "stdlib.multiprocessing",
    "multiprocessing.process": "stdlib.multiprocessing",
    "multiprocessing.spawn": "stdlib.multiprocessing",
    "outcome": "outcome",
    "pytest_asyncio.plugin": "pytest_asyncio",
    "pytest_trio.plugin": "pytest_trio",
    "threading": "stdlib.threading",
    "tornado": "ipython",
    "traitlets": "ipython",
    "trio": "trio",
    "uvloop": "uvloop",
}
"""The modules that there is glue for, and where in this package it is. A new library needs its row
here."""

OWN_GLUE = "_stackscope_install_glue_"
"""The name of the function by which a module installs its own glue."""

PATIENCE = 1.0
"""How many seconds to wait for other threads that install glue."""


_dealt_with: Dict[str, int] = {}
"""The modules that need no further look, each with the thread that has looked at it.

`dict.setdefault` claims one of them for a thread. There is no lock: a signal handler that extracts
might have interrupted the very code that holds it.
"""

_installing: Dict[str, int] = {}
"""The modules whose glue is being installed, and the threads that do it."""

_settled_state: Optional[Tuple[int, str]] = None
"""The `_state` of ``sys.modules`` when all that was in it was dealt with."""


def _forget_other_threads() -> None:
    """After a fork: there is nobody else who would finish what is being imported and installed.

    A signal may come in the middle of this, and its dump must find no module to install whose lock
    is held.
    """
    _free_own_modules()
    for name, thread in list(_installing.items()):
        if thread != get_ident():
            _dealt_with.pop(name, None)
            _installing.pop(name, None)


def _free_own_modules() -> None:
    """Let modules of this package be imported anew that another thread was importing.

    It holds their locks, for which this thread would wait for ever:
    importlib._bootstrap._ModuleLock, 3.8 to 3.15
    """
    bootstrap = sys.modules.get("_frozen_importlib")
    locks: Dict[str, Callable[[], Any]] = getattr(bootstrap, "_module_locks", {})
    for name in [name for name in {**sys.modules, **locks} if name.startswith("stackscope.")]:
        reference = locks.get(name)
        lock = None if reference is None else reference()
        if lock is not None and lock.owner in (None, get_ident()):
            continue
        # Without the GIL the lock is gone already, with all that the other threads had.
        locks.pop(name, None)
        module = sys.modules.get(name)
        if module is not None and _is_being_imported(namespace_of_module(module)):
            del sys.modules[name]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)


def make_ready() -> None:
    """Install the glue for what has been imported since the last time."""
    state = _state()
    if state is None or state != _settled_state:
        _deal_with_modules(state)


def _state() -> Optional[Tuple[int, str]]:
    """Something that changes when a module is imported, and that costs little to find out."""
    try:
        return len(sys.modules), next(reversed(sys.modules))
    except (RuntimeError, StopIteration):
        return None  # another thread is just importing something; or modules are torn down


def _deal_with_modules(state: Optional[Tuple[int, str]]) -> None:
    global _settled_state  # noqa: PLW0603
    failures = []
    settled = True
    for name, module in list(sys.modules.items()):
        if name in _dealt_with:
            continue
        namespace = namespace_of_module(module) if _is_module(module) else {}
        if module is None:  # nobody may import it, as yet
            settled = settled and name not in BUILT_IN
        elif _is_being_imported(namespace):
            settled = False  # its time is the next extraction
        elif _dealt_with.setdefault(name, get_ident()) == get_ident():
            failure = _install(name, dict.get(namespace, OWN_GLUE))
            if failure is not None:
                failures.append(failure)
    _wait_for_other_threads()
    if settled:
        _settled_state = state
    for failure in failures:
        import warnings

        warnings.warn(failure, RuntimeWarning, stacklevel=4)


def _is_module(thing: object) -> bool:
    # Not isinstance(), which asks for the __class__ of whatever somebody has put into sys.modules.
    return any(base is ModuleType for base in mro_of(type(thing)))


def _is_being_imported(namespace: Dict[str, Any]) -> bool:
    spec = dict.get(namespace, "__spec__")
    # Set while the module's code is running: importlib._bootstrap._load_unlocked, 3.8 to 3.15
    return getattr(spec, "_initializing", False) is True


def _install(name: str, own_glue: Optional[Callable[[], object]]) -> Optional[str]:
    """Install the glue for a module, if there is any. Gives a warning if that fails."""
    if own_glue is None and name not in BUILT_IN:
        return None
    _installing[name] = get_ident()
    try:
        if own_glue is not None:
            own_glue()
        else:
            module = f"{__name__}.{BUILT_IN[name]}"
            __import__(module)  # as importlib.import_module() does, but without importing that
            sys.modules[module].install()
    except BaseException as exc:
        if interrupts(exc):
            raise
        kind = "built-in" if own_glue is None else "module-provided"
        return (
            f"Failed to initialize {kind} glue for {name}: {type(exc).__name__}: {exc}. "
            "Some stacks may be shown in less detail, or with details missing."
        )
    finally:
        del _installing[name]
    return None


def _wait_for_other_threads() -> None:
    """Let other threads finish what they install, but don't insist: they may be waiting for us."""
    deadline = time.monotonic() + PATIENCE
    while any(thread != get_ident() for thread in list(_installing.values())):
        if time.monotonic() > deadline:
            break
        time.sleep(0.001)
