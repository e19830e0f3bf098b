"""The standard library, but for asyncio.

====================  =============================================================================
`builtins`            generators, coroutines, async generators, and the awaitables that they make
`exceptions`          exceptions and tracebacks
`contextlib`          ``@contextmanager`` objects and exit stacks
`contextvars`         ``Context.run()``
`threading`           threads
`concurrent_futures`  calls in thread pools
`multiprocessing`     what is between a worker process and the function that it calls
`machinery`           what runs programs, and what debugs them
====================  =============================================================================

The package itself is installed always; the others when their modules have been imported.
"""

from __future__ import annotations

from stackscope.glue.stdlib import builtins, exceptions, machinery

__all__ = ["install"]


def install() -> None:
    """Register what is known about what is always there."""
    builtins.install()
    exceptions.install()
    machinery.install()
