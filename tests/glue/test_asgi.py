"""Tasks of other servers and applications than uvicorn and starlette, by their requests."""

from __future__ import annotations

import asyncio
import socket

import pytest

import stackscope
from stackscope.glue.asgi import request_line

pytest.importorskip("django", reason="django isn't installed here")
pytest.importorskip("hypercorn", reason="hypercorn isn't installed here")

import django
import hypercorn.asyncio
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpResponse
from django.urls import path
from hypercorn.config import Config

pytestmark = [
    pytest.mark.usefixtures("nothing_left"),
    pytest.mark.filterwarnings(
        "ignore::DeprecationWarning",
        "ignore::ResourceWarning",
        "ignore::pytest.PytestUnraisableExceptionWarning",
    ),
]


def subjects():
    return {node.subject for node in stackscope.extract_all(threads=False).tasks()}


async def end(*tasks):
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=1)


@pytest.mark.parametrize(
    ("scope", "line"),
    [
        ({"type": "http", "method": "GET", "path": "/a", "query_string": b""}, "GET /a"),
        ({"type": "http", "method": "PUT", "path": "/a", "query_string": b"b=%20"}, "PUT /a?b=%20"),
        ({"type": "websocket", "path": "/a", "query_string": b"b"}, "websocket /a?b"),
        ({"type": "lifespan"}, "lifespan of the application"),
        ({"type": "http"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_request_lines(scope, line):
    assert request_line(scope) == line


def test_hypercorn():
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await waiting

    async def main():
        nonlocal waiting
        waiting = asyncio.get_running_loop().create_future()
        with socket.create_server(("127.0.0.1", 0)) as reserved:
            port = reserved.getsockname()[1]
        config = Config()
        config.bind = [f"127.0.0.1:{port}"]
        config.errorlog = None
        over = asyncio.Event()
        serving = asyncio.ensure_future(
            hypercorn.asyncio.serve(app, config, shutdown_trigger=over.wait)
        )
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                break
            except OSError:
                await asyncio.sleep(0.05)
        writer.write(b"GET /orders?a=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(0.3)
        found = subjects()
        writer.close()
        waiting.cancel()
        over.set()
        await end(serving)
        return found

    waiting = None
    assert "GET /orders?a=1" in asyncio.run(main())


async def order(request, number):
    await asyncio.Future()
    return HttpResponse(number)


urlpatterns = [path("orders/<int:number>", order)]


def test_django():
    if not settings.configured:
        settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="test")
        django.setup()

    async def main():
        async def receive():
            if bodies:
                return {"type": "http.request", "body": bodies.pop()}
            return await asyncio.Future()

        async def send(message):
            pass

        bodies = [b""]
        scope = {"type": "http", "method": "GET", "path": "/orders/7", "headers": []}
        task = asyncio.ensure_future(ASGIHandler()(scope, receive, send))
        await asyncio.sleep(0.3)
        found = subjects()
        await end(task)
        return found

    assert "GET /orders/7" in asyncio.run(main())
