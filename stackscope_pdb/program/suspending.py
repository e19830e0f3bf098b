"""A program that draws on the terminal, by prompt_toolkit or Textual, lets go of it for a prompt.

Both can do so for other programs. They are asked from the thread that their event loop runs in, or,
if that is another one, that is kept waiting. What goes wrong in it leaves the terminal as it is.
"""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack, contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, List

TOOLKIT = "prompt_toolkit.application.current"
TEXTUAL = "textual._context"
"""The modules that know which application runs."""

SECONDS = 2.0
"""How long to wait for the event loop of another thread."""


def may_draw() -> bool:
    """Whether the program has one of the libraries that draw on a terminal."""
    return TOOLKIT in sys.modules or TEXTUAL in sys.modules


@contextmanager
def program_off_terminal(is_ours: Callable[[object], bool]) -> Iterator[bool]:
    """Meanwhile, no application of the program reads from the terminal or draws on it.

    Args:
        is_ours: Tells whether an event loop is that of one of our own prompts.

    Yields:
        Whether there is such an application.
    """
    ways: List[Any] = []
    if TOOLKIT in sys.modules:
        ways.append(_toolkit(is_ours))
    if TEXTUAL in sys.modules:
        ways.append(_textual())
    with ExitStack() as stack:
        entered = [_enter(stack, way) for way in ways]
        yield any(entered)


def _enter(stack: ExitStack, way: Any) -> bool:
    try:
        return bool(stack.enter_context(way))
    except Exception as exc:
        from stackscope.safe.interruptions import interrupts

        if interrupts(exc):
            raise
        return False


@contextmanager
def _toolkit(is_ours: Callable[[object], bool]) -> Iterator[bool]:
    app = sys.modules[TOOLKIT].get_app_or_none()
    loop = app.loop if app is not None and app.is_running else None
    if app is None or loop is None or is_ours(loop):
        yield False
    elif app._loop_thread is threading.current_thread():
        with _hidden(app):
            yield True
    else:
        with _hidden_by_its_thread(app, loop):
            yield True


@contextmanager
def _hidden(app: Any) -> Iterator[None]:
    """As `prompt_toolkit.application.in_terminal` does it, which needs the event loop to go on."""
    app.renderer.erase()
    try:
        with app.input.detach(), app.input.cooked_mode():
            yield
    finally:
        app.renderer.reset()
        app.invalidate()


@contextmanager
def _hidden_by_its_thread(app: Any, loop: Any) -> Iterator[None]:
    is_hidden, is_done = threading.Event(), threading.Event()

    def hide() -> None:
        if not is_done.is_set():
            with _hidden(app):
                is_hidden.set()
                is_done.wait()

    loop.call_soon_threadsafe(hide)
    is_hidden.wait(SECONDS)
    try:
        yield
    finally:
        is_done.set()


@contextmanager
def _textual() -> Iterator[bool]:
    app: Any = sys.modules[TEXTUAL].active_app.get(None)
    if app is None or not app.is_running or app._thread_id != threading.get_ident():
        yield False
        return
    with app.suspend():
        yield True
