"""Web applications by the ASGI standard: which request a task answers.

A *scope* is what a server tells an application about a request.
Source: https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

from stackscope.glue.describing import code_of, variable
from stackscope.safe.objects import instance_attributes
from stackscope.snapshot.subjects import describe_subject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from stackscope.model.stacks import Frame


def request_line(scope: object) -> Optional[str]:
    """The request that a scope describes: ``GET /orders?page=2``, ``websocket /feed``."""
    if type(scope) is not dict:
        return None
    kind, path = dict.get(scope, "type"), dict.get(scope, "path")
    if kind == "lifespan":
        return "lifespan of the application"
    method = dict.get(scope, "method") if kind == "http" else kind
    if type(path) is not str or type(method) is not str:
        return None
    query = dict.get(scope, "query_string")
    if type(query) is bytes and query:
        path = f"{path}?{query.decode('latin-1')}"
    return f"{method} {path}"


def subject_of_self(frame: Frame) -> Optional[str]:
    """A method of an object that has a scope."""
    return request_line(instance_attributes(variable(frame, "self")).get("scope"))


def subject_of_variable(frame: Frame) -> Optional[str]:
    """A function that has a scope in a variable."""
    return request_line(variable(frame, "scope"))


def register_method_with_scope(owner: object, path: str) -> None:
    """Have a method of a server known whose ``self`` has a scope; see `code_of`."""
    code = code_of(owner, path)
    if code is not None:
        describe_subject.register(code, subject_of_self)


def register_function_with_scope(owner: object, path: str) -> None:
    """Have a function known that has a variable ``scope``; see `code_of`."""
    code = code_of(owner, path)
    if code is not None:
        describe_subject.register(code, subject_of_variable)
