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

from stackscope.glue import without_locks
from stackscope.interpreter.running import thread_frames
from stackscope.safe.interruptions import interrupts
from stackscope.safe.loading import TooEarly, is_being_imported, is_called_by, loading
from stackscope.safe.objects import is_instance, namespace_of_module
from stackscope.safe.text import is_silent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable, Dict, List, Optional, Tuple

__all__ = ["make_ready"]

BUILT_IN = {
    "IPython": "ipython",
    "_pytest.runner": "pytest",
    "aiohttp.client": "aiohttp",
    "aiohttp.web_protocol": "aiohttp",
    "aiosqlite.core": "aiosqlite",
    "anyio": "anyio.common",
    "anyio._backends._asyncio": "anyio.on_asyncio",
    "anyio._backends._trio": "anyio.on_trio",
    "anyio._core._eventloop": "anyio.common",
    "anyio._core._synchronization": "anyio.common",
    "anyio._core._tasks": "anyio.common",
    "anyio.from_thread": "anyio.common",
    "anyio.streams.memory": "anyio.common",
    "anyio.to_thread": "anyio.common",
    "asgiref.current_thread_executor": "asgiref",
    "asgiref.sync": "asgiref",
    "async_generator": "async_generator",
    "asyncio": "asyncio",
    "asyncpg.pool": "asyncpg",
    "builtins": "stdlib",
    "concurrent.futures._base": "stdlib.concurrent_futures",
    "concurrent.futures.process": "stdlib.multiprocessing",
    "concurrent.futures.thread": "stdlib.concurrent_futures",
    "contextlib": "stdlib.contextlib",
    "contextvars": "stdlib.contextvars",
    "django.core.handlers.asgi": "django",
    "eventlet.greenthread": "greenlets.eventlet",
    "eventlet.queue": "greenlets.eventlet",
    "fastapi.concurrency": "starlette",
    "gevent": "greenlets.gevent",
    "gevent.pool": "greenlets.gevent",
    "gevent.threadpool": "greenlets.gevent",
    "greenback": "greenlets.greenback",
    "greenlet": "greenlets",
    "httpcore": "httpcore",
    "httpx": "httpcore",
    "hypercorn.asyncio.task_group": "hypercorn",
    "hypercorn.trio.task_group": "hypercorn",
    "ipdb": "ipython",
    "ipykernel": "ipython",
    "multiprocessing.connection": "stdlib.multiprocessing",
    "multiprocessing.forkserver": "stdlib.multiprocessing",
    "multiprocessing.pool": "stdlib.multiprocessing",
    "multiprocessing.popen_fork": "stdlib.multiprocessing",
    "multiprocessing.process": "stdlib.multiprocessing",
    "multiprocessing.queues": "stdlib.multiprocessing",
    "multiprocessing.spawn": "stdlib.multiprocessing",
    "multiprocessing.synchronize": "stdlib.multiprocessing",
    "outcome": "outcome",
    "psycopg_pool": "psycopg_pool",
    "pytest_asyncio.plugin": "pytest_asyncio",
    "pytest_trio.plugin": "pytest_trio",
    "queue": "stdlib.queues",
    "redis.asyncio": "redis",
    "redis.client": "redis",
    "sqlalchemy.ext.asyncio": "sqlalchemy",
    "sqlalchemy.orm.session": "sqlalchemy",
    "sqlalchemy.pool": "sqlalchemy",
    "sqlalchemy.util._concurrency_py3k": "sqlalchemy",
    "sqlalchemy.util.concurrency": "sqlalchemy",
    "starlette.applications": "starlette",
    "starlette.middleware.base": "starlette",
    "threading": "stdlib.threading",
    "tornado": "ipython",
    "tornado.gen": "tornado",
    "tornado.locks": "tornado",
    "traitlets": "ipython",
    "trio": "trio",
    "uvicorn.lifespan.on": "uvicorn",
    "uvicorn.protocols.http.h11_impl": "uvicorn",
    "uvicorn.protocols.http.httptools_impl": "uvicorn",
    "uvicorn.protocols.websockets.websockets_impl": "uvicorn",
    "uvicorn.protocols.websockets.websockets_sansio_impl": "uvicorn",
    "uvicorn.protocols.websockets.wsproto_impl": "uvicorn",
    "uvicorn.server": "uvicorn",
    "uvloop": "uvloop",
}
"""The modules that there is glue for, and where in this package it is. A new library needs its row
here."""

PREFIXES = {"_cython_": "cython"}
"""The same for modules that have a version in their names."""

OWN_GLUE = "_stackscope_install_glue_"
"""The name of the function by which a module installs its own glue."""

NOT_ITS_FAULT = (RecursionError, MemoryError)
"""What may be raised anywhere, and tells nothing about the glue that was to be installed."""

PATIENCE = 1.0
"""How many seconds to wait for other threads that install glue."""


_dealt_with: Dict[str, int] = {}
"""The modules that need no further look, each with the thread that has looked at it.

A module is noted when its glue is installed, and not before: whatever interrupts that, it is done
anew the next time.
"""

_installing: Dict[str, List[int]] = {}
"""The modules whose glue is being installed, and who does it: a list for each call of `_install`,
with its thread.

`dict.setdefault` claims one of them for a call. There is no lock: a signal handler that extracts
might have interrupted the very code that holds it. A claim counts as long as the thread is in
`_install`, for an exception may come before it is taken back.
"""

_settled_state: Optional[Tuple[int, str]] = None
"""The `_state` of ``sys.modules`` when all that was in it was dealt with."""


def _forget_other_threads() -> None:
    """After a fork: there is nobody else who would finish what is being imported and installed.

    A signal may come in the middle of this, and its dump must find no module to install whose lock
    is held.
    """
    _free_own_modules()
    for name, claim in list(_installing.items()):
        if claim[0] != get_ident():
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
        if is_being_imported(module):
            del sys.modules[name]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)


def make_ready(for_dump: bool = False) -> None:
    """Install the glue for what has been imported since the last time.

    Args:
        for_dump: Import nothing, wait for nobody, warn of nothing, and run no glue that a library
            has brought along: see `stackscope.glue.without_locks`.
    """
    state = _state()
    if state is None or state != _settled_state:
        _deal_with_modules(state, for_dump)


def _state() -> Optional[Tuple[int, str]]:
    """Something that changes when a module is imported, and that costs little to find out."""
    try:
        return len(sys.modules), next(reversed(sys.modules))
    except (RuntimeError, StopIteration):
        return None  # another thread is just importing something; or modules are torn down


def _deal_with_modules(state: Optional[Tuple[int, str]], for_dump: bool) -> None:
    global _settled_state  # noqa: PLW0603
    failures: List[str] = []
    settled = True
    for name, module in list(sys.modules.items()):
        if name in _dealt_with:
            continue
        if module is None:  # nobody may import it yet
            settled = settled and _glue_for(name) is None
            continue
        own_glue = None
        if is_instance(module, (ModuleType,)):
            own_glue = dict.get(namespace_of_module(module), OWN_GLUE)
        if is_being_imported(module):
            settled = False  # its time is the next extraction
        elif own_glue is None and _glue_for(name) is None:
            _dealt_with[name] = get_ident()
        elif for_dump and own_glue is not None:
            settled = False
        else:
            settled = _install(name, own_glue, for_dump, failures) and settled
    if not for_dump:
        _wait_for_other_threads()
    if settled:
        _settled_state = state
    for failure in () if is_silent() else failures:
        import warnings

        warnings.warn(failure, RuntimeWarning, stacklevel=4)


def _glue_for(name: str) -> Optional[str]:
    """The module in this package with the glue for a module; ``None`` if there is none."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    prefixes = [prefix for prefix in PREFIXES if name.startswith(prefix)]
    return PREFIXES[prefixes[0]] if prefixes else None


def _install(
    name: str, own_glue: Optional[Callable[[], object]], for_dump: bool, failures: List[str]
) -> bool:
    """Install the glue for a module. Gives whether that is done, be it with a failure."""
    claim = [get_ident()]
    try:
        if not _is_up_to(claim, name):
            return False
        if name in _dealt_with:  # between our looking at it and claiming it
            return True
        try:
            if own_glue is not None:
                own_glue()
            else:
                loading(_install_built_in, f"{__name__}.{_glue_for(name)}", for_dump)
        except BaseException as exc:
            its_fault = not is_instance(exc, NOT_ITS_FAULT)
            if interrupts(exc) or (own_glue is None and not its_fault):
                raise
            if own_glue is None and (
                for_dump or is_instance(exc, (TooEarly,)) or _somebody_imports()
            ):
                return False  # what it needs is only half there
            kind = "built-in" if own_glue is None else "module-provided"
            failures.append(
                f"Failed to initialize {kind} glue for {name}: {type(exc).__name__}: {exc}. "
                "Some stacks may be shown in less detail, or with details missing."
            )
            if not its_fault:
                return False
        # The extensions that share a module of Cython's add to it, one after the other.
        if own_glue is not None or name in BUILT_IN:
            _dealt_with[name] = get_ident()  # and only then others may claim it
        return True
    finally:
        if _installing.get(name) is claim:
            _installing.pop(name, None)


def _is_up_to(claim: List[int], name: str) -> bool:
    """Whether it is up to the call of `_install` that makes this claim to install a module's glue.

    The call is there before its claim is, or others would take the claim for one left behind.
    """
    other = _installing.get(name)
    if other is not None:
        if _is_installing(other[0], sys._getframe(2)):
            return False  # this has interrupted it, or another thread does it
        _installing.pop(name, None)
    return _installing.setdefault(name, claim) is claim


def _is_installing(thread: int, frame: Optional[FrameType] = None) -> bool:
    """Whether a thread is in `_install`; if it is this one, then in ``frame`` or its callers."""
    if thread == get_ident():
        return is_called_by(_install.__code__, frame)
    return any(frame.f_code is _install.__code__ for frame in thread_frames(thread))


def _install_built_in(module: str, for_dump: bool) -> None:
    if for_dump:
        without_locks.load(module).install()
    else:
        __import__(module)  # as importlib.import_module() does, but without importing that
        sys.modules[module].install()


def _somebody_imports() -> bool:
    """Whether any module is being imported just now."""
    return any(is_being_imported(module) for module in list(sys.modules.values()))


def _wait_for_other_threads() -> None:
    """Let other threads finish what they install, but don't insist: they may be waiting for us."""
    deadline = time.monotonic() + PATIENCE
    here = get_ident()
    while any(
        claim[0] != here and _is_installing(claim[0]) for claim in list(_installing.values())
    ):
        if time.monotonic() > deadline:
            break
        time.sleep(0.001)
