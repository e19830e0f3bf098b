"""What the tests of context managers share."""

from __future__ import annotations

import sys
import types

from stackscope.lowlevel import contexts_active_in_frame

CPYTHON = sys.implementation.name == "cpython"


def _here():
    """The contexts of the caller."""
    return contexts_active_in_frame(sys._getframe(1), None, sys._getframe())


def _of_caller():
    """In an exit method: the contexts of the frame that runs the block."""
    return contexts_active_in_frame(sys._getframe(2), None, sys._getframe(1))


def _objects(contexts):
    return [context.obj for context in contexts]


class Manager:
    def __init__(self, name="", swallow=False):
        self.name = name
        self.swallow = swallow

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return self.swallow

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        return self.swallow


@types.coroutine
def pause():
    yield


class Static(Manager):
    @staticmethod
    def __exit__(*exc):
        return None


class Noting(Manager):
    def __init__(self, found, swallow=False):
        super().__init__("noting", swallow)
        self.found = found

    def __exit__(self, *exc):
        self.found.append(_of_caller())
        return self.swallow
