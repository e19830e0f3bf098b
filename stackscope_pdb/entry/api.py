"""The functions that start the debugger, as in `pdb`."""

from __future__ import annotations

import sys
import threading

from stackscope_pdb.debugger.own import Pdb, stop_in_standard
from stackscope_pdb.entry.making import debugger_maker
from stackscope_pdb.facts import HAS_ASYNC_STOPS
from stackscope_pdb.failures import handle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType, TracebackType
    from typing import Any, Callable, Dict, Mapping, Optional, Sequence, TypeVar, Union

    T = TypeVar("T")

_last = threading.local()
"""The debugger of each thread's last stop, which keeps aliases and breakpoints' commands for the
next one."""


def set_trace(*, header: Optional[str] = None, commands: Optional[Sequence[str]] = None) -> None:
    """Stop in the calling frame, and show the prompt.

    Args:
        header: A line to print first.
        commands: Commands to run before the prompt appears.

    Example:
        >>> stackscope_pdb.set_trace(header="Look:", commands=["tasks", "q"])  # doctest: +SKIP
    """
    stop(sys._getframe().f_back, header, commands)


def stop(
    frame: Optional[FrameType],
    header: Optional[str] = None,
    commands: Optional[Sequence[str]] = None,
) -> None:
    """Stop in ``frame``. The other arguments are those of `set_trace`."""
    try:
        debugger = _debugger(header)
        if commands is not None:
            debugger.rcLines.extend(commands)
    except BaseException as exc:
        handle("all of it", exc, None)
        stop_in_standard(frame)
        return
    debugger.set_trace(frame)


def _debugger(header: Optional[str]) -> Any:
    """The debugger for a stop: the last one if that is free, else a new one."""
    make = debugger_maker()
    if make is not None:
        return make(header)
    found: Optional[Pdb] = getattr(_last, "debugger", None)
    if found is None or not found.can_stop_again():
        found = _last.debugger = Pdb(mode="inline")
    found.header = header
    return found


def _debugger_for_event() -> Any:
    """The debugger of a thread for something that it hasn't asked to stop for."""
    found = _debugger(None)
    if debugger_maker() is None:
        found.follow_streams()  # as `set_trace` does
    return found


# pyright takes what is assigned for a method.
Pdb.makes_debugger = staticmethod(_debugger_for_event)  # pyright: ignore[reportAttributeAccessIssue]


def adopt(debugger: Optional[Pdb]) -> None:
    """Let ``debugger``, which runs the program, serve the breakpoints of this thread too."""
    _last.debugger = debugger


if HAS_ASYNC_STOPS:

    async def set_trace_async(
        *, header: Optional[str] = None, commands: Optional[Sequence[str]] = None
    ) -> None:
        """Stop in the calling coroutine, so that ``await`` works at the prompt.

        It needs Python 3.14 or later.

        Args:
            header: A line to print first.
            commands: Commands to run before the prompt appears.

        Example:
            >>> await stackscope_pdb.set_trace_async()  # doctest: +SKIP
        """
        debugger: Any = _debugger(header)
        await debugger.set_trace_async(sys._getframe().f_back, commands=commands)


def post_mortem(tb_or_exc: Union[TracebackType, BaseException, None] = None) -> None:
    """Look at the frames of an exception or a traceback.

    Args:
        tb_or_exc: The exception, or its traceback. The default is the exception that is being
            handled.

    Raises:
        ValueError: There is no exception, or it has no traceback.

    Example:
        >>> try:
        ...     {}["name"]
        ... except KeyError:
        ...     stackscope_pdb.post_mortem()  # doctest: +SKIP
    """
    subject: Union[TracebackType, BaseException, None] = tb_or_exc
    if subject is None:
        subject = sys.exc_info()[1]
    traceback = subject.__traceback__ if isinstance(subject, BaseException) else subject
    if traceback is None:
        raise ValueError(
            "A valid traceback must be passed if no exception is being handled"
            if subject is None
            else f"{type(subject).__name__} has no traceback: it has never been raised"
        )
    debugger = Pdb()
    debugger.reset()
    debugger.interaction(None, subject)


def pm() -> None:
    """Look at the frames of the last uncaught exception, at an interactive prompt.

    Raises:
        ValueError: There was no exception.

    Example:
        >>> stackscope_pdb.pm()  # doctest: +SKIP
    """
    last = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    traceback = getattr(sys, "last_traceback", None)
    if last is None and traceback is None:
        raise ValueError("No exception has ended up at an interactive prompt so far")
    post_mortem(last if last is not None and last.__traceback__ is not None else traceback)


def run(
    statement: Union[str, CodeType],
    globals: Optional[Dict[str, Any]] = None,
    locals: Optional[Mapping[str, Any]] = None,
) -> None:
    """Run a statement under the debugger, which stops before it.

    Args:
        statement: A string or code object, as for `exec`.
        globals: The global namespace; that of ``__main__`` by default.
        locals: The local namespace; ``globals`` by default.

    Example:
        >>> stackscope_pdb.run("main()")  # doctest: +SKIP
    """
    Pdb().run(statement, globals, locals)


def runeval(
    expression: str,
    globals: Optional[Dict[str, Any]] = None,
    locals: Optional[Mapping[str, Any]] = None,
) -> Any:
    """Evaluate an expression under the debugger, which stops before it.

    Args:
        expression: A string or code object, as for `eval`.
        globals: As for `run`.
        locals: As for `run`.

    Returns:
        The value of the expression.

    Example:
        >>> stackscope_pdb.runeval("main()")  # doctest: +SKIP
    """
    return Pdb().runeval(expression, globals, locals)


def runctx(statement: str, globals: Dict[str, Any], locals: Mapping[str, Any]) -> None:
    """Run a statement under the debugger: the same as `run`, as in `pdb`.

    Args:
        statement: As for `run`.
        globals: As for `run`.
        locals: As for `run`.

    Example:
        >>> stackscope_pdb.runctx("main()", globals(), locals())  # doctest: +SKIP
    """
    run(statement, globals, locals)


def runcall(func: Callable[..., T], *args: Any, **kwargs: Any) -> Optional[T]:
    """Call a function under the debugger, which stops as soon as it is entered.

    Args:
        func: The function.
        args: Its arguments.
        kwargs: Its keyword arguments.

    Returns:
        What the function has returned; ``None`` if the debugger was quit.

    Example:
        >>> stackscope_pdb.runcall(divmod, 7, 2)  # doctest: +SKIP
    """
    result: Optional[T] = Pdb().runcall(func, *args, **kwargs)
    return result
