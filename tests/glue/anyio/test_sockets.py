"""Sockets, streams and processes of anyio: where what is waited for comes from."""

from __future__ import annotations

import sys

import anyio
import pytest
import trio

import stackscope

pytestmark = [
    # anyio 3 asks trio 0.22 for it at each cancellation.
    pytest.mark.filterwarnings("ignore:trio.MultiError is deprecated"),
    pytest.mark.usefixtures("nothing_left"),
    pytest.mark.filterwarnings(
        "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
    ),
]


async def waits_of(*clients):
    """What the clients of a server that says nothing wait for, and where that server is."""

    async def say_nothing(stream):
        await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        group.start_soon(listener.serve, say_nothing)
        for client in clients:
            group.start_soon(client, port, name=client.__name__)
        for _ in range(50):
            await anyio.sleep(0.1)
            snapshot = stackscope.extract_all(threads=False)
            waiting = [str(node.waiting) for node in snapshot.tasks() if node.waiting]
            # A process, in a thread.
            is_starting = any(wait.startswith("trio.to_thread.run_sync()") for wait in waiting)
            # This task itself doesn't wait.
            if len(waiting) == sum(1 for _ in snapshot.tasks()) - 1 and not is_starting:
                break
        group.cancel_scope.cancel()
    found = {node.name.rpartition(".")[2]: str(node.waiting) for node in snapshot.tasks()}
    return found, f"127.0.0.1:{port}"


async def receives(port):
    async with await anyio.connect_tcp("127.0.0.1", port) as stream:
        await stream.receive()


async def sends(port):
    async with await anyio.connect_tcp("127.0.0.1", port) as stream:
        while True:
            await stream.send(b"x" * 1_000_000)


async def receives_datagram(port):
    async with await anyio.create_udp_socket(local_host="127.0.0.1") as sock:
        await sock.receive()


PROGRAM = [sys.executable, "-c", "import time; time.sleep(100)"]
"""A process that the end of its input doesn't end: anyio kills it, and must find it there."""


async def waits_for_process(port):
    async with await anyio.open_process(PROGRAM) as process:
        await process.wait()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_streams(backend):
    waits, address = anyio.run(waits_of, receives, sends, receives_datagram, backend=backend)
    assert waits["receives"].endswith(f"(): {address}")
    assert waits["sends"].endswith(f"(): {address}")
    assert waits["serve"].endswith(f" at {address}")
    assert " at 127.0.0.1:" in waits["receives_datagram"]
    assert waits["say_nothing"] == "anyio.sleep_forever()"


@pytest.mark.skipif(sys.platform == "win32", reason="there it needs another kind of loop")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_processes(backend):
    waits, _ = anyio.run(waits_of, waits_for_process, backend=backend)
    assert "Process.wait(): process " in waits["waits_for_process"]


def test_sockets_of_trio():
    async def main():
        async def raw(sock):
            await sock.recv(1)

        listening = trio.socket.socket()
        await listening.bind(("127.0.0.1", 0))
        listening.listen()
        client = trio.socket.socket()
        await client.connect(listening.getsockname())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(raw, client)
            await trio.sleep(0.05)
            snapshot = stackscope.extract_all(threads=False)
            nursery.cancel_scope.cancel()
        (wait,) = [str(node.waiting) for node in snapshot.tasks() if node.name.endswith("raw")]
        assert wait == "socket.recv(): 127.0.0.1:{}".format(listening.getsockname()[1])
        client.close()
        listening.close()

    trio.run(main)
