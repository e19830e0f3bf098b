"""FastAPI under uvicorn: four requests want one lock, and the first of them never lets go."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time

import anyio
import fastapi
import uvicorn

import stackscope

app = fastapi.FastAPI()
lock = anyio.Lock()
database = threading.Lock()


def session():
    with database:
        yield "session"


@app.get("/report")
async def report(db=fastapi.Depends(session)):
    async with lock:
        await asyncio.sleep(3600)


@app.get("/orders/{number}")
async def order(number: int):
    async with lock:
        return number


def visit(port):
    while not server.started:
        time.sleep(0.05)
    connections = []
    for path in ("/report", "/orders/1", "/orders/2", "/orders/3"):
        connections.append(socket.create_connection(("127.0.0.1", port)))
        connections[-1].sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        time.sleep(0.2)
    print(stackscope.extract_all(threads=False), flush=True)
    os._exit(0)


with socket.create_server(("127.0.0.1", 0)) as listening:
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    threading.Thread(target=visit, args=(listening.getsockname()[1],)).start()
    server.run(sockets=[listening])
