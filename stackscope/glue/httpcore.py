"""httpcore, and httpx, which is built on it: a connection of the pool, or the response.

Who has the connections is told by the requests and responses that tasks and threads have in their
variables.
"""

from __future__ import annotations

import sys

from stackscope.glue.describing import register_call, register_class, variable
from stackscope.glue.pools import describe_connection_wait, thing_itself
from stackscope.safe.objects import stored_attribute
from stackscope.snapshot.lent import Lent, lent_by, lent_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, List, Optional

    from stackscope.model.stacks import Frame
    from stackscope.model.waiting import Waiting


def request_line(request: object) -> Optional[str]:
    """What a request asks for: ``GET http://host:8000/orders``."""
    method, url = stored_attribute(request, "method"), stored_attribute(request, "url")
    scheme, host, port, target = [
        stored_attribute(url, name) for name in ("scheme", "host", "port", "target")
    ]
    if not all(type(part) is bytes for part in (method, scheme, host, target)):
        return None
    where = b"%s://%s%s" % (scheme, host, b"" if type(port) is not int else b":%d" % port)
    line: bytes = method + b" " + where + target
    return line.decode("latin-1")


def describe_pool_wait(frame: Frame, waiting: Waiting) -> Optional[bool]:
    """A pool that has no connection to give: how many there are, and which request waits."""
    pool = variable(frame, "self")
    entry = variable(frame, "pool_request")
    if entry is None or stored_attribute(entry, "connection") is not None:
        return False  # it has one, and a call below has said what it waits for
    known = stored_attribute(pool, "_connections")
    limit = stored_attribute(pool, "_max_connections")
    used = len(known) if type(known) is list else None
    total = limit if type(limit) is int and limit < sys.maxsize else None
    describe_connection_wait(waiting, pool, used, total)
    waiting.resource = request_line(stored_attribute(entry, "request"))
    return None


def describing(call: str) -> Callable[[Frame, Waiting], None]:
    """A describer for a method that waits for a part of an answer."""

    def describe(frame: Frame, waiting: Waiting) -> None:
        waiting.clear()
        waiting.call = call
        waiting.obj = variable(frame, "self")
        waiting.resource = request_line(variable(frame, "request"))

    return describe


# --------------------------------------------------------- who has connections


def requests_served(pool: object) -> Iterable[object]:
    """The requests that a pool has given connections to, and that are not over."""
    known = stored_attribute(pool, "_requests")
    if type(known) is not list:
        return []
    return [one for one in list(known) if stored_attribute(one, "connection") is not None]


def request_of_stream(stream: object) -> Iterable[Lent]:
    """A response whose body is read: through all that is wrapped around httpcore's stream."""
    for _ in range(MOST_WRAPPERS):
        entry = stored_attribute(stream, "_pool_request")
        if entry is not None:
            return [Lent(entry)]
        inner = [stored_attribute(stream, name) for name in WRAPPED]
        found: List[Any] = [one for one in inner if one is not None]
        if not found:
            break
        stream = found[0]
    return []


WRAPPED = ("_httpcore_stream", "_stream", "stream")
"""Where a response or stream of httpx has the stream that it is made of."""

MOST_WRAPPERS = 10
"""The most streams around each other that are looked through."""

STREAMS = (
    ("httpcore._async.connection_pool", "PoolByteStream"),
    ("httpcore._sync.connection_pool", "PoolByteStream"),
    ("httpx._client", "BoundAsyncStream"),
    ("httpx._client", "BoundSyncStream"),
    ("httpx._models", "Response"),
    ("httpx._transports.default", "AsyncResponseStream"),
    ("httpx._transports.default", "ResponseStream"),
)

# ---------------------------------------------------------------- installation

WAITS = (
    ("connection", "HTTPConnection._connect", describing("a connection to the server")),
    ("http11", "HTTP11Connection._receive_response_headers", describing("the response")),
    ("http11", "HTTP11Connection._receive_response_body", describing("the body of the response")),
    ("http11", "HTTP11Connection._send_request_body", describing("sending the request")),
    ("http2", "HTTP2Connection._receive_response", describing("the response")),
    ("http2", "HTTP2Connection._receive_response_body", describing("the body of the response")),
)
"""Modules and methods, each of which is there twice; those that wait for tasks begin with Async."""


def install() -> None:
    """Register what is known about those modules that have been imported."""
    for package, prefix, infix in (("_async", "Async", "async_"), ("_sync", "", "")):
        pool_module = sys.modules.get(f"httpcore.{package}.connection_pool")
        pool = getattr(pool_module, f"{prefix}ConnectionPool", None)
        register_call(pool, f"handle_{infix}request", describe_pool_wait)
        register_class(lent_by, pool_module, f"{prefix}ConnectionPool", requests_served)
        register_class(lent_in, pool_module, f"{prefix}PoolRequest", thing_itself)
        for name, path, describer in WAITS:
            module = sys.modules.get(f"httpcore.{package}.{name}")
            register_call(module, f"{prefix}{path}", describer)
    for name, cls in STREAMS:
        register_class(lent_in, sys.modules.get(name), cls, request_of_stream)
