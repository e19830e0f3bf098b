"""Django under ASGI: a task is named after the request that it answers."""

from __future__ import annotations

import sys

from stackscope.glue.asgi import register_function_with_scope, request_line
from stackscope.glue.describing import code_of, variable
from stackscope.safe.objects import stored_attribute
from stackscope.snapshot.subjects import describe_subject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from stackscope.model.stacks import Frame


def subject_of_request(frame: Frame) -> Optional[str]:
    """A function that has the request in a variable."""
    return request_line(stored_attribute(variable(frame, "request"), "scope"))


def install() -> None:
    """Register what is known about Django's handler of requests."""
    module = sys.modules.get("django.core.handlers.asgi")
    register_function_with_scope(module, "ASGIHandler.__call__")
    code = code_of(module, "ASGIHandler.handle.process_request")  # a task of its own since 5.0
    if code is not None:
        describe_subject.register(code, subject_of_request)
