"""The program whose frames are drawn: small generators and coroutines, stopped inside."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from types import coroutine


class Manager:
    """A context manager that does nothing."""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        return None


@coroutine
def pause():
    yield


@contextmanager
def connection():
    yield "connection"


class Service:
    async def serve(self):
        async with Manager() as nursery:
            await pause()

    @classmethod
    async def start(cls):
        with Manager():
            await pause()


async def client(name):
    with Manager() as first, Manager():
        await pause()


# fmt: off
def many_lines():
    with Manager() as first, \
            open(  # the comment is not shown
                __file__,
                encoding="utf-8",
            ) as second:
        yield
# fmt: on


def stacked():
    with ExitStack() as stack:
        stack.enter_context(connection())
        yield
