"""``await`` at the prompt of a debugger that stopped in an ordinary way.

The debugger is called by the interpreter in the middle of a task, and can't give control to the
event loop from there. `greenback` can, in tasks that have a portal. From 3.14 on there is also
`pdb.set_trace_async`, which stops inside of a coroutine of its own; a stop of that kind is not our
business.
"""

from __future__ import annotations

import ast
import inspect
import sys

from stackscope_pdb.facts import HAS_ASYNC_STOPS
from stackscope_pdb.program.turns import released

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Optional

    from stackscope_pdb.stop.host import Host


def compiled(line: str) -> Optional[CodeType]:
    """The code of a statement that awaits outside of a function; ``None`` for other lines."""
    if "await" not in line and "async" not in line:
        return None
    import warnings

    source = line.lstrip().lstrip("!").strip()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code: CodeType = compile(
                source, "<stdin>", "single", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True
            )
    except (SyntaxError, ValueError, OverflowError):
        return None
    return code if code.co_flags & inspect.CO_COROUTINE else None


def run(debugger: Host, code: CodeType) -> None:
    """Run such a statement in the current frame, in the task that the program stopped in."""
    reason = why_not()
    if reason is not None:
        debugger.refuse(reason)
        return
    displayhook = sys.displayhook
    sys.displayhook = debugger.displayhook
    try:
        # The code is a coroutine's, so this gives the coroutine and runs nothing yet.
        coroutine = eval(code, debugger.current_frame.f_globals, debugger.frame_locals())  # noqa: S307
        with released():  # meanwhile the program runs
            sys.modules["greenback"].await_(coroutine)
    except BaseException as exc:
        import traceback

        debugger.error(traceback.format_exception_only(type(exc), exc)[-1].strip())
    finally:
        sys.displayhook = displayhook


def why_not() -> Optional[str]:
    """Why nothing can be awaited here, if that is so."""
    if not _is_in_task():
        return "'await' needs a task that is running, and the program has not stopped in one."
    if _has_portal():
        return None
    portal = "'await greenback.ensure_portal()' in this task before it stops"
    if HAS_ASYNC_STOPS:
        return (
            "'await' works at a stop by 'await stackscope_pdb.set_trace_async()', or with "
            f"greenback after {portal}."
        )
    return f"'await' works with greenback, after {portal} (pip install greenback)."


def _is_in_task() -> bool:
    asyncio: Any = sys.modules.get("asyncio")
    if asyncio is not None and asyncio._get_running_loop() is not None:
        return asyncio.current_task() is not None
    trio: Any = sys.modules.get("trio.lowlevel")
    try:
        return trio is not None and trio.current_task() is not None
    except RuntimeError:
        return False


def _has_portal() -> bool:
    greenback: Any = sys.modules.get("greenback")
    try:
        return greenback is not None and bool(greenback.has_portal())
    except Exception:  # it knows no library that runs here
        return False
