"""trio's cancel scopes, and what its tasks wait for."""

from __future__ import annotations

import inspect
import re
import socket

import pytest

from stackscope import extract, extract_all
from stackscope.snapshot.waits import describe_wait
from tests.helpers.in_trio import in_trio

trio = pytest.importorskip("trio", reason="trio isn't installed here")

import trio.testing


async def look():
    """The contexts of the caller's frame."""
    task = trio.lowlevel.current_task()
    stack = extract(task)
    assert stack.error is None
    return stack.frames[-2].contexts


@in_trio
async def test_deadline_and_shield():
    with trio.move_on_after(5), trio.CancelScope(shield=True):
        after, shield = await look()
    assert re.fullmatch(r"cancel scope: \d\.\d s left", after.description)
    assert shield.description == "cancel scope: no deadline, shielded"
    assert type(after.obj) is trio.CancelScope


@in_trio
async def test_looking_cancels_nothing():
    with trio.move_on_after(0.001) as scope:
        import time

        time.sleep(0.01)
        [context] = await look()
        assert not scope._cancel_called
    assert re.fullmatch(r"cancel scope: 0\.\d s (left|overdue)", context.description)


@in_trio
async def test_time_stands_still_with_the_run():
    """Nothing is late, and no time passes, while a task keeps the run from its work."""
    import time

    async def sleep():
        await trio.sleep(0.2)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleep)
        nursery.start_soon(trio.sleep, 0.1)
        await trio.testing.wait_all_tasks_blocked()
        found = []
        for seconds in (0, 0.4):
            time.sleep(seconds)
            with trio.move_on_after(50):
                [*_, context] = await look()
            waits = [describe_wait(extract(task)) for task in nursery.child_tasks]
            found.append(sorted(waiting.seconds_left for waiting in waits))
    [before, after] = found
    assert 0 < before[0] <= 0.1 < before[1] <= 0.2
    assert after == pytest.approx(before)


@in_trio
async def test_cancelled():
    with trio.CancelScope() as scope:
        if "reason" in inspect.signature(scope.cancel).parameters:  # 0.31+
            scope.cancel("I said so")
            expected = "cancelled (explicit: I said so)"
        else:
            scope.cancel()
            expected = "cancelled"
        [context] = await look()
    assert context.description == f"cancel scope: no deadline, {expected}"


@in_trio
async def test_fail_after():
    with trio.fail_after(7):
        [context] = await look()
    assert re.fullmatch(r"fail_(after|at)\(\.\.\.\): (7\.0|6\.\d) s left", context.description)
    inner = context.inner_stack
    assert inner.frames[0].funcname in ("fail_after", "fail_at")


def test_mock_clock():
    async def main():
        with trio.move_on_after(50):
            await trio.sleep(20)
            [context] = await look()
        return context.description

    clock = trio.testing.MockClock(autojump_threshold=0)
    assert trio.run(main, clock=clock) == "cancel scope: 30.0 s left"


def test_a_clock_of_the_programs_own_is_not_asked():
    asked = []

    class Clock(trio.abc.Clock):
        def start_clock(self):
            pass

        def current_time(self):
            asked.append(1)
            return 10.0

        def deadline_to_sleep_time(self, deadline):
            return 1

    async def main():
        with trio.move_on_at(50):
            asked.clear()
            [context] = await look()
            assert not asked
        return context.description

    assert trio.run(main, clock=Clock()) == "cancel scope: until 50.0 by the clock of its run"


# -------------------------------------------------------------------- waits


async def wait_of(*functions):
    """What the last of some tasks waits for."""
    async with trio.open_nursery() as nursery:
        for function in functions:
            nursery.start_soon(function, name=function.__name__)
            await trio.testing.wait_all_tasks_blocked()
        [task] = [task for task in nursery.child_tasks if task.name == functions[-1].__name__]
        stack = extract(task)
        waiting = describe_wait(stack)
        nursery.cancel_scope.cancel()
    assert stack.error is None
    return waiting


@in_trio
async def test_sleep():
    async def sleep():
        await trio.sleep(9)

    waiting = await wait_of(sleep)
    assert re.fullmatch(r"trio\.sleep\(\): \d\.\d s left", str(waiting))

    async def forever():
        await trio.sleep_forever()

    assert str(await wait_of(forever)) == "trio.sleep_forever()"


@in_trio
async def test_event():
    event = trio.Event()

    async def wait():
        await event.wait()

    waiting = await wait_of(wait)
    assert str(waiting) == "Event.wait(): 1 waiter"
    assert waiting.obj is event


@in_trio
async def test_lock():
    lock = trio.Lock()

    async def owner():
        async with lock:
            await trio.sleep_forever()

    async def other():
        async with lock:
            pass

    waiting = await wait_of(owner, other)
    assert re.fullmatch(r"Lock\.acquire\(\): 1 waiter, held by task \d+ \(owner\)", str(waiting))
    assert waiting.lock is lock
    assert [task.name for task in waiting.holders] == ["owner"]
    assert not waiting.tasks


@in_trio
async def test_other_primitives():
    semaphore = trio.Semaphore(0)
    limiter = trio.CapacityLimiter(1)
    limiter.acquire_on_behalf_of_nowait("somebody")
    condition = trio.Condition()

    async def acquire():
        await semaphore.acquire()

    async def borrow():
        async with limiter:
            pass

    async def notified():
        async with condition:
            await condition.wait()

    lot = trio.lowlevel.ParkingLot()

    async def park():
        await lot.park()

    assert str(await wait_of(acquire)) == "Semaphore.acquire(): 1 waiter"
    waiting = str(await wait_of(borrow))
    assert waiting == "CapacityLimiter.acquire(): 1 of 1 borrowed, 1 waiter"
    assert str(await wait_of(notified)) == "Condition.wait(): 1 waiter"
    assert str(await wait_of(park)) == "ParkingLot.park(): 1 waiter"


@in_trio
async def test_who_is_notified_has_to_get_the_lock_back():
    condition = trio.Condition()

    async def waits():
        async with condition:
            await condition.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(waits, name="one")
        nursery.start_soon(waits, name="other")
        await trio.testing.wait_all_tasks_blocked()
        async with condition:
            condition.notify()
            found = {node.name: node for node in extract_all(threads=False).tasks()}
        nursery.cancel_scope.cancel()
    waits = sorted(str(found[name].waiting) for name in ("one", "other"))
    holder = next(node for node in found.values() if node.task is trio.lowlevel.current_task())
    words = f"notified, held by task {holder.number} ({holder.name})"
    assert waits == ["Condition.wait(): 1 waiter", f"Condition.wait(): {words}"]


@in_trio
async def test_channels():
    send, receive = trio.open_memory_channel(1)

    async def receiving():
        await receive.receive()

    waiting = str(await wait_of(receiving))
    assert waiting == "MemoryReceiveChannel.receive(): 0 of 1 items, 1 waiter, 1 sender"
    send.send_nowait(1)

    async def sending():
        await send.send(2)

    waiting = str(await wait_of(sending))
    assert waiting == "MemorySendChannel.send(): 1 of 1 items, 1 waiter, 1 receiver"


@in_trio
async def test_end_of_a_nursery():
    async def parent():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(trio.sleep_forever)

    waiting = await wait_of(parent)
    assert str(waiting) == "end of nursery: 2 tasks"
    assert len(waiting.tasks) == 2


@in_trio
async def test_socket():
    left, right = socket.socketpair()
    with left, right:

        async def reading():
            await trio.lowlevel.wait_readable(left)

        waiting = str(await wait_of(reading))
        number = left.fileno()
    assert waiting.endswith(f": socket {number}")


# ---------------------------------------------------- odd places for nurseries


@in_trio
async def test_a_nursery_in_an_async_generator():
    async def generate():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever, name="inside")
            yield nursery
            nursery.cancel_scope.cancel()

    generator = generate()
    async for nursery in generator:
        await trio.testing.wait_all_tasks_blocked()
        stack = extract(generator, recurse_child_tasks=True)
        [context] = stack.frames[0].contexts
        assert context.obj is nursery
        [child] = context.children
        assert child.root.name == "inside"
        assert [frame.funcname for frame in child.frames if not frame.hide] == ["sleep_forever"]
    assert stack.error is None
