"""Tasks of trio that never go on."""

from __future__ import annotations

import gc
import threading

from tests.diagnosis.cases import CPYTHON, abandoned, deadlock, planted

try:
    import trio
    import trio.testing
except ImportError:
    trio = None


async def settled():
    await trio.testing.wait_all_tasks_blocked(0.001)


async def enters(first, second):
    async with first:  # @holds
        await trio.sleep(0.001)
        async with second:  # @enters
            pass


@planted(deadlock("first second", "@enters", "@holds"), on="trio")
async def two_locks(nursery):
    a, b = trio.Lock(), trio.Lock()
    nursery.start_soon(enters, a, b, name="first")
    nursery.start_soon(enters, b, a, name="second")


@planted(deadlock("first second", "@acquires"), on="trio")
async def two_locks_by_acquire(nursery):
    """trio knows who has a lock."""

    async def acquires(first, second):
        await first.acquire()
        await trio.sleep(0.001)
        await second.acquire()  # @acquires

    a, b = trio.Lock(), trio.Lock()
    nursery.start_soon(acquires, a, b, name="first")
    nursery.start_soon(acquires, b, a, name="second")


@planted(deadlock("one two three", "@enters"), on="trio")
async def three_locks(nursery):
    a, b, c = (trio.StrictFIFOLock() for _ in range(3))
    nursery.start_soon(enters, a, b, name="one")
    nursery.start_soon(enters, b, c, name="two")
    nursery.start_soon(enters, c, a, name="three")


@planted(deadlock("itself", "@enters"), on="trio")
async def one_semaphore_twice(nursery):
    semaphore = trio.Semaphore(1)
    nursery.start_soon(enters, semaphore, semaphore, name="itself")


@planted(deadlock("parent child", "@parent_holds", "@child_wants"), on="trio")
async def a_nursery_in_the_lock_of_its_child(nursery):
    async def wants():
        async with lock:  # @child_wants
            pass

    async def parent():
        async with lock:  # @parent_holds
            async with trio.open_nursery() as inner:
                inner.start_soon(wants, name="child")

    lock = trio.Lock()
    nursery.start_soon(parent, name="parent")


@planted(deadlock("first second", "@waits_for_other"), on="trio", searched=True)
async def events_of_each_others(nursery):
    async def waits_and_sets(mine, others):
        await mine.wait()  # @waits_for_other
        others.set()

    a, b = trio.Event(), trio.Event()
    nursery.start_soon(waits_and_sets, a, b, name="first")
    nursery.start_soon(waits_and_sets, b, a, name="second")


@planted(deadlock("holder waiter", "@holder_waits", "@waiter_wants"), on="trio", searched=True)
async def a_lock_and_an_event_crossed(nursery):
    """trio has a dictionary of all who have locks, which wakes none of them.

    What is frozen is taken as alive, and here that is (see `tests.diagnosis.process`).
    """
    if hasattr(gc, "unfreeze"):
        gc.unfreeze()

    async def hold():
        async with lock:
            await event.wait()  # @holder_waits

    async def wait():
        async with lock:  # @waiter_wants
            event.set()

    lock, event = trio.Lock(), trio.Event()
    nursery.start_soon(hold, name="holder")
    await settled()
    nursery.start_soon(wait, name="waiter")


@planted(abandoned("waits", "@waits"), on="trio")
async def an_event_nobody_has(nursery):
    async def waits():
        await trio.Event().wait()  # @waits

    nursery.start_soon(waits, name="waits")


@planted(abandoned("waits", "@waits_for_condition"), on="trio")
async def a_condition_nobody_notifies(nursery):
    async def waits():
        async with condition:
            await condition.wait()  # @waits_for_condition

    condition = trio.Condition()
    nursery.start_soon(waits, name="waits")


@planted(abandoned("receiver", "@receives"), on="trio")
async def a_receiver_whose_sender_nobody_has(nursery):
    async def receives(channel):
        async for _ in channel:  # @receives
            pass

    sender, receiver = trio.open_memory_channel(1)
    nursery.start_soon(receives, receiver, name="receiver")


@planted(abandoned("sender", "@sends"), on="trio")
async def a_full_channel_whose_receiver_nobody_has(nursery):
    async def sends(channel):
        while True:
            await channel.send("item")  # @sends

    sender, receiver = trio.open_memory_channel(1)
    nursery.start_soon(sends, sender, name="sender")


@planted(
    deadlock("receiver keeper", "@receives_until_closed", "@keeps_sender"), on="trio", searched=True
)
async def the_sender_is_kept_by_who_waits_for_the_receiver(nursery):
    async def receives(channel):
        async for _ in channel:  # @receives_until_closed
            pass
        done.set()

    async def keeps(channel):
        async with channel:
            await done.wait()  # @keeps_sender

    done = trio.Event()
    sender, receiver = trio.open_memory_channel(1)
    nursery.start_soon(receives, receiver, name="receiver")
    nursery.start_soon(keeps, sender, name="keeper")


@planted(deadlock("parent child", "@child_sends"), on="trio", searched=True)
async def receives_after_the_nursery_of_the_sender(nursery):
    async def sends(channel):
        async with channel:
            await channel.send("item")  # @child_sends

    async def parent():
        sender, receiver = trio.open_memory_channel(0)
        async with trio.open_nursery() as inner:
            inner.start_soon(sends, sender, name="child")
        async for _ in receiver:
            pass

    nursery.start_soon(parent, name="parent")


@planted(
    deadlock("borrower waiter", "@borrower_waits", "@waits_for_token"), on="trio", searched=True
)
async def a_token_that_is_borrowed_on_behalf_of_something(nursery):
    async def borrows():
        await limiter.acquire_on_behalf_of("something")
        await event.wait()  # @borrower_waits
        limiter.release_on_behalf_of("something")

    async def waits():
        async with limiter:  # @waits_for_token
            event.set()

    limiter, event = trio.CapacityLimiter(1), trio.Event()
    nursery.start_soon(borrows, name="borrower")
    await settled()
    nursery.start_soon(waits, name="waiter")


@planted(abandoned("keeper", "@waits_forever"), on="trio", behind=1)
async def the_sender_is_kept_by_an_abandoned_task(nursery):
    async def receives(channel):
        async for _ in channel:
            pass

    async def keeps(channel):
        async with channel:
            await trio.Event().wait()  # @waits_forever

    sender, receiver = trio.open_memory_channel(1)
    nursery.start_soon(receives, receiver, name="receiver")
    nursery.start_soon(keeps, sender, name="keeper")


@planted(
    deadlock("holds pool", "@thread_wants", "@loop_holds"),
    on="trio",
    skip=None if CPYTHON else "there is no telling what a thread waits for",
)
async def a_worker_wants_the_lock_of_the_task_that_waits_for_it(nursery):
    def enter():
        threading.current_thread().name = "pool"
        with lock:  # @thread_wants
            pass

    async def holds():
        with lock:  # @loop_holds
            await trio.to_thread.run_sync(enter)

    lock = threading.Lock()
    nursery.start_soon(holds, name="holds")


@planted(
    deadlock("task", "@task_enters", may_have=["pool", "system"]),
    on="trio",
    skip=None if CPYTHON else "there is no telling what a thread waits for",
)
async def a_worker_asks_the_loop_for_what_its_task_has(nursery):
    async def enters_lock():
        trio.lowlevel.current_task().name = "system"
        async with lock:  # @task_enters
            pass

    def calls_back():
        threading.current_thread().name = "pool"
        trio.from_thread.run(enters_lock, trio_token=token)

    async def holds():
        async with lock:
            await trio.to_thread.run_sync(calls_back)

    token = trio.lowlevel.current_trio_token()
    lock = trio.Lock()
    nursery.start_soon(holds, name="task")


@planted(deadlock("first second", "@enters"), on="trio", behind=3)
async def some_wait_behind(nursery):
    async def wants(lock):
        async with lock:
            pass

    async def group(lock):
        async with trio.open_nursery() as inner:
            inner.start_soon(wants, lock)

    a, b = trio.Lock(), trio.Lock()
    nursery.start_soon(enters, a, b, name="first")
    nursery.start_soon(enters, b, a, name="second")
    await trio.testing.wait_all_tasks_blocked(0.01)
    nursery.start_soon(wants, a)
    nursery.start_soon(group, b)


@planted(abandoned("waits", "@waits_in_generator"), on="trio")
async def inside_of_an_asynchronous_generator(nursery):
    """A run has weak references to all its asynchronous generators, to close them."""

    async def generate():
        yield await trio.Event().wait()  # @waits_in_generator

    async def waits():
        async for _ in generate():
            pass

    nursery.start_soon(waits, name="waits")


@planted(abandoned("waits", "@waits_after_deadline"), on="trio")
async def after_a_time_limit_that_is_over(nursery):
    async def waits():
        with trio.move_on_after(0.001):
            await trio.sleep(1000)
        await trio.Event().wait()  # @waits_after_deadline

    nursery.start_soon(waits, name="waits")
    await trio.sleep(0.02)
