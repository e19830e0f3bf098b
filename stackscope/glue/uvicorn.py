"""uvicorn: a task is named after the request that it answers; how the server runs is machinery."""

from __future__ import annotations

import sys
from types import ModuleType

from stackscope.glue.asgi import register_method_with_scope
from stackscope.glue.describing import code_of, variable
from stackscope.safe.objects import is_instance
from stackscope.snapshot.subjects import describe_subject
from stackscope.snapshot.user_code import register_machinery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator, Optional

    from stackscope.model.stacks import Frame

PROTOCOLS = "uvicorn.protocols."


def describe_lifespan(frame: Frame) -> Optional[str]:
    """The task that starts the application, and shuts it down."""
    return None if variable(frame, "self") is None else "lifespan of the application"


def _protocol_classes() -> Iterator[Any]:
    """The classes that run the application for one request, in the modules imported so far."""
    for name, module in list(sys.modules.items()):
        if name.startswith(PROTOCOLS) and is_instance(module, (ModuleType,)):
            for value in list(vars(module).values()):
                if isinstance(value, type) and "run_asgi" in vars(value):
                    yield value


def install() -> None:
    """Register what is known about uvicorn."""
    for cls in _protocol_classes():
        register_method_with_scope(cls, "run_asgi")
    lifespan = getattr(sys.modules.get("uvicorn.lifespan.on"), "LifespanOn", None)
    code = code_of(lifespan, "main")
    if code is not None:
        describe_subject.register(code, describe_lifespan)
    register_machinery("uvicorn.main")
    register_machinery("uvicorn.server", ["run", "serve", "_serve"])
    register_machinery("uvicorn._compat", ["asyncio_run"])
    register_machinery("uvicorn.__main__")
