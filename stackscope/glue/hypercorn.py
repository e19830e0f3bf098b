"""hypercorn: a task is named after the request that it answers."""

from __future__ import annotations

import sys

from stackscope.glue.asgi import register_function_with_scope


def install() -> None:
    """Register what is known about hypercorn on asyncio and on trio."""
    for backend in ("asyncio", "trio"):
        module = sys.modules.get(f"hypercorn.{backend}.task_group")
        register_function_with_scope(module, "_handle")
