"""What fails in the debugger itself: the user is told once, and gets the plain thing instead.

No such failure may reach the program. So each way from the debugger's machinery into a renderer, a
reader or the like goes through one of the functions here.
"""

from __future__ import annotations

import functools
import sys
from contextlib import contextmanager

from stackscope_pdb import settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, ContextManager, Iterator, List, Optional, Set, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])

_told: Set[str] = set()
"""What the user has been told about."""

_kept: Optional[List[str]] = None
"""What the user is told later, while the terminal is somebody else's."""


def guarded(what: str, instead: Callable[..., Any]) -> Callable[[F], F]:
    """Decorates a method of a debugger that must not fail.

    Args:
        what: The part that fails then, as in "the code on the screen".
        instead: What is called with the same arguments if it fails.
    """

    def decorate(method: F) -> F:
        @functools.wraps(method)
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return method(self, *args, **kwargs)
            except BaseException as exc:
                handle(what, exc, self)
            return instead(self, *args, **kwargs)

        return wrapper  # type: ignore[return-value]

    return decorate


def attempt(what: str, debugger: Any, function: Callable[..., Any], *args: Any) -> Any:
    """What ``function`` gives; ``None`` if it fails."""
    try:
        return function(*args)
    except BaseException as exc:
        handle(what, exc, debugger)
        return None


class around:  # noqa: N801  (as a function would be: a generator takes several times as long)
    """Enter a context manager, or go on without it; gives ``None`` then.

    It doesn't get to know of exceptions.

    Args:
        what: As in `attempt`.
        debugger: As in `attempt`.
        manager: Makes the context manager.
        is_needed: Whether there is any need for it.
    """

    __slots__ = ("_debugger", "_entered", "_manager", "_what")

    def __init__(
        self,
        what: str,
        debugger: Any,
        manager: Callable[[], ContextManager[Any]],
        is_needed: object = True,
    ) -> None:
        self._what = what
        self._debugger = debugger
        self._manager = manager if is_needed else None
        self._entered: Any = None

    def __enter__(self) -> Any:
        if self._manager is None:
            return None
        self._entered = attempt(self._what, self._debugger, _entered, self._manager)
        return None if self._entered is None else self._entered[1]

    def __exit__(self, *exc: object) -> None:
        if self._entered is not None:
            attempt(self._what, self._debugger, self._entered[0].__exit__, None, None, None)


def _entered(manager: Callable[[], Any]) -> Any:
    made = manager()
    return made, made.__enter__()


@contextmanager
def told_later(debugger: Any) -> Iterator[None]:
    """Tell the user in the end what fails meanwhile, for nobody may write to the terminal."""
    global _kept
    outer, _kept = _kept, []
    try:
        yield
    finally:
        texts, _kept = _kept or [], outer
        if texts:
            attempt("what is told", debugger, _write, "".join(texts), debugger)


def handle(what: str, exc: BaseException, debugger: Any) -> None:
    """Tell the user what has failed, unless ``exc`` is meant for the program.

    To be called where it was caught.

    Raises:
        BaseException: It is: Ctrl-C, the end of the program, or what a signal handler has raised.
    """
    from stackscope.safe.interruptions import interrupts

    if interrupts(exc):
        raise exc
    try:
        report = _traceback_of(exc) if settings.wants_tracebacks() else ""
        if what not in _told or report:
            _told.add(what)
            _write(f"{report}*** {_sentence(what, exc)}\n", debugger)
    except Exception as failure:  # the stream is gone, or memory is
        if interrupts(failure):
            raise


def show_traceback(exc: BaseException, debugger: Any) -> None:
    """Show the traceback of what the user is told about in another way, if that is wanted."""
    if settings.wants_tracebacks():
        _write(_traceback_of(exc), debugger)


def _sentence(what: str, exc: BaseException) -> str:
    sentence = f"A part of the debugger failed and is left out: {what} ({type(exc).__name__})."
    if settings.wants_tracebacks():
        return sentence
    return f"{sentence} STACKSCOPE_PDB_DEBUG=1 shows the traceback."


def _traceback_of(exc: BaseException) -> str:
    import traceback

    from stackscope.safe.text import safe_lines

    return safe_lines("".join(traceback.format_exception(type(exc), exc, exc.__traceback__)))


def _write(text: str, debugger: Any) -> None:
    if _kept is not None:
        _kept.append(text)
        return
    stream = getattr(debugger, "stdout", None) or sys.stderr
    stream.write(text)
    stream.flush()
