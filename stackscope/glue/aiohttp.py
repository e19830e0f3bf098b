"""aiohttp: which request a task answers, and what its client waits for.

A client waits for a connection of its connector's, or for the response. Who has the connections is
told by the responses that tasks have in their variables and contexts.
"""

from __future__ import annotations

import sys
from collections import OrderedDict, deque
from urllib.parse import SplitResult, urlunsplit

from stackscope.extraction.extraction import implementation
from stackscope.glue.asyncio.waits import peer_of
from stackscope.glue.describing import code_of, register_call, register_class, variable
from stackscope.glue.pools import describe_connection_wait, thing_itself
from stackscope.safe.objects import stored_attribute
from stackscope.snapshot.lent import Lent, lent_by, lent_in
from stackscope.snapshot.subjects import describe_subject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, List, Optional

    from stackscope.model.stacks import Frame
    from stackscope.model.waiting import Waiting


# ----------------------------------------------------------------- the server


def subject_of_handler(frame: Frame) -> Optional[str]:
    """The task that answers one request of a connection."""
    message = stored_attribute(variable(frame, "request"), "_message")
    # A named tuple, or the same written in C: its fields are no code of the program's.
    method, path = getattr(message, "method", None), getattr(message, "path", None)
    if type(method) is not str or type(path) is not str:
        return None
    return f"{method} {path}"


def subject_of_connection(frame: Frame) -> Optional[str]:
    """The task that serves a connection, one request after the other."""
    peer = peer_of(stored_attribute(variable(frame, "self"), "transport"))
    return None if peer is None else f"connection from {peer}"


def describe_drain(frame: Frame, waiting: Waiting) -> None:
    """Sending goes on when the other end has read more."""
    protocol = variable(frame, "self")
    waiting.clear()
    waiting.call = "room to send"
    waiting.obj = protocol
    waiting.resource = peer_of(stored_attribute(protocol, "transport"))


# ----------------------------------------------------------------- the client


def url_text(url: object) -> Optional[str]:
    """A URL, as a string or as yarl has it, without code of yarl's."""
    if type(url) is str:
        return url
    known = stored_attribute(url, "_val")  # up to 1.17
    if type(known) is SplitResult:
        return known.geturl()
    names = ("_scheme", "_netloc", "_path", "_query", "_fragment")
    parts = [stored_attribute(url, name) or "" for name in names]
    return urlunsplit(parts) if all(type(part) is str for part in parts) else None


def describe_request(frame: Frame, waiting: Waiting) -> None:
    """``session.get(url)`` and the like: which request, and for what part of it."""
    method = variable(frame, "method")
    url = url_text(variable(frame, "url")) or url_text(variable(frame, "str_or_url"))
    if waiting.call:
        waiting.wrap()
    waiting.call = f"{method} {url}" if type(method) is str and url else "ClientSession.request()"


def describe_turn(frame: Frame, waiting: Waiting) -> None:
    """A connection of the connector's: how many there are, and how many wait."""
    connector = variable(frame, "self")
    taken, limit = stored_attribute(connector, "_acquired"), stored_attribute(connector, "_limit")
    is_limited = type(taken) is set and type(limit) is int and limit > 0
    describe_connection_wait(waiting, connector, len(taken) if is_limited else None, limit)
    lines = stored_attribute(connector, "_waiters")
    if isinstance(lines, dict):
        waiting.count = sum(
            [len(line) for line in list(dict.values(lines)) if isinstance(line, LINES)]
        )


LINES = (OrderedDict, deque)
"""Those who wait for a connection to a host: up to 3.10, and since."""


def describe_connect(frame: Frame, waiting: Waiting) -> Optional[bool]:
    """The same up to aiohttp 3.10, where it is a part of ``connect()``."""
    if waiting.obj is None or variable(frame, "fut") is not waiting.obj:
        return False
    describe_turn(frame, waiting)
    return None


def describe_start(frame: Frame, waiting: Waiting) -> None:
    """The beginning of a response."""
    waiting.clear()
    waiting.call = "the response"
    waiting.obj = variable(frame, "self")


def describe_body(frame: Frame, waiting: Waiting) -> None:
    """The body of a response: which one."""
    response = variable(frame, "self")
    waiting.clear()
    waiting.call = "the body of the response"
    waiting.obj = response
    method, url = stored_attribute(response, "method"), stored_attribute(response, "_real_url")
    text = url_text(url)
    if type(method) is str and text:
        waiting.resource = f"{method} {text}"


# --------------------------------------------------------- who has connections


def connections_in_use(connector: object) -> Iterable[object]:
    """The connections that a connector has lent: their protocols."""
    taken = stored_attribute(connector, "_acquired")
    return list(taken) if type(taken) is set else []


def through(*names: str) -> Any:
    """A function that follows attributes from something to the connection that it has."""

    def follow(obj: Any) -> List[Lent]:
        for name in names:
            obj = stored_attribute(obj, name)
        return [] if obj is None else [Lent(obj)]

    return follow


def connection_of_request(manager: Any) -> Iterable[Lent]:
    """What stands behind ``async with`` has a response, of HTTP or of a WebSocket."""
    response = stored_attribute(manager, "_resp")
    hook = implementation(lent_in, type(response))
    return () if hook is None else hook(response)


LEADING_TO_CONNECTION = (
    ("client_reqrep", "ClientResponse", ("_connection", "_protocol")),
    ("client_ws", "ClientWebSocketResponse", ("_response", "_connection", "_protocol")),
    ("connector", "Connection", ("_protocol",)),
)
"""Modules, classes, and how one gets from their objects to the protocol."""

WAITS = (
    ("base_protocol", "BaseProtocol._drain_helper", describe_drain),
    ("client", "ClientSession._request", describe_request),
    ("client_reqrep", "ClientResponse.read", describe_body),
    ("client_reqrep", "ClientResponse.start", describe_start),
    ("connector", "BaseConnector._wait_for_available_connection", describe_turn),
    ("connector", "BaseConnector.connect", describe_connect),
)


def _module(name: str) -> Any:
    return sys.modules.get(f"aiohttp.{name}")


def install() -> None:
    """Register what is known about those modules of aiohttp's that have been imported."""
    handler = getattr(_module("web_protocol"), "RequestHandler", None)
    for path, hook in (("start", subject_of_connection), ("_handle_request", subject_of_handler)):
        code = code_of(handler, path)
        if code is not None:
            describe_subject.register(code, hook)
    for name, path, describer in WAITS:
        register_call(_module(name), path, describer)
    register_class(lent_by, _module("connector"), "BaseConnector", connections_in_use)
    # A protocol is what stands for a connection.
    register_class(lent_in, _module("client_proto"), "ResponseHandler", thing_itself)
    register_class(lent_in, _module("client"), "_BaseRequestContextManager", connection_of_request)
    for name, cls, attributes in LEADING_TO_CONNECTION:
        register_class(lent_in, _module(name), cls, through(*attributes))
