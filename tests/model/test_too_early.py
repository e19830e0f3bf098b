"""What is asked of us while the code that is interrupted is importing just that of us."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest

import stackscope
from stackscope.interpreter.frames import choosing
from stackscope.safe.loading import TooEarly, loading

WORDS = "ask again later"


def early(function, *args, of="render"):
    """What a function gives while some of our modules are being imported by what called it."""
    of_these = f"stackscope.{of}."
    specs = [
        module.__spec__ for name, module in list(sys.modules.items()) if name.startswith(of_these)
    ]
    for spec in specs:
        spec._initializing = True
    try:
        return function(*args)
    finally:
        for spec in specs:
            spec._initializing = False


@pytest.fixture
def seen():
    """A snapshot with a task, and a diagnosis."""

    async def main():
        task = asyncio.ensure_future(asyncio.sleep(10))
        await asyncio.sleep(0)
        diagnosis = stackscope.diagnose()
        task.cancel()
        return diagnosis.snapshot, diagnosis

    return asyncio.run(main())


class Printer:
    def __init__(self):
        self.texts = []

    def text(self, text):
        self.texts.append(text)


def test_what_is_drawn_then(seen):
    snapshot, diagnosis = seen
    with threading.Lock():
        stack = stackscope.extract_since(None)
    frame = next(frame for frame in stack.frames if frame.contexts)
    for shown in (snapshot, diagnosis, stack, frame, frame.contexts[0]):
        assert WORDS not in "".join(shown.format())
        [line] = early(shown.format)
        assert WORDS in line
        assert line.endswith("\n")
    for shown in (snapshot, stack):
        assert WORDS not in shown.to_html()
        assert WORDS in early(shown.to_html)
        assert WORDS not in shown._repr_mimebundle_()["text/plain"]
        [(kind, text)] = early(shown._repr_mimebundle_).items()
        assert kind == "text/plain"
        assert WORDS in text
        printer = Printer()
        early(shown._repr_pretty_, printer, False)
        assert WORDS in "".join(printer.texts)


def test_what_is_seen_then():
    """This thread alone, and why the rest isn't there."""
    stackscope.extract_all()
    snapshot = early(stackscope.extract_all, of="snapshot")
    [node] = snapshot.threads
    assert node.is_here
    assert node.ident == threading.get_ident()
    assert snapshot.loops == []
    assert isinstance(node.stack.error, TooEarly)
    assert node.stack.frames[-1].funcname == "early"
    assert "stackscope was just being" in "".join(snapshot.format())


def test_how_frames_are_read_then(monkeypatch):
    """Only as public interfaces tell, and for the time being."""
    monkeypatch.setattr(choosing, "_decided", False)
    assert loading(choosing.reader) is None
    assert not choosing._decided
    choosing.reader()
    assert choosing._decided
