"""Frames in every state that a reader may meet."""

from __future__ import annotations

import threading
from typing import Any, Iterator

import pytest

from stackscope.interpreter.frames import choosing


@pytest.fixture(autouse=True)
def _reader_as_it_was() -> Iterator[None]:
    """Tests may choose how frames are read; the next one finds the default again."""
    choosing.reader()
    before = choosing._reader, choosing._decided
    yield
    choosing._reader, choosing._decided = before


class Blocked:
    """A thread that runs a function, which calls the `wait` that it gets, until `finish`."""

    def __init__(self, function: Any) -> None:
        self.frame: Any = None
        self._reached = threading.Event()
        self._go_on = threading.Event()
        self._thread = threading.Thread(target=function, args=(self._wait,))
        self._thread.start()
        assert self._reached.wait(10)

    def _wait(self) -> None:
        import sys

        self.frame = sys._getframe(1)
        self._reached.set()
        self._go_on.wait(10)

    def finish(self) -> None:
        self._go_on.set()
        self._thread.join()


@pytest.fixture
def in_a_thread() -> Iterator[Any]:
    """Runs a function in a thread up to its `wait()`; gives its frame."""
    started = []

    def start(function: Any) -> Any:
        started.append(Blocked(function))
        return started[-1].frame

    yield start
    for blocked in started:
        blocked.frame = None
        blocked.finish()
