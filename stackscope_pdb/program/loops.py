"""Ends event loops after `quit`, with all their tasks.

A `SystemExit` in a task goes right through asyncio's loop. What ends the tasks then differs: by
`asyncio.run` they are cancelled, elsewhere not; and up to 3.11 that is given up if one of
them, such as the parent of a group, raises it once more. So the tasks are cancelled inside
the loop that still runs, and the loop ends as its main task does.

trio cancels all tasks if one fails. But if none of them was running, as with Ctrl-C while it waits,
there is none to raise an exception in. In trio's own loop it would be an internal error, which
leaves the tasks behind. There, the main task is cancelled instead.
"""

from __future__ import annotations

import atexit
import sys
import time

from stackscope_pdb.program.ending import LONGEST_EXIT
from stackscope_pdb.program.exits import is_exit, is_users
from stackscope_pdb.program.machinery import module_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, List, Optional, Sequence

PATIENCE = 0.5
"""Seconds after which a loop is ended that still runs, although its tasks have ended."""

STEP = 0.02
"""Seconds between two looks at the tasks."""

MAIN = frozenset({"_run_until_complete_cb", "done_cb"})
"""What ends a loop after a task, in asyncio and in uvloop."""

_ending: List[Any] = []
"""The loops that end."""


def running_loop() -> Optional[Any]:
    """The asyncio loop that runs in this thread."""
    asyncio: Any = sys.modules.get("asyncio")
    return asyncio._get_running_loop() if asyncio is not None else None


def is_here() -> bool:
    """Whether a loop of asyncio or a run of trio is running in this thread."""
    return running_loop() is not None or _trio_task() is not None


def current_task() -> object:
    """The task that runs in this thread; ``None`` in a callback, or without a loop."""
    loop = running_loop()
    if loop is None:
        return _trio_task() or None
    asyncio: Any = sys.modules["asyncio"]
    return asyncio.current_task()


def _trio_task() -> Any:
    """The task of trio that runs in this thread; ``False`` between two, ``None`` without a run."""
    trio: Any = sys.modules.get("trio.lowlevel")
    if trio is None:
        return None
    try:
        trio.current_trio_token()
    except (AttributeError, RuntimeError):
        return None
    try:
        return trio.current_task()
    except RuntimeError:
        return False


def tasks_on(frames: List[FrameType]) -> List[object]:
    """The tasks that are running in some frames: several, if one has started another eagerly."""
    found = [current_task()]
    loop = running_loop()
    if loop is not None:
        asyncio: Any = sys.modules["asyncio"]
        for task in asyncio.all_tasks(loop):
            frame = getattr(task.get_coro(), "cr_frame", None)
            if frame is not None and any(frame is one for one in frames):
                found.append(task)
    return [task for task in found if task is not None]


def end_this(own: Sequence[Any], *, by_exception: bool) -> bool:
    """Have the asyncio loop of this thread end its tasks, and say whether there is one.

    Args:
        own: The tasks that the program stopped in, whose exits go first.
        by_exception: Whether an exception ends these.
    """
    loop = running_loop()
    if loop is None:
        return False
    end_soon(loop, loop.call_soon, own, by_exception=by_exception)
    return True


def end_soon(loop: Any, call: Any, own: Sequence[Any] = (), *, by_exception: bool = False) -> None:
    """Have an asyncio loop end its tasks.

    Args:
        loop: The loop.
        call: Its method ``call_soon`` or, from another thread, ``call_soon_threadsafe``.
        own: The tasks that the program stopped in.
        by_exception: Whether an exception ends these.
    """
    if not any(one is loop for one in _ending):
        _ending.append(loop)
        _silence(loop)
        end = _End(loop, own, own if by_exception else ())
        atexit.register(end.finish)
        call(end.go_on)


class _End:
    """The end of an asyncio loop: each task is cancelled once, and not in the middle of an exit.

    Those go first that no other one owns or waits for: these cancel theirs themselves.
    """

    def __init__(self, loop: Any, own: Sequence[Any], cancelled: Sequence[Any]) -> None:
        import asyncio

        self._loop = loop
        self._own = [task for task in own if not _is_main(task)]
        self._tasks = [task for task in asyncio.all_tasks(loop) if not task.done()]
        self._cancelled = list(cancelled)
        self._deadline = time.monotonic() + LONGEST_EXIT

    def go_on(self) -> None:
        """Cancel those tasks whose turn it is.

        `quit` traces all that runs. A look at the tasks would take several times as long.
        """
        tracer = sys.gettrace()
        sys.settrace(None)
        try:
            self._take_turn()
        finally:
            sys.settrace(tracer)

    def _take_turn(self) -> None:
        left = [task for task in self._tasks if not task.done()]
        if not left:
            self._loop.call_later(PATIENCE, _stop)
            return
        if time.monotonic() > self._deadline:
            self._cancel(left)
        elif not any(not task.done() and _is_in_exit(task) for task in self._own):
            ready = [task for task in left if not self._is_to_wait_for(task)]
            self._cancel([task for task in ready if not _has_owner(task)] or ready)
        self._loop.call_later(STEP, self.go_on)

    def finish(self) -> None:
        """Let the tasks end whose loop has stopped before, and was not closed."""
        import asyncio

        loop = self._loop
        if loop.is_closed() or loop.is_running():
            return
        left = [task for task in asyncio.all_tasks(loop) if not task.done()]
        self._cancel([task for task in left if not any(task is one for one in self._cancelled)])
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=LONGEST_EXIT))

    def _is_to_wait_for(self, task: Any) -> bool:
        if any(task is one for one in self._cancelled):
            return True
        is_cancelled = hasattr(task, "cancelling") and task.cancelling() > 0  # 3.11+
        return is_cancelled or _is_in_exit(task)

    def _cancel(self, tasks: List[Any]) -> None:
        self._deadline += LONGEST_EXIT * (time.monotonic() > self._deadline)
        self._cancelled += tasks
        for task in tasks:
            task.cancel()


def _is_main(task: Any) -> bool:
    """Whether a loop ends as soon as a task does."""
    return bool(MAIN.intersection(_callbacks(task)))


def _has_owner(task: Any) -> bool:
    """Whether somebody seems to wait for a task, who would cancel it."""
    return not MAIN.issuperset(_callbacks(task))


def _callbacks(task: Any) -> List[str]:
    """The names of what is called when a task has ended."""
    callbacks = getattr(task, "_callbacks", None) or ()
    return [getattr(callback[0], "__name__", "") for callback in callbacks]


def _is_in_exit(task: Any) -> bool:
    """Whether a task is suspended in the middle of an exit that is the user's."""
    import stackscope

    frames = [frame.pyframe for frame in stackscope.extract(task, with_contexts=False).frames]
    return any(is_exit(frame) and is_users(frame) for frame in frames)


def _stop() -> None:
    """End a loop that nobody has stopped when its tasks had ended."""
    from stackscope_pdb.program.ending import Quit

    raise Quit(1)


def _silence(loop: Any) -> None:
    """Let the loop not log what `quit` has ended."""
    from stackscope_pdb.program.ending import is_quit
    from stackscope_pdb.program.silence import PENDING

    previous = loop.get_exception_handler()

    def handle(loop: Any, context: Any) -> None:
        if is_quit(context.get("exception")) or context.get("message") == PENDING:
            return
        if previous is not None:
            previous(loop, context)
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)


def end_idle(frame: FrameType) -> bool:
    """End the loop of this thread if it runs no task or callback, and say whether that is so.

    Args:
        frame: The innermost frame of the program.
    """
    loop = running_loop()
    if loop is not None:
        if not _is_in_loop(frame):
            return False
        end_soon(loop, loop.call_soon_threadsafe)
        return True
    return _end_idle_trio(frame)


def _is_in_loop(frame: Optional[FrameType]) -> bool:
    """Whether the innermost frames are those of an asyncio loop itself."""
    import asyncio

    if asyncio.current_task() is not None:
        return False
    own = (asyncio.__name__, "selectors", "uvloop")
    while frame is not None and module_name(frame).partition(".")[0] in own:
        if frame.f_code.co_filename == asyncio.events.__file__:  # a handle runs its callback
            return False
        if frame.f_code.co_name in ("_run_once", "run"):  # uvloop has no frames of its own
            return True
        frame = frame.f_back
    return False


def _end_idle_trio(frame: FrameType) -> bool:
    trio: Any = sys.modules.get("trio.lowlevel")
    return trio is not None and _is_in_trio(trio, frame) and end_trio()


def end_trio() -> bool:
    """Have the trio run of this thread cancel its main task, and say whether there is one."""
    trio: Any = sys.modules.get("trio.lowlevel")
    try:
        token, root = trio.current_trio_token(), trio.current_root_task()
    except (AttributeError, RuntimeError):  # nothing runs here
        return False
    token.run_sync_soon(lambda: cancel_main_task(root))
    return True


def _is_in_trio(trio: Any, frame: FrameType) -> bool:
    """Whether the innermost frames are those of the trio run itself."""
    try:
        trio.current_task()
    except RuntimeError:
        return True
    return frame.f_code.co_name == "unrolled_run"


def cancel_main_task(root: Any) -> None:
    """Cancel the main task of a trio run."""
    # The innermost nursery of the root task is the one with the main task (Runner.init in
    # trio/_core/_run.py).
    root.child_nurseries[-1].cancel_scope.cancel()


def end_from_outside(library: str, loop: Any) -> bool:
    """End a loop that runs in another thread.

    Args:
        library: Whose loop it is.
        loop: The loop, or what stands for it in a `stackscope.LoopNode`.

    Returns:
        Whether that is known how to do.
    """
    try:
        if library == "trio":
            loop.entry_queue.run_sync_soon(lambda: cancel_main_task(loop.init_task))
        else:
            end_soon(loop, loop.call_soon_threadsafe)
    except Exception:  # it has ended, or is of an unknown kind
        return False
    return True
