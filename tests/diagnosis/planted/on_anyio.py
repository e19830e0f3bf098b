"""Tasks of anyio that never go on, on asyncio and on trio."""

from __future__ import annotations

import asyncio
import threading

from tests.diagnosis.cases import ANYIO, CPYTHON, abandoned, deadlock, planted

try:
    import anyio
    import anyio.from_thread
    import anyio.to_thread
except ImportError:
    anyio = None


async def enters(first, second):
    async with first:  # @holds
        await anyio.sleep(0.001)
        async with second:  # @enters
            pass


async def settled():
    for _ in range(3):
        await anyio.wait_all_tasks_blocked()
        await anyio.sleep(0.005)


@planted(deadlock("first second", "@enters", "@holds"), on=ANYIO)
async def two_locks(group):
    a, b = anyio.Lock(), anyio.Lock()
    group.start_soon(enters, a, b, name="first")
    group.start_soon(enters, b, a, name="second")
    await settled()


@planted(deadlock("first second", "@acquires"), on=ANYIO)
async def two_locks_by_acquire(group):
    async def acquires(first, second):
        await first.acquire()
        await anyio.sleep(0.001)
        await second.acquire()  # @acquires

    a, b = anyio.Lock(), anyio.Lock()
    group.start_soon(acquires, a, b, name="first")
    group.start_soon(acquires, b, a, name="second")
    await settled()


@planted(deadlock("itself", "@enters"), on=ANYIO)
async def one_semaphore_twice(group):
    semaphore = anyio.Semaphore(1)
    group.start_soon(enters, semaphore, semaphore, name="itself")
    await settled()


@planted(deadlock("parent child", "@parent_holds", "@child_wants"), on=ANYIO)
async def a_task_group_in_the_lock_of_its_child(group):
    async def wants():
        async with lock:  # @child_wants
            pass

    async def parent():
        async with lock:  # @parent_holds
            async with anyio.create_task_group() as inner:
                inner.start_soon(wants, name="child")

    lock = anyio.Lock()
    group.start_soon(parent, name="parent")
    await settled()


@planted(deadlock("first second", "@waits_for_other"), on=ANYIO, searched=True)
async def events_of_each_others(group):
    async def waits_and_sets(mine, others):
        await mine.wait()  # @waits_for_other
        others.set()

    a, b = anyio.Event(), anyio.Event()
    group.start_soon(waits_and_sets, a, b, name="first")
    group.start_soon(waits_and_sets, b, a, name="second")
    await settled()


@planted(abandoned("waits", "@waits"), on=ANYIO)
async def an_event_nobody_has(group):
    async def waits():
        await anyio.Event().wait()  # @waits

    group.start_soon(waits, name="waits")
    await settled()


@planted(abandoned("receiver", "@receives"), on=ANYIO)
async def a_receiver_whose_sender_nobody_has(group):
    async def receives(stream):
        async for _ in stream:  # @receives
            pass

    sender, receiver = anyio.create_memory_object_stream(1)
    group.start_soon(receives, receiver, name="receiver")
    del sender
    await settled()


@planted(abandoned("waits", "@waits_for_condition"), on=ANYIO)
async def a_condition_nobody_notifies(group):
    async def waits():
        async with condition:
            await condition.wait()  # @waits_for_condition

    condition = anyio.Condition()
    group.start_soon(waits, name="waits")
    await settled()


@planted(
    deadlock("holds pool", "@thread_wants", "@loop_holds"),
    on=ANYIO,
    skip=None if CPYTHON else "there is no telling what a thread waits for",
)
async def a_worker_wants_the_lock_of_the_task_that_waits_for_it(group):
    def enter():
        threading.current_thread().name = "pool"
        with lock:  # @thread_wants
            pass

    async def holds():
        with lock:  # @loop_holds
            await anyio.to_thread.run_sync(enter)

    lock = threading.Lock()
    group.start_soon(holds, name="holds")
    await settled()


@planted(abandoned("lost", "@waits_beside_limits"), on=ANYIO)
async def time_limits_of_others_in_its_group(group):
    """They end what is in their own blocks, and not the group around these."""

    async def lost():
        await anyio.Event().wait()  # @waits_beside_limits

    async def sleeps_within_limit():
        with anyio.move_on_after(1000):
            await anyio.sleep(1000)

    async def parent():
        async with anyio.create_task_group() as inner:
            inner.start_soon(lost, name="lost")
            inner.start_soon(sleeps_within_limit)
            await sleeps_within_limit()

    group.start_soon(parent)
    await settled()


@planted(abandoned("lost", "@waits_in_shield"), on=ANYIO)
async def a_time_limit_that_a_shield_keeps_out(group):
    async def lost():
        with anyio.move_on_after(1000), anyio.CancelScope(shield=True):
            await anyio.Event().wait()  # @waits_in_shield

    group.start_soon(lost, name="lost")
    await settled()


@planted(
    deadlock(
        "holder other", "@asked_waits", "@other_sets", certain=None, may_have=["asked", "pool"]
    ),
    on=ANYIO,
    searched=True,
)
async def a_worker_asks_the_loop_for_what_another_task_would_do(group):
    """On trio, the task that waits for the worker does it; on asyncio, a new one."""

    async def asked():
        if anyio.get_current_task().name != "holder":
            asyncio.current_task().set_name("asked")
        await event.wait()  # @asked_waits

    def asks():
        threading.current_thread().name = "pool"
        anyio.from_thread.run(asked)

    async def hold():
        async with lock:
            await anyio.to_thread.run_sync(asks)

    async def other():
        async with lock:  # @other_sets
            event.set()

    lock, event = anyio.Lock(), anyio.Event()
    group.start_soon(hold, name="holder")
    await settled()
    group.start_soon(other, name="other")
    await settled()
