"""Django under ASGI: asynchronous views that ask the database in its one thread."""

from __future__ import annotations

import asyncio
import os
import threading

import django
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpResponse
from django.urls import path

import stackscope

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="example")
database = threading.Event()


def query(number):
    database.wait()
    return number


async def order(request, number):
    return HttpResponse(str(await sync_to_async(query)(number)))


urlpatterns = [path("orders/<int:number>", order)]


async def main():
    app = ASGIHandler()

    async def receive():
        if bodies:
            return {"type": "http.request", "body": bodies.pop()}
        return await asyncio.Future()

    async def send(message):
        pass

    tasks = []
    for number in (1, 2):
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "path": f"/orders/{number}",
            "headers": [],
        }
        bodies = [b""]
        tasks.append(asyncio.ensure_future(app(scope, receive, send)))
        await asyncio.sleep(0.2)
    print(stackscope.extract_all(threads=False), flush=True)
    os._exit(0)


django.setup()
asyncio.run(main())
