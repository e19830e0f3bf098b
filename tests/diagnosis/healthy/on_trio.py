"""Programs of trio that go on by themselves, and what wakes their tasks."""

from __future__ import annotations

import math
import signal
import threading
import time

from tests.diagnosis.cases import healthy
from tests.diagnosis.starting import start_thread

try:
    import trio
    import trio.testing
except ImportError:
    trio = None

KEPT = []
FAR = 1000


async def settled():
    await trio.testing.wait_all_tasks_blocked(0.001)


@healthy(on="trio")
async def sleepers(nursery, look):
    for number in range(1000):
        nursery.start_soon(trio.sleep, FAR + number)
    await settled()
    look()


@healthy(on="trio")
async def sleeping_until_cancelled(nursery, look):
    """Its very name says that nothing else will ever end it."""
    nursery.start_soon(trio.sleep_forever, name="sleeps")
    await settled()
    look()


@healthy(on="trio")
async def events_that_somebody_has(nursery, look):
    async def sets(event):
        await trio.sleep(FAR)
        event.set()

    async def has(event):
        while True:
            await trio.lowlevel.checkpoint()

    events = [trio.Event() for _ in range(4)]
    for event in events:
        nursery.start_soon(event.wait)
    nursery.start_soon(sets, events.pop())
    KEPT.append(events.pop().set)
    nursery.start_soon(has, events.pop())
    for _ in range(5):
        await trio.lowlevel.checkpoint()
    look()
    events.pop().set()  # only the variable of this frame has it


@healthy(on="trio")
async def lost_events_with_deadlines(nursery, look):
    async def near():
        with trio.move_on_after(FAR):
            await trio.Event().wait()

    async def around():
        await trio.Event().wait()

    async def outside():
        with trio.move_on_after(FAR):
            async with trio.open_nursery() as inner:
                inner.start_soon(around)

    nursery.start_soon(near)
    nursery.start_soon(outside)
    await settled()
    look()


@healthy(on="trio")
async def a_deadline_around_all(nursery, look):
    """The scope is far out: around the nursery that the task was started in."""

    async def waits():
        await trio.Event().wait()

    nursery.cancel_scope.deadline = trio.current_time() + FAR
    nursery.start_soon(waits)
    await settled()
    look()
    nursery.cancel_scope.deadline = math.inf


@healthy(on="trio")
async def a_scope_that_somebody_has(nursery, look):
    """A task that sleeps will cancel it."""

    async def waits(scopes):
        with trio.CancelScope() as scope:
            scopes.append(scope)
            await trio.Event().wait()

    async def cancels(scopes):
        await trio.sleep(FAR)
        scopes[0].cancel()

    scopes = []
    nursery.start_soon(waits, scopes)
    nursery.start_soon(cancels, scopes)
    await settled()
    look()


@healthy(on="trio")
async def locks_in_opposite_order_with_a_deadline(nursery, look):
    async def enters(first, second):
        async with first:
            await trio.sleep(0.001)
            async with second:
                pass

    async def limits(first, second):
        with trio.move_on_after(FAR):
            await enters(first, second)

    a, b = trio.Lock(), trio.Lock()
    nursery.start_soon(enters, a, b)
    nursery.start_soon(limits, b, a)
    await settled()
    look()


@healthy(on="trio")
async def channels_with_both_ends(nursery, look):
    async def sends(channel):
        async with channel:
            for item in range(100):
                await channel.send(item)
                await trio.sleep(0.0005)

    async def receives(channel):
        async with channel:
            async for item in channel:
                got.append(item)

    got = []
    sender, receiver = trio.open_memory_channel(2)
    async with trio.open_nursery() as inner:
        for _ in range(3):
            inner.start_soon(sends, sender.clone())
            inner.start_soon(receives, receiver.clone())
        sender.close()
        receiver.close()
        for _ in range(5):
            await trio.sleep(0.002)
            look()
    look.expect("all has come", sorted(got) == sorted(list(range(100)) * 3))


@healthy(on="trio")
async def contention_that_moves(nursery, look):
    async def works():
        for _ in range(10):
            async with lock:
                await trio.sleep(0.0005)
                done.append(1)

    done, lock = [], trio.Lock()
    async with trio.open_nursery() as inner:
        for _ in range(10):
            inner.start_soon(works)
        for _ in range(5):
            await trio.sleep(0.003)
            look()
    look.expect("all have had it", len(done) == 100)


@healthy(on="trio")
async def threads_and_sockets(nursery, look):
    async def serves(stream):
        async for data in stream:
            await stream.send_all(data)

    async def asks(stream):
        await stream.receive_some(1)

    def returns():
        leave.wait()

    leave = threading.Event()
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    address = listener.socket.getsockname()
    nursery.start_soon(trio.serve_listeners, serves, [listener])
    del listener
    for _ in range(3):
        nursery.start_soon(asks, await trio.open_tcp_stream(*address[:2]))
    for _ in range(3):
        nursery.start_soon(trio.to_thread.run_sync, returns)
    await trio.sleep(0.02)
    look()
    leave.set()


@healthy(on="trio")
async def set_from_a_thread(nursery, look):
    def sets(token, event):
        time.sleep(FAR)
        token.run_sync_soon(event.set)

    event = trio.Event()
    nursery.start_soon(event.wait)
    start_thread(sets, trio.lowlevel.current_trio_token(), event, name="sets")
    del event
    await settled()
    look()


@healthy(on="trio", skip=None if hasattr(signal, "SIGUSR1") else "there are no such signals")
async def waiting_for_signals(nursery, look):
    async def receives():
        with trio.open_signal_receiver(signal.SIGUSR1) as signals:
            async for _ in signals:
                pass

    nursery.start_soon(receives)
    await settled()
    look()


@healthy(on="trio")
async def processes_that_run(nursery, look):
    import subprocess
    import sys

    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE
    )

    async def waits():
        await process.wait()

    nursery.start_soon(waits)
    await trio.sleep(0.01)
    look()
    await process.stdin.aclose()
