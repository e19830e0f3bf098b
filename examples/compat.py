"""What the examples use of newer versions of asyncio, for CPython 3.8 to 3.10.

Just enough for the examples: where the standard library has these, it is used.
"""

from __future__ import annotations

import asyncio
import sys

if sys.version_info >= (3, 11):
    from asyncio import TaskGroup, timeout
else:
    from contextlib import asynccontextmanager

    class TaskGroup:
        """Waits for the tasks that it started; if one or the body fails, cancels the rest.

        Of several errors it raises the first one only.
        """

        def __init__(self):
            self._tasks = set()
            self._error = None

        def create_task(self, coroutine, *, name=None):
            task = asyncio.get_running_loop().create_task(coroutine, name=name)
            self._tasks.add(task)
            task.add_done_callback(self._ended)
            return task

        def _ended(self, task):
            self._tasks.discard(task)
            if self._error is None and not task.cancelled() and task.exception() is not None:
                self._error = task.exception()
                self._parent.cancel()

        async def __aenter__(self):
            self._parent = asyncio.current_task()
            return self

        async def __aexit__(self, exc_type, exc, traceback):
            while self._tasks:
                if exc is not None:
                    for task in self._tasks:
                        task.cancel()
                left = [task for task in self._tasks if not task.done()]
                try:
                    # Those that are done aren't noted as such before the loop goes round.
                    await (asyncio.wait(left) if left else asyncio.sleep(0))
                except asyncio.CancelledError as cancelled:
                    exc = cancelled
            if self._error is not None:
                exc = self._error
            if exc is not None:
                raise exc

    @asynccontextmanager
    async def timeout(delay):
        """Cancel the body after `delay` seconds, if any, and raise `asyncio.TimeoutError`."""
        expired = False

        def expire():
            nonlocal expired
            expired = True
            task.cancel()

        task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        handle = None if delay is None else loop.call_later(delay, expire)
        try:
            yield
        except asyncio.CancelledError:
            if expired:
                raise asyncio.TimeoutError from None
            raise
        finally:
            if handle is not None:
                handle.cancel()


__all__ = ["TaskGroup", "timeout"]
