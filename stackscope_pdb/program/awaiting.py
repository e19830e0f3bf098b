"""``await`` at the prompt.

At a stop of the ordinary way the debugger is called by the interpreter in the middle of a task, and
can't give control to the event loop from there. `greenback` can, in tasks that have a portal. From
3.14 on there is also `pdb.set_trace_async`, which stops inside a coroutine of its own: what the
user awaits is handed to that, which comes back to the prompt afterwards.

Ctrl-C gives up what is awaited. asyncio's and trio's own handlers would cancel the program's main
task.
"""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager

from stackscope_pdb.facts import HAS_ASYNC_STOPS
from stackscope_pdb.program.machinery import DEBUGGERS, module_name, outward
from stackscope_pdb.program.turns import released

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable, Coroutine, Iterator, List, Optional

    from stackscope_pdb.program.evaluating import Line
    from stackscope_pdb.stop.host import Host


def run(
    debugger: Host, line: Line, use: Optional[Callable[[object], None]] = None
) -> Optional[bool]:
    """Run a line that awaits in the current frame, in the task that the program stopped in.

    Args:
        debugger: The debugger.
        line: The line.
        use: What to do with its value, if it has one.

    Returns:
        Whether the prompt has to end for that, for a while.
    """
    reason = why_not(debugger)
    if reason is not None:
        debugger.refuse(reason)
        return None
    work = _shown(debugger, line.run_async(*debugger.namespaces()), use)
    if _is_async_stop(debugger):
        host: Any = debugger
        host.async_awaitable = work
        debugger.session.way_back = debugger.session.way_to(debugger.current_frame)
        return True
    session = debugger.session
    way_back = None if session.focus is None else session.way_to(debugger.current_frame)
    with released():  # meanwhile the program runs
        sys.modules["greenback"].await_(work)
    if way_back is not None:
        debugger.go_back(way_back)
    return None


def why_not(debugger: Host) -> Optional[str]:
    """Why nothing can be awaited here, if that is so."""
    if _is_async_stop(debugger):
        return None
    if debugger.is_post_mortem:
        return "'await' needs a task that is running, and the program isn't running any more."
    if not _is_in_task():
        return "'await' needs a task that is running, and the program has not stopped in one."
    if _has_portal():
        return None
    if getattr(debugger, "async_shim_frame", None) is not None:
        return "Another 'await' is still waiting: use this one when that has ended."
    portal = "'await greenback.ensure_portal()' in this task before it stops"
    if HAS_ASYNC_STOPS:
        return (
            "'await' works at a stop by 'await stackscope_pdb.set_trace_async()', or with "
            f"greenback after {portal}."
        )
    return f"'await' works with greenback, after {portal} (pip install greenback)."


def _is_async_stop(debugger: Host) -> bool:
    """Whether the program has stopped by `pdb.set_trace_async`, and not in what that awaits."""
    shim = getattr(debugger, "async_shim_frame", None)
    if shim is None:
        return False
    callers = (one for one in outward(shim.f_back) if not _is_debuggers(one))
    return next(callers, None) is _stopped_frame(debugger)


def _is_debuggers(frame: FrameType) -> bool:
    return module_name(frame).partition(".")[0] in DEBUGGERS


def _stopped_frame(debugger: Host) -> Optional[FrameType]:
    stack, index = debugger.session.stop
    return stack[index][0] if stack else None


def _is_in_task() -> bool:
    asyncio: Any = sys.modules.get("asyncio")
    if asyncio is not None and asyncio._get_running_loop() is not None:
        return asyncio.current_task() is not None
    return _trio_task() is not None


def _trio_task() -> Any:
    trio: Any = sys.modules.get("trio.lowlevel")
    try:
        return None if trio is None else trio.current_task()
    except RuntimeError:
        return None


def _has_portal() -> bool:
    greenback: Any = sys.modules.get("greenback")
    try:
        return greenback is not None and bool(greenback.has_portal())
    except Exception:  # it knows no library that runs here
        return False


# --------------------------------------------------------------------- in the task


async def _shown(
    debugger: Host,
    coroutine: Coroutine[Any, Any, object],
    use: Optional[Callable[[object], None]],
) -> None:
    """Await, and show what comes of it. Nothing is raised."""
    from stackscope_pdb.output.tracebacks import one_line_of

    with debugger.as_program_sees_it():
        try:
            value = await (_in_asyncio(coroutine) if _trio_task() is None else _in_trio(coroutine))
            if use is not None:
                use(value)
        except BaseException as exc:
            debugger.error(one_line_of(exc))


async def _in_asyncio(coroutine: Coroutine[Any, Any, object]) -> object:
    """Await; Ctrl-C ends in a `KeyboardInterrupt`.

    Somebody else may cancel the task meanwhile. The user sees that, and the task too as soon as it
    goes on.
    """
    import asyncio

    task: Any = asyncio.current_task()
    if task is None:  # another library's, which is none of those that are known here
        return await coroutine
    loop = task.get_loop()
    with _at_interrupt(lambda: asyncio.current_task(loop) is task) as interrupt:
        interrupt.cancel = lambda: loop.call_soon_threadsafe(interrupt.if_active, task.cancel)
        try:
            return await coroutine
        except asyncio.CancelledError:
            if hasattr(task, "uncancel"):  # 3.11+
                task.uncancel()
            if not interrupt.has_come:
                task.cancel()
                raise
    raise KeyboardInterrupt("the await was given up")


async def _in_trio(coroutine: Coroutine[Any, Any, object]) -> object:
    import trio

    task, token = trio.lowlevel.current_task(), trio.lowlevel.current_trio_token()
    with _at_interrupt(lambda: _trio_task() is task) as interrupt, trio.CancelScope() as scope:
        interrupt.cancel = lambda: token.run_sync_soon(scope.cancel)
        return await coroutine
    raise KeyboardInterrupt("the await was given up")


class _Interrupt:
    """Ctrl-C while something is awaited.

    Args:
        runs: Whether the task that awaits is running, and not suspended.
    """

    def __init__(self, runs: Callable[[], bool]) -> None:
        self.runs = runs
        self.has_come = False
        self.is_active = True
        self.cancel: Callable[[], object] = lambda: None

    def handle(self, *_: object) -> None:
        """What the signal calls."""
        if self.runs():
            raise KeyboardInterrupt("the await was given up")
        self.has_come = True
        self.cancel()

    def if_active(self, action: Callable[[], object]) -> None:
        """Do something, unless what was awaited has ended just now."""
        if self.is_active:
            action()


@contextmanager
def _at_interrupt(runs: Callable[[], bool]) -> Iterator[_Interrupt]:
    interrupt = _Interrupt(runs)
    previous: List[Any] = []
    if threading.current_thread() is threading.main_thread():
        previous.append(signal.signal(signal.SIGINT, interrupt.handle))
    try:
        yield interrupt
    finally:
        interrupt.is_active = False
        if previous and previous[0] is not None:
            signal.signal(signal.SIGINT, previous[0])
