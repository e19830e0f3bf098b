"""A small bank on a loopback port, with four clients. After a moment nothing moves any more.

Run it under the debugger to see why:

    python -m stackscope_pdb -c continue -c tasks examples/bank.py

A connection is one task. It reads its transfers through a child task, moves the money
while it holds the lock of the accounts, and leaves a record for the journal in a queue.
The journal's task takes the lock too, because it notes the balances with its records.

A watchdog notices that no transfer is finished any more and calls `breakpoint()`. Every
transfer has a timeout, so the program ends by itself a few seconds after that.
`--fixed`: nothing gets stuck. `--patient`: no timeouts. `--forever`: no watchdog either.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager

from compat import TaskGroup, timeout

CLIENTS = {"ada": 8, "bob": 3, "cleo": 3, "dan": 3}  # name: number of transfers
JOURNAL_SIZE = 4  # records that may wait to be written
PATIENCE = None if "--forever" in sys.argv else 1.0  # seconds until the watchdog barks
TRANSFER_TIMEOUT = None if {"--patient", "--forever"} & {*sys.argv} else 5.0  # seconds


class Bank:
    """The service: accounts, the journal of what happened to them, and its connections."""

    def __init__(self, journal_file, *, fixed):
        self.accounts = dict.fromkeys(CLIENTS, 100)
        self.lock = asyncio.Lock()  # of the accounts
        self.records = asyncio.Queue(JOURNAL_SIZE)
        self.unwritten = asyncio.Event()
        self.journal_file = journal_file
        self.fixed = fixed
        self.everybody = asyncio.Event()
        self.connections = {}  # the task that serves each client
        self.progress = asyncio.Event()

    @asynccontextmanager
    async def session(self, reader, writer):
        """Greet a client and wait until all are there; say goodbye in the end."""
        name = (await reader.readline()).decode().strip()
        self.connections[name] = asyncio.current_task()
        if len(self.connections) == len(CLIENTS):
            self.everybody.set()
        await self.everybody.wait()
        writer.write(b"welcome\n")
        await writer.drain()
        try:
            yield name
        finally:
            del self.connections[name]
            writer.write(b"bye\n")

    async def connection(self, reader, writer):
        """Serve one client, until it has no more transfers or one takes too long."""
        try:
            async with AsyncExitStack() as stack:
                stack.callback(writer.close)
                name = await stack.enter_async_context(self.session(reader, writer))
                asyncio.current_task().set_name(f"bank-{name}")
                orders = asyncio.Queue()
                async with TaskGroup() as group:
                    group.create_task(self.read_orders(reader, orders), name=f"bank-{name}-reader")
                    while True:
                        order = await orders.get()
                        if order is None:
                            break
                        answer = await self.transfer(name, *order)
                        writer.write(answer.encode())
        except asyncio.CancelledError:
            pass  # the bank hung up

    async def read_orders(self, reader, orders):
        """Put what a client asks for into `orders`, and a None at the end."""
        while True:
            line = await reader.readline()
            if not line.strip():
                await orders.put(None)
                return
            receiver, amount = line.decode().split()
            await orders.put((receiver, int(amount)))

    async def transfer(self, sender, receiver, amount):
        """Move money and leave a record for the journal."""
        try:
            async with timeout(TRANSFER_TIMEOUT):
                async with self.lock:
                    self.accounts[sender] -= amount
                    self.accounts[receiver] += amount
                    if not self.fixed:
                        await self.note(sender, receiver, amount)
                if self.fixed:
                    await self.note(sender, receiver, amount)
        except asyncio.TimeoutError:
            return "too slow\n"
        self.progress.set()
        return "done\n"

    def note(self, *record):
        """Leave a record for the journal; to be awaited, until there is room for it."""
        self.unwritten.set()
        return self.records.put(record)

    async def keep_journal(self):
        """Write the records and the balances to a file, as many as there are at a time."""
        while True:
            await self.unwritten.wait()
            async with self.lock:
                self.unwritten.clear()
                while not self.records.empty():
                    print(*self.records.get_nowait(), file=self.journal_file)
                print(self.accounts, file=self.journal_file, flush=True)

    def hang_up(self):
        """Stop serving; nothing to do if all clients have left."""
        for task in self.connections.values():
            task.cancel()

    async def watch(self):
        """Stop in the debugger once no transfer was finished for a while."""
        while True:
            self.progress.clear()
            try:
                async with timeout(PATIENCE):
                    await self.progress.wait()
            except asyncio.TimeoutError:
                break
        print(f"No transfer was finished for {PATIENCE:g} s.")
        breakpoint()


@asynccontextmanager
async def dial(address, name):
    """A connection to the bank, for the client called `name`."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(f"{name}\n".encode())
        assert await reader.readline() == b"welcome\n"
        yield reader, writer
    finally:
        writer.close()


async def client(address, name):
    """Send money to the next client: ada all in one go, the others one by one."""
    names = list(CLIENTS)
    receiver = names[(names.index(name) + 1) % len(names)]
    transfers = CLIENTS[name]
    at_once = transfers if name == "ada" else 1
    done = 0
    async with dial(address, name) as (reader, writer):
        for _ in range(transfers // at_once):
            writer.write(f"{receiver} 1\n".encode() * at_once)
            for _ in range(at_once):
                if await reader.readline() == b"done\n":
                    done += 1
        writer.write(b"\n")
        await reader.readline()
    return f"{name}: {done} of {transfers} transfers"


async def main(*, fixed):
    """Open the bank, send in the clients, and close when all have left."""
    async with AsyncExitStack() as stack:
        bank = Bank(stack.enter_context(tempfile.TemporaryFile("w+")), fixed=fixed)
        server = await stack.enter_async_context(
            await asyncio.start_server(bank.connection, "127.0.0.1", 0)
        )
        stack.callback(bank.hang_up)
        address = server.sockets[0].getsockname()
        async with TaskGroup() as group:
            staff = [
                group.create_task(bank.keep_journal(), name="journal"),
                group.create_task(bank.watch(), name="watchdog"),
            ]
            clients = [
                group.create_task(client(address, name), name=f"client-{name}") for name in CLIENTS
            ]
            for result in await asyncio.gather(*clients):
                print(result)
            for task in staff:
                task.cancel()


if __name__ == "__main__":
    asyncio.run(main(fixed="--fixed" in sys.argv))
