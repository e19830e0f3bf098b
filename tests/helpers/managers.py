"""What tests enter and await that is of no interest itself."""

from __future__ import annotations

import types


class Manager:
    """A context manager that does nothing, synchronous and asynchronous."""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        return None


@types.coroutine
def pause():
    """Suspend once."""
    yield
