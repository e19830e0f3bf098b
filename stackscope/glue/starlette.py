"""starlette, and fastapi, which is built on it.

A task of a middleware is named after its request, and `call_next()` leads to the task that it waits
for. A dependency of fastapi's that is a generator is shown where it is entered.
"""

from __future__ import annotations

import sys
from types import FunctionType

from stackscope.extraction.hooks import unwrap_context_generator
from stackscope.glue.anyio.common import tasks_of_group
from stackscope.glue.asgi import register_function_with_scope
from stackscope.glue.describing import code_of, register_call, variable
from stackscope.snapshot.runtimes import name_of_task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stackscope.model.stacks import Context, Frame
    from stackscope.model.waiting import Waiting

BASE = "starlette.middleware.base"
CALL_NEXT = "BaseHTTPMiddleware.__call__.call_next"
DEPENDENCIES = (
    "contextmanager_in_threadpool",
    "_contextmanager_with_concurrency_limit",
    "_asynccontextmanager_with_shielded_exit",
)
"""The managers of fastapi's that have the one of a dependency as their ``cm``."""


def describe_call_next(frame: Frame, waiting: Waiting) -> None:
    """``call_next()`` of a middleware: the task that runs the rest of the application."""
    waiting.clear()
    waiting.call = "call_next()"
    waiting.obj = None
    coro = variable(frame, "coro")
    if type(coro) is FunctionType:
        # anyio names tasks so. Others in the group watch for the end of the request.
        name = f"{coro.__module__}.{coro.__qualname__}"
        tasks = tasks_of_group(variable(frame, "task_group"))
        waiting.tasks = [task for task in tasks if name_of_task(task) == name]


def unwrap_dependency(frame: Frame, context: Context) -> object:
    """A manager that only enters another one, in a thread, or so that it can end: that one."""
    return variable(frame, "cm")


def install() -> None:
    """Register what is known about those modules of theirs that have been imported."""
    base = sys.modules.get(BASE)
    register_call(base, CALL_NEXT, describe_call_next)
    register_function_with_scope(base, f"{CALL_NEXT}.coro")
    applications = sys.modules.get("starlette.applications")
    register_function_with_scope(applications, "Starlette.__call__")
    concurrency = sys.modules.get("fastapi.concurrency")
    for name in DEPENDENCIES:
        code = code_of(concurrency, name)
        if code is not None:
            unwrap_context_generator.register(code, unwrap_dependency)
