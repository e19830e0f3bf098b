"""Django under ASGI: a task is named after the request that it answers."""

from __future__ import annotations

import sys

from stackscope.glue.asgi import register_function_with_scope


def install() -> None:
    """Register what is known about Django's handler of requests."""
    module = sys.modules.get("django.core.handlers.asgi")
    register_function_with_scope(module, "ASGIHandler.__call__")
