"""The standard library, but for asyncio.

====================  =============================================================================
`builtins`            generators, coroutines, async generators, and the awaitables that they make
`by_hand`             awaitables and iterators of unknown types, around others
`exceptions`          exceptions and tracebacks
`contextlib`          ``@contextmanager`` objects and exit stacks
`contextvars`         ``Context.run()``
`importing`           modules that another thread is importing
`threading`           threads
`queues`              what threads wait for in queues
`concurrent_futures`  calls in thread pools
`multiprocessing`     what is between a worker process and the function that it calls
`processes`           what threads wait for that another process has to do
`machinery`           what runs programs, and what debugs them
====================  =============================================================================

The package itself is installed always; the others when their modules have been imported.
"""

from __future__ import annotations

from stackscope.glue.stdlib import builtins, by_hand, exceptions, importing, machinery

__all__ = ["install"]


def install() -> None:
    """Register what is known about what is always there."""
    builtins.install()
    by_hand.install()
    exceptions.install()
    importing.install()
    machinery.install()
